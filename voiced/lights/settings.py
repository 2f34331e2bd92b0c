"""Settings of the lights."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from voiced import installing
from voiced.errors import ConfigError
from voiced.settings import Settings, setting

LightName = Literal["idle", "attentive", "listening", "thinking", "speaking", "muted", "error", "offline"]

Pin = Annotated[int, Field(ge=2, le=27)]


class LightSettings(Settings):
    """A light that shows what voiced does: through a program of yours, LEDs at the pins of a Raspberry Pi, or both.

    It shows one of: off, idle, attentive (whoever speaks is heard), listening, thinking, speaking, muted, error (for a
    moment, or while a device is lost) and offline (the cloud is away). Pins need pip install 'voiced[gpio]'; they were
    not yet tried on hardware.
    """

    command: tuple[str, ...] = setting(
        (),
        "A program and its arguments; it is run at each change, with the state as one more argument and in the "
        "variable VOICED_LIGHT. One runs at a time: of what changes meanwhile, the newest is shown.",
    )
    command_timeout_s: float = setting(
        3.0, "A program that runs longer is killed, with all that it started.", unit="s", gt=0, le=60
    )
    pins: dict[LightName, Pin] = setting(
        {},
        "LEDs that are lit in one state each: { listening = 17, speaking = 27 }, by BCM numbers (2 to 27). One pin may "
        "stand for several states.",
    )
    rgb: tuple[Pin, ...] = setting((), "The pins of an LED of three colours: [red, green, blue], by BCM numbers.")
    active_high: bool = setting(
        True, "LEDs shine where the pin is high; false: where it is low, for a common anode at 3.3 V."
    )

    @field_validator("command")
    @classmethod
    def _can_be_run(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if command and not command[0].strip():
            raise ValueError('it names no program: write for example ["/usr/local/bin/leds"]')
        if any("\0" in part for part in command):
            raise ValueError("there is a NUL in it, which no program takes; leave it out")
        return command

    @field_validator("rgb")
    @classmethod
    def _three_colours(cls, rgb: tuple[int, ...]) -> tuple[int, ...]:
        if len(rgb) not in (0, 3) or len(set(rgb)) < len(rgb):
            raise ValueError("write three pins: [red, green, blue]")
        return rgb

    @model_validator(mode="after")
    def _each_pin_for_one_led(self) -> LightSettings:
        if both := sorted(set(self.rgb) & set(self.pins.values())):
            raise ValueError(f"pin {both[0]} is in lights.rgb and in lights.pins; take it out of one")
        return self

    @property
    def wanted(self) -> bool:
        """Whether there is anything to shine."""
        return bool(self.command or self.uses_pins)

    @property
    def uses_pins(self) -> bool:
        return bool(self.pins or self.rgb)


def must_be_installed(settings: LightSettings) -> None:
    """Raises ConfigError where pins are wanted, and gpiozero is not there."""
    if settings.uses_pins and find_spec("gpiozero") is None:
        raise ConfigError(f"lights.{'pins' if settings.pins else 'rgb'} needs gpiozero: {installing.GPIO}")
