"""Messages that no server should send, made of an event that it should."""

from __future__ import annotations

import json
from typing import Final

from voiced.testing.loopback.events import Event

HUGE_BYTES: Final = 16 * 1024 * 1024


def invalid_json(event: Event) -> str:
    return json.dumps(event)[:-1]


def not_an_object(event: Event) -> str:
    return json.dumps([event])


def binary_frame(event: Event) -> bytes:
    return json.dumps(event).encode()


def missing_type(event: Event) -> str:
    return json.dumps({key: value for key, value in event.items() if key != "type"})


def unknown_type(event: Event) -> str:
    return json.dumps(event | {"type": "response.hologram.delta"})


def odd_length_audio(event: Event) -> str:
    """Three bytes of audio: a sample and a half."""
    return json.dumps(event | {"delta": "AAAA"})


def bad_base64(event: Event) -> str:
    return json.dumps(event | {"delta": "%%%not base64%%%"})


def huge(event: Event) -> str:
    """The event with a padding that makes it `HUGE_BYTES` long."""
    text = json.dumps(event | {"padding": ""})
    return text[:-2] + "x" * (HUGE_BYTES - len(text)) + text[-2:]
