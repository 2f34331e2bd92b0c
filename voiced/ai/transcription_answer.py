"""What a server answers to one piece of sound, read and put in its place in the whole."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from voiced.ai import answer_fields
from voiced.ai.sound_pieces import Piece
from voiced.ai.transcription import Segment, Transcription, Word, formatted, joined
from voiced.ai.transcription_wish import Wish
from voiced.usage import Usage


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said in one piece; times are those in the whole file."""

    text: str = field(repr=False)
    language: str
    seconds: float
    segments: Sequence[Segment] = field(default=(), repr=False)
    words: Sequence[Word] = field(default=(), repr=False)


def read(answer: object, piece: Piece, wish: Wish) -> Heard:
    """Raises TypeError or ValueError where it is no answer to the question."""
    fields = fields_of(answer)
    text = fields.get("text")
    if not isinstance(text, str):
        raise TypeError("no text")
    seconds = piece.seconds or _number(fields.get("duration")) or _number(_usage_of(fields).get("seconds"))
    segments: list[Segment] = []
    words: list[Word] = []
    if piece.loud is not None:
        start, end = piece.loud
        segments = [Segment(text.strip(), piece.start_s + start, piece.start_s + end)] if text.strip() else []
    elif wish.wants_times:
        segments = [_segment(each, piece) for each in fields.get("segments") or ()]
        if text.strip() and not segments:
            raise ValueError("no segments")
    if wish.words:
        found = fields.get("words") or ()
        words = [Word(answer_fields.text(each["word"]), *_span(each, piece)) for each in found]
        if text.strip() and not words:
            raise ValueError("no words")
    return Heard(text, _language(fields), seconds, segments, words)


def usage(answer: object, piece: Piece, model: str) -> Usage:
    """What is paid for: tokens where they are told, else seconds; of a server that tells neither, rather too many."""
    fields = fields_of(answer)
    told = _usage_of(fields)
    if told.get("type") == "tokens" or "input_tokens" in told:
        details = told.get("input_token_details")
        details = details if isinstance(details, Mapping) else {}
        text, audio = _count(details.get("text_tokens")), _count(details.get("audio_tokens"))
        if not text and not audio:
            audio = _count(told.get("input_tokens"))
        return Usage(model, text_in=text, audio_in=audio, text_out=_count(told.get("output_tokens")))
    seconds = _number(told.get("seconds")) or piece.seconds or _number(fields.get("duration")) or piece.about_s
    return Usage(model, seconds=seconds)


def fields_of(answer: object) -> dict[str, Any]:
    """The fields of what the library made of an answer. Raises TypeError where it is none of its models."""
    dump = getattr(answer, "model_dump", None)
    found = dump(warnings=False) if dump is not None else answer
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found


class Whole:
    """All pieces, as they come. `empty`: there were none. `model`, `provider`: who answered last."""

    def __init__(self, wish: Wish, task: str) -> None:
        self._wish = wish
        self._task = task
        self._heard: list[Heard] = []
        self._seconds = 0.0
        self.empty = True
        self.text = ""
        self.model = ""
        self.provider = ""

    def add(self, piece: Piece, heard: Heard | None) -> None:
        """`heard`: None of a piece in which nobody spoke."""
        self.empty = False
        self._seconds = piece.start_s + (heard.seconds if heard else piece.seconds)
        if heard is not None:
            self._heard.append(heard)
            self.text = joined([self.text, heard.text])

    def result(self) -> Transcription:
        found = Transcription(
            self.text,
            next((each.language for each in self._heard if each.language), self._wish.language),
            round(self._seconds, 3),
            tuple(segment for each in self._heard for segment in each.segments),
            tuple(word for each in self._heard for word in each.words),
            model=self.model,
            provider=self.provider,
        )
        return replace(found, formatted=formatted(found, self._wish.format, task=self._task))


def _segment(told: Any, piece: Piece) -> Segment:
    text, speaker = answer_fields.text(told["text"]).strip(), told.get("speaker")
    start, end = _span(told, piece)
    return Segment(text, start, end, speaker if isinstance(speaker, str) else "", told)


def _span(told: Any, piece: Piece) -> tuple[float, float]:
    """In the whole file, and not beyond the end of the piece: models hear what comes after it, too."""
    start, end = float(told["start"]), float(told["end"])
    if not (math.isfinite(start) and math.isfinite(end)):
        raise ValueError("no times")
    last = piece.seconds or math.inf
    start = min(max(0.0, start), last)
    return round(piece.start_s + start, 3), round(piece.start_s + min(max(start, end), last), 3)


def _language(fields: Mapping[str, Any]) -> str:
    language, several = fields.get("language"), fields.get("languages")
    if isinstance(several, list) and several and isinstance(several[0], dict):
        language = several[0].get("code")
    return language if isinstance(language, str) else ""


def _usage_of(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    found = fields.get("usage")
    return found if isinstance(found, Mapping) else {}


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return 0.0
    return max(0.0, float(value))


def _count(value: object) -> int:
    return int(_number(value))
