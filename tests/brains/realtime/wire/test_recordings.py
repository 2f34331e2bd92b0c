"""Recorded sessions of the real server: every message is understood, and each turn comes out whole."""

from __future__ import annotations

import json
from base64 import b64decode
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml

from voiced.brains.realtime.wire import Decoder, Found, SessionCreated, SessionUpdated, UnknownEvent
from voiced.conversation.events import (
    ReplyAudio,
    ReplyDone,
    ReplyItemDone,
    ReplyStarted,
    ReplyText,
    ServerHeard,
    SessionId,
    ToolCalled,
    Usage,
    UserTranscribed,
    UtteranceCommitted,
)

pytestmark = pytest.mark.shared_data

NAMES = ("test_audio_in_server_vad_turn", "test_text_in_audio_out_turn", "test_tool_call_round")


def received(shared_data: Path, name: str) -> list[dict[str, Any]]:
    recording = yaml.load((shared_data / "recordings" / f"{name}.yaml").read_text("utf-8"), Loader=yaml.CSafeLoader)
    return [frame["data"] for frame in recording["interactions"] if frame["direction"] == "received"]


def understood(shared_data: Path, name: str) -> list[Found]:
    decoder = Decoder(SessionId(1))
    return [found for message in received(shared_data, name) for found in decoder.decode(json.dumps(message))]


def story(found: list[Found]) -> list[str]:
    """The kinds of events in order, each run of one kind told once."""
    return [kind for kind, _ in groupby(type(event).__name__ for event in found)]


def kinds_of(found: list[Found], *kinds: type) -> list[Found]:
    return [event for event in found if isinstance(event, kinds)]


@pytest.mark.parametrize("name", NAMES)
def test_every_message_is_known(shared_data: Path, name: str) -> None:
    assert kinds_of(understood(shared_data, name), UnknownEvent) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_dialect_is_ga(shared_data: Path, name: str) -> None:
    dialects = [
        event.dialect for event in understood(shared_data, name) if isinstance(event, SessionCreated | SessionUpdated)
    ]
    assert dialects == ["ga", "ga"]


@pytest.mark.parametrize("name", NAMES)
def test_no_sound_is_lost_or_changed(shared_data: Path, name: str) -> None:
    deltas = [m["delta"] for m in received(shared_data, name) if m["type"] == "response.output_audio.delta"]
    chunks = [event for event in understood(shared_data, name) if isinstance(event, ReplyAudio)]
    whole = b"".join(b64decode(delta + "=" * (-len(delta) % 4)) for delta in deltas)
    assert b"".join(chunk.pcm for chunk in chunks) == whole[: len(whole) // 2 * 2]
    assert all(len(chunk.pcm) % 2 == 0 for chunk in chunks)


def test_a_spoken_turn(shared_data: Path) -> None:
    found = understood(shared_data, "test_audio_in_server_vad_turn")
    told = story(kinds_of(found, ServerHeard, UtteranceCommitted, ReplyStarted, ReplyItemDone, ReplyDone))
    assert told == ["ServerHeard", "UtteranceCommitted", "ReplyStarted", "ReplyItemDone", "ReplyDone"]
    said = "".join(event.text for event in found if isinstance(event, ReplyText) and event.spoken)
    assert said == "Hello, Marcelo! Great to meet you. How can I help you today?"
    assert [event.text for event in found if isinstance(event, UserTranscribed)] == ["Hello, my name is Marcelo."]


def test_a_typed_turn(shared_data: Path) -> None:
    found = understood(shared_data, "test_text_in_audio_out_turn")
    assert story(found) == [
        "SessionCreated",
        "SessionUpdated",
        "ReplyStarted",
        "ReplyText",
        "ReplyAudio",
        "ReplyItemDone",
        "ReplyDone",
    ]


def test_a_tool_round(shared_data: Path) -> None:
    found = understood(shared_data, "test_tool_call_round")
    assert story(found) == [
        "SessionCreated",
        "SessionUpdated",
        "ReplyStarted",
        "ToolCalled",
        "ReplyDone",
        "ReplyStarted",
        "ReplyText",
        "ReplyItemDone",
        "ReplyDone",
    ]
    (call,) = [event for event in found if isinstance(event, ToolCalled)]
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "London"})
    assert [event.usage for event in found if isinstance(event, ReplyDone)] == [
        Usage(text_in=63, text_out=22),
        Usage(text_in=103, cached_text_in=64, text_out=13),
    ]
