"""LEDs at pins in memory, which gpiozero has for tests; none was tried on hardware."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from voiced import installing
from voiced.lights.pins import COLOURS, Pins
from voiced.lights.settings import LightSettings
from voiced.lights.state import STATES

gpiozero = pytest.importorskip("gpiozero", reason="needs voiced[gpio]")

from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin  # noqa: E402 it may not be installed


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory(pin_class=MockPWMPin)
    yield factory
    factory.reset()


def lit(factory: MockFactory, *pins: int) -> list[float]:
    return [float(factory.pin(pin).state) for pin in pins]


async def test_each_led_is_lit_in_its_states(factory: MockFactory) -> None:
    pins = Pins(LightSettings(pins={"listening": 17, "attentive": 17, "muted": 27}), factory)
    seen = {}
    for state in STATES:
        await pins.show(state)
        seen[state] = lit(factory, 17, 27)
    assert [state for state in STATES if seen[state] == [1, 0]] == ["attentive", "listening"]
    assert [state for state in STATES if seen[state] == [0, 1]] == ["muted"]
    assert [seen[state] for state in ("off", "idle", "speaking")] == [[0, 0]] * 3
    await pins.show("muted")
    await pins.close()
    assert lit(factory, 17, 27) == [0, 0]
    gpiozero.LED(27, pin_factory=factory).close()  # it is free again


async def test_a_led_of_three_colours(factory: MockFactory) -> None:
    pins = Pins(LightSettings(rgb=(5, 6, 13), pins={"speaking": 17}), factory)
    for state in STATES:
        await pins.show(state)
        assert tuple(lit(factory, 5, 6, 13)) == COLOURS[state]
    assert len(set(COLOURS.values())) == len(STATES)
    await pins.close()
    assert lit(factory, 5, 6, 13) == [0, 0, 0]


async def test_a_led_between_the_pin_and_the_supply(factory: MockFactory) -> None:
    pins = Pins(LightSettings(pins={"listening": 17}, active_high=False), factory)
    await pins.show("idle")
    assert lit(factory, 17) == [1]
    await pins.show("listening")
    assert lit(factory, 17) == [0]
    await pins.close()


async def test_a_machine_without_pins_is_told_once() -> None:
    pins = Pins(LightSettings(pins={"listening": 17}))
    with capture_logs() as log:
        for state in STATES:
            await pins.show(state)
        await pins.close()
    assert [(line["event"], line["log_level"]) for line in log] == [("lights.pins", "warning")]
    assert log[0]["reason"].startswith(f"no pins here: is this a Raspberry Pi? {installing.GPIO}")


async def test_a_pin_that_something_else_uses_is_told_once_and_the_others_are_let_go(factory: MockFactory) -> None:
    other = gpiozero.Button(27, pin_factory=factory)
    pins = Pins(LightSettings(pins={"listening": 17, "muted": 27}), factory)
    with capture_logs() as log:
        await pins.show("listening")
        await pins.show("muted")
        await pins.close()
    [told] = log
    assert "GPIO27 is already in use" in told["reason"]
    gpiozero.LED(17, pin_factory=factory).close()
    other.close()


async def test_a_pin_that_can_not_be_dimmed(factory: MockFactory) -> None:
    stiff = MockFactory(pin_class=MockPin)
    pins = Pins(LightSettings(rgb=(5, 6, 13)), stiff)
    with capture_logs() as log:
        await pins.show("listening")
    assert log[0]["reason"].startswith("the LEDs can't be used (PinPWMUnsupported: ")
    await pins.show("idle")
    await pins.close()
    stiff.reset()
