"""LEDs at the pins of a Raspberry Pi, through gpiozero. Tried with its pins in memory alone so far."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import structlog

from voiced import installing
from voiced.lights.settings import LightSettings
from voiced.lights.state import State

COLOURS: Final[dict[State, tuple[float, float, float]]] = {
    "off": (0.0, 0.0, 0.0),
    "idle": (0.02, 0.02, 0.04),
    "attentive": (0.0, 0.1, 0.4),
    "listening": (0.0, 0.6, 1.0),
    "thinking": (0.6, 0.2, 1.0),
    "speaking": (0.0, 1.0, 0.2),
    "muted": (0.6, 0.0, 0.0),
    "error": (1.0, 0.35, 0.0),
    "offline": (0.3, 0.2, 0.0),
}
"""Red, green and blue, 0 to 1. Red is a closed microphone, as on other devices; at night `idle` lights up no room."""

CLOSED_WITHIN_S: Final = 0.5
"""At the end of voiced, which must not wait for a driver that hangs."""

log = structlog.get_logger(__name__)


class Pins:
    """`port.Lamp`. All that gpiozero does is done in a thread. `factory`: gpiozero's of pins; None is the machine's.

    Where the pins can't be had the log says so once, and nothing shines until the settings are others.
    """

    def __init__(self, settings: LightSettings, factory: Any = None) -> None:
        self._settings = settings
        self._factory = factory
        self._leds: dict[int, Any] = {}
        self._rgb: Any = None
        self._opened = False
        self._over = False
        self._lock = threading.Lock()

    async def show(self, state: State) -> None:
        if not self._over:
            await asyncio.to_thread(self._show, state)

    async def close(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSED_WITHIN_S):
                await asyncio.to_thread(self._close)

    def _show(self, state: State) -> None:
        with self._lock:
            if self._over:  # it was closed while this waited for its thread
                return
            try:
                if not self._opened:
                    self._open()
                lit = {pin for name, pin in self._settings.pins.items() if name == state}
                for pin, led in self._leds.items():
                    led.value = pin in lit
                if self._rgb is not None:
                    self._rgb.color = COLOURS[state]
            except Exception as error:  # noqa: BLE001 each library of pins has its own
                log.warning("lights.pins", reason=_reason(error))
                self._let_go()

    def _open(self) -> None:
        from gpiozero import LED, RGBLED  # here, since few have LEDs

        options = {"active_high": self._settings.active_high, "pin_factory": self._factory}
        with warnings.catch_warnings(action="ignore"):  # it warns of each library of pins that is not there
            for pin in self._settings.pins.values():
                if pin not in self._leds:
                    self._leds[pin] = LED(pin, **options)
            if self._settings.rgb:
                self._rgb = RGBLED(*self._settings.rgb, **options)
        self._opened = True

    def _close(self) -> None:
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        self._over = True
        devices = [*self._leds.values(), *([self._rgb] if self._rgb is not None else [])]
        for end in [end for device in devices for end in (device.off, device.close)]:
            _in_any_case(end)
        self._leds, self._rgb = {}, None


def _in_any_case(end: Callable[[], object]) -> None:
    """One pin that is gone must not keep the next one lit."""
    with suppress(Exception):
        end()


def _reason(error: Exception) -> str:
    name = type(error).__name__
    if name == "BadPinFactory" or isinstance(error, ImportError):
        return f"no pins here: is this a Raspberry Pi? {installing.GPIO}"
    return f"the LEDs can't be used ({name}: {error}); see that you are in the group 'gpio', and that the pins are free"
