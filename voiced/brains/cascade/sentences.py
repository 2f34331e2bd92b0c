"""A stream of text, cut into what is spoken at a time, as early as that is safe.

Theory of operation. Text is looked at character by character, and a cut is decided only once all that it depends on is
there: the blank after a full stop, and the letter after that. So the sentences of a text are the same however it was
cut into pieces on its way. No character is lost or doubled; only blanks around sentences are.

A full stop ends a sentence unless it stands in a number, an address or an abbreviation, or a small letter follows. What
is missed joins two sentences, which costs a little time; a wrong cut would be heard, so doubt joins.
"""

from __future__ import annotations

import re
from typing import Final

LEAST: Final = 24
"""Weight below which a sentence waits for the next one: short requests one after the other sound chopped."""

LEAST_FIRST: Final = 2
"""Of the first: somebody waits for it."""

LONG_FIRST: Final = 90
"""Characters of a first sentence after which it is cut at a comma: its sound is waited for."""

LONG: Final = 420
"""Characters of any sentence after which it is cut at a comma, or else at a blank."""

LONGEST: Final = 600
"""Characters after which it is cut anywhere; the API takes 4096."""

_ENDS: Final = ".!?…"
_WIDE_ENDS: Final = "。！？｡؟।۔"
_CLOSERS: Final = "\"'”’»)]}*_`」』）】》〉＂"
_PAUSES: Final = ",;:–—"
_WIDE_PAUSES: Final = "，、；：،؛"

_ABBREVIATIONS: Final = frozenset(
    """
    mr mrs ms dr prof st sr jr mt ft vs figs eq pp approx ca cf dept est inc ltd co corp lt sgt capt hon gov sen pres
    ave blvd rd ext eds tbsp tsp oz lbs hrs sq hr hrn fr bzw usw ggf evtl inkl exkl zzgl bspw vgl str ff hl mio mrd
    dipl sog u.a z.b d.h mme mlle env av sra srta ud uds avda dott avv e.g i.e a.k.a
    """.split()  # noqa: SIM905 a list of these would fill a page
)
"""Without their full stop, in small letters."""

_BEFORE_NUMBERS: Final = frozenset(
    """
    no nos nr núm num vol fig ch sec p pp pág pag art abs bd min max temp tel ed lb jan feb mar apr jun jul aug sep sept
    oct okt nov dec dez mon tue tues wed thu thur thurs fri sat sun
    """.split()  # noqa: SIM905 as above
)
"""Abbreviations where a number follows, and elsewhere words: "No. 5", but "No. It is not."."""

_MAY_END: Final = frozenset({"etc", "usw", "inc", "ltd", "co", "corp", "jr", "sr", "a.m", "p.m", "hrs", "lbs", "oz"})
"""Abbreviations that end a sentence where a capital follows."""

_MONTHS: Final = re.compile(
    r"(?i)(jan|feb|mär|mar|apr|mai|may|jun|jul|aug|sep|okt|oct|nov|dez|dec|stock|etage|klasse|jahrhundert|oktober|"
    r"geburtstag|platz|januar|kapitel|tag|mal|könig|weltkrieg)"
)
_WORD_BEFORE: Final = re.compile(r"([^\W_](?:[^\W_]|[.'’-](?=[^\W_]))*)\.$")
_DOTTED: Final = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]$")
_NUMBER: Final = re.compile(r"^\d{1,3}$")


