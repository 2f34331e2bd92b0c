"""Changing the rate: how late, how clean, and exactly how many samples."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.resample import Resampler

RATES = [8_000, 16_000, 24_000, 32_000, 44_100, 48_000, 96_000]
PAIRS = list(itertools.permutations(RATES, 2))


def sine(hz: float, rate: int, seconds: float, amplitude: float = 16_000.0) -> bytes:
    return np.rint(amplitude * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype("<i2").tobytes()


def signal(pcm: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def tone_and_rest(samples: npt.NDArray[np.float64], hz: float, rate: int) -> tuple[float, float]:
    """RMS of the best-fitting sine of that pitch, and of all that remains."""
    times = np.arange(samples.size) / rate
    basis = np.stack((np.sin(2 * np.pi * hz * times), np.cos(2 * np.pi * hz * times)), axis=1)
    tone = basis @ np.linalg.lstsq(basis, samples, rcond=None)[0]
    return float(tone.std()), float((samples - tone).std())


def test_equal_rates_pass_through() -> None:
    pcm = sine(1000, 24_000, 0.1)
    assert Resampler(24_000, 24_000).process(pcm) == pcm
    assert Resampler(24_000, 24_000).delay_s == 0.0
    assert Resampler(24_000, 24_000).needed(480) == 480


@pytest.mark.parametrize(
    ("rate_in", "rate_out", "block_in", "block_out"),
    [
        (24_000, 44_100, 240, 441),
        (24_000, 48_000, 240, 480),
        (24_000, 16_000, 480, 320),
        (44_100, 24_000, 441, 240),
        (48_000, 24_000, 960, 480),
        (16_000, 24_000, 320, 480),
    ],
)
def test_blocks_that_divide_keep_their_length(rate_in: int, rate_out: int, block_in: int, block_out: int) -> None:
    resampler = Resampler(rate_in, rate_out)
    assert [len(resampler.process(bytes(2 * block_in))) // 2 for _ in range(20)] == [block_out] * 20


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_it_is_less_than_two_ms_late(rate_in: int, rate_out: int) -> None:
    """The phase of a sine that goes through tells the delay."""
    resampler = Resampler(rate_in, rate_out)
    hz = 100.0
    out = signal(resampler.process(sine(hz, rate_in, 1.0)))[rate_out // 10 :]
    times = np.arange(rate_out // 10, rate_out // 10 + out.size) / rate_out
    turned = np.sum(out * np.exp(-2j * np.pi * hz * times)) / (-0.5j * out.size * 16_000)
    delay = -float(np.angle(turned)) / (2 * np.pi * hz)
    assert delay == pytest.approx(resampler.delay_s, abs=2e-5)
    assert delay < 0.002


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
def test_a_tone_stays_clean(rate_in: int, rate_out: int) -> None:
    out = signal(Resampler(rate_in, rate_out).process(sine(1000, rate_in, 0.5)))[rate_out // 20 :]
    tone, rest = tone_and_rest(out, 1000, rate_out)
    assert tone == pytest.approx(16_000 / np.sqrt(2), rel=0.001)
    assert 20 * np.log10(tone / rest) > 80, "the rounding to 16 bit allows 90"


@pytest.mark.parametrize(("rate_in", "rate_out"), [pair for pair in PAIRS if pair[0] > pair[1] * 1.26])
def test_what_the_lower_rate_cannot_hold_does_not_come_back_as_an_alias(rate_in: int, rate_out: int) -> None:
    too_high = 1.25 * rate_out / 2
    out = signal(Resampler(rate_in, rate_out).process(sine(too_high, rate_in, 0.5, 32_000)))[rate_out // 20 :]
    assert out.std() < 32_000 / np.sqrt(2) * 10 ** (-80 / 20)


@pytest.mark.parametrize(("rate_in", "rate_out"), [(24_000, 48_000), (24_000, 44_100), (16_000, 24_000)])
def test_no_image_above_the_old_nyquist(rate_in: int, rate_out: int) -> None:
    hz = 0.7 * rate_in / 2
    out = signal(Resampler(rate_in, rate_out).process(sine(hz, rate_in, 0.5)))[rate_out // 20 :]
    tone, rest = tone_and_rest(out, hz, rate_out)
    assert 20 * np.log10(tone / rest) > 75


@given(
    pair=st.sampled_from(PAIRS),
    seed=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(0, 700), min_size=1, max_size=12),
)
def test_it_does_not_matter_how_the_sound_is_cut(pair: tuple[int, int], seed: int, cuts: list[int]) -> None:
    noise = np.random.default_rng(seed).integers(-32_768, 32_768, sum(cuts)).astype("<i2").tobytes()
    whole, pieces = Resampler(*pair), Resampler(*pair)
    ends = list(itertools.accumulate(cuts))
    cut = [noise[2 * (end - length) : 2 * end] for end, length in zip(ends, cuts, strict=True)]
    assert b"".join(map(pieces.process, cut)) == whole.process(noise)


@given(pair=st.sampled_from(PAIRS), wanted=st.lists(st.integers(1, 600), min_size=1, max_size=20))
def test_needed_is_enough_and_not_one_too_many(pair: tuple[int, int], wanted: list[int]) -> None:
    resampler = Resampler(*pair)
    rate_in, rate_out = pair
    for samples in wanted:
        needed = resampler.needed(samples)
        came = len(resampler.process(bytes(2 * needed))) // 2
        assert samples <= came < samples + max(1, rate_out / rate_in) + 1


def test_ten_minutes_in_odd_blocks_have_not_drifted_by_one_sample() -> None:
    """The position is kept modulo the ratio: what holds here holds for ever."""
    resampler = Resampler(44_100, 8_000)
    came = taken = 0
    while taken < 600 * 44_100:
        taken += 40_009
        came += len(resampler.process(bytes(2 * 40_009))) // 2
    assert came == -(-taken * 8_000 // 44_100)


def test_reset_forgets_the_past() -> None:
    used, fresh = Resampler(48_000, 24_000), Resampler(48_000, 24_000)
    used.process(sine(1000, 48_000, 0.0101))
    used.reset()
    pcm = sine(440, 48_000, 0.02)
    assert used.process(pcm) == fresh.process(pcm)
