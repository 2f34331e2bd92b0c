"""Speech: what may be asked for, and the sound in its format."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from voiced.testing.http import encoded_sound
from voiced.testing.http.catalogue import Catalogue
from voiced.testing.http.refusal import Refusal, bad_request
from voiced.testing.loopback.checks import Check, anything, number, obj, one_of, string
from voiced.testing.loopback.coded_audio import BYTES_PER_MS, RATE
from voiced.testing.loopback.rejection import Rejection
from voiced.testing.loopback.usage import MS_PER_OUTPUT_AUDIO_TOKEN, text_tokens

LONGEST_INPUT: Final = 4096
"""Characters."""

MOST_TOKENS: Final = 2000
"""Of the input of the models that are not tts-1."""

FORMATS: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Format → content type."""

_OLD_VOICES: Final = ("alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer")
VOICES: Final = (*_OLD_VOICES, "ballad", "verse", "marin", "cedar")
"""Of OpenAI; tts-1 has not the last four."""

CUSTOM_VOICES: Final = ("voice_1234",)
"""Which the account made for itself."""

_SHAPES: Final[dict[str, Check]] = {
    "model": string(),
    "input": string(),
    "voice": anything,
    "instructions": string(LONGEST_INPUT),
    "response_format": one_of(*FORMATS),
    "speed": number(0.25, 4.0),
    "stream_format": one_of("sse", "audio"),
}
_SHAPE: Final = obj(_SHAPES, "input", "voice")

PARAMETERS: Final = frozenset(_SHAPES)
"""All that a request may have."""


def check(body: Any, catalogue: Catalogue) -> dict[str, Any]:
    """The request when it is right. Raises `Refusal`."""
    if not isinstance(body, dict):
        raise bad_request("We could not parse the JSON body of your request: it is not an object.")
    catalogue.judge(body.get("model"), "speech")
    try:
        _SHAPE(body, "")
    except Rejection as why:
        raise Refusal(400, why) from None
    _input(body["model"], body["input"])
    _voice(body["model"], body["voice"])
    if body["model"].startswith("tts-1") and body.get("stream_format") == "sse":
        raise bad_request(f"stream_format 'sse' is not supported with model '{body['model']}'.", "stream_format")
    return body


def _input(model: str, text: str) -> None:
    if not text:
        raise bad_request(_complaint("string_too_short", "input", "String should have at least 1 character"))
    if len(text) > LONGEST_INPUT:
        raise bad_request(
            _complaint("string_too_long", "input", f"String should have at most {LONGEST_INPUT} characters")
        )
    if not model.startswith("tts-1") and text_tokens(text) > MOST_TOKENS:
        message = (
            f"Input of {text_tokens(text)} tokens is over the maximum input limit of {MOST_TOKENS} tokens. "
            "Please shorten your input."
        )
        raise bad_request(message, None, "invalid_value")


def _voice(model: str, voice: Any) -> None:
    if isinstance(voice, dict):
        try:
            obj({"id": string()}, "id")(voice, "voice")
        except Rejection as why:
            raise Refusal(400, why) from None
        if voice["id"] not in CUSTOM_VOICES:
            raise bad_request(f"Voice '{voice['id']}' not found.", "voice", "voice_not_found")
        return
    known = _OLD_VOICES if model.startswith("tts-1") else VOICES
    if voice not in known:
        listed = ", ".join(f"'{name}'" for name in known)
        raise bad_request(_complaint("enum", "voice", f"Input should be {listed}"))


def _complaint(kind: str, where: str, message: str) -> str:
    """The speech endpoint shows what its validation library says."""
    return str([{"type": kind, "loc": ("body", where), "msg": message}])


def sound(pcm: bytes, body: dict[str, Any]) -> bytes:
    """`pcm` (PCM16 at 24 kHz) as quick as was asked for, in the format that was."""
    return _ENCODERS[format_of(body)](_faster(pcm, body.get("speed", 1.0)))


def format_of(body: dict[str, Any]) -> str:
    found: str = body.get("response_format", "mp3")
    return found


def wav_header(size: int = 0xFFFFFFFF) -> bytes:
    """Of PCM16, mono, at 24 kHz. The real server writes it before it knows `size`, and so 0xFFFFFFFF."""
    riff = min(size + 36, 0xFFFFFFFF)
    header = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", riff, b"WAVE", b"fmt ", 16, 1, 1, RATE, RATE * 2, 2, 16)
    return header + struct.pack("<4sI", b"data", size)


def chunks(data: bytes, chunk_ms: int) -> Iterator[bytes]:
    """`data` in pieces of `chunk_ms` and one byte more: the next begins in the middle of a sample."""
    size = chunk_ms * BYTES_PER_MS + 1
    for at in range(0, len(data), size):
        yield data[at : at + size]


def events(pieces: Iterator[bytes], text: str) -> Iterator[dict[str, Any]]:
    """The events of `stream_format` "sse"."""
    total = 0
    for piece in pieces:
        total += len(piece)
        yield {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}
    read, said = text_tokens(text), total // BYTES_PER_MS // MS_PER_OUTPUT_AUDIO_TOKEN
    usage = {"input_tokens": read, "output_tokens": said, "total_tokens": read + said}
    yield {"type": "speech.audio.done", "usage": usage}


def _faster(pcm: bytes, speed: float) -> bytes:
    """As much of the sound as is left at `speed`; slower, it is repeated. The tones stay what they are."""
    if speed == 1.0 or not pcm:
        return pcm
    wanted = round(len(pcm) // 2 / speed) * 2
    return (pcm * (wanted // len(pcm) + 1))[:wanted]


_ENCODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "mp3": encoded_sound.mp3,
    "opus": encoded_sound.opus,
    "aac": encoded_sound.aac,
    "flac": encoded_sound.flac,
    "wav": lambda pcm: wav_header() + pcm,
    "pcm": bytes,
}
