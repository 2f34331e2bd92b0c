"""What is written, held against the API's own description of its client events, undescribed keys forbidden."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.brains.realtime.wire.test_encode import HISTORY, LAMP, PICTURE, S
from voiced.audio import Ms
from voiced.brains.realtime.settings import RealtimeSettings
from voiced.brains.realtime.wire import Dialect, Encoder
from voiced.conversation.commands import (
    CancelReply,
    CommitUtterance,
    DeleteItem,
    DiscardUtterance,
    SendText,
    SendToolResult,
    StartReply,
    StreamUtterance,
    TruncateReply,
    UpdateTools,
)
from voiced.conversation.events import CallId, ItemId, ReplyId
from voiced.conversation.settings import TurnEnd

pytestmark = pytest.mark.shared_data

ALL_SET = RealtimeSettings(
    transcription_language="en",
    idle_timeout_ms=5000,
    reasoning_effort="low",
    max_output_tokens=100,
    context_tokens=8000,
)
BARE = RealtimeSettings(noise_reduction="off", transcription_model="", retention_ratio=1)
COMMANDS = (
    StreamUtterance(S, b"\0\0"),
    CommitUtterance(S),
    DiscardUtterance(S),
    StartReply(S),
    StartReply(S, announce="Dinner!"),
    CancelReply(S, None),
    CancelReply(S, ReplyId("resp_1")),
    TruncateReply(S, ItemId("item_1"), Ms(5)),
    DeleteItem(S, ItemId("item_1")),
    SendText(S, "What is this?", (PICTURE,)),
    SendToolResult(S, CallId("call_1"), "on"),
    SendToolResult(S, CallId("call_1"), "the door", images=(PICTURE,)),
    UpdateTools(S, (LAMP,)),
)


@cache
def described(shared_data: Path) -> dict[str, Any]:
    schemas: dict[str, Any] = yaml.load(
        (shared_data / "openapi" / "openapi.yml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
    )["components"]["schemas"]
    _forbid_undescribed(schemas)
    # The beta session as a request is described by the server's answer, which has a client secret; use the object.
    schemas["RealtimeBetaClientEventSessionUpdate"]["properties"]["session"] = {
        "$ref": "#/components/schemas/RealtimeSession"
    }
    return schemas


def _forbid_undescribed(schema: object) -> None:
    if isinstance(schema, dict):
        if "properties" in schema and not {"allOf", "anyOf", "oneOf"} & schema.keys():
            schema.setdefault("additionalProperties", False)
        for inner in schema.values():
            _forbid_undescribed(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _forbid_undescribed(inner)


def complaints(shared_data: Path, dialect: Dialect, text: str) -> list[str]:
    message = json.loads(text)
    prefix = "RealtimeClientEvent" if dialect == "ga" else "RealtimeBetaClientEvent"
    name = prefix + "".join(word.capitalize() for word in message["type"].replace(".", "_").split("_"))
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": described(shared_data)}}
    return [f"{message['type']}: {error.message}" for error in Draft202012Validator(schema).iter_errors(message)]


@pytest.mark.parametrize("turn_end", ["server", "semantic", "local"])
@pytest.mark.parametrize("settings", [ALL_SET, BARE], ids=["all set", "bare"])
def test_ga_sessions(shared_data: Path, settings: RealtimeSettings, turn_end: TurnEnd) -> None:
    assert complaints(shared_data, "ga", Encoder("ga").configure(settings, turn_end, (LAMP,))) == []


@pytest.mark.parametrize("turn_end", ["server", "semantic"])
@pytest.mark.parametrize("settings", [ALL_SET, BARE], ids=["all set", "bare"])
def test_beta_sessions(shared_data: Path, settings: RealtimeSettings, turn_end: TurnEnd) -> None:
    assert complaints(shared_data, "beta", Encoder("beta").configure(settings, turn_end, (LAMP,))) == []


@pytest.mark.parametrize("dialect", ["ga", "beta"])
def test_commands(shared_data: Path, dialect: Dialect) -> None:
    encoder = Encoder(dialect)
    texts = [text for command in COMMANDS for text in encoder.encode(command)]
    assert [complaint for text in texts for complaint in complaints(shared_data, dialect, text)] == []


def test_history(shared_data: Path) -> None:
    texts = Encoder("ga").replay(HISTORY)
    assert [complaint for text in texts for complaint in complaints(shared_data, "ga", text)] == []
