"""Lights: what the assistant does, for the eye, through a program of somebody's own or the pins of a Raspberry Pi.

facts ──> Lights (state: PURE, one of nine words) ──> Program   a command, with the state as its last argument
                                                 └─> Pins      LEDs, through gpiozero
"""
