"""What one can do to a running voiced from the command line."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

import numpy as np
import pytest

from tests.daemon.household import Household
from tests.daemon.tape import is_whole, passages, place_ms
from voiced.control.protocol import Ask, Mute, Reload, Status, Stop, Volume
from voiced.control.protocol import Say as SayAloud
from voiced.conversation.commands import DeviceChanged, FloorChanged, ReplyHeard, TurnFailed, UtteranceEnded
from voiced.errors import ControlError
from voiced.testing.loopback import Pace, Reply, Say, Turn

COFFEE = Say(
    "Coffee was first grown in Ethiopia. From there it came to Yemen, where people have drunk it since the "
    "fifteenth century. Traders carried it on to Istanbul, Venice and London."
)
TEA = Say("Tea comes from the leaves of a bush.")
MOON = Say("The moon is about 384,000 kilometres away.")
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(2000)).decode()


async def test_say(household: Callable[..., Household]) -> None:
    async with household(lambda turn: Say(turn.params["instructions"].splitlines()[-1])) as home:
        await home.ready()
        assert await home.control(SayAloud(text="Dinner is ready!")) == [{"done": True}]
        [(first, last)] = passages(home.loudspeaker())
        assert is_whole(home.loudspeaker()[first:last], Say("Dinner is ready!").audio())


async def test_ask_with_a_picture(household: Callable[..., Household]) -> None:
    seen: list[Turn] = []

    def answer(turn: Turn) -> Reply:
        seen.append(turn)
        return TEA

    async with household(answer) as home:
        await home.ready()
        assert await home.control(Ask(text="What is this?", images=(PNG,))) == [{"answer": TEA.text}]
        [item] = seen[0].items
        assert [part.type for part in item.content] == ["input_image", "input_text"] or [
            part.type for part in item.content
        ] == ["input_text", "input_image"]
        assert "What is this?" in item.text


async def test_ask_and_speech_do_not_mix(household: Callable[..., Household]) -> None:
    """A typed question waits until the spoken one is answered."""
    async with household([COFFEE, TEA]) as home:
        await home.ready()
        home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "listening")
        assert await home.control(Ask(text="Tell me about tea.")) == [{"answer": TEA.text}]
        assert [reply.text for reply in home.of(ReplyHeard)] == [COFFEE.text, TEA.text]


async def test_stop(household: Callable[..., Household]) -> None:
    async with household([COFFEE, TEA], pace=Pace(speed=3.0)) as home:
        await home.ready()
        _, end = home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.run(1.0)
        assert await home.control(Stop()) == [{"done": True}]
        cut = await home.next(ReplyHeard)
        assert cut.cut
        await home.run(5)
        [(first, last)] = passages(home.loudspeaker(end))
        assert (last - first) / 24 == pytest.approx(cut.heard, abs=20)
        assert home.received("conversation.item.truncate")[0].event["audio_end_ms"] == cut.heard
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text


async def test_stop_what_is_asked(household: Callable[..., Household]) -> None:
    """Who asked is told that there will be no answer."""
    async with household([COFFEE], pace=Pace(first_delta_delay_s=5.0)) as home:
        await home.ready()
        asking = asyncio.ensure_future(home.control(Ask(text="Tell me about coffee.")))
        await home.next(FloorChanged, lambda fact: fact.floor == "thinking")
        await home.control(Stop())
        with pytest.raises(ControlError, match="interrupted"):
            await asking
        await home.run(10)
        assert not passages(home.loudspeaker())


async def test_mute(household: Callable[..., Household]) -> None:
    async with household([TEA]) as home:
        await home.ready()
        await home.control(Mute())
        home.say("tea")
        await home.run(10)
        assert home.of(UtteranceEnded) == []
        assert home.received("input_audio_buffer.append") == []
        [reply] = await home.control(Status())
        assert reply["status"]["muted"] is True
        await home.control(Mute(muted=False))
        await home.run(1)
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text


async def test_muted_it_stays_through_a_reload_of_the_devices(household: Callable[..., Household]) -> None:
    async with household([TEA]) as home:
        await home.ready()
        await home.control(Mute())
        await home.card.until_open(1)  # the loudspeaker
        home.write_settings(capture__block_ms=10)
        await home.control(Reload())
        await home.next(DeviceChanged, lambda fact: fact.kind == "loudspeaker")
        await home.run(3)
        await home.card.until_open(1)
        await home.control(Mute(muted=False))
        await home.next(DeviceChanged, lambda fact: fact.kind == "microphone")
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text


async def test_volume(household: Callable[..., Household]) -> None:
    async with household([TEA, TEA]) as home:
        await home.ready()
        _, end = home.say("tea")
        await home.next(ReplyHeard)
        loud = np.abs(home.loudspeaker(end)).max()
        await home.control(Volume(percent=50))
        _, end = home.say("tea")
        await home.next(ReplyHeard)
        assert np.abs(home.loudspeaker(end)).max() == pytest.approx(loud / 8, rel=0.02)
        [reply] = await home.control(Status())
        assert reply["status"]["volume"] == 50


async def test_the_volume_survives_a_reload(household: Callable[..., Household]) -> None:
    async with household([TEA, TEA]) as home:
        await home.ready()
        await home.control(Volume(percent=50))
        home.write_settings(capture__block_ms=10)
        await home.control(Reload())
        await home.run(3)
        _, end = home.say("tea")
        await home.next(ReplyHeard)
        assert np.abs(home.loudspeaker(end)).max() == pytest.approx(1000, rel=0.02)


async def test_status_tells_how_it_is(household: Callable[..., Household]) -> None:
    async with household([TEA]) as home:
        await home.ready()
        home.say("tea")
        await home.next(ReplyHeard)
        [reply] = await home.control(Status())
        status = reply["status"]
        assert (status["floor"], status["muted"], status["brain"]["state"]) == ("idle", False, "ready")
        assert all(device["ok"] for device in status["devices"].values())
        assert (status["counts"]["turns"], status["counts"]["replies"], status["failures"]) == (1, 1, [])
        assert status["volume"] == 100
        assert {plugin["name"] for plugin in status["plugins"]} >= {"clock", "timers", "volume"}
        assert TEA.text not in str(reply)


async def test_reload_with_another_voice_and_hangover(household: Callable[..., Household]) -> None:
    """The conversation goes on, with all that was said."""
    async with household([TEA, MOON]) as home:
        await home.ready()
        home.say("tea")
        await home.next(ReplyHeard)
        home.write_settings(realtime__voice="cedar", turn__hangover_ms=1500)
        assert await home.control(Reload()) == [{"done": True}]
        await home.run(1)
        session = home.server.sessions[-1]
        assert session.settings["audio"]["output"]["voice"] == "cedar"
        home.say("moon")
        reply = await home.next(ReplyHeard)
        assert reply.text == MOON.text
        assert reply.first_audio is not None
        assert reply.first_audio >= 1500
        assert [item.role for item in home.server.conversation.items] == ["user", "assistant"] * 2
        assert home.server.conversation.items[1].text == TEA.text


async def test_reload_in_mid_reply(household: Callable[..., Household]) -> None:
    """What is being said is said to its end, though the session that said it is gone."""
    async with household([COFFEE, TEA]) as home:
        await home.ready()
        home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.run(1)
        home.write_settings(realtime__voice="cedar")
        await home.control(Reload())
        reply = await home.next(ReplyHeard)
        assert (reply.text, reply.cut) == (COFFEE.text, False)
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text
        known = [(item.role, item.text) for item in home.server.conversation.items]
        assert known[1] == ("assistant", COFFEE.text)


async def test_reload_of_the_devices_in_mid_reply(household: Callable[..., Household]) -> None:
    async with household([COFFEE, TEA]) as home:
        await home.ready()
        home.say("coffee")
        await home.next(FloorChanged, lambda fact: fact.floor == "speaking")
        await home.run(1)
        home.write_settings(playout__block_ms=20)
        await home.control(Reload())
        cut = await home.next(ReplyHeard)
        assert cut.cut
        await home.run(3)
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text
        assert home.of(TurnFailed) == []


async def test_a_broken_configuration_changes_nothing(household: Callable[..., Household]) -> None:
    async with household([TEA, MOON]) as home:
        await home.ready()
        home.write_settings(turn__hangover="half a second")
        with pytest.raises(ControlError, match="hangover"):
            await home.control(Reload())
        _, end = home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text
        assert home.server.connections.attempts == 1
        first, _ = passages(home.loudspeaker(end))[0]
        assert place_ms(home.loudspeaker(end), first) == 0


async def test_reload_of_a_plugin(household: Callable[..., Household]) -> None:
    code = 'from voiced.api import tool\n@tool\ndef {name}():\n    "Does it."\n    return "done"\n'
    async with household([TEA]) as home:
        home.write_plugin("one", code.format(name="first_tool"))
        await home.ready()
        home.write_plugin("one", code.format(name="second_tool"))
        await home.control(Reload())
        await home.run(2)
        tools = [tool["name"] for tool in home.server.sessions[-1].settings["tools"]]
        assert "second_tool" in tools
        assert "first_tool" not in tools
        home.say("tea")
        assert (await home.next(ReplyHeard)).text == TEA.text
