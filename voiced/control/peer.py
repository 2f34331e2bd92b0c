"""Who is at the other end of a local socket."""

from __future__ import annotations

import os
import socket
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_UCRED: Final = struct.Struct("iII")
"""struct ucred of socket(7): pid, uid, gid."""

_SO_PEERGROUPS: Final = 59
"""asm-generic/socket.h, which x86-64 and arm64 use; Python has no name for it."""

_GROUPS_AT_MOST: Final = 256
"""As many fit into the 1024 bytes that Python's getsockopt takes."""

_ROOT: Final = 0


@dataclass(frozen=True, slots=True)
class Peer:
    """A process as it was when it connected: its effective user, and all the groups that it was in."""

    pid: int
    uid: int
    groups: frozenset[int]

    def may_use(self, path: Path) -> bool:
        """Whether a socket of ours at `path` is for them: root, our own user, and its group where its mode says so."""
        if self.uid in (_ROOT, os.geteuid()):
            return True
        try:
            is_now = path.stat()
        except OSError:
            return False
        return bool(is_now.st_mode & stat.S_IWGRP) and is_now.st_gid in self.groups


def peer_of(connection: socket.socket) -> Peer:
    """Who connected, by the kernel's word: nothing is looked up, so that nothing can keep the caller waiting."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    pid, uid, gid = _UCRED.unpack(credentials)
    return Peer(pid, uid, frozenset((gid, *_supplementary(connection, pid))))


def _supplementary(connection: socket.socket, pid: int) -> tuple[int, ...]:
    """Those of whoever connected; of the process as it is now where the kernel can't tell, or they are too many."""
    try:
        groups = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _GROUPS_AT_MOST)
    except OSError:
        return _groups_now(pid)
    return struct.unpack(f"{len(groups) // 4}I", groups)


def _groups_now(pid: int) -> tuple[int, ...]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return ()  # it is gone, or hidden from us: it is in no group then
    return next((tuple(map(int, line.split()[1:])) for line in lines if line.startswith("Groups:")), ())
