"""Disks that are full, slow, worn out, or somebody else's."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from voiced.doctor.disk import SLOW_S, Disk, judged, look

HOME = Path("/home/ada/.local/state/voiced")
GOOD = Disk(HOME, HOME, free_bytes=9 * 2**30, free_files=1000, owner=1000, took_s=0.02)


def test_a_disk_with_room(tmp_path: Path) -> None:
    [finding] = judged(look(tmp_path / "not" / "made" / "yet"), os.getuid())
    assert (finding.level, finding.area) == ("ok", "disk")
    assert list(tmp_path.iterdir()) == [], "nothing is left behind, and nothing is made"


def test_a_place_where_nothing_can_be_written() -> None:
    disk = look(Path("/proc/voiced"))
    assert disk.error
    [finding] = judged(disk, os.getuid())
    assert (finding.level, finding.what) == ("problem", "/proc can't be written")
    assert finding.mend == 'sudo mkdir -p /proc/voiced && sudo chown "$USER" /proc/voiced'


@pytest.mark.parametrize(
    ("disk", "level", "what", "mend"),
    [
        (replace(GOOD, error=errno.ENOSPC), "problem", "the disk is full", f"df -h {HOME}; sudo apt-get clean"),
        (replace(GOOD, error=errno.EDQUOT), "problem", "the disk is full", f"df -h {HOME}; sudo apt-get clean"),
        (replace(GOOD, free_bytes=2**20), "problem", "the disk is full: 1 MB", f"df -h {HOME}; sudo apt-get clean"),
        (replace(GOOD, free_files=0), "problem", "room for no more files", f"df -i {HOME}; sudo apt-get clean"),
        (replace(GOOD, free_bytes=100 * 2**20), "warning", "only 100 MB", f"df -h {HOME}; sudo apt-get clean"),
        (replace(GOOD, took_s=SLOW_S + 1), "warning", "the disk is slow: 256 kB took 3.0 s", "sudo dmesg | tail"),
        (replace(GOOD, error=errno.EROFS), "problem", "can only be read", "sudo mount -o remount,rw /"),
        (replace(GOOD, error=errno.EACCES, owner=0), "problem", "can't be written", f'sudo chown -R "$USER" {HOME}'),
        (replace(GOOD, error=errno.EACCES), "problem", "can't be written", f"chmod u+rwx {HOME}"),
    ],
)
def test_what_is_wrong_with_a_disk(disk: Disk, level: str, what: str, mend: str) -> None:
    [finding] = judged(disk, uid=1000)
    assert finding.level == level
    assert what in finding.what
    assert finding.mend.startswith(mend)
