"""The zone of this machine, however it is written down."""

from __future__ import annotations

import zoneinfo
from datetime import datetime
from pathlib import Path

import pytest

from voiced.plugins.wall_clock import SystemClock, local_zone

WINTER = datetime(2026, 1, 15, 12, 0)  # noqa: DTZ001 a time on the wall
BERLIN_FILE = next(path for root in zoneinfo.TZPATH if (path := Path(root, "Europe/Berlin")).exists())


@pytest.fixture(autouse=True)
def _no_tz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)


def test_the_zone_is_what_localtime_points_at(tmp_path: Path) -> None:
    (tmp_path / "localtime").symlink_to(BERLIN_FILE)
    assert local_zone(tmp_path / "localtime") == zoneinfo.ZoneInfo("Europe/Berlin")


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    (tmp_path / "localtime").symlink_to(BERLIN_FILE)
    assert local_zone(tmp_path / "localtime") == zoneinfo.ZoneInfo("Asia/Tokyo")


def test_a_copied_file_has_the_rules_of_its_zone(tmp_path: Path) -> None:
    (tmp_path / "localtime").write_bytes(BERLIN_FILE.read_bytes())
    zone = local_zone(tmp_path / "localtime")
    assert WINTER.replace(tzinfo=zone).isoformat() == "2026-01-15T12:00:00+01:00"
    assert WINTER.replace(month=7, tzinfo=zone).isoformat() == "2026-07-15T12:00:00+02:00"


def test_without_a_file_there_is_still_a_zone(tmp_path: Path) -> None:
    assert WINTER.replace(tzinfo=local_zone(tmp_path / "none")).utcoffset() is not None


def test_the_system_clock_is_aware_and_goes_on() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is not None
    assert clock.elapsed() <= clock.elapsed()
