"""Server events as JSON texts, in GA names unless said otherwise."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any


def event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, "event_id": "event_1", **fields})


def response_created(reply: str = "resp_1") -> str:
    return event("response.created", response={"id": reply, "status": "in_progress", "output": [], "usage": None})


def audio_delta(pcm: bytes, item: str = "item_1", reply: str = "resp_1", *, kind: str = "response.output_audio") -> str:
    return event(
        f"{kind}.delta",
        response_id=reply,
        item_id=item,
        output_index=0,
        content_index=0,
        delta=b64encode(pcm).decode(),
    )


def transcript_delta(
    text: str, item: str = "item_1", reply: str = "resp_1", *, kind: str = "response.output_audio_transcript"
) -> str:
    return event(
        f"{kind}.delta",
        response_id=reply,
        item_id=item,
        output_index=0,
        content_index=0,
        delta=text,
        obfuscation="x7",
    )


def message_done(item: str = "item_1", reply: str = "resp_1", *, status: str = "completed") -> str:
    done = {"id": item, "type": "message", "status": status, "role": "assistant", "content": []}
    return event("response.output_item.done", response_id=reply, output_index=0, item=done)


def call_item(item: str, call: str, name: str, arguments: str, status: str) -> dict[str, Any]:
    return {
        "id": item,
        "type": "function_call",
        "status": status,
        "name": name,
        "call_id": call,
        "arguments": arguments,
    }


def call_done(
    item: str = "item_2",
    call: str = "call_1",
    name: str = "lamp",
    arguments: str = '{"on": true}',
    reply: str = "resp_1",
    *,
    status: str = "completed",
) -> str:
    done = call_item(item, call, name, arguments, status)
    return event("response.output_item.done", response_id=reply, output_index=1, item=done)


def response_done(reply: str = "resp_1", **fields: Any) -> str:
    return event("response.done", response={"id": reply, "status": "completed", "output": [], **fields})


def refused(code: str | None, message: str = "no", event_id: str | None = None, **fields: Any) -> str:
    error = {"type": "invalid_request_error", "code": code, "message": message, "param": None, "event_id": event_id}
    return event("error", error=error | fields)


GA_SESSION = {"id": "sess_1", "type": "realtime", "object": "realtime.session", "audio": {"input": {}, "output": {}}}
BETA_SESSION = {"id": "sess_1", "object": "realtime.session", "modalities": ["text"], "input_audio_format": "pcm16"}


def session_created(session: dict[str, Any] | None = None) -> str:
    return event("session.created", session=GA_SESSION if session is None else session)


def session_updated(session: dict[str, Any] | None = None) -> str:
    return event("session.updated", session=GA_SESSION if session is None else session)
