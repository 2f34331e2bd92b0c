"""What a desktop is told, and that it hears no word of what people said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.keys.journal import journal
from tests.keys.private_bus import Desktop, PrivateBus
from voiced.conversation.commands import BrainSelected, DeviceChanged, Fact, Muted, TurnFailed, UserHeard
from voiced.keys.notices import Notices
from voiced.keys.notifier import AGAIN_AFTER_S, Notifier
from voiced.testing.clock import turns
from voiced.testing.swift_time import SwiftTime

AN_HOUR_S = 3600.0


def titles(*facts: Fact) -> list[str]:
    notices = Notices()
    return [notice.title for fact in facts if (notice := notices.of(fact)) is not None]


def test_states_are_told_when_they_change() -> None:
    assert titles(Muted(False), Muted(True), Muted(True), Muted(False)) == [
        "voiced is muted",
        "voiced listens again",
    ]
    assert titles(
        BrainSelected("realtime"),
        BrainSelected("cascade"),
        BrainSelected("offline"),
        BrainSelected("offline"),
        BrainSelected("realtime"),
    ) == ["voiced is offline", "voiced is online again"]
    assert titles(BrainSelected("offline")) == []  # as it was set


def test_a_device_is_told_of_when_it_is_lost_and_when_it_is_back() -> None:
    lost, back = DeviceChanged("microphone", False, "unplugged"), DeviceChanged("microphone", True, "USB Mic")
    assert titles(back, lost, back, back) == ["voiced has no microphone", "voiced has a microphone again"]


def test_what_was_said_is_no_notice_and_reasons_are_cut() -> None:
    assert titles(UserHeard(1, "my bank account is empty")) == []
    (failed,) = [Notices().of(TurnFailed(1, "refused: 'my bank account'"))]
    assert failed is not None
    assert "bank" not in failed.title + failed.body
    lost = Notices().of(DeviceChanged("microphone", False, "<b>" + "x" * 5000))
    assert lost is not None
    assert lost.body[:2] == "bx"
    assert len(lost.body) <= 300


@asynccontextmanager
async def notifying(notifier: Notifier) -> AsyncIterator[Notifier]:
    running = asyncio.ensure_future(notifier.run())
    try:
        yield notifier
    finally:
        running.cancel()
        await asyncio.wait({running})
        assert running.cancelled()


async def test_a_notice_takes_the_place_of_the_last_of_its_kind(bus: PrivateBus) -> None:
    async with Desktop(bus) as desktop, notifying(Notifier(bus.environ, every_s=0)) as notifier:
        notifier.report(Muted(True))
        await desktop.until(lambda: len(desktop.shown) == 1)
        notifier.report(TurnFailed(1, "no answer"))
        await desktop.until(lambda: len(desktop.shown) == 2)
        notifier.report(Muted(False))
        await desktop.until(lambda: len(desktop.shown) == 3)
        assert desktop.shown == [
            (0, "voiced is muted", "The microphone is closed."),
            (0, "voiced has no answer", "Something failed; `voiced status` says what."),
            (1, "voiced listens again", "The microphone is open."),
        ]


async def test_of_a_device_that_comes_and_goes_the_last_state_is_shown(bus: PrivateBus) -> None:
    async with Desktop(bus) as desktop, notifying(Notifier(bus.environ, every_s=0.05)) as notifier:
        notifier.report(DeviceChanged("microphone", False, "unplugged"))
        await desktop.until(lambda: len(desktop.shown) == 1)
        for _ in range(1000):
            notifier.report(DeviceChanged("microphone", True, "USB Mic"))
            notifier.report(DeviceChanged("microphone", False, "unplugged"))
        notifier.report(DeviceChanged("microphone", True, "USB Mic"))
        await desktop.until(lambda: len(desktop.shown) == 2)
        assert [title for _, title, _ in desktop.shown] == ["voiced has no microphone", "voiced has a microphone again"]


async def test_a_bus_that_goes_away_is_found_again(bus: PrivateBus) -> None:
    async with notifying(Notifier(bus.environ, every_s=0)) as notifier:
        async with Desktop(bus) as desktop:
            notifier.report(Muted(True))
            await desktop.until(lambda: desktop.shown)
            bus.stop()
        bus.start()
        async with Desktop(bus) as desktop:
            notifier.report(Muted(False))
            await desktop.until(lambda: desktop.shown)
            assert desktop.shown == [(0, "voiced listens again", "The microphone is open.")]


async def test_with_nobody_to_show_it_nothing_happens_and_later_it_is_tried_again(bus: PrivateBus) -> None:
    time = SwiftTime()
    with time.kept(), journal() as log:
        async with notifying(Notifier(bus.environ, every_s=0)) as notifier:
            async with Desktop(bus, shows=False):
                notifier.report(Muted(True))
                await log.until(lambda: log.lines)
            async with Desktop(bus) as desktop:
                notifier.report(Muted(False))  # what comes before the next try is dropped
                time.hurry_to(time.time() + AGAIN_AFTER_S)
                await turns()
                notifier.report(TurnFailed(1, "no answer"))
                await desktop.until(lambda: desktop.shown)
    assert log.events == ["notifications.unavailable"]
    assert [title for _, title, _ in desktop.shown] == ["voiced has no answer"]


async def test_that_the_microphone_is_open_again_is_told_at_once(bus: PrivateBus) -> None:
    """Nobody is to read that it is closed while it hears."""
    async with Desktop(bus) as desktop, notifying(Notifier(bus.environ, every_s=AN_HOUR_S)) as notifier:
        notifier.report(Muted(True))
        await desktop.until(lambda: desktop.shown)
        notifier.report(Muted(False))
        await desktop.until(lambda: len(desktop.shown) == 2)
    assert [title for _, title, _ in desktop.shown] == ["voiced is muted", "voiced listens again"]


async def test_what_waits_for_its_time_holds_up_no_other_notice(bus: PrivateBus) -> None:
    async with Desktop(bus) as desktop, notifying(Notifier(bus.environ, every_s=AN_HOUR_S)) as notifier:
        notifier.report(DeviceChanged("microphone", False, "unplugged"))
        await desktop.until(lambda: desktop.shown)
        notifier.report(DeviceChanged("microphone", True, "USB Mic"))
        await desktop.bus.request_name("local.later")  # by then the bus has passed on that it was shown
        await turns()
        notifier.report(TurnFailed(1, "no answer"))
        await desktop.until(lambda: len(desktop.shown) == 2)
    assert [title for _, title, _ in desktop.shown] == ["voiced has no microphone", "voiced has no answer"]
