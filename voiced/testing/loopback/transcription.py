"""The events that tell what the user said."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from voiced.testing.loopback.conversation import Item
from voiced.testing.loopback.events import Event, Step, Wait
from voiced.testing.loopback.generation import padded, pieces
from voiced.testing.loopback.script import Fail
from voiced.testing.loopback.usage import MS_PER_INPUT_AUDIO_TOKEN, text_tokens

_KIND = "conversation.item.input_audio_transcription"


def transcription(item: Item, settings: dict[str, Any], understood: str | Fail, delay_s: float) -> Iterator[Step]:
    """Deltas and the end of the transcript of a spoken user `item`; `settings` is a `transcription` object."""
    if delay_s:
        yield Wait(delay_s)
    where: Event = {"item_id": item.id, "content_index": 0}
    if isinstance(understood, Fail):
        error = {"type": "server_error", "code": understood.code, "message": understood.message, "param": None}
        yield {"type": f"{_KIND}.failed", **where, "error": error}
        return
    for piece in pieces(understood):
        yield {"type": f"{_KIND}.delta", **where, **padded(piece)}
    item.content[0].transcript = understood
    usage = _usage(settings["model"], item.audio_ms, understood)
    yield {"type": f"{_KIND}.completed", **where, "transcript": understood, "usage": usage}


def _usage(model: str | None, audio_ms: int, transcript: str) -> Event:
    if model is None or "whisper" in model:
        return {"type": "duration", "seconds": math.ceil(audio_ms / 1000)}
    heard = audio_ms // MS_PER_INPUT_AUDIO_TOKEN
    said = text_tokens(transcript)
    return {
        "type": "tokens",
        "total_tokens": heard + said,
        "input_tokens": heard,
        "output_tokens": said,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
    }
