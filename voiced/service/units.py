"""The text of the units: which are shipped, what is filled in, and whether somebody changed one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Final, Literal

from voiced.errors import ServiceError

Scope = Literal["system", "user"]
"""Whose service: the machine's, or that of whoever is logged in."""

NAME: Final = "voiced.service"
DESKTOP: Final = "graphical-session.target"
LOGIN: Final = "default.target"

_FILE: Final[dict[Scope, str]] = {"system": NAME, "user": f"user/{NAME}"}
_CHECKOUT: Final = Path(__file__).parents[2] / "systemd"
_STAMP: Final = re.compile(r"# Written by voiced [^\n]*\n# [^\n]*\n# sha256 of what follows: ([0-9a-f]{64})\n")


def shipped(scope: Scope) -> str:
    """The unit as it is shipped: in the wheel, or in the checkout of an editable install."""
    in_wheel = resources.files("voiced.service").joinpath("unit_files", *_FILE[scope].split("/"))
    if in_wheel.is_file():
        return in_wheel.read_text(encoding="utf-8")
    return (_CHECKOUT / _FILE[scope]).read_text(encoding="utf-8")


def system_unit(unit: str, program: Sequence[str], *, key: bool, version: str) -> str:
    """The system unit that starts `program`. `key`: whether there is one; systemd refuses to start without the file."""
    lines = _filled_in(unit, program)
    if not key:
        lines = [line for line in lines if not line.startswith("LoadCredential=")]
    return _stamped("\n".join(lines), version)


def user_unit(unit: str, program: Sequence[str], *, desktop: bool, version: str) -> str:
    """The user unit that starts `program`. `desktop`: it comes and goes with the desktop, else with the login."""
    lines = _filled_in(unit, program)
    if not desktop:
        gone = {f"PartOf={DESKTOP}", f"After={DESKTOP}"}
        lines = [line.replace(f"WantedBy={DESKTOP}", f"WantedBy={LOGIN}") for line in lines if line not in gone]
    return _stamped("\n".join(lines), version)


def changed_by_hand(unit: str) -> bool:
    """Whether it is not as some version of voiced wrote it."""
    stamp = _STAMP.match(unit)
    return stamp is None or stamp[1] != _digest(unit[stamp.end() :])


def command_line(program: Sequence[str]) -> str:
    """For ExecStart, where % and spaces mean something, and in the words after the first $ too (systemd.service(5)).

    Raises ServiceError where systemd can't start a program of that name.
    """
    first, *others = (each.replace("%", "%%") for each in program)
    if re.search(r"[\"'\\\x00-\x1f]", first):
        raise ServiceError(f"systemd does not take quotes or backslashes in {program[0]}; install voiced elsewhere")
    return " ".join(
        f'"{each}"' if " " in each else each for each in (first, *(each.replace("$", "$$") for each in others))
    )


def _filled_in(unit: str, program: Sequence[str]) -> list[str]:
    """With the program, and without the heading, which is about how to get here."""
    lines = unit.splitlines()
    start = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return [
        f"ExecStart={command_line([*program, 'run'])}" if line.startswith("ExecStart=") else line
        for line in lines[start:]
    ]


def _stamped(rest: str, version: str) -> str:
    rest = f"{rest}\n"
    return (
        f"# Written by voiced {version}.\n"
        "# `voiced service install` writes it anew; changes belong into a drop-in: systemctl edit.\n"
        f"# sha256 of what follows: {_digest(rest)}\n{rest}"
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
