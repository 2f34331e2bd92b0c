"""A button on a pin of a Raspberry Pi, through gpiozero."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from voiced import installing
from voiced.keys.port import Keys, KeysAbsent, KeysLost, OnReady

BOUNCE_S: Final = 0.02
"""Contacts of a push button bounce for some milliseconds."""

ASK_EVERY_S: Final = 0.25
"""While the button is held its pin is read: an edge may get lost."""


class GpioButton:
    """`port.KeySource` of the key to talk. The button connects the pin to ground. `factory`: gpiozero's of pins."""

    def __init__(
        self, pin: int, keys: Keys, on_ready: OnReady, *, factory: Any = None, ask_every_s: float = ASK_EVERY_S
    ) -> None:
        self._pin = pin
        self._keys = keys
        self._on_ready = on_ready
        self._factory = factory
        self._ask_every_s = ask_every_s

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        pressed = asyncio.Event()

        def down() -> None:
            self._keys.down("talk")
            pressed.set()

        def told(what: Callable[[], None]) -> Callable[[], None]:
            """For a thread of gpiozero's."""

            def tell() -> None:
                with suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(what)

            return tell

        button = await asyncio.to_thread(self._opened)
        try:
            button.when_activated = told(down)
            button.when_deactivated = told(lambda: self._keys.up("talk"))
            self._on_ready(f"the button on GPIO {self._pin}")
            while True:
                await pressed.wait()
                await asyncio.sleep(self._ask_every_s)
                if not button.is_active:
                    pressed.clear()
                    self._keys.up("talk")
        finally:
            await asyncio.shield(asyncio.to_thread(button.close))

    def _opened(self) -> Any:
        try:
            from gpiozero import DigitalInputDevice
            from gpiozero.exc import BadPinFactory
        except ImportError as error:
            raise KeysAbsent(f"keys.source = 'gpio' needs gpiozero: {installing.GPIO}") from error
        try:
            return DigitalInputDevice(self._pin, pull_up=True, bounce_time=BOUNCE_S, pin_factory=self._factory)
        except BadPinFactory as error:
            raise KeysAbsent(f"no pins here: is this a Raspberry Pi? {installing.GPIO}") from error
        except Exception as error:  # each library of pins has its own
            raise KeysLost(
                f"GPIO {self._pin} can't be used ({error}): choose another keys.gpio_pin, and see that you are in the "
                "group 'gpio'"
            ) from error
