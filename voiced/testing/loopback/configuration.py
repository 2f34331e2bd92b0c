"""A session's settings: what they are at first, and how `session.update` changes them."""

from __future__ import annotations

from typing import Any, Final

from voiced.testing.loopback.events import Event
from voiced.testing.loopback.rejection import Rejection

INSTRUCTIONS: Final = "Your knowledge cutoff is 2023-10. You are a helpful, witty, and friendly AI."
_PCM: Final = {"type": "audio/pcm", "rate": 24_000}


def is_reasoning(model: str) -> bool:
    """Whether `model` is of the second generation: it thinks, and has other defaults."""
    return model.startswith("gpt-realtime-2") and not model.startswith("gpt-realtime-2025")


def defaults(session_id: str, model: str, expires_at: int) -> Event:
    """The session before the first update, in GA names; `expires_at` in unix seconds."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": INSTRUCTIONS,
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": _PCM,
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": _turn_detection({"type": "server_vad"}, model),
            },
            "output": {"format": _PCM, "voice": "marin" if is_reasoning(model) else "alloy", "speed": 1.0},
        },
        "include": None,
    }


def updated(session: Event, change: Event, audio_was_said: bool) -> Event:
    """`session` with a checked `change`, both in GA names; only the fields in it change.

    Raises `Rejection` for what cannot change any more.
    """
    if change.get("model", session["model"]) != session["model"]:
        raise Rejection("Cannot update a session's model.", "invalid_value", "session.model")
    hears: Event = dict(change.get("audio", {}).get("input", {}))
    speaks: Event = change.get("audio", {}).get("output", {})
    voice = session["audio"]["output"]["voice"]
    if audio_was_said and speaks.get("voice", voice) != voice:
        raise Rejection("Cannot update a conversation's voice if assistant audio is present.", "cannot_update_voice")
    if hears.get("turn_detection"):
        hears["turn_detection"] = _turn_detection(hears["turn_detection"], session["model"])
    if hears.get("transcription"):
        hears["transcription"] = {"model": None, "language": None, "prompt": None} | hears["transcription"]
        # The real server takes `delay` and does not show it.
        hears["transcription"].pop("delay", None)
    audio = {
        "input": session["audio"]["input"] | hears,
        "output": session["audio"]["output"] | speaks,
    }
    return session | change | {"audio": audio}


def for_response(session: Event, params: Event) -> Event:
    """The settings of one response: the session's, and over them `params` of `response.create`."""
    speaks = params.get("audio", {}).get("output", {})
    audio = session["audio"] | {"output": session["audio"]["output"] | speaks}
    return session | params | {"audio": audio}


def _turn_detection(given: dict[str, Any], model: str) -> Event:
    common = {"create_response": True, "interrupt_response": True}
    if given["type"] == "semantic_vad":
        return {"type": "semantic_vad", "eagerness": "auto", **common} | given
    return {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500 if is_reasoning(model) else 200,
        "idle_timeout_ms": None,
        **common,
    } | given
