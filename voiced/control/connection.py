"""The other end of the control socket, for lines: plain, blocking, and with no model to import it is quick to start."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from voiced.control.lines import MAX_LINE, parse_reply
from voiced.errors import ControlError


class NoDaemon(ControlError):
    """Nobody listens on the control socket."""


def exchange(paths: Sequence[Path], line: bytes, *, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
    """What the daemon at the first of `paths` that has one answers to `line`, until it has no more to say.

    `timeout_s` bounds the silence before each reply; None waits as long as it takes. Raises NoDaemon, and ControlError
    with what the daemon complains of.
    """
    with _connected(paths, timeout_s) as connection, connection.makefile("rb") as lines:
        connection.settimeout(timeout_s)
        answered = False
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it does not want all of it, and has said why
                connection.sendall(line)
            while reply := lines.readline(MAX_LINE):
                answered = True
                yield parse_reply(reply)
        except TimeoutError:
            raise _silent(timeout_s) from None
        except ConnectionError:
            pass
        if not answered:
            raise ControlError("voiced ended before it answered; look at its log")


def connect_within(connection: socket.socket, path: Path, timeout_s: float) -> None:
    """Connect a blocking Unix socket. Raises TimeoutError where nobody takes the connection, and OSError.

    A socket with a timeout of Python's would not wait at all where the queue is full, as the kernel has it.
    """
    seconds, rest = divmod(timeout_s, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(seconds), int(rest * 1e6)))
    try:
        connection.connect(str(path))
    except BlockingIOError:
        raise TimeoutError from None


def _connected(paths: Sequence[Path], timeout_s: float | None) -> socket.socket:
    for path in paths:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connect_within(connection, path, timeout_s or 0.0)
        except PermissionError:
            connection.close()
            raise ControlError(
                f"{path}: you may not talk to this voiced; join its group: sudo usermod -aG voiced $USER"
            ) from None
        except TimeoutError:
            connection.close()
            raise _silent(timeout_s) from None
        except OSError:
            connection.close()
            continue
        return connection
    looked = " and ".join(str(path) for path in paths)
    raise NoDaemon(f"no voiced is running (looked at {looked}); start it with: voiced run")


def _silent(timeout_s: float | None) -> ControlError:
    return ControlError(f"voiced does not answer within {timeout_s or 0:g} s; look at its log")
