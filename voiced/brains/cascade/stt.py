"""Transcription: an utterance goes up as a WAV file, its words come back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import structlog

from voiced.ai.tries import Tries
from voiced.audio import RATE, Ms, samples_of
from voiced.brains.cascade.noise import LITTLE_SPEECH, LONGEST_DOUBTFUL, Segment, speech_in, speech_like
from voiced.brains.cascade.services import Station
from voiced.brains.cascade.settings import CascadeSettings
from voiced.brains.cascade.wav import MOST_BYTES, files
from voiced.conversation.events import Usage
from voiced.errors import AnswerUnusable, ApiError, RequestRejected

log = structlog.get_logger(__name__)

TOO_SHORT: Final = ("audio_too_short", "invalid_audio_length")
"""Codes of a refusal that means: nothing can have been said in that."""

_QUICKLY_LOOKED_AT: Final = 2**20
"""Bytes of sound that are looked through in 2 ms."""

_EXTRA_S_PER_S: Final = 0.3
"""More patience for each second of sound, which must go up and be worked through."""


class Transcriber:
    """Writes utterances down. `spent` gets what each request cost."""

    def __init__(self, station: Station, settings: CascadeSettings, spent: Callable[[Usage], None]) -> None:
        self._station = station
        self._settings = settings
        self._spent = spent
        self._plain: set[str] = set()
        """Models that were found not to know verbose_json."""

    async def write_down(self, pcm: bytes) -> str:
        """What was said in `pcm` (PCM16, 24 kHz); empty where nobody spoke. Raises ApiError."""
        parts = list(files(pcm)) if len(pcm) <= MOST_BYTES else await asyncio.to_thread(lambda: list(files(pcm)))
        texts: list[str] = []
        segments: list[Segment] = []
        for part in parts:
            text, found = await self._part(part, samples_of(pcm) / RATE / len(parts))
            texts.append(text.strip())
            segments += found
        text = " ".join(filter(None, texts))
        speech = await _speech(pcm) if len(text) <= LONGEST_DOUBTFUL else LITTLE_SPEECH
        return speech_in(text, segments, speech, self._settings.stt_prompt)

    async def _part(self, file: bytes, seconds: float) -> tuple[str, list[Segment]]:
        tries = Tries(self._station.models)
        while True:
            model = tries.model
            try:
                answer = await self._ask(model, file, seconds)
                return self._understood(answer, model, seconds)
            except RequestRejected as error:
                if error.code in TOO_SHORT or "too short" in str(error):
                    return "", []
                if model in self._plain or not _is_whisper(model) or "response_format" not in f"{error.param} {error}":
                    raise
                self._plain.add(model)
            except ApiError as error:
                await tries.again(error, begun=False)

    async def _ask(self, model: str, file: bytes, seconds: float) -> object:
        settings = self._settings
        options: dict[str, Any] = {}
        if settings.stt_language:
            options["language"] = settings.stt_language
        if settings.stt_prompt:
            options["prompt"] = settings.stt_prompt
        verbose = _is_whisper(model) and model not in self._plain
        client = self._station.client
        async with client.request("transcription", settings.stt_timeout_s + seconds * _EXTRA_S_PER_S):
            answer: object = await client.openai.audio.transcriptions.create(
                file=("utterance.wav", file, "audio/wav"),
                model=model,
                response_format="verbose_json" if verbose else "json",
                **options,
            )
        return answer

    def _understood(self, answer: object, model: str, seconds: float) -> tuple[str, list[Segment]]:
        fields = _fields(answer)
        text = fields.get("text")
        if not isinstance(text, str):
            raise AnswerUnusable(f"transcription: {self._station.host} answered with no text")
        self._spent(_usage(fields.get("usage"), model, seconds))
        found = fields.get("segments")
        return text, [_segment(each) for each in found if isinstance(each, dict)] if isinstance(found, list) else []


async def _speech(pcm: bytes) -> Ms:
    return speech_like(pcm) if len(pcm) <= _QUICKLY_LOOKED_AT else await asyncio.to_thread(speech_like, pcm)


def _is_whisper(model: str) -> bool:
    """Those tell how sure they are, in verbose_json."""
    return "whisper" in model.lower()


def _fields(answer: object) -> dict[str, Any]:
    """The answer's fields, as the library gives them: a model, or text where the server did not say that it is JSON."""
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError):
            page = str(answer).lstrip()[:1] in "<{"
            return {} if page else {"text": answer}
    elif hasattr(answer, "model_dump"):
        answer = answer.model_dump(warnings=False)
    return answer if isinstance(answer, dict) else {}


def _segment(fields: dict[str, Any]) -> Segment:
    text = fields.get("text")
    return Segment(
        text if isinstance(text, str) else "", _number(fields.get("no_speech_prob")), _number(fields.get("avg_logprob"))
    )


def _usage(usage: object, model: str, seconds: float) -> Usage:
    """By tokens where the model is billed by them, else by the length of the sound."""
    fields = usage if isinstance(usage, dict) else {}
    if fields.get("type") == "tokens":
        details = fields.get("input_token_details") or {}
        audio = int(_number(details.get("audio_tokens")))
        text = int(_number(details.get("text_tokens")))
        if not audio and not text:
            audio = int(_number(fields.get("input_tokens")))
        return Usage(model, text_in=text, audio_in=audio, text_out=int(_number(fields.get("output_tokens"))))
    return Usage(model, seconds=_number(fields.get("seconds")) or seconds)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
