"""The two spellings of the protocol: a session speaks GA inside, and a dialect translates at its border."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, Protocol

from voiced.testing.loopback import shapes
from voiced.testing.loopback.checks import Check
from voiced.testing.loopback.events import Event

DialectName = Literal["ga", "beta"]


class Dialect(Protocol):
    """Client events come in through `inward`, server events leave through `outward`."""

    name: DialectName
    shapes: Mapping[str, Check]

    def inward(self, event: Event) -> Event:
        """A checked client event in GA names."""

    def outward(self, event: Event) -> list[Event]:
        """The server events that this dialect has in place of a GA one."""


class Ga:
    """What api.openai.com speaks."""

    name: DialectName = "ga"
    shapes = shapes.client_events(shapes.SESSION_GA, shapes.RESPONSE_GA, shapes.ITEM_GA)

    def inward(self, event: Event) -> Event:
        return event

    def outward(self, event: Event) -> list[Event]:
        # OpenAI has stopped sending it, though it is still in the description.
        return [] if event["type"] == "conversation.created" else [event]


class Beta:
    """What compatible servers and previews still speak."""

    name: DialectName = "beta"
    shapes = shapes.client_events(shapes.SESSION_BETA, shapes.RESPONSE_BETA, shapes.ITEM_BETA)

    def inward(self, event: Event) -> Event:
        match event["type"]:
            case "session.update":
                return event | {"session": _session_to_ga(event["session"])}
            case "response.create" if "response" in event:
                return event | {"response": _response_to_ga(event["response"])}
            case "conversation.item.create":
                return event | {"item": _item_to_ga(event["item"])}
        return event

    def outward(self, event: Event) -> list[Event]:
        kind = event["type"]
        if kind == "conversation.item.done":
            return []
        event = event | {"type": BETA_NAMES.get(kind, kind)}
        event.pop("obfuscation", None)
        if "item" in event:
            event["item"] = _item_to_beta(event["item"])
        if "response" in event:
            event["response"] = _response_to_beta(event["response"])
        if "session" in event:
            event["session"] = _session_to_beta(event["session"])
        return [event]


BETA_NAMES: Final[Mapping[str, str]] = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}
"""GA name → beta name, where they differ."""

DIALECTS: Final[Mapping[DialectName, Dialect]] = {"ga": Ga(), "beta": Beta()}

_CONTENT_TO_BETA: Final = {"output_text": "text", "output_audio": "audio"}
_CONTENT_TO_GA: Final = {"text": "output_text", "audio": "output_audio"}
_PCM: Final = {"type": "audio/pcm", "rate": 24_000}


def _session_to_ga(flat: Event) -> Event:
    session = _renamed(flat, {"modalities": "output_modalities", "max_response_output_tokens": "max_output_tokens"})
    if "output_modalities" in session:
        session["output_modalities"] = _modalities_to_ga(session["output_modalities"])
    hears = _moved(
        session,
        {
            "input_audio_format": "format",
            "input_audio_transcription": "transcription",
            "input_audio_noise_reduction": "noise_reduction",
            "turn_detection": "turn_detection",
        },
    )
    speaks = _moved(session, {"output_audio_format": "format", "voice": "voice", "speed": "speed"})
    for side in (hears, speaks):
        if "format" in side:
            side["format"] = _PCM
    session.pop("client_secret", None)
    return session | {"audio": {"input": hears, "output": speaks}}


def _session_to_beta(session: Event) -> Event:
    hears, speaks = session["audio"]["input"], session["audio"]["output"]
    return {
        "id": session["id"],
        "object": session["object"],
        "model": session["model"],
        "modalities": _modalities_to_beta(session["output_modalities"]),
        "instructions": session["instructions"],
        "voice": speaks["voice"],
        "speed": speaks["speed"],
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": hears["transcription"],
        "input_audio_noise_reduction": hears["noise_reduction"],
        "turn_detection": hears["turn_detection"] and _without(hears["turn_detection"], "idle_timeout_ms"),
        "tools": session["tools"],
        "tool_choice": session["tool_choice"],
        "temperature": session.get("temperature", 0.8),
        "max_response_output_tokens": session["max_output_tokens"],
        "tracing": session["tracing"],
        "expires_at": session["expires_at"],
    }


def _response_to_ga(flat: Event) -> Event:
    response = _renamed(flat, {"modalities": "output_modalities", "max_response_output_tokens": "max_output_tokens"})
    if "output_modalities" in response:
        response["output_modalities"] = _modalities_to_ga(response["output_modalities"])
    if "input" in response:
        response["input"] = [_item_to_ga(item) for item in response["input"]]
    response.pop("output_audio_format", None)
    speaks = _moved(response, {"voice": "voice"})
    return response | {"audio": {"output": speaks}}


def _response_to_beta(response: Event) -> Event:
    beta = _without(response, "output_modalities", "audio")
    beta["modalities"] = _modalities_to_beta(response["output_modalities"])
    beta["voice"] = response["audio"]["output"]["voice"]
    beta["output_audio_format"] = "pcm16"
    beta["temperature"] = 0.8
    beta["output"] = [_item_to_beta(item) for item in response["output"]]
    if beta["usage"] is not None:
        details = _without(beta["usage"]["input_token_details"], "image_tokens", "cached_tokens_details")
        beta["usage"] = beta["usage"] | {"input_token_details": details}
    return beta


def _item_to_ga(item: Event) -> Event:
    if item.get("role") != "assistant":
        return item
    return item | {"content": [_typed(part, _CONTENT_TO_GA) for part in item["content"]]}


def _item_to_beta(item: Event) -> Event:
    beta: Event = _without(item, "phase") | {"object": "realtime.item"}
    if "content" in beta:
        beta["content"] = [_typed(part, _CONTENT_TO_BETA) for part in beta["content"]]
    return beta


def _modalities_to_ga(modalities: list[str]) -> list[str]:
    return ["audio"] if "audio" in modalities else ["text"]


def _modalities_to_beta(modalities: list[str]) -> list[str]:
    return ["text", "audio"] if "audio" in modalities else ["text"]


def _typed(part: Event, names: Mapping[str, str]) -> Event:
    return part | {"type": names.get(part["type"], part["type"])}


def _renamed(flat: Event, names: Mapping[str, str]) -> Event:
    return {names.get(key, key): value for key, value in flat.items()}


def _moved(flat: Event, names: Mapping[str, str]) -> Event:
    return {new: flat.pop(old) for old, new in names.items() if old in flat}


def _without(given: Event, *keys: str) -> Event:
    return {key: value for key, value in given.items() if key not in keys}
