"""The other end of the control socket, for requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from voiced.control.connection import NoDaemon as NoDaemon  # who asks may have to tell it from other errors
from voiced.control.connection import exchange
from voiced.control.protocol import Request, request_line


def ask(paths: Sequence[Path], request: Request, *, timeout_s: float | None = None) -> dict[str, Any]:
    """The first reply to `request`. Raises NoDaemon, and ControlError with what the daemon complains of."""
    return next(replies(paths, request, timeout_s=timeout_s))


def replies(paths: Sequence[Path], request: Request, *, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
    """What the daemon at the first of `paths` that has one answers, until it has no more to say. Raises as `ask`.

    `timeout_s` bounds the silence before each line; None waits as long as it takes.
    """
    return exchange(paths, request_line(request), timeout_s=timeout_s)
