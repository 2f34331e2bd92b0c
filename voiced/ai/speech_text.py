"""A text that is too long to be spoken at once, cut between sentences."""

from __future__ import annotations

import re
from typing import Final

MOST_CHARACTERS: Final = 4096
"""Of one request."""

MOST_TOKENS: Final = 2000
"""Of one request, for all models but tts-1."""

_SENTENCE_END: Final = re.compile(r"""(?:[.!?…]+["'”’»)\]]*(?=\s)|[。！？｡؟।]+["”’」』）]*|\n[^\S\n]*\n)""")
_PAUSE: Final = re.compile(r"[,;:–—](?=\s)|\n|[，、；：،؛]")
_BLANK: Final = re.compile(r"\s")

_ABBREVIATION: Final = re.compile(
    r"(?i)(?:^|[\s(\"'“‘„«])(?:[^\W\d_]|[^\W\d_](?:\.[^\W\d_])+|mr|mrs|ms|dr|prof|st|mt|no|nr|vs|fig|vol|ca|approx|bzw"
    r"|etc|usw|gen|sen|rev|hr|fr|str|bd|abs|art|sr|sra|mme|env)\.$"
)
"""A full stop behind these may stand within a sentence."""


def parts(text: str, most_characters: int = MOST_CHARACTERS, most_tokens: int = MOST_TOKENS) -> list[str]:
    """The text in parts that fit, with no blanks around them; one where it fits. None is empty.

    Each ends with a sentence; where a sentence does not fit, at a comma, else at a blank, else anywhere.
    """
    rest = text.strip()
    found = []
    while (longest := _longest(rest, most_characters, most_tokens)) < len(rest):
        end = _end(rest, longest)
        found.append(rest[:end].strip())
        rest = rest[end:].strip()
    return [*found, rest] if rest else found


def _longest(text: str, most_characters: int, most_tokens: int) -> int:
    """So many characters of it fit. Tokens are guessed, rather too many."""
    thirds = 3 * most_tokens
    for at, letter in enumerate(text[:most_characters]):
        thirds -= _thirds(letter)
        if thirds < 0:
            return max(1, at)
    return min(len(text), most_characters)


def _thirds(letter: str) -> int:
    """Thirds of a token: three common letters are hardly more than one, a sign is one, a rare character up to three."""
    if letter.isascii():
        return 1 if letter.isalnum() or letter == " " else 3
    if letter.isalpha() and letter < "\u0900":  # alphabets: accents, Greek, Cyrillic, Arabic
        return 2
    return 5 if letter < "\U00010000" else 9


def _end(text: str, longest: int) -> int:
    """Where the part at the beginning of `text` ends, at most `longest` characters on."""
    for ends in (_SENTENCE_END, _PAUSE, _BLANK):
        for found in reversed(list(ends.finditer(text, 0, longest + 1))):
            if found.end() <= longest and text[: found.end()].strip() and not _goes_on(text, found):
                return found.end()
    return longest


def _goes_on(text: str, end: re.Match[str]) -> bool:
    """Whether this full stop is within a sentence: of an abbreviation, or a small letter follows."""
    if end[0] != ".":
        return False
    following = text[end.end() : end.end() + 2].lstrip()
    return following[:1].islower() or _ABBREVIATION.search(text, max(0, end.end() - 12), end.end()) is not None
