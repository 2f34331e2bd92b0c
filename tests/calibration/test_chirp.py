"""What a recording tells of the room, where the room is known."""

from __future__ import annotations

import numpy as np
import pytest

from voiced.audio import RATE
from voiced.calibration.chirp import Signal, chirp, measure

BEGINS = 1.2 * RATE


def room(delay_ms: float, loss_db: float, *, noise_dbfs: float = -70.0, ring_s: float = 0.0) -> Signal:
    """Four seconds in which the chirp went out at sample BEGINS."""
    random = np.random.default_rng(3)
    heard = random.normal(0, 10 ** (noise_dbfs / 20), 4 * RATE)
    response = np.zeros(RATE)
    response[0] = 1.0
    if ring_s:
        late = random.integers(48, round(ring_s * RATE), 60)
        np.add.at(response, late, random.normal(0, 0.15, 60) * 10 ** (-3 * late / RATE / ring_s))
    at = BEGINS + delay_ms / 1000 * RATE
    first, size = int(at), 1 << 16
    spectrum = np.fft.rfft(chirp(), size) * np.fft.rfft(response, size) * 10 ** (-loss_db / 20)
    came = np.fft.irfft(spectrum * np.exp(-2j * np.pi * np.fft.rfftfreq(size) * (at - first)))
    heard[first : first + size] += came[: heard.size - first]
    return np.clip(heard, -1, 1)


@pytest.mark.parametrize("delay_ms", [0.5, 12.34, 80.0, 310.0, 600.0])
@pytest.mark.parametrize("loss_db", [0.0, 12.0, 35.0])
def test_delay_and_loss_are_found(delay_ms: float, loss_db: float) -> None:
    found = measure(room(delay_ms, loss_db), BEGINS)
    assert found.heard
    assert found.delay_ms == pytest.approx(delay_ms, abs=0.1)
    assert found.loss_db == pytest.approx(loss_db, abs=1.0)
    assert found.noise_dbfs == pytest.approx(-70.0, abs=1.0)
    assert found.decay_ms == 0.0


@pytest.mark.parametrize("noise_dbfs", [-75.0, -50.0, -35.0])
def test_noise_does_not_hide_it(noise_dbfs: float) -> None:
    found = measure(room(80.0, 20.0, noise_dbfs=noise_dbfs), BEGINS)
    assert found.heard
    assert found.delay_ms == pytest.approx(80.0, abs=0.1)
    assert found.noise_dbfs == pytest.approx(noise_dbfs, abs=1.5)


def test_a_room_that_rings_does_so_for_longer() -> None:
    dry, wet = (measure(room(80.0, 12.0, ring_s=ring_s), BEGINS).decay_ms for ring_s in (0.1, 0.8))
    assert dry <= 60 < wet <= 500


def test_noise_alone_is_no_chirp() -> None:
    noise = np.random.default_rng(5).normal(0, 0.05, 4 * RATE)
    assert not measure(noise, BEGINS).heard


def test_digital_silence_is_told_from_a_quiet_room() -> None:
    assert measure(np.zeros(4 * RATE), BEGINS).zeros
    assert not measure(room(80.0, 12.0), BEGINS).zeros


def test_an_overdriven_microphone_is_noticed() -> None:
    found = measure(room(80.0, -25.0), BEGINS)
    assert found.heard
    assert found.clipped > 0.1
    assert measure(room(80.0, 12.0), BEGINS).clipped == 0.0


def test_a_recording_that_is_too_short_holds_nothing() -> None:
    assert not measure(np.zeros(10), BEGINS).heard
