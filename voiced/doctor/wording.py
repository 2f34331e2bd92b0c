"""The findings as text for people: what is wrong first, then all that is well, a line for each area."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from voiced.doctor.finding import AREAS, Finding, Level

COLOURS: Final[dict[Level, str]] = {"problem": "1;31", "warning": "1;33", "note": "36", "ok": "32"}

_INDENT: Final = " " * 10


def lines(findings: Sequence[Finding], *, width: int = 100, colours: bool = False) -> Iterator[str]:
    """`findings`: the gravest first."""
    yield _summary(findings)
    yield ""
    for finding in findings:
        if finding.level in ("problem", "warning"):
            yield from _wrong(finding, width, colours)
            yield ""
    for finding in findings:
        if finding.level == "note":
            yield from _note(finding, width, colours)
    for area in AREAS:
        well = [finding.what for finding in findings if finding.area == area and finding.level == "ok"]
        if well:
            yield from _wrapped(f"{_painted('ok', colours)}{area}: {'; '.join(well)}", width)


def _summary(findings: Sequence[Finding]) -> str:
    problems = sum(finding.level == "problem" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    counts = [
        f"{number} {noun}{'s' * (number > 1)}"
        for number, noun in ((problems, "problem"), (warnings, "warning"))
        if number
    ]
    if not counts:
        return "Everything is fine."
    return f"{' and '.join(counts)}; what is best mended first comes first."


def _wrong(finding: Finding, width: int, colours: bool) -> Iterator[str]:
    yield from _wrapped(f"{_painted(finding.level, colours)}{finding.area}: {finding.what}", width)
    if finding.why:
        yield from textwrap.wrap(finding.why, width, initial_indent=_INDENT, subsequent_indent=_INDENT)
    yield from _mend(finding.mend)


def _mend(mend: str) -> Iterator[str]:
    """The command by itself on its line, so that it can be copied; never wrapped."""
    command, _, remark = mend.partition("   # ")
    yield f"{_INDENT}mend it:  {command}"
    if remark:
        yield f"{_INDENT}          ({remark})"


def _note(finding: Finding, width: int, colours: bool) -> Iterator[str]:
    said = f"{finding.what}. {finding.why}" if finding.why else finding.what
    yield from _wrapped(f"{_painted('note', colours)}{finding.area}: {said}", width)
    if finding.mend:
        command, _, remark = finding.mend.partition("   # ")
        yield f"{_INDENT}to change it:  {command}{f'   ({remark})' if remark else ''}"


def _painted(level: Level, colours: bool) -> str:
    padded = f"{level:<10}"
    return f"\x1b[{COLOURS[level]}m{level}\x1b[0m{padded[len(level) :]}" if colours else padded


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False) or [""]
