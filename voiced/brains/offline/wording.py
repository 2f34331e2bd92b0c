"""From text, however it is written, to the words as they are spoken: lower case, `[a-z']+`, numbers in words."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

SMALL: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
LARGEST: Final = 999_999
"""Numbers above it are read digit by digit."""

_SIGNS: Final = {"%": " percent ", "&": " and ", "+": " plus ", "°": " degrees ", "€": " euros ", "$": " dollars "}
_LETTERS: Final = str.maketrans(
    {"’": "'", "ʼ": "'", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th"}
)
_CLOCK: Final = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b")
_HALF_OF_DAY: Final = re.compile(r"(?<=[\dk])\s*([ap])\.?\s?m\b\.?|\b(p)\.?m\b\.?|\b(a)\.m\b\.?")
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}\b)")
_MINUS: Final = re.compile(r"(?<!\w)-(?=\d)")
_POINT: Final = re.compile(r"(?<=\d)\.(?=\d)")
_TOKENS: Final = re.compile(r"\d+|[a-z]+(?:'[a-z]+)*'?")


def words_of(text: str) -> tuple[str, ...]:
    """The words of `text` as spoken: "Set it to 25%!" is set it to twenty five percent; "7:05 PM" seven oh five p m.

    Accents are dropped; what has no Latin letters at all is left out.
    """
    text = text.casefold().translate(_LETTERS)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    text = _HALF_OF_DAY.sub(lambda found: f" {next(filter(None, found.groups()))} m ", text)
    text = _CLOCK.sub(lambda found: f" {_clock(int(found[1]), int(found[2]))} ", text)
    text = _POINT.sub(" point ", _MINUS.sub(" minus ", _THOUSANDS.sub("", text)))
    for sign, spoken in _SIGNS.items():
        text = text.replace(sign, spoken)
    tokens = (token.removesuffix("'") for token in _TOKENS.findall(text))
    return tuple(word for token in tokens for word in (_digits(token) if token.isdigit() else (token,)))


def spoken_number(number: int) -> str:
    """0 to `LARGEST` in words: 125 is one hundred twenty five."""
    if number < len(SMALL):
        return SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return " ".join((TENS[tens - 2], *([SMALL[ones]] if ones else [])))
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    count, rest = divmod(number, size)
    return " ".join((spoken_number(count), name, *([spoken_number(rest)] if rest else [])))


def _digits(token: str) -> list[str]:
    if len(token) <= len(str(LARGEST)):
        return spoken_number(int(token)).split()
    return [SMALL[int(digit)] for digit in token]


def _clock(hour: int, minute: int) -> str:
    spoken = spoken_number(hour)
    if minute == 0:
        return f"{spoken} o'clock"
    return f"{spoken} oh {spoken_number(minute)}" if minute < 10 else f"{spoken} {spoken_number(minute)}"
