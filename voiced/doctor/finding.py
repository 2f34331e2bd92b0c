"""What the doctor found: how grave it is, what it is about, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, get_args

Level = Literal["problem", "warning", "note", "ok"]
"""problem: something does not work. warning: it will not, or not well. note: worth knowing. ok: all is well."""

Area = Literal[
    "settings", "disk", "clock", "network", "key", "models", "session", "sound", "listening", "plugins", "voiced"
]  # fmt: skip

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""The gravest first."""

AREAS: Final[tuple[Area, ...]] = get_args(Area)
"""What must be mended before the others first: a wrong clock makes the network look broken, and that the
key; without its session or its group a user has no sound."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line each. `what`: was found. `why`: it matters, or came about; may be empty.

    `mend`: a command for a shell, with what is to be known about it behind a #. Where something is wrong there is one.
    """

    level: Level
    area: Area
    what: str
    why: str = ""
    mend: str = ""

    def __post_init__(self) -> None:
        if self.level in ("problem", "warning") and not self.mend:
            raise ValueError(f"nothing is said of how to mend it: {self.what}")


def gravest_first(findings: Iterable[Finding]) -> list[Finding]:
    """Each once; of the same level, in the order in which they are best mended."""
    return sorted(dict.fromkeys(findings), key=lambda each: (LEVELS.index(each.level), AREAS.index(each.area)))
