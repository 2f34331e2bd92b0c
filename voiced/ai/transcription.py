"""What was said, and when: the result of writing sound down, and the formats in which it is told."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

Format = Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"]
"""`srt` and `vtt` are subtitles; `diarized_json` tells who speaks, which few models know."""

FORMATS: Final[tuple[Format, ...]] = get_args(Format)

WITH_TIMES: Final = frozenset[Format]({"srt", "vtt", "verbose_json", "diarized_json"})


@dataclass(frozen=True, slots=True)
class Word:
    """`start`, `end`: in seconds from the beginning of the file."""

    text: str = field(repr=False)
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence or so. `start`, `end`: in seconds from the beginning of the file. `speaker`: empty where nobody told.

    `told`: all that the server says of it, with the times as it has them.
    """

    text: str = field(repr=False)
    start: float
    end: float
    speaker: str = ""
    told: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Transcription:
    """`text`: all of it. `formatted`: in the format that was asked for. `language`: as the server tells it ("german",
    "de"), or as it was given; may be empty. `seconds`: of the sound, 0 where nobody told. `segments` and `words`: empty
    where they were not asked for.
    """

    text: str = field(repr=False)
    language: str = ""
    seconds: float = 0.0
    segments: Sequence[Segment] = field(default=(), repr=False)
    words: Sequence[Word] = field(default=(), repr=False)
    formatted: str = field(default="", repr=False)
    model: str = ""
    provider: str = ""


def formatted(found: Transcription, format_: Format, *, task: str) -> str:
    """As the API answers in this format, of all pieces together. `task`: "transcribe" or "translate"."""
    match format_:
        case "text":
            return f"{found.text}\n"
        case "json":
            return _json({"text": found.text})
        case "srt":
            return "\n".join(
                f"{number}\n{_clock(each.start, ',')} --> {_clock(each.end, ',')}\n{_line(each)}\n"
                for number, each in enumerate(found.segments, 1)
            )
        case "vtt":
            spans = [f"{_clock(each.start, '.')} --> {_clock(each.end, '.')}" for each in found.segments]
            cues = [f"{span}\n{_line(each)}\n" for span, each in zip(spans, found.segments, strict=True)]
            return "\n".join(["WEBVTT\n", *cues])
        case "verbose_json":
            words = [{"word": word.text, "start": word.start, "end": word.end} for word in found.words]
            return _json(_whole(found, task) | ({"words": words} if words else {}))
        case "diarized_json":
            return _json(_whole(found, task))


def _whole(found: Transcription, task: str) -> dict[str, Any]:
    return {
        "task": task,
        "language": found.language,
        "duration": found.seconds,
        "text": found.text,
        "segments": [
            _numbered(number, each) | {"start": each.start, "end": each.end, "text": each.text}
            for number, each in enumerate(found.segments)
        ],
    }


def _numbered(number: int, segment: Segment) -> dict[str, Any]:
    """What was told of a segment, with a number that no other has, whichever piece it is of."""
    return {"id": f"seg_{number:03}" if segment.speaker else number, "start": 0.0, "end": 0.0} | {
        name: value for name, value in segment.told.items() if name != "id"
    }


def joined(texts: Iterable[str]) -> str:
    """The texts of pieces that follow each other."""
    return " ".join(filter(None, (text.strip() for text in texts)))


def _line(segment: Segment) -> str:
    """Of a subtitle: the arrow would begin another one."""
    text = " ".join(segment.text.split()).replace("-->", "->")
    return f"{segment.speaker}: {text}" if segment.speaker else text


def _clock(seconds: float, point: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, indent=2) + "\n"
