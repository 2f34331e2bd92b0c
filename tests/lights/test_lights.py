"""Each lamp shows the newest state, however slow it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from voiced.conversation.commands import AttentionChanged, BrainSelected, FloorChanged, Muted, TurnFailed
from voiced.lights.lights import Lights, lamps_of
from voiced.lights.pins import Pins
from voiced.lights.port import Lamp
from voiced.lights.program import Program
from voiced.lights.settings import LightSettings
from voiced.lights.state import FLASH_S, State
from voiced.testing.swift_time import SwiftTime

ONE = LightSettings(command=("one",))
TWO = LightSettings(command=("two",))


class FakeLamp:
    """Implements `port.Lamp`; while it is `slow` a state is shown once `step` is called."""

    def __init__(self) -> None:
        self.shown: list[State | str] = []
        self.slow = False
        self._step = asyncio.Event()

    async def show(self, state: State) -> None:
        self.shown.append(state)
        if self.slow:
            self._step.clear()
            await self._step.wait()

    async def close(self) -> None:
        self.shown.append("closed")

    def step(self) -> None:
        self._step.set()


class Shop:
    """Makes the lamps that settings ask for: one, or two for TWO."""

    def __init__(self) -> None:
        self.lamps: list[FakeLamp] = []

    def __call__(self, settings: LightSettings, environ: Mapping[str, str]) -> Sequence[Lamp]:
        made = [FakeLamp() for _ in range(1 if settings == ONE else 2 if settings == TWO else 0)]
        self.lamps += made
        return made


@asynccontextmanager
async def shining(settings: LightSettings = ONE, **options: object) -> AsyncIterator[tuple[Lights, Shop]]:
    shop = Shop()
    lights = Lights(settings, {}, lamps=shop, **{"listens_always": False, "cloud": True, **options})  # type: ignore[arg-type]
    lights.report(AttentionChanged(False))
    running = asyncio.create_task(lights.run())
    await turns()
    try:
        yield lights, shop
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert running.cancelled()


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_lamp_follows_and_is_off_at_the_end() -> None:
    async with shining() as (lights, shop):
        [lamp] = shop.lamps
        for floor in ("listening", "thinking", "thinking", "speaking", "overlap", "idle"):
            lights.report(FloorChanged(floor))
            await turns()
    assert lamp.shown == ["idle", "listening", "thinking", "speaking", "idle", "closed"]


async def test_of_what_a_slow_lamp_missed_the_newest_is_shown() -> None:
    async with shining(TWO) as (lights, shop):
        slow, quick = shop.lamps
        slow.slow = True
        for floor in ("listening", "thinking", "speaking"):
            lights.report(FloorChanged(floor))
            await turns()
        slow.step()
        await turns()
        slow.step()
        await turns()
    assert slow.shown == ["idle", "listening", "speaking", "closed"]
    assert quick.shown == ["idle", "listening", "thinking", "speaking", "closed"]


async def test_what_came_and_went_while_a_lamp_was_slow_is_not_shown_again() -> None:
    async with shining() as (lights, shop):
        [lamp] = shop.lamps
        lamp.slow = True
        lights.report(Muted(True))
        await turns()
        lights.report(Muted(False))
        lights.report(Muted(True))
        lamp.step()
        await turns()
    assert lamp.shown == ["idle", "muted", "closed"]


async def test_an_error_ends_by_itself() -> None:
    time = SwiftTime()
    with time.kept():
        async with shining() as (lights, shop):
            began = time.time()
            lights.report(TurnFailed(1, "no answer"))
            await turns()
            time.hurry_to(began + FLASH_S / 2)
            await turns()
            assert shop.lamps[0].shown == ["idle", "error"]
            time.hurry_to(began + 1.1 * FLASH_S)
            await turns()
    assert shop.lamps[0].shown == ["idle", "error", "idle", "closed"]


async def test_other_lamps_shine_once_the_old_ones_are_let_go() -> None:
    async with shining() as (lights, shop):
        lights.report(FloorChanged("speaking"))
        await turns()
        lights.reconfigure(ONE, listens_always=False, cloud=True)
        await turns()
        assert len(shop.lamps) == 1, "nothing is different"
        lights.reconfigure(TWO, listens_always=False, cloud=True)
        await turns()
        assert [lamp.shown for lamp in shop.lamps] == [["idle", "speaking", "closed"], ["speaking"], ["speaking"]]
        lights.reconfigure(LightSettings(), listens_always=False, cloud=True)
        lights.report(FloorChanged("idle"))
        await turns()
        assert len(shop.lamps) == 3
        lights.reconfigure(ONE, listens_always=True, cloud=True)
        lights.report(AttentionChanged(True))
        await turns()
    assert shop.lamps[3].shown == ["attentive", "closed"]


async def test_lights_that_come_late_know_how_things_stand() -> None:
    async with shining(facts=[BrainSelected("offline")]) as (_, shop):
        assert shop.lamps[0].shown == ["offline"]
    async with shining(facts=[BrainSelected("offline")], cloud=False) as (_, shop):
        assert shop.lamps[0].shown == ["idle"]


def test_what_settings_ask_for() -> None:
    assert lamps_of(LightSettings(), {}) == []
    both = lamps_of(LightSettings(command=("leds",), rgb=(5, 6, 13)), {})
    assert [type(lamp) for lamp in both] == [Program, Pins]
