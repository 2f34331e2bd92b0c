"""Human speech from the shared data, for tests that measure."""

from __future__ import annotations

import json
import wave
from dataclasses import dataclass
from pathlib import Path

from voiced.audio import RATE, SAMPLE_BYTES
from voiced.resample import Resampler


@dataclass(frozen=True)
class Clip:
    """PCM16 at 24 kHz, and where in it people say that somebody speaks: (start, end) in seconds."""

    pcm: bytes
    speech: tuple[tuple[float, float], ...]

    @property
    def seconds(self) -> float:
        return len(self.pcm) / SAMPLE_BYTES / RATE


def labelled(shared_data: Path) -> list[Clip]:
    """The clips whose speech was marked by hand."""
    lines = (shared_data / "speech" / "manifest.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    return [
        Clip(read_wav(shared_data / "speech" / entry["file"]), tuple((start, end) for start, end in entry["speech"]))
        for entry in entries
        if entry["kind"] == "labelled"
    ]


def read_wav(path: Path) -> bytes:
    """A mono WAV as PCM16 at 24 kHz."""
    with wave.open(str(path)) as file:
        return Resampler(file.getframerate(), RATE).process(file.readframes(file.getnframes()))
