"""A transcript with its times, in the formats that tell them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from voiced.testing.http.script import Heard

FRAME_MS: Final = 20
PAUSE_MS: Final = 200
"""Silence that parts two stretches of sound."""

_QUIETEST: Final = 20.0
"""Root mean square of a frame; below is silence."""

_SENTENCE: Final = re.compile(r"\S.*?(?:[.!?]+(?=\s|$)|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Timed:
    """`text` is said from `start` to `end`, in seconds."""

    text: str
    start: float
    end: float


def sentences(text: str, heard: Heard) -> list[Timed]:
    """One for each stretch of sound where there are as many of both; else as long as their letters are many."""
    found = _SENTENCE.findall(text)
    spans = stretches(heard)
    if len(spans) != len(found):
        spans = _shares([len(each) for each in found], 0.0, heard.seconds)
    return [Timed(each, start, end) for each, (start, end) in zip(found, spans, strict=True)]


def words(text: str, heard: Heard) -> list[Timed]:
    """Each sentence's time is shared out evenly to its words."""
    found: list[Timed] = []
    for sentence in sentences(text, heard):
        each = sentence.text.split()
        spans = _shares([1] * len(each), sentence.start, sentence.end)
        found += [Timed(word, round(start, 2), round(end, 2)) for word, (start, end) in zip(each, spans, strict=True)]
    return found


def stretches(heard: Heard) -> list[tuple[float, float]]:
    """From when to when there is sound, in seconds; none of a file that is not PCM16."""
    size = heard.rate * heard.channels * FRAME_MS // 1000
    samples = np.frombuffer(heard.pcm[: len(heard.pcm) // 2 * 2], "<i2")
    if not size or len(heard.pcm) != round(heard.seconds * heard.rate) * heard.channels * 2:
        return []
    frames = samples[: samples.size // size * size].reshape(-1, size).astype(np.float32)
    loud = np.flatnonzero(np.sqrt((frames * frames).mean(axis=1)) >= _QUIETEST)
    if not loud.size:
        return []
    gaps = np.flatnonzero(np.diff(loud) > PAUSE_MS // FRAME_MS)
    firsts, lasts = loud[[0, *(gaps + 1)]], loud[[*gaps, -1]]
    return [
        (int(first) * FRAME_MS / 1000, (int(last) + 1) * FRAME_MS / 1000)
        for first, last in zip(firsts, lasts, strict=True)
    ]


def segments(text: str, heard: Heard) -> list[dict[str, Any]]:
    """As verbose_json has them."""
    return [
        {
            "id": number,
            "seek": 0,
            "start": sentence.start,
            "end": sentence.end,
            "text": f" {sentence.text}",
            "tokens": [50364, 50414],
            "temperature": float(heard.form.get("temperature", 0)),
            "avg_logprob": -0.2,
            "compression_ratio": 0.9,
            "no_speech_prob": 0.01,
        }
        for number, sentence in enumerate(sentences(text, heard))
    ]


def srt(timed: Sequence[Timed]) -> str:
    cues = [
        f"{number}\n{_clock(each.start, ',')} --> {_clock(each.end, ',')}\n{each.text}\n\n"
        for number, each in enumerate(timed, 1)
    ]
    return "".join(cues) + "\n"


def vtt(timed: Sequence[Timed]) -> str:
    cues = [f"{_clock(each.start, '.')} --> {_clock(each.end, '.')}\n{each.text}\n\n" for each in timed]
    return "WEBVTT\n\n" + "".join(cues)


def _clock(seconds: float, point: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"


def _shares(weights: Sequence[int], start: float, end: float) -> list[tuple[float, float]]:
    """The time from `start` to `end` in parts as long as the weights say."""
    total, spans, before = sum(weights), [], 0
    for weight in weights:
        spans.append((start + (end - start) * before / total, start + (end - start) * (before + weight) / total))
        before += weight
    return spans
