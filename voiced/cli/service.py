"""`voiced service`: installs voiced as a service of systemd, takes it away, and tells how it is."""

from __future__ import annotations

import os
import shlex
import sys
import sysconfig
from argparse import Namespace
from pathlib import Path
from typing import TextIO

from voiced.errors import ServiceError
from voiced.service import installation, state
from voiced.service.installation import Wish
from voiced.service.machine import Machine
from voiced.service.units import Scope

RUNS, FAILED, NOT_THERE = 0, 1, 3


def install(arguments: Namespace, out: TextIO) -> int:
    machine, program = _here(), running_program()
    scope = _scope(arguments, machine)
    _may_change(scope, machine, program)
    key = _key(arguments.key_file) if arguments.key_file else None
    wish = Wish(scope, program, key, force=arguments.force, start=not arguments.no_start)
    installation.install(machine, wish, lambda line: print(line, file=out, flush=True))
    return 0


def uninstall(arguments: Namespace, out: TextIO) -> int:
    machine = _here()
    scope = _scope(arguments, machine)
    _may_change(scope, machine, running_program())
    installation.uninstall(machine, scope, lambda line: print(line, file=out, flush=True), force=arguments.force)
    return 0


def status(arguments: Namespace, out: TextIO) -> int:
    machine, program = _here(), running_program()
    scopes: tuple[Scope, ...] = (arguments.scope,) if arguments.scope else ("user", "system")
    found = {}
    for scope in scopes:
        try:
            found[scope] = state.properties(machine, scope)
        except ServiceError:
            if scope == scopes[-1]:  # without a session there may be a system service nonetheless
                raise
    installed = {scope: each for scope, each in found.items() if state.is_installed(each)}
    if not installed:
        print("voiced is not installed as a service; say: voiced service install", file=out)
        return NOT_THERE
    for scope, each in installed.items():
        for line in state.lines(machine, scope, each, program):
            print(line, file=out)
    if all(map(state.is_active, installed.values())):
        return RUNS
    return FAILED if any(each.get("ActiveState") != "inactive" for each in installed.values()) else NOT_THERE


def running_program() -> tuple[str, ...]:
    """What starts this very voiced: the script of its environment, else its interpreter."""
    script = Path(sysconfig.get_path("scripts"), "voiced")
    return (str(script),) if os.access(script, os.X_OK) else (sys.executable, "-m", "voiced")


def _here() -> Machine:
    return Machine(os.environ, os.geteuid())


def _scope(arguments: Namespace, machine: Machine) -> Scope:
    chosen: Scope | None = arguments.scope
    return chosen or ("system" if machine.uid == 0 else "user")


def _may_change(scope: Scope, machine: Machine, program: tuple[str, ...]) -> None:
    if scope == "system" and machine.uid != 0:
        again = shlex.join([*program, *sys.argv[1:]])
        raise ServiceError(f"a service of the whole machine takes root; say: sudo {again}")


def _key(file: str) -> str:
    """Raises ServiceError, without the key in its text."""
    if file == "-":
        if sys.stdin.isatty():
            sys.stderr.write("paste the key, then Enter and Ctrl-D:\n")
        return installation.checked_key(sys.stdin.read(), "standard input")
    try:
        return installation.checked_key(Path(file).expanduser().read_text(encoding="ascii"), file)
    except UnicodeDecodeError:
        raise ServiceError(f"{file}: this is not a key (not plain ASCII); put the key alone in it") from None
    except OSError as error:
        raise ServiceError(f"{file}: the key can't be read ({error.strerror})") from None
