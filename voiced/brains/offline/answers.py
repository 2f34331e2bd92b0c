"""What the offline brain says: results of tools made fit to be spoken, and what it says where it did not understand.

Pure. Texts of tools are written for a language model, and may be markdown or JSON; a voice reads signs out.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final

from voiced.conversation.events import ToolSpec

LONGEST_ANSWER: Final = 700
"""Characters of a tool's result that are spoken: a minute at most; people asked for one thing."""

LONGEST_MARKDOWN: Final = 8 * LONGEST_ANSWER
"""Characters of a tool's result that are looked at: signs that pair with none take time that grows with its square."""

LONGEST_SENTENCE: Final = 300
"""Characters that are synthesised at a time: half a minute of sound at most."""

LONGEST_OFFER: Final = 60
"""Characters: an offer is a short phrase, what is longer describes too much."""

MOST_OFFERS: Final = 3
MOST_TOLD: Final = 8
"""Where somebody asks for help: nobody remembers more."""

DEEPEST: Final = 3
"""Levels of JSON that are read out; below that it is a listing."""

MORE: Final = "There is more, which would take too long to say."

_CODE: Final = re.compile(r"^\s*(```|~~~).*$", re.MULTILINE)
_RULE: Final = re.compile(r"^\s*([-*_=]\s*){3,}$|^\s*\|?\s*:?-{2,}[-:|\s]*$", re.MULTILINE)
_BULLET: Final = re.compile(r"^\s*(?:#{1,6}|[-*+•>]|\d{1,2}[.)])\s+", re.MULTILINE)
_IMAGE: Final = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_ADDRESS: Final = re.compile(r"\b(?:https?|ftp)://([^\s/<>()]+)[^\s<>()]*")
_EMPHASIS: Final = re.compile(r"(?<!\w)(\*{1,3}|_{1,3}|~~|`+)(?=\S)(.+?)(?<=\S)\1(?!\w)", re.DOTALL)
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]*/?>")
_CELLS: Final = re.compile(r"[ \t]*\|[ \t]*")
_BLANKS: Final = re.compile(r"\s+")
_NAME: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_+")
_END: Final = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[^\W_a-z])|(?<=[。！？])|\n+")
_ABBREVIATED: Final = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|No|vs|etc|approx|[A-Z])|\b[a-z]\.[a-z])\.$")
_HYPHEN: Final = re.compile(r"(?<=\s)[-–—](?=\s)")


def plain(text: str) -> str:
    """`text` with nothing in it that has no sound: tags, control characters, pictures. Lines stay lines."""
    text = _TAG.sub(" ", text)
    kept = (" " if _soundless(character) else character for character in text.replace("\r\n", "\n"))
    lines = (_BLANKS.sub(" ", line).strip() for line in "".join(kept).split("\n"))
    return "\n".join(line for line in lines if line)


def speakable(text: str) -> str:
    """A tool's result as somebody would say it: no markdown, no JSON, not too long, a sentence to each line."""
    said = _json_as_words(text)
    if said is None:
        said = _markdown_as_words(text[:LONGEST_MARKDOWN])
    return shortened("\n".join(map(_ended, plain(said).split("\n"))) if said.strip() else "")


def shortened(text: str, longest: int = LONGEST_ANSWER) -> str:
    """As many whole sentences as fit, and a word about the rest."""
    if len(text) <= longest:
        return text
    kept: list[str] = []
    room = longest
    for sentence in sentences(text):
        room -= len(sentence) + 1
        if room < 0:
            break
        kept.append(sentence)
    return " ".join([*kept, MORE])


def sentences(text: str) -> Iterator[str]:
    """The sentences of `text`, none longer than `LONGEST_SENTENCE` nor blank; what is longer is cut at a word."""
    start = 0
    for end in _END.finditer(text):
        if "\n" not in end[0] and _ABBREVIATED.search(text, start, end.start()):
            continue
        yield from _pieces(text[start : end.end()])
        start = end.end()
    yield from _pieces(text[start:])


def offers_of(tools: Sequence[ToolSpec]) -> tuple[str, ...]:
    """What can be asked for by voice, as a verb phrase each: "set a timer"; of the tools that have sentences."""
    phrases = (_verb_phrase(tool.description) for tool in tools if tool.sentences)
    return tuple(dict.fromkeys(phrase for phrase in phrases if phrase))


