"""What plugin code prints goes to the log, never to voiced's own standard output and error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from voiced.plugins.acting import ACTING, Actor, ourselves


@contextmanager
def to_the_log() -> Iterator[None]:
    """While this lasts, of plugins; everybody else prints as before."""
    output, errors = sys.stdout, sys.stderr
    ours = [cast(TextIO, _Diverted(output)), cast(TextIO, _Diverted(errors))]
    sys.stdout, sys.stderr = ours
    try:
        yield
    finally:
        if sys.stdout is ours[0]:
            sys.stdout = output
        if sys.stderr is ours[1]:
            sys.stderr = errors


class _Diverted:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        actor = ACTING.get()
        if actor is None:
            return self._stream.write(text)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        _note(actor, text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> Any:
        actor = ACTING.get()
        return self._stream.buffer if actor is None else _Bytes(actor)

    def close(self) -> None:
        """It is voiced's; who else would close it?"""
        if ACTING.get() is None:
            self._stream.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Bytes:
    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def write(self, data: bytes) -> int:
        _note(self._actor, bytes(data).decode("utf-8", "replace"))
        return len(data)

    def flush(self) -> None:
        pass


def _note(actor: Actor, text: str) -> None:
    with ourselves():
        actor.traces.printed(text)
