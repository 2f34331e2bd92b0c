"""Short meaningful sounds: tones, and where tones would say too little, words."""

from __future__ import annotations

import functools
import wave
from importlib import resources
from typing import Final

import numpy as np

from voiced.audio import RATE, SAMPLE_BYTES, Ms, to_samples
from voiced.resample import Resampler

EDGE: Final = to_samples(8)
"""Rise and fall of a tone: without them it clicks."""

Note = tuple[int, Ms]
"""(Hz, length); 0 Hz is a rest."""

NOTES: Final[dict[str, tuple[Note, ...]]] = {
    "heard": ((587, Ms(50)), (880, Ms(70))),
    "thinking": ((392, Ms(80)), (0, Ms(40)), (440, Ms(80)), (0, Ms(40)), (494, Ms(100))),
    "failed": ((330, Ms(110)), (0, Ms(50)), (330, Ms(110))),
    "lost": ((587, Ms(120)), (392, Ms(180))),
    "done": ((784, Ms(60)), (1047, Ms(80))),
    "muted": ((440, Ms(80)), (294, Ms(100))),
    "unmuted": ((294, Ms(80)), (440, Ms(100))),
    "offline": ((784, Ms(90)), (659, Ms(90)), (523, Ms(160))),
    "online": ((523, Ms(90)), (659, Ms(90)), (784, Ms(160))),
    "alarm": ((988, Ms(160)), (0, Ms(60)), (988, Ms(160)), (0, Ms(60)), (988, Ms(160)), (0, Ms(300))) * 3,
}
"""Rising: it goes on; falling: something went away; one pitch: attention. What undoes another is that, backwards.

All are of C major. "heard" is "unmuted", an octave higher: both say that it
listens. "offline" and "online" walk down and up the chord; "thinking" takes three steps of the scale.
"""

USUAL_DBFS: Final = -20.0
"""Peak of a tone."""

SOFT_DBFS: Final = {"heard": -24.0, "thinking": -28.0}
"""These sound while somebody begins to talk, or waits: they must neither startle nor cover a word."""

SPOKEN: Final = frozenset({"failed"})
"""These go on in words, recorded, since they must come when no brain can speak: "Sorry, I could not answer that."."""

REST_BEFORE_WORDS: Final = bytes(to_samples(150) * SAMPLE_BYTES)


@functools.cache
def earcon(name: str) -> bytes:
    """The sound called `name`: PCM16 at 24 kHz. Raises KeyError; `NOTES` has the names."""
    dbfs = SOFT_DBFS.get(name, USUAL_DBFS)
    tones = b"".join(tone(hz, length, dbfs) for hz, length in NOTES[name])
    return tones + REST_BEFORE_WORDS + _phrase(name) if name in SPOKEN else tones


def _phrase(name: str) -> bytes:
    """A recording of this package (espeak-ng's voice): PCM16 at 24 kHz."""
    with wave.open(str(resources.files("voiced.playout") / "phrases" / f"{name}.wav")) as file:
        return Resampler(file.getframerate(), RATE).process(file.readframes(file.getnframes()))


def tone(hz: float, length: Ms, dbfs: float = USUAL_DBFS) -> bytes:
    """A sine of `length` and `dbfs` (its peak), softly begun and ended: PCM16 at 24 kHz. 0 Hz is silence."""
    samples = to_samples(length)
    if not hz:
        return bytes(samples * SAMPLE_BYTES)
    signal = np.sin(2 * np.pi * hz * np.arange(samples) / RATE) * 32767 * 10 ** (dbfs / 20)
    edge = min(EDGE, samples // 2)
    slope = np.sin(np.linspace(0.0, np.pi / 2, edge, endpoint=False)) ** 2
    signal[:edge] *= slope
    signal[samples - edge :] *= slope[::-1]
    return np.rint(signal).astype("<i2").tobytes()
