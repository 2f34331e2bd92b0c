"""With a wake word voiced answers who says it, and nobody else: not the room, and not its own loudspeaker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.household import Household
from tests.speech import read_wav
from voiced.audio import RATE
from voiced.control.protocol import Reload
from voiced.conversation.commands import BargedIn, ReplyHeard, Woken
from voiced.errors import ConfigError, ControlError
from voiced.testing.loopback import Say
from voiced.testing.sound_card import Echo, VirtualCard

pytest.importorskip("pymicro_wakeword", reason="the extra voiced[wake] is not installed")

WAKE: dict[str, Any] = {"listen.modes": ["wake"], "listen.follow_up_s": 0}
MOON = Say("It is full.")


def wake_clip(shared_data: Path, name: str) -> bytes:
    return read_wav(shared_data / "speech" / "wake" / f"{name}.wav")


@pytest.mark.shared_data
async def test_who_says_the_wake_word_is_answered_and_who_does_not_is_not(
    household: Callable[..., Household], shared_data: Path
) -> None:
    async with household([MOON, MOON], settings=WAKE) as home:
        await home.ready()
        _, end = home.say("moon")
        await home.run(end - home.card.time() + 2)
        assert (home.of(Woken), home.received("input_audio_buffer.append")) == ([], [])

        home.card.say(wake_clip(shared_data, "okay_nabu_2"), at=home.card.time())
        assert await home.next(Woken) == Woken("okay_nabu")
        await home.run(1)
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == MOON.text
        assert home.of(Woken) == [Woken("okay_nabu")]

        home.write_settings(wake__words=["alexa"])
        await home.control(Reload())
        await home.ready()
        await home.run(2)
        home.card.say(wake_clip(shared_data, "alexa_1"), at=home.card.time())
        assert await home.next(Woken) == Woken("alexa")


@pytest.mark.shared_data
async def test_a_reply_with_the_wake_word_wakes_nobody(household: Callable[..., Household], shared_data: Path) -> None:
    reply = Say("Alexa!", wake_clip(shared_data, "alexa_1"))
    deaf_to_echo = {
        "turn.barge_in_ms": 3000,
        "turn.min_speech_ms": 1500,
        "playout.duck_db": 0,
    }  # which no echo control takes out here
    settings = {**WAKE, "wake.words": ["alexa"], **deaf_to_echo}
    async with household([reply], settings=settings, card=VirtualCard(rate=RATE, echo=Echo(decay_s=0.0))) as home:
        await home.ready()
        home.card.say(wake_clip(shared_data, "alexa_2"), at=home.card.time())
        await home.next(Woken)
        await home.run(1)
        home.say("moon")
        assert not (await home.next(ReplyHeard)).cut
        await home.run(3)
        assert (home.of(Woken), home.of(BargedIn)) == ([Woken("alexa")], [])


async def test_a_wake_word_without_a_model_is_told_and_changes_nothing(household: Callable[..., Household]) -> None:
    async with household([MOON]) as home:
        await home.ready()
        home.write_settings(listen__modes=["wake"], wake__words=["hello_tree"])
        with pytest.raises(ControlError, match=r"'hello_tree'.*there are alexa, hey_jarvis, hey_mycroft, okay_nabu"):
            await home.control(Reload())
        home.say("moon")
        assert (await home.next(ReplyHeard)).text == MOON.text


async def test_without_a_model_it_does_not_start(household: Callable[..., Household]) -> None:
    async with household([], settings={**WAKE, "wake.words": ["hello_tree"]}) as home:
        home.start()
        with pytest.raises(ConfigError, match="'hello_tree'"):
            await home.stop()
