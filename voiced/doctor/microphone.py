"""What the microphone hears: whether it is silent, clipped, humming, or runs at another rate than it says."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import numpy as np
import numpy.typing as npt

from voiced.audio import SAMPLE_BYTES
from voiced.capture.level import SILENCE_DBFS, rms_dbfs
from voiced.doctor.finding import Finding
from voiced.doctor.mixer import Mixer, command
from voiced.errors import DeviceFailed
from voiced.sound_card import BlockTime, SoundCard

BLOCK_MS: Final = 50
PATIENCE_S: Final = 3.0
"""A device that says nothing for so long says nothing at all: a suspended one reports no error."""

SETTLING_S: Final = 0.3
"""Many devices begin with a crack."""

SILENT_DBFS: Final = -90.0
"""Below what any microphone's own noise is."""

QUIET_DBFS: Final = -70.0
"""Of the loudest tenth of a second: a quiet room with a gain that fits speech is above it."""

FULL_SCALE: Final = 32_700
CLIPPED_SHARE: Final = 0.001
"""Of all samples. Speech that is somewhat loud touches full scale now and then."""

OFFSET: Final = 0.02
"""Of full scale. Sound cards have 0.001."""

HUM_SHARE: Final = 0.7
HUM_DBFS: Final = -55.0
"""A hum is told of where it has so much of the power, and is so loud that it gets in the way."""

RATE_OFF: Final = 0.04
"""44.1 for 48 kHz is 8 % off. The times of blocks are no better than 2 % in so short a while."""


@dataclass(frozen=True, slots=True)
class Heard:
    """`pcm`: PCM16 mono, at `rate` by the device's word; `real_rate`: by the clock, 0.0 where that is not known."""

    device: str
    rate: int
    real_rate: float
    pcm: bytes = field(repr=False)


def listen(card: SoundCard, name: str, seconds: float) -> Heard:
    """Record for so long. Raises AudioError."""
    blocks: queue.SimpleQueue[tuple[bytes, float]] = queue.SimpleQueue()
    stream = card.open_input(
        name,
        block_ms=BLOCK_MS,
        callback=lambda pcm, time, _overflowed: blocks.put((pcm, _now(time))),
        on_stopped=lambda reason="": None,
    )
    gathered: list[tuple[bytes, float]] = []
    try:
        while len(gathered) * BLOCK_MS < (seconds + SETTLING_S) * 1000:
            gathered.append(blocks.get(timeout=PATIENCE_S))
    except queue.Empty:
        raise DeviceFailed(f"{stream.device_name!r} gives no sound at all: is it suspended?") from None
    finally:
        stream.close()
    settled = gathered[round(SETTLING_S * 1000 / BLOCK_MS) :]
    return Heard(stream.device_name, stream.rate, rate_by_clock(settled), b"".join(pcm for pcm, _ in settled))


def judged(heard: Heard, mixer: Mixer | None) -> Iterator[Finding]:
    """Of what was heard while somebody may have spoken, or not."""
    samples = np.frombuffer(heard.pcm, "<i2").astype(np.float64) / 32768.0
    name, found = repr(heard.device), False
    for finding in (
        _level(heard, samples, name, mixer),
        _clipped(samples, name, mixer),
        _offset(samples, name),
        _hum(samples, heard.rate, name),
        _rate(heard, name),
    ):
        if finding is not None:
            found = True
            yield finding
    if not found:
        what = f"the microphone {name} runs at {heard.rate} Hz; its loudest moment had {_loudest(heard):.0f} dBFS"
        yield Finding("ok", "sound", what)


def rate_by_clock(blocks: Sequence[tuple[bytes, float]]) -> float:
    """Hz, 0.0 where that is not known. `blocks`: PCM16, and the second at which it was there.

    The median over each half of the time: on a busy machine some blocks come late, and what is late at the end
    would make a good device slow.
    """
    half = len(blocks) // 2
    rates = []
    for first in range(len(blocks) - half):
        span_s = blocks[first + half][1] - blocks[first][1]
        samples = sum(len(pcm) for pcm, _ in blocks[first + 1 : first + half + 1]) // SAMPLE_BYTES
        if span_s > 0:
            rates.append(samples / span_s)
    return median(rates) if rates else 0.0