class Sentences:
    """`feed` pieces, get sentences; `end` for the rest. Sentences are as they came, with no blanks around them."""

    def __init__(self) -> None:
        self._text = ""
        self._at = 0  # before it nothing can be cut any more
        self._first = True

    def feed(self, piece: str) -> list[str]:
        """The sentences that are complete now."""
        self._text += piece
        found = []
        while (sentence := self._next(ended=False)) is not None:
            found.append(sentence)
        return [sentence for sentence in found if sentence]

    def end(self) -> list[str]:
        """No more text comes: what is left."""
        found = []
        while (sentence := self._next(ended=True)) is not None:
            found.append(sentence)
        found.append(self._text.strip())
        self._text = ""
        self._at = 0
        return [sentence for sentence in found if sentence]

    def _next(self, ended: bool) -> str | None:
        """Cut the next sentence off, if its end is known. It may be empty."""
        text = self._text
        start = len(text) - len(text.lstrip())
        at = max(self._at, start)
        while at < len(text):
            if at - start >= LONGEST or (at - start >= self._long and self._cut_at_pause(start, at)):
                return self._cut(self._long_cut(start, at))
            end = self._boundary(start, at, ended)
            if end is None:  # it depends on what comes next
                break
            if end:
                return self._cut(end)
            at += 1
        self._at = at
        return None

    @property
    def _long(self) -> int:
        return LONG_FIRST if self._first else LONG

    def _boundary(self, start: int, at: int, ended: bool) -> int | None:
        """Where the sentence ends if its end begins at `at`; 0: it does not; None: not known yet."""
        text, mark = self._text, self._text[at]
        if mark == "\n":
            return at + 1 if _speakable(text[start:at]) else 0
        if mark not in _ENDS and mark not in _WIDE_ENDS:
            return 0
        if at + 1 < len(text) and (text[at + 1] in _ENDS or text[at + 1] in _WIDE_ENDS):
            return 0  # the last of several marks decides
        end = at + 1
        while end < len(text) and text[end] in _CLOSERS:
            end += 1
        if end == len(text):
            return 0 if ended else None
        if mark in _WIDE_ENDS:
            return end if _weight(text[start:end]) >= self._least else 0
        if not text[end].isspace():
            wide = mark in "!?…" and _is_wide(text[end])
            return end if wide and _weight(text[start:end]) >= self._least else 0
        if _weight(text[start:end]) < self._least:
            return 0
        if "\n" in text[end : end + 1]:
            return end if self._may_stop(start, at, "\n", "") else 0
        if mark in "!?" and end == at + 1:
            return end
        after = end
        while after < len(text) and text[after].isspace():
            if text[after] == "\n":
                return end if self._may_stop(start, at, "\n", "") else 0
            after += 1
        if after == len(text):
            return end if ended else None
        following = text[after]
        if following.islower():
            return 0
        if mark != ".":
            return end
        word_end = after
        while word_end < len(text) and text[word_end].isalpha():
            word_end += 1
        if word_end == len(text) and not ended and self._before(start, at).isdigit():
            return None  # "3. M" may become "3. Mai"
        return end if self._may_stop(start, at, following, text[after:word_end]) else 0

    def _may_stop(self, start: int, at: int, following: str, word: str) -> bool:
        """Whether the full stop at `at` ends a sentence, as far as the word before and what follows tell."""
        text = self._text
        if text[at] != "." or text[max(start, at - 1) : at] == ".":
            return True
        before = self._before(start, at)
        if not before:
            return True
        small = before.lower()
        if following == "\n":
            return True
        if _NUMBER.match(before):
            if start + len(before) == at or text[max(start, at - len(before) - 1)] == "\n":
                return False  # "1. First, …"
            return not (len(before) < 3 and _MONTHS.match(word))
        if small in _MAY_END:
            return True
        if small in _BEFORE_NUMBERS and following.isdigit():
            return False
        if small in _ABBREVIATIONS or _DOTTED.match(before):
            return False
        return not (
            len(before) == 1 and before.isalpha() and before.isupper() and before != "I" and not _is_wide(before)
        )

    def _before(self, start: int, at: int) -> str:
        """The word that the full stop at `at` stands behind."""
        found = _WORD_BEFORE.search(self._text[max(start, at - 40) : at + 1])
        return found[1] if found else ""

    @property
    def _least(self) -> int:
        return LEAST_FIRST if self._first else LEAST

    def _cut_at_pause(self, start: int, at: int) -> bool:
        """Whether a sentence that got long has a pause to cut it at, which `at` does not change any more."""
        return self._pause(start, at) > 0

    def _pause(self, start: int, at: int) -> int:
        """The end of the last clause before `at`, 0 where there is none."""
        text = self._text
        for end in range(at - 1, start + 16, -1):
            if (text[end - 1] in _PAUSES and text[end].isspace()) or text[end - 1] in _WIDE_PAUSES:
                return end
        return 0

    def _long_cut(self, start: int, at: int) -> int:
        if pause := self._pause(start, at):
            return pause
        for end in range(at - 1, start + 16, -1):
            if self._text[end].isspace():
                return end
        return at

    def _cut(self, end: int) -> str:
        sentence, self._text = self._text[:end].strip(), self._text[end:]
        self._at = 0
        self._first = self._first and not _speakable(sentence)
        return sentence


def _speakable(text: str) -> bool:
    return any(each.isalnum() for each in text)


def _is_wide(letter: str) -> bool:
    """Of a script that is written with no blanks."""
    return "\u3040" <= letter <= "\u9fff" or "\uf900" <= letter <= "\ufaff" or "\uff00" <= letter <= "\uffef"


def _weight(text: str) -> int:
    """How much there is to say: a letter counts 1, a character that is a syllable or a word counts 3."""
    return sum(3 if _is_wide(each) else 1 for each in text if each.isalnum())
