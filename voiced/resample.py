"""Change the rate of a stream of PCM16, block by block, with less than 2 ms of delay."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

TAPS: Final = 24
"""Filter taps per phase, counted at the lower of the two rates; half of them is the delay."""

KAISER_BETA: Final = 8.0
"""80 dB of stop band, which with `TAPS` begins at 1.25 × Nyquist; the pass band is flat up to 0.8 × Nyquist."""

COEFFICIENT_BITS: Final = 20
"""Coefficients are multiples of 2**-20: a float64 then sums products with int16 exactly, in whatever order numpy
adds them, and so the output does not depend on how the input was cut."""

PIECE: Final = 4096
"""Input samples worked on at a time: each output sample costs two rows of taps in memory."""


FEW_PHASES: Final = 3
"""Up to here a product for each phase is two to three times faster than gathering each output's window."""


class Resampler:
    """A polyphase FIR filter between two rates (Hz), which remembers where it is.

    After n samples in, exactly ceil(n * rate_out / rate_in) came out: no drift, and 240 at 24 kHz give 441 at
    44.1 kHz each time. Equal rates pass through untouched.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        common = math.gcd(rate_in, rate_out)
        self._up = rate_out // common
        self._down = rate_in // common
        self._phases = _polyphase_filter(self._up, self._down)
        self._taps = self._phases.shape[1]
        self._rate_in = rate_in
        self.reset()

    @property
    def delay_s(self) -> float:
        """Seconds by which the output is late: half the filter's length; 0 for equal rates."""
        if self._up == self._down:
            return 0.0
        return (self._phases.size - 1) / 2 / (self._rate_in * self._up)

    def reset(self) -> None:
        """Forget the past, as if silence had gone before."""
        self._past = np.zeros(self._taps - 1)
        self._next = 0  # of the next output, its place after the last input, in 1/up of an input sample

    def needed(self, samples_out: int) -> int:
        """How many samples must go in so that at least `samples_out` (1 or more) come out."""
        return (self._next + (samples_out - 1) * self._down) // self._up + 1

    def process(self, pcm: bytes) -> bytes:
        """PCM16 at `rate_in`, whole samples, any number -> PCM16 at `rate_out`."""
        if self._up == self._down:
            return pcm
        samples = np.frombuffer(pcm, "<i2")
        pieces = (samples[start : start + PIECE] for start in range(0, samples.size, PIECE))
        return b"".join(self._filtered(piece) for piece in pieces)

    def _filtered(self, samples: npt.NDArray[np.int16]) -> bytes:
        signal = np.concatenate((self._past, samples))
        self._past = signal[samples.size :]
        total = samples.size * self._up
        count = max(0, -((self._next - total) // self._down))
        if self._up <= FEW_PHASES:
            result = self._phase_by_phase(signal, count)
        else:
            newest, phase = np.divmod(self._next + self._down * np.arange(count), self._up)
            windows = np.lib.stride_tricks.sliding_window_view(signal, self._taps)[newest]
            result = np.einsum("ij,ij->i", windows, self._phases[phase])
        self._next += count * self._down - total
        return bytes(np.rint(result).clip(-32768, 32767).astype("<i2"))

    def _phase_by_phase(self, signal: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
        """Every `up`-th output has the same taps, `down` samples further on: a product of matrix and vector each."""
        result = np.empty(count)
        step = signal.itemsize
        for first in range(min(self._up, count)):
            newest, phase = divmod(self._next + first * self._down, self._up)
            rows = len(range(first, count, self._up))
            windows = np.ndarray((rows, self._taps), np.float64, signal, newest * step, (self._down * step, step))
            result[first :: self._up] = windows @ self._phases[phase]
        return result


def _polyphase_filter(up: int, down: int) -> npt.NDArray[np.float64]:
    """A windowed-sinc low pass at the lower Nyquist rate: shape (up, taps), newest tap last, each row sums to 1."""
    taps = math.ceil(TAPS * max(1.0, down / up))
    length = taps * up
    around_middle = np.arange(length) - (length - 1) / 2
    prototype = np.sinc(around_middle / max(up, down)) * np.kaiser(length, KAISER_BETA)
    phases = prototype.reshape(taps, up).T[:, ::-1]
    unity = phases / phases.sum(axis=1, keepdims=True)
    return np.ascontiguousarray(np.rint(unity * 2**COEFFICIENT_BITS) / 2**COEFFICIENT_BITS)
