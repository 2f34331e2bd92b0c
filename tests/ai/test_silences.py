"""Where it is quiet."""

from __future__ import annotations

import numpy as np
import pytest

from voiced.ai.silences import first_pause, levels_db, loud_part, quiet_place
from voiced.ai.wav_file import PcmFormat

from .sounds import silence, tone

PCM16 = PcmFormat(1, 24_000, 16)
QUIET_NOISE = (np.random.default_rng(1).normal(0, 30, 24_000)).astype("<i2").tobytes()


def seconds(place: int, format_: PcmFormat = PCM16) -> float:
    return place / format_.bytes_per_s


def test_the_longest_pause_is_the_place() -> None:
    sound = tone(1.0) + silence(0.1) + tone(1.0) + silence(0.5) + tone(1.0) + silence(0.3) + tone(1.0)
    assert seconds(quiet_place(sound, PCM16)) == pytest.approx(2.35, abs=0.02)


def test_of_equal_pauses_it_is_the_last() -> None:
    sound = (tone(1.0) + silence(0.4)) * 3 + tone(1.0)
    assert seconds(quiet_place(sound, PCM16)) == pytest.approx(4.0, abs=0.02)


def test_a_pause_in_a_noisy_room() -> None:
    room = np.random.default_rng(2).normal(0, 200, 3 * 24_000)
    room[:24_000] += np.frombuffer(tone(1.0), "<i2")
    room[36_000:] += np.frombuffer(tone(1.5), "<i2")
    assert seconds(quiet_place(room.astype("<i2").tobytes(), PCM16)) == pytest.approx(1.25, abs=0.1)


def test_without_a_pause_it_is_the_quietest_frame() -> None:
    sound = tone(1.0, amplitude=0.5) + tone(0.02, amplitude=0.05) + tone(1.0, amplitude=0.5)
    assert seconds(quiet_place(sound, PCM16)) == pytest.approx(1.01, abs=0.02)


def test_the_first_pause_that_is_long_enough() -> None:
    sound = silence(1.0) + tone(1.0) + silence(0.3) + tone(1.0) + silence(0.6) + tone(1.0) + silence(2.0)
    place = first_pause(sound, PCM16, 0.5)
    assert place is not None
    assert seconds(place) == pytest.approx(3.6, abs=0.02)
    assert [first_pause(each, PCM16, 0.5) for each in (tone(2.0), silence(2.0), silence(1.0) + tone(1.0), b"")] == [
        None
    ] * 4


def test_a_place_is_between_two_samples() -> None:
    stereo = PcmFormat(2, 44_100, 24)
    sound = bytes(6 * 44_101)
    assert quiet_place(sound, stereo) % 6 == 0
    assert quiet_place(b"", PCM16) == 0
    assert quiet_place(bytes(101), PCM16) == 100


def test_where_there_may_be_speech() -> None:
    assert loud_part(silence(0.5) + tone(1.0) + silence(0.7), PCM16) == pytest.approx((0.5, 1.5), abs=0.02)
    assert loud_part(QUIET_NOISE + tone(1.0) + QUIET_NOISE, PCM16) == pytest.approx((1.0, 2.0), abs=0.02)
    assert loud_part(tone(0.05), PCM16) == (0.0, 0.05)
    assert loud_part(silence(2.0), PCM16) is None
    assert loud_part(QUIET_NOISE, PCM16) is None
    assert loud_part(bytes(10), PCM16) is None


@pytest.mark.parametrize(
    ("bits", "floating", "coded"),
    [
        (8, False, lambda wave: np.round(wave * 127 + 128).astype(np.uint8).tobytes()),
        (16, False, lambda wave: (wave * 2**15).astype("<i2").tobytes()),
        (24, False, lambda wave: (wave * 2**23).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()),
        (32, False, lambda wave: (wave * 2**31).astype("<i4").tobytes()),
        (32, True, lambda wave: wave.astype("<f4").tobytes()),
        (64, True, lambda wave: wave.astype("<f8").tobytes()),
    ],
)
def test_every_coding_is_as_loud(bits: int, floating: bool, coded) -> None:  # type: ignore[no-untyped-def]  # a lambda
    wave = 0.5 * np.sin(2 * np.pi * 500 * np.arange(48_000) / 24_000)
    levels = levels_db(coded(wave), PcmFormat(2, 24_000, bits, floating))
    assert levels == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.1)


def test_numbers_that_are_none_are_silent() -> None:
    wave = np.full(24_000, np.nan, "<f4")
    assert loud_part(wave.tobytes(), PcmFormat(1, 24_000, 32, True)) is None
    assert np.isfinite(levels_db(np.full(24_000, np.inf, "<f4").tobytes(), PcmFormat(1, 24_000, 32, True))).all()
