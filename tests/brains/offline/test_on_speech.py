"""The offline brain as it is installed, on people's recordings."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.inbox import Inbox
from tests.speech import read_wav
from voiced.brains.offline.choice import recogniser_of, voice_of
from voiced.brains.offline.session import OfflineBrain
from voiced.brains.offline.settings import OfflineSettings
from voiced.conversation.commands import CommitUtterance, OpenSession, SendToolResult, StartReply, StreamUtterance
from voiced.conversation.events import (
    BrainReady,
    ReplyAudio,
    ReplyDone,
    Sentence,
    SessionId,
    ToolCalled,
    ToolSpec,
    UserTranscribed,
)

SESSION = SessionId(1)
LIGHTS = ToolSpec(
    "lights",
    "Turn the lights on or off.",
    {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
    (Sentence("turn on [the] (office|kitchen|bedroom) lights"), Sentence("turn off [the] (office|kitchen) lights")),
)


@pytest.mark.shared_data
async def test_people_turn_on_the_lights_and_are_answered_aloud(shared_data: Path) -> None:
    lines = map(json.loads, (shared_data / "speech" / "manifest.jsonl").read_text().splitlines())
    clips = [line["file"] for line in lines if line.get("text") == "turn on the office lights"][:4]
    assert clips
    settings, inbox = OfflineSettings(), Inbox()
    brain = OfflineBrain(inbox.post, recogniser_of(settings, {}), voice_of(settings, {}))
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(brain.run())
        brain.do(OpenSession(SESSION, (), (LIGHTS,), brain="offline"))
        await inbox.get(BrainReady)
        for clip in clips:
            inbox.events.clear()
            brain.do(StreamUtterance(SESSION, read_wav(shared_data / "speech" / clip)))
            brain.do(CommitUtterance(SESSION))
            brain.do(StartReply(SESSION))
            await inbox.get(ReplyDone)
            assert [event.text for event in inbox.of(UserTranscribed)] == ["turn on the office lights"]
            (called,) = inbox.of(ToolCalled)
            assert called.name == "lights"
            inbox.events.clear()
            brain.do(SendToolResult(SESSION, called.call, "The office lights are on."))
            brain.do(StartReply(SESSION))
            await inbox.get(ReplyDone)
            assert sum(len(event.pcm) for event in inbox.of(ReplyAudio)) > 24_000
        running.cancel()
