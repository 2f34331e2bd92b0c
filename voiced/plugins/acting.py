"""Whose code is running: a plugin's, or our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from voiced.plugins.permissions import Permissions
from voiced.plugins.traces import Traces


@dataclass(frozen=True, slots=True)
class Actor:
    """A plugin while its code runs. `own`: the folders and files that it may change without asking, as paths that
    what it writes begins with.
    """

    plugin: str
    permissions: Permissions
    own: tuple[str, ...]
    traces: Traces


ACTING: Final[ContextVar[Actor | None]] = ContextVar("the plugin whose code runs", default=None)
"""Tasks and timers that a plugin begins inherit it; threads do not, and get it from whoever starts them."""


@contextmanager
def acting(actor: Actor | None) -> Iterator[None]:
    """What runs inside is this plugin's."""
    token = ACTING.set(actor)
    try:
        yield
    finally:
        ACTING.reset(token)


@contextmanager
def ourselves() -> Iterator[None]:
    """What runs inside is voiced's own, even where a plugin asked for it."""
    with acting(None):
        yield
