"""Sounds for tests: tones, silence, and what is said in a text, as PCM and as files."""

from __future__ import annotations

import io
import wave

import numpy as np

from voiced.testing.http import spoken

RATE = 24_000


def tone(seconds: float, hz: float = 440.0, amplitude: float = 0.3, rate: int = RATE) -> bytes:
    """PCM16."""
    return pcm(amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate))


def pcm(wave_: np.typing.NDArray[np.float64]) -> bytes:
    """PCM16 of samples between -1 and 1."""
    return bytes(np.round(32_767 * wave_).astype("<i2").data)


def silence(seconds: float, rate: int = RATE) -> bytes:
    return bytes(2 * round(seconds * rate))


def said(*texts: str | float) -> bytes:
    """Each text as `spoken` sounds, and silence of so many seconds; PCM16 at 24 kHz."""
    return b"".join(spoken(each) if isinstance(each, str) else silence(each) for each in texts)


def wav(sound: bytes, rate: int = RATE, channels: int = 1, width: int = 2) -> bytes:
    """A file with this sound."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(sound)
    return file.getvalue()


def sound_in(file: bytes) -> bytes:
    """What a file of `wav` holds; its header must be right."""
    with wave.open(io.BytesIO(file)) as reader:
        sound: bytes = reader.readframes(reader.getnframes())
        assert len(sound) == reader.getnframes() * reader.getsampwidth() * reader.getnchannels()
    return sound
