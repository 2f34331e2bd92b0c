"""Sounds of somebody's own, from files, in place of earcons."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import numpy as np
import numpy.typing as npt

from voiced.ai.wav_file import NoWav, PcmFormat, read_header
from voiced.audio import RATE
from voiced.errors import ConfigError
from voiced.playout.settings import EarconSettings
from voiced.resample import Resampler

T = TypeVar("T")

LONGEST_S: Final = 10
"""An alarm may last; more is music, and would cover what is said."""

MOST_BYTES: Final = 16 * 2**20
"""Of a file, whatever else is in it: ten seconds of what studios record are 8 MB."""

HEAD_BYTES: Final = 2**16
"""In which a WAV comes to its sound."""

RATES: Final = range(4_000, 192_001)

RAW: Final = PcmFormat(1, RATE, 16)
"""What a .pcm has in it."""


class _Unfit(Exception):
    """What is wrong with a file, as it follows its name."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the sound lies in a file, in bytes, and how."""

    format: PcmFormat
    start: int
    size: int


def check(settings: EarconSettings) -> None:
    """Look at the head of each file, which takes no time. Raises ConfigError: a line for each that can't be played."""
    _each(settings, _place)


def read(settings: EarconSettings) -> dict[str, bytes]:
    """The sound of each file, as PCM16 at 24 kHz, by the earcon's name. Raises ConfigError. In a thread, please."""
    return _each(settings, _pcm)


def _each(settings: EarconSettings, look: Callable[[BinaryIO, str], T]) -> dict[str, T]:
    found: dict[str, T] = {}
    troubles: list[str] = []
    for name, path in settings.files.items():
        try:
            with _opened(path) as file:
                found[name] = look(file, path.suffix.lower())
        except OSError as error:
            troubles.append(f"earcons.{name}: {path} can't be read ({error.strerror}); let this user read it")
        except _Unfit as error:
            troubles.append(f"earcons.{name}: {path} {error}")
    if troubles:
        raise ConfigError("\n".join(troubles))
    return found


def _opened(path: Path) -> BinaryIO:
    try:
        kind = os.stat(path).st_mode
    except FileNotFoundError:
        raise _Unfit('is not there; write another path, "off", or take the setting away') from None
    if not stat.S_ISREG(kind):  # to open a pipe would be to wait for whoever writes to it
        raise _Unfit("is no file; name a WAV file")
    return path.open("rb")


def _place(file: BinaryIO, suffix: str) -> _Place:
    there = os.fstat(file.fileno()).st_size
    if there > MOST_BYTES:
        raise _Unfit(f"has {there / 2**20:.0f} MB; {MOST_BYTES // 2**20} are allowed. Shorten it")
    bare = suffix == ".pcm" or not there
    place = _Place(RAW, 0, there) if bare else _place_in_wav(file.read(HEAD_BYTES), there)
    frames = place.size // place.format.block
    if not frames:
        raise _Unfit("has no sound in it; name another file")
    if frames > LONGEST_S * place.format.rate:
        raise _Unfit(f"lasts {math.ceil(frames / place.format.rate)} s; {LONGEST_S} s are allowed. Shorten it")
    return _Place(place.format, place.start, frames * place.format.block)


def _place_in_wav(head: bytes, there: int) -> _Place:
    try:
        header = read_header(head)
    except NoWav:
        raise _Unfit("is no WAV file; save the sound as WAV (PCM)") from None
    if header is None:
        raise _Unfit("is a WAV file that ends before its sound, or has pictures in front of it; save it anew")
    if header.format is None:
        raise _Unfit("is compressed; save it as WAV with PCM")
    if header.format.rate not in RATES:
        raise _Unfit(f"has {header.format.rate} samples a second; save it with {RATE}")
    rest = there - header.start
    return _Place(header.format, header.start, rest if header.size is None else min(rest, header.size))


def _pcm(file: BinaryIO, suffix: str) -> bytes:
    place = _place(file, suffix)
    file.seek(place.start)
    data = file.read(place.size)
    channels = _samples(data[: len(data) // place.format.block * place.format.block], place.format)
    mono = channels.reshape(-1, place.format.channels).mean(axis=1)
    pcm = np.rint(np.nan_to_num(mono)).clip(-32768, 32767).astype("<i2").tobytes()
    return Resampler(place.format.rate, RATE).process(pcm)


def _samples(data: bytes, kind: PcmFormat) -> npt.NDArray[np.float64]:
    """In units of PCM16."""
    match kind.bits, kind.floating:
        case bits, True:
            return np.frombuffer(data, f"<f{bits // 8}").astype(np.float64) * 32768
        case 8, _:
            return (np.frombuffer(data, np.uint8).astype(np.float64) - 128) * 256
        case 16, _:
            return np.frombuffer(data, "<i2").astype(np.float64)
        case 24, _:
            padded = np.zeros((len(data) // 3, 4), np.uint8)
            padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            return padded.view("<i4").ravel() / 65536.0
        case _:
            return np.frombuffer(data, "<i4") / 65536.0
