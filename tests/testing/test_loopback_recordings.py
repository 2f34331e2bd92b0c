"""The loopback server keeps the order of three sessions recorded against the real one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from voiced.testing.loopback import CallTool, LoopbackServer, Reply, Say, Script

from .loopback_client import Client, client_of, encoded, silence, speech
from .shared_data import needs_recordings, recorded

pytestmark = needs_recordings

TOLD_APART = "conversation.item.input_audio_transcription."
"""The user's transcript comes whenever it is ready; its place says nothing."""

NOT_RECORDED = "rate_limits.updated"
"""The real server sends it after some responses only."""


def order(types: Iterable[str]) -> list[str]:
    """Types of server events with runs of deltas as one: how many there are is chance."""
    kinds = [kind for kind in types if not kind.startswith(TOLD_APART) and kind != NOT_RECORDED]
    kinds = ["response.*.delta" if kind.endswith(".delta") else kind for kind in kinds]
    return [kind for index, kind in enumerate(kinds) if index == 0 or kind != kinds[index - 1]]


def keys(events: Iterable[dict[str, Any]]) -> dict[str, set[str]]:
    """Type of event → the keys it had at any time."""
    found: dict[str, set[str]] = {}
    for event in events:
        found.setdefault(event["type"], set()).update(event)
    return found


class Replay:
    """Sends what was sent when it was recorded, each time after the same answers."""

    def __init__(self, name: str) -> None:
        self.frames = recorded(name)
        self.received = [frame["data"] for frame in self.frames if frame["direction"] == "received"]
        appends = sum(frame["data"]["type"] == "input_audio_buffer.append" for frame in self.frames)
        # The recordings have their audio cut off: a second of speech in its place.
        chunk = len(silence(100))
        pcm = (silence(2_000) + speech(1_000) + silence(appends * 100))[: appends * chunk]
        self._audio = iter([pcm[start : start + chunk] for start in range(0, len(pcm), chunk)])

    async def through(self, client: Client) -> None:
        due: Counter[str] = Counter()
        for frame in self.frames:
            event = dict(frame["data"])
            if frame["direction"] == "received":
                if not event["type"].endswith(".delta"):
                    due[event["type"]] += 1
                continue
            await client.until_seen(due)
            if event["type"] == "input_audio_buffer.append":
                event["audio"] = encoded(next(self._audio))
            if event.get("item", {}).get("type") == "function_call_output":
                calls = [seen["call_id"] for seen in client.events if seen["type"].endswith("arguments.done")]
                event["item"] = event["item"] | {"call_id": calls[-1]}
            await client.send(event.pop("type"), **event)
        await client.until_seen(due)


@pytest.mark.parametrize(
    ("name", "replies"),
    [
        ("test_text_in_audio_out_turn", [Say("Hi there!")]),
        ("test_audio_in_server_vad_turn", [Say("Hello, Marcelo! Great to meet you.")]),
        (
            "test_tool_call_round",
            [CallTool("get_weather", '{ "city": "London" }'), Say("It is foggy and 12 degrees in London.")],
        ),
    ],
)
async def test_a_recorded_session_happens_again(name: str, replies: list[Reply]) -> None:
    replay = Replay(name)
    script = Script(replies, transcripts=["Hello, my name is Marcelo."])
    async with LoopbackServer(script) as server, client_of(server, greeted=False) as client:
        await replay.through(client)
        assert order(client.types()) == order(event["type"] for event in replay.received)
        ours, theirs = keys(client.events), keys(replay.received)
        assert {kind: ours[kind] for kind in theirs} == theirs
    assert server.violations == ()
