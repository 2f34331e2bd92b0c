"""What is heard in the demo beside the assistant: recordings of espeak-ng's voices, and a cough.

The user's is `espeak-ng -v en-gb+f2 -s 160 -p 60`, 16 kHz; speed and pitch vary by 10. The cloud's is en-us+f4.
"""

from __future__ import annotations

import io
import wave
from importlib import resources

import numpy as np

from voiced.audio import RATE
from voiced.resample import Resampler


def recording(name: str) -> bytes:
    """A recording of this package, as PCM16 at 24 kHz."""
    data = resources.files("voiced.demo").joinpath("voices", f"{name}.wav").read_bytes()
    with wave.open(io.BytesIO(data)) as file:
        return Resampler(file.getframerate(), RATE).process(file.readframes(file.getnframes()))


def cough() -> bytes:
    """Two bursts of coloured noise, 0.2 s in all: PCM16 at 24 kHz."""
    random = np.random.default_rng(7)
    length = int(0.2 * RATE)
    time = np.arange(length) / RATE
    noise = np.convolve(random.standard_normal(length), np.hanning(12), "same")
    shape = np.exp(-time / 0.04) + 0.7 * np.where(time > 0.09, np.exp(-(time - 0.09) / 0.04), 0.0)
    voice = np.sin(2 * np.pi * 180 * time) * 1.5
    sound = (noise + voice) * shape
    pcm: bytes = np.rint(sound / np.abs(sound).max() * 16000).astype("<i2").tobytes()
    return pcm
