"""A button on a Raspberry Pi, on gpiozero's mock pins: no hardware was tried."""

from __future__ import annotations

from typing import Any

import pytest
from gpiozero.exc import BadPinFactory
from gpiozero.pins.mock import MockFactory

from tests.keys.recorder import Recorder, failure_of, watching
from voiced import installing
from voiced.keys.gpio import GpioButton
from voiced.keys.port import KeysAbsent, KeysLost


@pytest.fixture
def pins() -> Any:
    factory = MockFactory()
    yield factory
    factory.close()


def button(pins: Any, keys: Recorder, pin: int = 17) -> GpioButton:
    return GpioButton(pin, keys, keys.on_ready, factory=pins, ask_every_s=0.01)


async def test_a_button_is_held_until_it_is_let_go(pins: Any) -> None:
    keys = Recorder()
    async with watching(button(pins, keys), keys):
        assert keys.ready == ["the button on GPIO 17"]
        pins.pin(17).drive_low()
        await keys.moved("talk down")
        pins.pin(17).drive_high()
        await keys.until(lambda: "talk up" in keys.moves)
        pins.pin(17).drive_low()
        await keys.until(lambda: keys.moves.count("talk down") == 2)


async def test_an_edge_that_is_lost_is_noticed(pins: Any) -> None:
    keys = Recorder()
    async with watching(button(pins, keys), keys):
        pin = pins.pin(17)
        pin.drive_low()
        await keys.moved("talk down")
        pin.when_changed = None  # as an interrupt that nobody got
        pin.drive_high()
        await keys.moved("talk down", "talk up")


async def test_the_pin_is_given_back(pins: Any) -> None:
    keys = Recorder()
    async with watching(button(pins, keys), keys):
        error = await failure_of(button(pins, keys))
        assert isinstance(error, KeysLost)
        assert str(error).startswith("GPIO 17 can't be used")
        assert "choose another keys.gpio_pin, and see that you are in the group 'gpio'" in str(error)
    async with watching(button(pins, keys), keys):
        pass


class NoPins:
    """What gpiozero does where there are none."""

    def reserve_pins(self, *_: object) -> None:
        raise BadPinFactory("Unable to load any default pin factory!")


async def test_a_machine_without_pins_says_so() -> None:
    keys = Recorder()
    error = await failure_of(button(NoPins(), keys))
    assert isinstance(error, KeysAbsent)
    assert str(error).startswith(f"no pins here: is this a Raspberry Pi? {installing.GPIO}")