def not_understood(offers: Sequence[str], misses: int) -> str:
    """What to say to the `misses`-th question in a row (1 is the first) that nobody understood.

    Each first miss names other offers than the one before would, should it be asked with a rising number.
    """
    if misses > 1:
        return "I did not understand that either. Say help to hear what I can do."
    if not offers:
        return "I did not understand that. Without a network there is little that I can do."
    return f"I did not understand that. I can {_either(offers[:MOST_OFFERS])}."


def what_i_can_do(offers: Sequence[str], asked: int = 0) -> str:
    """The answer to "help"; of many offers a part, and the next part when it was `asked` once more."""
    if not offers:
        return "Without a network there is nothing that I can do for you just now."
    parts = [offers[first : first + MOST_TOLD] for first in range(0, len(offers), MOST_TOLD)]
    more = " Say help again to hear more." if len(parts) > 1 else ""
    return f"Without a network I can {_either(parts[asked % len(parts)])}.{more}"


def _soundless(character: str) -> bool:
    if character == "\n":
        return False
    category = unicodedata.category(character)
    # Co, Cs, Cn, Cc: no characters. Cf and the selectors join pictures. So: pictures, but ° is said.
    if category in ("Cc", "Cs", "Co", "Cn", "Sk") or (category == "So" and character not in "°©®№"):
        return True
    return category == "Cf" or character in "\ufe0e\ufe0f\u20e3"


def _markdown_as_words(text: str) -> str:
    for pattern, by in (
        (_CODE, ""), (_RULE, ""), (_BULLET, ""), (_IMAGE, ""), (_LINK, r"\1"), (_ADDRESS, r"\1"),
        (_EMPHASIS, r"\2"), (_EMPHASIS, r"\2"), (_HYPHEN, ","),
    ):  # fmt: skip
        text = pattern.sub(by, text)
    lines = (_CELLS.sub(", ", line.strip().strip("|").strip()) for line in text.splitlines())
    return "\n".join(lines)


def _json_as_words(text: str) -> str | None:
    """None where it is no JSON, or a single value, which reads as it is."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return _said(value, DEEPEST)


def _said(value: Any, levels: int) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "nothing"
        case dict() | list() if levels == 0:
            return f"{len(value)} more"
        case dict():
            between = "\n" if levels == DEEPEST else ", "
            return between.join(f"{_name(key)}: {_said(item, levels - 1)}" for key, item in value.items()) or "nothing"
        case list():
            between = "\n" if any(isinstance(item, dict) for item in value) else ", "
            return between.join(_said(item, levels - 1) for item in value) or "nothing"
        case _:
            return str(value)


def _name(key: str) -> str:
    return _NAME.sub(" ", key).strip().lower()


def _ended(line: str) -> str:
    """With a sign at its end, and a capital at its beginning, that tell a voice that it is a sentence."""
    line = line.rstrip(" ,;:")
    if not line:
        return ""
    line = line[0].upper() + line[1:]
    return line if line[-1] in '.!?…。！？"”’)' else f"{line}."


def _pieces(sentence: str) -> Iterator[str]:
    sentence = sentence.strip()
    while len(sentence) > LONGEST_SENTENCE:
        cut = max(sentence.rfind(mark, 0, LONGEST_SENTENCE) for mark in (", ", "; ", ": ", "，", "、"))
        if cut < LONGEST_SENTENCE // 3:
            cut = sentence.rfind(" ", 1, LONGEST_SENTENCE)
        end = cut + 1 if cut > 0 else LONGEST_SENTENCE
        yield sentence[:end].strip()
        sentence = sentence[end:].strip()
    if sentence:
        yield sentence


def _verb_phrase(description: str) -> str:
    first = plain(description).partition("\n")[0]
    phrase = next(sentences(first), "").rstrip(".!? ")
    phrase = re.split(r"[:;(]|, (?:such as|for example|e\.g\.)", phrase)[0].strip()
    if not phrase or len(phrase) > LONGEST_OFFER:
        return ""
    return phrase if phrase[:2].isupper() else phrase[0].lower() + phrase[1:]


def _either(phrases: Sequence[str]) -> str:
    *most, last = phrases
    return f"{', '.join(most)} or {last}" if most else last
