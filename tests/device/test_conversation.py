"""The whole daemon in a room with an echo, through real PortAudio: it talks for a minute and is interrupted once."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from tests.device.sounds import Room, Tap
from tests.facts import Facts
from tests.speech import labelled, read_wav
from voiced.app import Daemon
from voiced.audio import RATE, SAMPLE_BYTES
from voiced.config import Loaded, load_config
from voiced.conversation.commands import BargedIn, DeviceChanged, FloorChanged, ReplyHeard
from voiced.sound_card import PortAudioCard
from voiced.testing.loopback import LoopbackServer, Say

pytestmark = [pytest.mark.device, pytest.mark.shared_data]

MINUTE_MS = 60_000


def settings(base_url: str, folder: Path) -> Loaded:
    home = dict.fromkeys(("HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"), str(folder))
    return load_config(
        environ={**home, "OPENAI_API_KEY": "sk-nobody"},
        overrides=(
            f'realtime.base_url="{base_url}"',
            f'plugins.folder="{folder / "plugins"}"',
            'capture.device="vmic"',
            'playout.device="vspeaker"',
            "playout.volume=100",
            'capture.echo="cancel"',
        ),
        system_file=folder / "none.toml",
    )


async def test_a_minute_of_reply_is_not_taken_for_the_user_and_the_user_is(
    card: PortAudioCard, shared_data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("livekit", reason="the extra voiced[echo] is not installed")
    clips = itertools.cycle(labelled(shared_data))
    reply = b""
    while len(reply) < 90 * RATE * SAMPLE_BYTES:
        reply += next(clips).pcm
    user = read_wav(shared_data / "speech" / "read" / "librivox_0880.wav")
    facts = Facts()
    stop = asyncio.Event()
    with Room() as room, Tap(card) as tap:
        async with (
            LoopbackServer([Say("a long story", reply), Say("a short one")]) as server,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(Daemon(settings(server.base_url, tmp_path), card, sinks=[facts]).run(stop))
            await facts.until(lambda: len(facts.of(DeviceChanged)) == 2, 10)
            room.say(user)
            await facts.until(lambda: FloorChanged("speaking") in facts.all, 15)
            await tap.for_s(MINUTE_MS / 1000 + 1)
            assert facts.of(BargedIn) == [], "the assistant interrupted itself"
            room.say(user)
            await facts.until(lambda: facts.of(BargedIn), 5)
            await facts.until(lambda: facts.of(ReplyHeard), 5)
            stop.set()
    heard = facts.of(ReplyHeard)[0]
    assert isinstance(heard, ReplyHeard)
    assert heard.cut
    assert heard.heard >= MINUTE_MS
    assert server.violations == ()
