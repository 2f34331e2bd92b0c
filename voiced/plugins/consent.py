"""Yes or no, as people say it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final, Literal

LONGEST_YES: Final = 12
"""Words. Whoever says more than that talks about something else."""

LONGEST_LATE_YES: Final = 4
"""Words, where the yes comes last: "I would say yes"."""

_Kind = Literal["yes", "weak yes", "no", "not", "unsure", "filler", "other"]

_PHRASES: Final[dict[_Kind, str]] = {
    "yes": """
        yes, yeah, yep, yup, sure, surely, i am sure, im sure, of course, certainly, absolutely, definitely, please do,
        go ahead, do it, do that, do so, affirmative, confirm, confirmed, by all means, with pleasure, no problem,
        why not, no doubt, i do not mind, i dont mind, ja, jawohl, klar, natuerlich, naturlich, gerne, gern, mach das,
        mach es, kein problem, warum nicht, sicher, unbedingt, si, claro, por supuesto, adelante, hazlo, vale, oui,
        bien sur
    """,
    # A yes alone; in front of other words they only begin a sentence.
    "weak yes": """
        ok, okay, right, alright, all right, good, fine, thats fine, that is fine, sounds good, great, perfect, correct,
        thats correct, that is correct, thats right, that is right, exactly, go on, uh huh, mhm, mm hm, gut, genau,
        richtig, passt, in ordnung, bueno, de acuerdo, daccord
    """,
    "no": """
        no, nope, nah, never mind, nevermind, cancel, stop, abort, forget it, leave it, negative, neither, nothing,
        later, cant, cannot, wont, would not, wouldnt, rather not, nein, nee, ne, lass es, lieber nicht, abbrechen,
        stopp, spaeter, spater, cancela, dejalo, non, jamais, nunca
    """,
    # No by themselves, and they turn a yes beside them: "do not do it", "of course not", "claro que no".
    "not": "not, dont, do not, never, no thanks, no thank you, nicht, niemals, nie, que no",
    "unsure": """
        not sure, unsure, do not know, dont know, no idea, maybe, perhaps, wait, hold on, one moment, nicht sicher,
        weiss nicht, keine ahnung, vielleicht, moment, warte, no se, quizas, tal vez, espera
    """,
    "filler": """
        please, thanks, thank you, well, um, uh, er, hm, hmm, mm, ah, oh, then, voiced, bitte, danke, also, na, aeh,
        ahm, por favor, gracias, pues
    """,
}
_KINDS: Final[dict[tuple[str, ...], _Kind]] = {
    tuple(phrase.split()): kind for kind, phrases in _PHRASES.items() for phrase in phrases.split(",")
}
_LONGEST: Final = max(map(len, _KINDS))

_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
_CHINESE_UNSURE: Final = re.compile(r"不知道|不确定|不清楚|也许|可能|等一下|等等|(.)不\1")
_CHINESE_YES: Final = re.compile(r"没问题|没关系|不错|不介意|当然|可以|是|好|行|对|嗯|要|确定|同意|继续")
_CHINESE_NO: Final = re.compile(r"[不别没否停]|取消|算了")
_CHINESE_LONGEST_YES: Final = 8
"""Characters."""


def yes_or_no(answer: str) -> bool | None:
    """Whether `answer` means yes or no; None where it means neither, or both.

    >>> yes_or_no("Yeah, go ahead!"), yes_or_no("Never mind."), yes_or_no("What time is it?")
    (True, False, None)
    """
    if _CHINESE.search(answer):
        return _yes_or_no_in_chinese(re.sub(r"\W", "", answer))
    words = _words(answer)
    kinds = [kind for kind in _turned(list(_kinds(words))) if kind != "filler"]
    if not kinds or "unsure" in kinds:
        return None
    if "no" in kinds:
        return None if "yes" in kinds else False
    if len(words) > LONGEST_YES:
        return None
    late = kinds[-1] == "yes" and len(words) <= LONGEST_LATE_YES
    return True if kinds[0] == "yes" or late or "other" not in kinds else None


def _words(text: str) -> list[str]:
    without_apostrophes = re.sub("['’]", "", text.casefold())
    letters = unicodedata.normalize("NFKD", without_apostrophes)
    return re.findall(r"[a-z0-9]+", "".join(letter for letter in letters if not unicodedata.combining(letter)))


def _kinds(words: list[str]) -> Iterator[_Kind]:
    """A longer phrase goes before one that it holds: "no problem" is no "no"."""
    at = 0
    while at < len(words):
        length = next((n for n in range(_LONGEST, 0, -1) if tuple(words[at : at + n]) in _KINDS), 0)
        yield _KINDS[tuple(words[at : at + length])] if length else "other"
        at += length or 1


def _turned(kinds: list[_Kind]) -> Iterator[_Kind]:
    """With each "not" a "no", together with the yes right before or behind it."""
    at = 0
    while at < len(kinds):
        match kinds[at : at + 2]:
            case ["not", "yes" | "weak yes"] | ["yes" | "weak yes", "not"]:
                yield "no"
                at += 2
            case ["not", *_]:
                yield "no"
                at += 1
            case [kind, *_]:
                yield kind
                at += 1


def _yes_or_no_in_chinese(answer: str) -> bool | None:
    if _CHINESE_UNSURE.search(answer):
        return None
    rest = _CHINESE_YES.sub("", answer)
    if _CHINESE_NO.search(rest):
        begins_with_no = _CHINESE_NO.match(answer) is not None  # "不要": a no that holds a yes
        return False if begins_with_no or rest == answer else None
    return True if _CHINESE_YES.match(answer) and len(answer) <= _CHINESE_LONGEST_YES else None