def _now(time: BlockTime) -> float:
    return time.now


def _loudest(heard: Heard) -> float:
    """dBFS of the loudest tenth of a second."""
    step = heard.rate // 10 * SAMPLE_BYTES
    return max((rms_dbfs(heard.pcm[at : at + step]) for at in range(0, len(heard.pcm), step)), default=SILENCE_DBFS)


def _level(heard: Heard, samples: npt.NDArray[np.float64], name: str, mixer: Mixer | None) -> Finding | None:
    loudest = _loudest(heard)
    without_offset = float(np.std(samples)) if samples.size else 0.0
    if loudest < SILENT_DBFS or without_offset == 0.0:
        what = f"the microphone {name} is silent"
        why = "It is muted, switched off, or nothing is plugged in there; some have a switch or a slide of their own."
        return Finding("problem", "sound", what, why, command(mixer, "input", "unmute"))
    if loudest < QUIET_DBFS:
        what = f"the microphone {name} is very quiet: {loudest:.0f} dBFS at its loudest moment"
        why = "Speech should reach -40 to -10. Try it while you speak: voiced devices --test-input"
        return Finding("warning", "sound", what, why, command(mixer, "input", "raise"))
    return None


def _clipped(samples: npt.NDArray[np.float64], name: str, mixer: Mixer | None) -> Finding | None:
    share = float(np.mean(np.abs(samples) >= FULL_SCALE / 32768)) if samples.size else 0.0
    if share < CLIPPED_SHARE:
        return None
    what = f"the microphone {name} is clipped: {share:.1%} of its sound is as loud as can be"
    why = "What is said is distorted, and understood badly."
    return Finding("problem", "sound", what, why, command(mixer, "input", "lower"))


def _offset(samples: npt.NDArray[np.float64], name: str) -> Finding | None:
    offset = float(np.mean(samples)) if samples.size else 0.0
    if abs(offset) < OFFSET or float(np.std(samples)) == 0.0:
        return None
    what = f"the microphone {name} has an offset of {abs(offset):.0%} of full scale"
    why = "The sound card or the cable is faulty, or the microphone gets no power of the kind that it needs."
    mend = "voiced devices --test-input NAME   # of another microphone, or plug this one in elsewhere"
    return Finding("warning", "sound", what, why, mend)


def _hum(samples: npt.NDArray[np.float64], rate: int, name: str) -> Finding | None:
    if samples.size < rate // 2:
        return None
    power = np.abs(np.fft.rfft((samples - samples.mean()) * np.hanning(samples.size))) ** 2
    hertz = np.fft.rfftfreq(samples.size, 1 / rate)
    total = float(power.sum())
    if not total or 20 * np.log10(np.std(samples) or 1e-9) < HUM_DBFS:
        return None
    width = max(3.0, 3 * rate / samples.size)
    for mains in (50, 60):
        near = np.zeros(hertz.size, bool)
        for harmonic in range(1, 7):
            near |= np.abs(hertz - mains * harmonic) <= width
        if float(power[near].sum()) / total > HUM_SHARE:
            what = f"the microphone {name} hums: most of what it hears is the {mains} Hz of the mains"
            why = "A power supply or a cable does that; voiced hears people badly through it."
            mend = "voiced devices --test-input   # after you plugged it in elsewhere, away from power supplies"
            return Finding("warning", "sound", what, why, mend)
    return None


def _rate(heard: Heard, name: str) -> Finding | None:
    if not heard.real_rate or abs(heard.real_rate / heard.rate - 1) < RATE_OFF:
        return None
    what = f"the microphone {name} says {heard.rate} Hz, and runs at about {round(heard.real_rate, -2):.0f} Hz"
    why = "People sound too high or too low, and are understood badly. It may tell the truth by another name."
    return Finding("problem", "sound", what, why, "voiced devices   # then name another one in capture.device")
