"""The user of the demo is understood with room to spare, whatever noise the microphone makes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from voiced.audio import RATE
from voiced.brains.offline.engines import ACCEPTED, RECOGNISER_RATE
from voiced.brains.offline.engines.pocketsphinx import PocketsphinxRecogniser
from voiced.brains.offline.matching import Understanding
from voiced.brains.offline.session import HELP
from voiced.brains.offline.wording import words_of
from voiced.conversation.events import Event, ToolsChanged
from voiced.demo.recordings import recording
from voiced.demo.story import LINES
from voiced.plugins.host import PluginHost
from voiced.plugins.settings import PluginSettings
from voiced.resample import Resampler

NOT_OFFLINE = {"rain"}
"""What only a cloud can answer."""

NOISE = (6.0, 16.0, 40.0)
"""RMS of 16 bits: -75, -66 and -58 dBFS."""


async def understanding_of_all_tools(folder: Path) -> Understanding:
    known: asyncio.Future[ToolsChanged] = asyncio.get_running_loop().create_future()

    def post(event: Event) -> None:
        if isinstance(event, ToolsChanged) and not known.done():
            known.set_result(event)

    host = PluginHost(PluginSettings(folder=str(folder / "plugins")), post=post, state_folder=folder, volume=lambda: 50)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(host.run())
        tools = (await known).tools
        running.cancel()
    return Understanding((HELP, *tools))


def at_the_microphone(name: str, noise: float) -> bytes:
    speech = np.frombuffer(Resampler(RATE, RECOGNISER_RATE).process(recording(f"user_{name}")), "<i2")
    before, after = RECOGNISER_RATE * 3 // 10, RECOGNISER_RATE // 2
    signal = np.random.default_rng(len(name)).normal(0.0, noise, before + speech.size + after)
    signal[before : before + speech.size] += speech
    return signal.clip(-32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("noise", NOISE)
async def test_each_sentence_is_understood_and_the_question_for_the_cloud_is_not(tmp_path: Path, noise: float) -> None:
    understanding = await understanding_of_all_tools(tmp_path)
    recogniser = PocketsphinxRecogniser()
    recogniser.expect(understanding.grammar)
    for name, line in LINES.items():
        recogniser.begin()
        recogniser.feed(at_the_microphone(name, noise))
        heard = recogniser.end()
        told = f"{line!r} was {heard.text!r} with {heard.confidence:.2f}"
        if name in NOT_OFFLINE:
            assert heard.confidence < ACCEPTED or understanding.match(heard.text) is None, told
        elif name != "wake":  # which the cloud understands, in its way
            assert heard.text == " ".join(words_of(line)), told
            assert heard.confidence >= ACCEPTED, told
