"""The other end of the control socket, for the command line: plain, blocking, quick to start."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from voiced.control.protocol import MAX_LINE, Request, parse_reply, request_line
from voiced.errors import ControlError


class NoDaemon(ControlError):
    """Nobody listens on the control socket."""


def ask(paths: Sequence[Path], request: Request, *, timeout_s: float | None = None) -> dict[str, Any]:
    """The first reply to `request`. Raises NoDaemon, and ControlError with what the daemon complains of."""
    return next(replies(paths, request, timeout_s=timeout_s))


def replies(paths: Sequence[Path], request: Request, *, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
    """What the daemon at the first of `paths` that has one answers, until it has no more to say. Raises as `ask`.

    `timeout_s` bounds the silence before each line; None waits as long as it takes.
    """
    line = request_line(request)
    with _connected(paths) as connection, connection.makefile("rb") as lines:
        connection.settimeout(timeout_s)
        answered = False
        try:
            connection.sendall(line)
            while reply := lines.readline(MAX_LINE):
                answered = True
                yield parse_reply(reply)
        except TimeoutError:
            raise ControlError(f"voiced does not answer within {timeout_s:g} s; look at its log") from None
        except ConnectionError:
            pass
        if not answered:
            raise ControlError("voiced ended before it answered; look at its log")


def _connected(paths: Sequence[Path]) -> socket.socket:
    for path in paths:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
        except PermissionError:
            connection.close()
            raise ControlError(
                f"{path}: you may not talk to this voiced; join its group: sudo usermod -aG voiced $USER"
            ) from None
        except OSError:
            connection.close()
            continue
        return connection
    looked = " and ".join(str(path) for path in paths)
    raise NoDaemon(f"no voiced is running (looked at {looked}); start it with: voiced run")
