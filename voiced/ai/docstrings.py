"""Google-style docstrings: what a function does, and what each argument means."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_SECTION = re.compile(
    r"(Args|Arguments|Parameters|Returns?|Yields?|Raises|Examples?|Notes?|Attributes|See Also|Warnings?|Todo):\s*$"
)
_ARGUMENTS = ("Args", "Arguments", "Parameters")
_ARGUMENT = re.compile(r"\*{0,2}(?P<name>\w+)\s*(\([^)]*\))?:\s*(?P<text>.*)$")


@dataclass(frozen=True, slots=True)
class Docstring:
    """`text`: all before the first section, paragraphs kept. `arguments`: each on one line."""

    text: str = ""
    arguments: dict[str, str] = field(default_factory=dict)


def parse(docstring: str | None) -> Docstring:
    """Read a docstring. Sections other than the arguments' are for people who read the code, and left out."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    first_section = next((i for i, line in enumerate(lines) if _SECTION.match(line)), len(lines))
    return Docstring(_paragraphs(lines[:first_section]), _arguments(lines[first_section:]))


def _paragraphs(lines: list[str]) -> str:
    text = "\n".join(lines).strip()
    return "\n".join(" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))


def _arguments(lines: list[str]) -> dict[str, str]:
    arguments: dict[str, str] = {}
    inside, indent, current = False, 0, ""
    for line in lines:
        if section := _SECTION.match(line):
            inside, indent, current = section[1] in _ARGUMENTS, 0, ""
        elif inside and line.strip():
            depth = len(line) - len(line.lstrip())
            indent = indent or depth
            if depth <= indent and (argument := _ARGUMENT.match(line.strip())):
                current = argument["name"]
                arguments[current] = argument["text"].strip()
            elif current:
                arguments[current] = f"{arguments[current]} {line.strip()}".strip()
    return arguments
