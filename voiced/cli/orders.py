"""The short orders to the running daemon, such as mute: they need few imports, since somebody holds a key meanwhile."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any, TextIO

from voiced.cli.reaching import PROMPTLY_S, paths_at_once
from voiced.control.connection import exchange
from voiced.control.lines import VERSION, line_of


def stop(arguments: Namespace, _out: TextIO) -> int:
    return _order(arguments, do="stop")


def mute(arguments: Namespace, _out: TextIO) -> int:
    return _order(arguments, do="mute", muted=True)


def unmute(arguments: Namespace, _out: TextIO) -> int:
    return _order(arguments, do="mute", muted=False)


def ptt(arguments: Namespace, _out: TextIO) -> int:
    return _order(arguments, do="ptt", action=arguments.action)


def volume(arguments: Namespace, _out: TextIO) -> int:
    return _order(arguments, do="volume", percent=arguments.percent)


def reload(arguments: Namespace, out: TextIO) -> int:
    _order(arguments, do="reload")
    print("settings and plugins are read anew; see how plugins do with: voiced plugin list", file=out)
    return 0


def quit(arguments: Namespace, _out: TextIO) -> int:
    for _ in _replies(arguments, do="quit"):
        pass  # until it has ended, so that another can be started
    return 0


def _order(arguments: Namespace, **request: Any) -> int:
    next(_replies(arguments, **request))
    return 0


def _replies(arguments: Namespace, **request: Any) -> Iterator[dict[str, Any]]:
    line = line_of({**request, "version": VERSION})
    return exchange(paths_at_once(arguments), line, timeout_s=PROMPTLY_S)
