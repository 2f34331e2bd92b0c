"""Who is at the other end of the control socket, by the kernel's word, and for whom it is."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.control.test_server import idle_server
from voiced.control.peer import Peer, peer_of

SOMEBODY = 23456
THEIR_GROUP = 34567

AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]

ASKS = """
import os, socket, sys
path, uid, group, *more = sys.argv[1:]
os.setgroups([int(each) for each in more])
os.setgid(int(group))
os.setuid(int(uid))
client = socket.socket(socket.AF_UNIX)
client.connect(path)
client.sendall(b'{"do": "stop"}\\n')
print(client.makefile().readline())
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory() as name:  # pytest's own are too deep for a socket
        yield Path(name)


def test_the_kernel_tells_who_connected() -> None:
    here, there = socket.socketpair()
    with here, there:
        peer = peer_of(here)
    assert (peer.pid, peer.uid) == (os.getpid(), os.geteuid())
    assert peer.groups == {os.getegid(), *os.getgroups()}


@pytest.mark.parametrize(
    ("uid", "groups", "mode", "may"),
    [
        (0, frozenset[int](), 0o600, True),
        (os.geteuid(), frozenset[int](), 0o600, True),
        (SOMEBODY, frozenset({os.getegid()}), 0o660, True),
        (SOMEBODY, frozenset({THEIR_GROUP, os.getegid()}), 0o660, True),
        (SOMEBODY, frozenset({os.getegid()}), 0o600, False),
        (SOMEBODY, frozenset({os.getegid()}), 0o640, False),
        (SOMEBODY, frozenset({THEIR_GROUP}), 0o660, False),
        (SOMEBODY, frozenset({THEIR_GROUP}), 0o666, False),
    ],
    ids=["root", "we", "group", "second-group", "not-for-it", "not-for-it-to-write", "stranger", "stranger-mode-666"],
)
def test_it_is_for_root_for_its_user_and_for_its_group_where_the_mode_says_so(
    directory: Path, uid: int, groups: frozenset[int], mode: int, may: bool
) -> None:
    path = directory / "control.sock"
    path.touch()
    os.chown(path, -1, os.getegid())
    path.chmod(mode)
    assert Peer(4711, uid, groups).may_use(path) == may


def test_nobody_else_is_let_in_where_the_socket_is_gone(directory: Path) -> None:
    gone = directory / "control.sock"
    assert not Peer(4711, SOMEBODY, frozenset({os.getegid()})).may_use(gone)
    assert Peer(4711, os.geteuid(), frozenset()).may_use(gone)


@pytest.mark.skipif(
    bool(AS_ROOT)
    and subprocess.run(["sh", "-c", shlex.join([*AS_ROOT, "true"])], check=False, capture_output=True).returncode != 0,
    reason="only root can be another user",
)
async def test_other_users_are_told_to_join_the_group(directory: Path) -> None:
    path = directory / "control.sock"
    server = idle_server(path)

    def as_somebody(group: int, *more: int) -> str:
        command = [*AS_ROOT, sys.executable, "-S", "-c", ASKS, str(path), *map(str, (SOMEBODY, group, *more))]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout.strip()

    async with server.serving():
        directory.chmod(0o755)
        path.chmod(0o666)  # as somebody did who thought that it helps
        refused = await asyncio.to_thread(as_somebody, THEIR_GROUP)
        served = [
            await asyncio.to_thread(as_somebody, os.getegid()),
            await asyncio.to_thread(as_somebody, THEIR_GROUP, 1, os.getegid()),
        ]
    assert served == ['{"protocol":1,"done":true}'] * 2
    assert refused == (
        f'{{"protocol":1,"error":"you (user {SOMEBODY}) may not talk to this voiced; if it is for a group, join it and '
        f'log in anew: sudo usermod -aG $(stat -c %G {path}) $USER"}}'
    )
