"""What is said to MPD and what it answers, as text: quoting, filters, replies. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from voiced.api import ToolError

Pairs = list[tuple[str, str]]
"""The lines of one answer, each a name and a value; names in lower case."""

GREETING: Final = "OK MPD "
OK: Final = "OK"
NEXT: Final = "list_OK"

_ACK: Final = re.compile(r"ACK \[(\d+)@\d+\] \{([^}]*)\} ?(.*)")
_UNWRITABLE: Final = re.compile(r"[\0\r\n]")

_WRONG_PASSWORD: Final = 3
_NO_PERMISSION: Final = 4


class PlayerError(ToolError):
    """Something about the music player that keeps a tool from working; its text can be said."""


class PlayerRefused(PlayerError):
    """MPD answered with ACK."""


def line(*words: str | int) -> str:
    """A command with its arguments, each quoted. Raises ValueError for what would end the line."""
    name, *arguments = (str(word) for word in words)
    text = " ".join([name, *(_quoted(argument) for argument in arguments)])
    if _UNWRITABLE.search(text):
        raise ValueError("an argument for MPD has a line break in it")
    return text


def contains(tag: str, words: Iterable[str]) -> list[str]:
    """Conditions for songs whose tag has all of the words in it, for `search`, which ignores case."""
    return [f"({tag} contains {_quoted(word)})" for word in words]


def equals(tag: str, value: str) -> list[str]:
    """The condition for songs with exactly this tag."""
    return [f"({tag} == {_quoted(value)})"]


def all_of(conditions: Sequence[str]) -> str:
    """A filter of one or more conditions. They are side by side: MPD can't read one such filter within another."""
    return conditions[0] if len(conditions) == 1 else f"({' AND '.join(conditions)})"


def is_end(text: str) -> bool:
    """Whether this line ends all that a command, or a list of commands, is answered with."""
    return text == OK or text.startswith("ACK ")


def answers(lines: Sequence[str]) -> list[Pairs]:
    """What each command of a list was answered with. Raises PlayerRefused."""
    found: list[Pairs] = [[]]
    for text in lines:
        if text.startswith("ACK "):
            raise _refused(text)
        if text == NEXT:
            found.append([])
        elif text != OK:
            name, _, value = text.partition(": ")
            found[-1].append((name.lower(), value))
    return found[:-1] if len(found) > 1 else found


def values(pairs: Pairs, name: str) -> list[str]:
    """All values with that name."""
    return [value for key, value in pairs if key == name]


def records(pairs: Pairs, first: str) -> list[Pairs]:
    """An answer about several things, in parts that each begin with the name `first`."""
    found: list[Pairs] = []
    for pair in pairs:
        if pair[0] == first:
            found.append([])
        if found:
            found[-1].append(pair)
    return found


def number(pairs: Pairs, name: str) -> int | None:
    """The number with that name, or None where there is none; MPD writes -1 for what it does not know."""
    text = dict(pairs).get(name, "")
    return int(text) if text.isdecimal() else None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _refused(text: str) -> PlayerRefused:
    found = _ACK.match(text)
    code, message = (int(found[1]), found[3].strip().rstrip(".")) if found else (0, "")
    if code == _WRONG_PASSWORD:
        return PlayerRefused("The music player refuses the password. Set the right one for the plugin media.")
    if code == _NO_PERMISSION:
        return PlayerRefused(
            "The music player does not allow that. It may want a password: set one for the plugin media."
        )
    return PlayerRefused(f"The music player refused: {message or 'it does not say why'}.")
