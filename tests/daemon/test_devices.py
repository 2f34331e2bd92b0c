"""Microphone and loudspeaker come, go, fall silent; voiced says so, and goes on when they are back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.daemon.household import Household
from tests.daemon.tape import passages, place_ms
from voiced.audio import RATE
from voiced.control.protocol import Ask, Status
from voiced.conversation.commands import DeviceChanged, FloorChanged, ReplyHeard, TurnFailed, UtteranceEnded
from voiced.testing.loopback import Pace, Say
from voiced.testing.sound_card import VirtualCard

COFFEE = Say(
    "Coffee was first grown in Ethiopia. From there it came to Yemen, where people have drunk it since the "
    "fifteenth century. Traders carried it on to Istanbul, Venice and London."
)
TEA = Say("Tea comes from the leaves of a bush.")


async def test_a_microphone_that_is_plugged_in_later(household: Callable[..., Household]) -> None:
    card = VirtualCard(rate=RATE)
    card.unplug("input")
    card.rescan()
    async with household([TEA], card=card) as home:
        home.start()
        lost = await home.next(DeviceChanged, lambda fact: fact.kind == "microphone")
        assert not lost.ok
        assert "microphone" in lost.detail
        await home.run(120)
        assert len([fact for fact in home.of(DeviceChanged) if fact.kind == "microphone"]) == 1  # told once
        card.plug("input")
        plugged = card.time()
        await home.next(DeviceChanged, lambda fact: fact.kind == "microphone" and fact.ok)
        assert card.time() - plugged < 35
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text


async def test_asked_by_text_without_any_microphone(household: Callable[..., Household]) -> None:
    card = VirtualCard(rate=RATE)
    card.unplug("input")
    card.rescan()
    async with household([TEA], card=card) as home:
        home.start()
        assert await home.control(Ask(text="Tell me about tea.")) == [{"answer": TEA.text}]
        [(first, last)] = passages(home.loudspeaker())
        assert last - first > RATE
        [reply] = await home.control(Status())
        assert not reply["status"]["devices"]["microphone"]["ok"]


async def test_asked_by_text_without_any_device(household: Callable[..., Household]) -> None:
    card = VirtualCard(rate=RATE)
    card.unplug("input")
    card.unplug("output")
    card.rescan()
    async with household([TEA, COFFEE], card=card) as home:
        home.start()
        assert await home.control(Ask(text="Tell me about tea.")) == [{"answer": TEA.text}]
        assert await home.control(Ask(text="And about coffee?")) == [{"answer": COFFEE.text}]


async def test_the_microphone_is_pulled_out_in_mid_utterance(household: Callable[..., Household]) -> None:
    """What was said by then is answered, and what is said when it is back."""
    async with household([TEA, COFFEE]) as home:
        await home.ready()
        home.say("tea")
        await home.next(FloorChanged, lambda fact: fact.floor == "listening")
        await home.run(1.2)
        home.card.unplug("input")
        assert not (await home.next(DeviceChanged)).ok
        assert (await home.next(ReplyHeard)).text == TEA.text
        home.card.plug("input")
        await home.next(DeviceChanged, lambda fact: fact.ok)
        home.say("coffee")
        assert (await home.next(ReplyHeard)).text == COFFEE.text
        assert len(home.of(UtteranceEnded)) == 2


async def test_a_suspended_microphone_is_noticed(household: Callable[..., Household]) -> None:
    async with household([TEA]) as home:
        await home.ready()
        home.card.suspend("input")
        assert "suspended" in (await home.next(DeviceChanged, lambda fact: not fact.ok, within_s=5)).detail
        await home.run(30)
        home.card.resume("input")
        await home.next(DeviceChanged, lambda fact: fact.kind == "microphone" and fact.ok)
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text


@pytest.mark.parametrize("pace", [Pace(), Pace(speed=2.0)], ids=["at once", "lively"])
async def test_the_loudspeaker_is_pulled_out_in_mid_reply_and_put_back(
    household: Callable[..., Household], pace: Pace
) -> None:
    """The reply goes on where it was, but for what the device still had."""
    async with household([COFFEE, TEA], pace=pace) as home:
        await home.ready()
        _, end = home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.run(2.0)
        home.card.unplug("output")
        assert not (await home.next(DeviceChanged, lambda fact: fact.kind == "loudspeaker")).ok
        home.card.plug("output")
        await home.next(DeviceChanged, lambda fact: fact.kind == "loudspeaker" and fact.ok)
        reply = await home.next(ReplyHeard)
        assert (reply.text, reply.cut) == (COFFEE.text, False)
        tape = home.loudspeaker(end)
        (first, last), (again, _) = passages(tape)
        stopped_at = (last - first) / RATE * 1000
        assert 0 <= place_ms(tape, again + 240) - 10 - stopped_at <= 40
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text


async def test_a_loudspeaker_that_stays_away(household: Callable[..., Household]) -> None:
    """The reply is given up after a while; what was heard stands, and the next turn is heard when it is back."""
    async with household([COFFEE, TEA, TEA]) as home:
        await home.ready()
        home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.run(2.0)
        home.card.unplug("output")
        cut = await home.next(ReplyHeard)
        assert cut.cut
        assert cut.heard == pytest.approx(2000, abs=150)
        await home.until(lambda: home.received("conversation.item.truncate"))
        [truncation] = home.received("conversation.item.truncate")
        assert truncation.event["audio_end_ms"] == cut.heard
        await home.run(60)
        home.say("tea")
        await home.next(ReplyHeard)
        home.card.plug("output")
        await home.next(DeviceChanged, lambda fact: fact.kind == "loudspeaker" and fact.ok)
        back = home.card.time()
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text
        assert passages(home.loudspeaker(back))
        assert home.of(TurnFailed) == []


async def test_a_microphone_that_is_muted_by_a_switch_is_told(household: Callable[..., Household]) -> None:
    async with household([], card=VirtualCard(rate=RATE, noise_dbfs=None)) as home:
        await home.ready()
        await home.run(15)
        assert [line["event"] for line in home.log].count("microphone.silent") == 1
        assert home.of(UtteranceEnded) == []


async def test_both_are_away_over_night(household: Callable[..., Household]) -> None:
    async with household([TEA]) as home:
        await home.ready()
        home.card.unplug("input")
        home.card.unplug("output")
        await home.run(300)
        assert len(home.of(DeviceChanged)) <= 8
        home.card.plug("input")
        home.card.plug("output")
        await home.ready()
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text


async def test_an_edge_that_breaks_down_takes_nobody_with_it(household: Callable[..., Household]) -> None:
    class Unforeseen(VirtualCard):
        mistakes = 1

        def open_input(self, *args: Any, **options: Any) -> Any:
            if self.mistakes:
                self.mistakes -= 1
                raise ZeroDivisionError
            return super().open_input(*args, **options)

    async with household([TEA], card=Unforeseen(rate=RATE)) as home:
        await home.ready()
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text
        [told] = [line for line in home.log if line["event"] == "edge.broke_down" and line["level"] == "error"]
        assert (told["edge"], told["error"]) == ("microphone", "ZeroDivisionError")
