"""Levels in dBFS."""

from __future__ import annotations

import numpy as np
import pytest

from voiced.audio import Ms
from voiced.capture.level import SILENCE_DBFS, rms_dbfs
from voiced.playout.earcons import tone


def test_a_full_sine_is_3_db_below_a_full_square_wave() -> None:
    assert rms_dbfs(tone(1000, Ms(2000), dbfs=0.0)) == pytest.approx(-3.01, abs=0.05)
    assert rms_dbfs(np.full(480, -32_768, "<i2").tobytes()) == pytest.approx(0.0)


def test_digital_silence_and_nothing_at_all_have_a_level_too() -> None:
    assert rms_dbfs(bytes(960)) == rms_dbfs(b"") == SILENCE_DBFS
