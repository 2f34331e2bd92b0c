"""The disk under what voiced keeps: whether it can be written, has room, and is quick enough."""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voiced.doctor.finding import Finding

FULL_BYTES: Final = 20 * 2**20
SCARCE_BYTES: Final = 200 * 2**20
"""State is small; but the log, models and whatever else writes there need room too."""

SLOW_S: Final = 2.0
"""For TRIAL_BYTES and fsync. A worn-out SD card takes 1 s now and then, one that dies far longer."""

TRIAL_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Disk:
    """`folder`: where voiced keeps its state. `nearest`: the folder above it that exists, which is what was looked at.

    `error`: why nothing could be written, as errno; 0: it could, in `took_s`. `owner`: uid.
    """

    folder: Path
    nearest: Path
    free_bytes: int
    free_files: int
    owner: int
    error: int = 0
    took_s: float = 0.0


def look(folder: Path) -> Disk:
    """Writes a file, waits until it is on the disk, and takes it away. Raises OSError where nothing can be seen."""
    nearest = next((path for path in (folder, *folder.parents) if path.is_dir()), Path("/"))
    room = os.statvfs(nearest)
    error, took_s = 0, 0.0
    try:
        took_s = _trial(nearest)
    except OSError as failure:
        error = failure.errno or errno.EIO
    free_files = room.f_favail if room.f_files else 1  # btrfs and others do not count them
    return Disk(folder, nearest, room.f_bavail * room.f_frsize, free_files, nearest.stat().st_uid, error, took_s)


def judged(disk: Disk, uid: int) -> Iterator[Finding]:
    """`uid`: of whoever asks."""
    where, free = shlex.quote(str(disk.nearest)), f"{disk.free_bytes / 2**20:,.0f} MB"
    if disk.error == errno.EROFS:
        why = "Linux does that to a disk or SD card with errors: copy what is on it, and replace it."
        mend = f"sudo mount -o remount,rw {_mount_of(disk.nearest)}   # and look for errors: sudo dmesg | tail"
        yield Finding("problem", "disk", f"{disk.nearest} can only be read", why, mend)
    elif disk.error and disk.error not in (errno.ENOSPC, errno.EDQUOT):
        why = f"What voiced remembers, and what it spent, can't be written down ({os.strerror(disk.error)})."
        folder = shlex.quote(str(disk.folder))
        if disk.nearest != disk.folder:
            mend = f'sudo mkdir -p {folder} && sudo chown "$USER" {folder}'
        elif disk.owner == uid:
            mend = f"chmod u+rwx {folder}"
        else:
            why += " voiced was run as another user once."
            mend = f'sudo chown -R "$USER" {folder}'
        yield Finding("problem", "disk", f"{disk.nearest} can't be written", why, mend)
    elif disk.error or disk.free_bytes < FULL_BYTES or not disk.free_files:
        what = f"the disk is full: {free} are free" if disk.free_files else "the disk has room for no more files"
        why = "What voiced remembers, and what it spent, can't be written down."
        counts = "-h" if disk.free_files else "-i"
        yield Finding("problem", "disk", f"{what} at {disk.nearest}", why, f"df {counts} {where}; sudo apt-get clean")
    elif disk.took_s > SLOW_S:
        what = f"the disk is slow: {TRIAL_BYTES // 1024} kB took {disk.took_s:.1f} s at {disk.nearest}"
        why = "A worn-out SD card does that, or something else that writes a lot."
        yield Finding("warning", "disk", what, why, "sudo dmesg | tail   # errors of the disk; see also: iostat -x 1")
    elif disk.free_bytes < SCARCE_BYTES:
        why = "voiced itself needs little; but a full disk stops it too."
        yield Finding(
            "warning", "disk", f"only {free} are free at {disk.nearest}", why, f"df -h {where}; sudo apt-get clean"
        )
    else:
        yield Finding("ok", "disk", f"{disk.folder}: {free} are free")


def _trial(folder: Path) -> float:
    """Seconds."""
    number, name = tempfile.mkstemp(prefix=".voiced-doctor-", dir=folder)
    try:
        started = time.monotonic()
        rest = memoryview(bytes(TRIAL_BYTES))
        while rest:
            rest = rest[os.write(number, rest) :]
        os.fsync(number)
        return time.monotonic() - started
    finally:
        os.close(number)
        with contextlib.suppress(OSError):
            Path(name).unlink()


def _mount_of(path: Path) -> str:
    return shlex.quote(str(next((each for each in (path, *path.parents) if os.path.ismount(each)), Path("/"))))
