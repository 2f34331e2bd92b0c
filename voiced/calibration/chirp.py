"""A chirp, and what a recording of the room says of it: delay, loss, decay, noise, clipping."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from voiced.audio import RATE

Signal = npt.NDArray[np.float64]
"""One channel at 24 kHz; 1.0 is full scale."""

LOW_HZ: Final = 300.0
HIGH_HZ: Final = 7000.0
"""What small loudspeakers play, and where speech is."""

CHIRP_S: Final = 0.8
CHIRP_DBFS: Final = -15.0
"""Its RMS: as loud as speech, so that what clips then clips now."""

EDGE_S: Final = 0.02
HEARD: Final = 8.0
"""The peak must stand out of the rest of the correlation so far: noise alone reaches some 5 in a second."""

DECAYED_DB: Final = -25.0
"""What is quieter than the direct sound by this much, the VAD takes for no speech."""

FULL_SCALE: Final = 0.999
FLOOR: Final = 1e-5
"""-100 dBFS, less than which nothing is."""


@dataclass(frozen=True, slots=True)
class Room:
    """What was measured."""

    heard: bool
    """Whether the chirp came back at all."""
    delay_ms: float
    """From the loudspeaker's converter to the microphone's, by what the devices say of their latency."""
    loss_db: float
    """How much quieter it came back than it went out."""
    decay_ms: float
    """How long the room went on sounding after the direct sound."""
    noise_dbfs: float
    """The quietest fifth of what came before the chirp."""
    peak_dbfs: float
    clipped: float
    """Which share of the chirp's samples was at full scale."""
    zeros: bool
    """Nothing but digital silence came: the microphone is muted."""


def chirp() -> Signal:
    """A tone that rises from LOW_HZ to HIGH_HZ, equally long in each octave, softly begun and ended."""
    at = np.arange(round(CHIRP_S * RATE)) / RATE
    octaves = math.log(HIGH_HZ / LOW_HZ)
    tone = np.sin(2 * np.pi * LOW_HZ * CHIRP_S / octaves * np.expm1(at / CHIRP_S * octaves))
    edge = round(EDGE_S * RATE)
    slope = np.sin(np.linspace(0, np.pi / 2, edge)) ** 2
    tone[:edge] *= slope
    tone[-edge:] *= slope[::-1]
    loud: Signal = tone * (10 ** (CHIRP_DBFS / 20) / _rms(tone))
    return loud


def measure(heard: Signal, begins: float) -> Room:
    """What `heard`, in which the chirp went out at sample `begins`, tells. One second of quiet before it is needed."""
    sent = chirp()
    first = max(0, math.floor(begins))
    noise = _noise(heard[:first])
    correlation = _correlation(heard, sent)
    after = np.abs(correlation[first:])
    rest = float(np.sqrt(np.mean(np.square(correlation)))) or 1.0
    peak = int(np.argmax(after)) if after.size else 0
    found = after.size > 0 and after[peak] > HEARD * rest and after[peak] > FLOOR
    chirped = heard[first + peak : first + peak + sent.size]
    power = max(float(np.mean(np.square(chirped))) - noise**2, FLOOR**2) if chirped.size else FLOOR**2
    return Room(
        heard=bool(found),
        delay_ms=(first + peak + _between(after, peak) - begins) / RATE * 1000,
        loss_db=-10 * math.log10(power / float(np.mean(np.square(sent)))),
        decay_ms=_decay_ms(after, peak) if found else 0.0,
        noise_dbfs=20 * math.log10(max(noise, FLOOR)),
        peak_dbfs=20 * math.log10(max(float(np.max(np.abs(heard), initial=0.0)), FLOOR)),
        clipped=float(np.mean(np.abs(chirped) >= FULL_SCALE)) if chirped.size else 0.0,
        zeros=not heard.any(),
    )


def _correlation(heard: Signal, sent: Signal) -> Signal:
    """How much of `sent`, begun at each sample, is in `heard`: 1.0 is all of it."""
    length = 1 << (heard.size + sent.size - 1).bit_length()
    spectrum = np.fft.rfft(heard, length) * np.conj(np.fft.rfft(sent, length))
    whole: Signal = np.fft.irfft(spectrum, length)[: heard.size]
    return whole / float(sent @ sent)


def _between(curve: Signal, peak: int) -> float:
    """Where between the samples the peak is: of a parabola through it and its neighbours."""
    if not 0 < peak < curve.size - 1:
        return 0.0
    before, at, after = curve[peak - 1 : peak + 2]
    bend = before - 2 * at + after
    return float(0.5 * (before - after) / bend) if bend else 0.0


def _decay_ms(curve: Signal, peak: int) -> float:
    """How long after the peak the last 10 ms are that stand above DECAYED_DB and the noise."""
    step = RATE // 100
    tail = curve[peak : peak + RATE]
    loud = [float(np.max(tail[at : at + step])) for at in range(0, tail.size - step + 1, step)]
    noise = float(np.median(loud[len(loud) // 2 :])) if loud else 0.0
    threshold = max(float(curve[peak]) * 10 ** (DECAYED_DB / 20), 2 * noise)
    return 10.0 * max((number for number, level in enumerate(loud) if level > threshold), default=0)


def _noise(quiet: Signal) -> float:
    """RMS of the quietest fifth, in pieces of 50 ms: somebody may have spoken."""
    piece = RATE // 20
    levels = sorted(_rms(quiet[at : at + piece]) for at in range(0, quiet.size - piece + 1, piece))
    return float(np.mean(levels[: max(1, len(levels) // 5)])) if levels else 0.0


def _rms(signal: Signal) -> float:
    return float(np.sqrt(np.mean(np.square(signal))))
