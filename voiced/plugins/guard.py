"""Refuses what a plugin has no permission for, and what no plugin may do, where Python lets it be seen.

This stops mistakes, not malice: a plugin runs in the process of voiced, with its rights. CPython announces what it is
about to do to an audit hook (PEP 578), which can refuse it; a few calls that it does not announce are wrapped. Both do
nothing but look who acts, unless that is a plugin. A hook can't be taken away again, so there is one for the process.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any, Final

from voiced.api import NotPermitted, Permission
from voiced.plugins.acting import ACTING, Actor, ourselves

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_LOOP_THREADS: Final = ("asyncio_", "asyncio-waitpid-")
"""Threads of the event loop itself: those that it keeps for everybody, which whoever is the first to need one has
started, and (before Python 3.12) one for each program, which ends a moment after it told that the program did."""

Check = Callable[[Actor, tuple[Any, ...]], None]

_installed = threading.Event()


def install() -> None:
    """Guard this process from now on. Harmless when it is guarded already."""
    if _installed.is_set():
        return
    _installed.set()
    with suppress(OSError):
        tempfile.gettempdir()  # looked for now: where it is not known yet, to ask for it writes files, under a lock
    sys.addaudithook(_hook)
    for name in ("_exit", "abort"):
        _wrap(os, name, _exit)
    for name in ("signal", "raise_signal", "alarm", "setitimer", "set_wakeup_fd", "siginterrupt"):
        _wrap(signal, name, _signal)
    _adopt_threads()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Called for whatever Python does, so often that the first look must settle it."""
    check = _CHECKS.get(event)
    if check is not None:
        actor = ACTING.get()
        if actor is not None:
            check(actor, arguments)


def _wrap(module: ModuleType, name: str, refuse: Callable[[Actor, str], None]) -> None:
    function = getattr(module, name)

    @functools.wraps(function)
    def guarded(*arguments: Any, **options: Any) -> Any:
        actor = ACTING.get()
        if actor is not None:
            refuse(actor, f"{module.__name__}.{name}")
        return function(*arguments, **options)

    setattr(module, name, guarded)


# What is refused, and in which words.


def _need(permission: Permission, doing: str, actor: Actor) -> None:
    if permission not in actor.permissions:
        _refuse(
            actor,
            f'it {doing} without the permission "{permission}": add permissions=["{permission}"] to its @tool or '
            "permissions to its Plugin",
        )


def _refuse(actor: Actor, what: str) -> None:
    with ourselves():
        actor.traces.report(what)
    raise NotPermitted(f"The plugin {actor.plugin} is not permitted to do that: {what}.")


def _exit(actor: Actor, name: str) -> None:
    with ourselves():
        actor.traces.report(f"it calls {name}, which would end voiced; raise an exception")
    raise SystemExit(f"{name} of the plugin {actor.plugin}")


def _signal(actor: Actor, name: str) -> None:
    _refuse(actor, f"it calls {name}, but the signals are voiced's own")


def _network(actor: Actor, _arguments: tuple[Any, ...]) -> None:
    _need("network", "connects to other machines or programs", actor)


def _program(actor: Actor, arguments: tuple[Any, ...]) -> None:
    _need("files", f"runs a program ({_short(arguments[0] if arguments else '')})", actor)


def _fork(actor: Actor, _arguments: tuple[Any, ...]) -> None:
    _refuse(actor, "it forks, which a process with threads does not survive; use subprocess")


def _kill(actor: Actor, arguments: tuple[Any, ...]) -> None:
    process, number = arguments[:2]
    if number and process in (os.getpid(), 0, -1, -os.getpgrp()):
        _refuse(actor, "it sends a signal to voiced itself")


def _kill_group(actor: Actor, arguments: tuple[Any, ...]) -> None:
    if arguments[0] in (0, os.getpgrp()):
        _refuse(actor, "it sends a signal to voiced itself")


def _kill_thread(actor: Actor, _arguments: tuple[Any, ...]) -> None:
    _refuse(actor, "it sends a signal to voiced itself")


def _open(actor: Actor, arguments: tuple[Any, ...]) -> None:
    path, _, flags = arguments
    if isinstance(flags, int) and flags & _WRITING:
        _change(actor, (path,))


def _database(actor: Actor, arguments: tuple[Any, ...]) -> None:
    path = arguments[0]
    if path not in (":memory:", "", b":memory:", b"") and not str(path).startswith("file:"):
        _change(actor, (path,))


def _change(actor: Actor, arguments: tuple[Any, ...], paths: int = 1, folder_at: int = 0) -> None:
    """`paths` of the arguments name files; `folder_at`: where a descriptor of their folder may be, or 0."""
    if folder_at and len(arguments) > folder_at and arguments[folder_at] not in (None, -1):
        return  # whoever opened that folder was seen
    if "files" in actor.permissions:
        return
    for path in arguments[:paths]:
        if not isinstance(path, int) and not _is_own(actor, os.path.abspath(os.fsdecode(path))):
            _need("files", f"changes {_short(os.fsdecode(path))}", actor)


def _folder(actor: Actor, arguments: tuple[Any, ...]) -> None:
    """It makes a folder: the way to its own too."""
    path = os.path.abspath(os.fsdecode(arguments[0]))
    if not any(own.startswith(f"{path}/") for own in _own(actor)):
        _change(actor, arguments, folder_at=2)


def _is_own(actor: Actor, path: str) -> bool:
    """Its own, what is temporary, and the compiled code of what it imports."""
    folder, name = os.path.split(path)
    return path == os.devnull or path.startswith(_own(actor)) or "__pycache__" in (name, os.path.basename(folder))


def _own(actor: Actor) -> tuple[str, ...]:
    return (*actor.own, *([f"{tempfile.tempdir}/"] if tempfile.tempdir else []))


def _adopt_threads() -> None:
    """A thread that a plugin starts is the plugin's too. Python 3.11 does not announce it."""
    start = threading.Thread.start

    @functools.wraps(start)
    def guarded(thread: threading.Thread) -> None:
        actor = ACTING.get()
        if actor is not None and not thread.name.startswith(_LOOP_THREADS):
            actor.traces.add_thread(thread)
            thread.run = partial(_run, actor, thread.run)  # type: ignore[method-assign]
        start(thread)

    threading.Thread.start = guarded  # type: ignore[method-assign, assignment]


def _run(actor: Actor, run: Callable[[], None]) -> None:
    ACTING.set(actor)
    run()


def _short(what: object) -> str:
    text = os.fsdecode(what) if isinstance(what, bytes) else str(what)
    return text if len(text) <= 100 else f"{text[:100]}…"


_CHECKS: Final[Mapping[str, Check]] = {
    **dict.fromkeys(
        (
            "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo",
            "socket.gethostbyname", "socket.gethostbyaddr",
        ),
        _network,
    ),
    **dict.fromkeys(("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn"), _program),
    **dict.fromkeys(("os.fork", "os.forkpty"), _fork),
    "open": _open,
    "sqlite3.connect": _database,
    **dict.fromkeys(("os.remove", "os.rmdir"), partial(_change, folder_at=1)),
    "os.mkdir": _folder,
    "os.chmod": partial(_change, folder_at=2),
    "shutil.rmtree": _change,
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), partial(_change, paths=2, folder_at=2)),
    "os.chown": partial(_change, folder_at=3),
    "os.truncate": _change,
    "os.kill": _kill,
    "os.killpg": _kill_group,
    "signal.pthread_kill": _kill_thread,
}  # fmt: skip
