"""What of a text is spoken: the words, without the marks that only make sense to the eye."""

from __future__ import annotations

import re
from typing import Final

_IMAGE_OR_LINK: Final = re.compile(r"!?\[([^\]\n]*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s+\"[^\"]*\")?\)")
_FENCE: Final = re.compile(r"^\s*(```|~~~).*$", re.MULTILINE)
_RULE: Final = re.compile(r"^\s*([-*_])(\s*\1){2,}\s*$", re.MULTILINE)
_TABLE_RULE: Final = re.compile(r"^\s*\|?(\s*:?-{2,}:?\s*\|)+\s*(:?-{2,}:?)?\s*$", re.MULTILINE)
_HEADING: Final = re.compile(r"^\s{0,3}#{1,6}\s+", re.MULTILINE)
_QUOTE: Final = re.compile(r"^\s{0,3}>\s?", re.MULTILINE)
_BULLET: Final = re.compile(r"^\s*[-*+•]\s+(?:\[[ xX]\]\s+)?", re.MULTILINE)
_STRONG: Final = re.compile(r"\*\*|__(?=\S)|(?<=\S)__|~~")
_EMPHASIS: Final = re.compile(r"(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)")
_ROW: Final = re.compile(r"^\s*\|(.+)\|\s*$", re.MULTILINE)
_BLANKS: Final = re.compile(r"\s+")


def spoken(text: str) -> str:
    """`text` as it is said and shown: no Markdown, one line; empty where nothing in it can be said.

    >>> spoken("**Note:** see [the page](https://example.org/a_b), `ls` and 3 * 4.")
    'Note: see the page, ls and 3 * 4.'
    """
    text = _FENCE.sub(" ", text)
    text = _RULE.sub(" ", text)
    text = _TABLE_RULE.sub(" ", text)
    text = _IMAGE_OR_LINK.sub(r"\1", text)
    text = _HEADING.sub("", text)
    text = _QUOTE.sub("", text)
    text = _BULLET.sub("", text)
    text = _ROW.sub(lambda row: re.sub(r"\s*\|\s*", ", ", row[1].strip()), text)
    text = _STRONG.sub("", text)
    text = _EMPHASIS.sub("", text)
    text = _BLANKS.sub(" ", text.replace("`", "")).strip()
    return text if any(each.isalnum() for each in text) else ""
