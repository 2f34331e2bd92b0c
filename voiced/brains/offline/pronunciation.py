"""How English words are spoken, in the phones of the CMU dictionary: looked up, or guessed from the letters."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

VOWELS: Final = frozenset({"AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"})

_RULES: Final[dict[str, str]] = {
    # Longest first; what is not here is a letter by itself.
    "tion": "SH AH N", "sion": "ZH AH N", "ough": "AO", "augh": "AO", "eigh": "EY", "tch": "CH", "sch": "SH",
    "igh": "AY", "dge": "JH", "ture": "CH ER", "ious": "IY AH S", "cious": "SH AH S", "tious": "SH AH S",
    "ous": "AH S", "ear": "IH R", "eer": "IH R", "air": "EH R", "are": "EH R", "our": "AW ER", "oor": "AO R",
    "oar": "AO R", "ire": "AY ER", "ure": "Y UH R", "cqu": "K W", "chr": "K R", "sc": "S K", "sce": "S", "sci": "S AY",
    "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "gh": "G", "ck": "K", "ng": "NG", "nk": "NG K",
    "qu": "K W", "kn": "N", "wr": "R", "ps": "P S", "mb": "M B", "dj": "JH", "zz": "Z", "cz": "CH", "ts": "T S",
    "ee": "IY", "ea": "IY", "ie": "IY", "ei": "AY", "ai": "EY", "ay": "EY", "ey": "IY", "oa": "OW", "oe": "OW",
    "oo": "UW", "ou": "AW", "ow": "OW", "oi": "OY", "oy": "OY", "au": "AO", "aw": "AO", "ew": "UW", "eu": "UW",
    "ue": "UW", "ui": "UW", "uy": "AY", "ia": "IY AH", "io": "IY OW", "ar": "AA R", "er": "ER", "ir": "ER",
    "or": "AO R", "ur": "ER", "yr": "IH R", "ce": "S", "ci": "S IH", "cy": "S IY", "ge": "JH", "gi": "JH IH",
    "gy": "JH IY", "ll": "L", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH",
    "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S",
    "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "Y", "z": "Z",
}  # fmt: skip

_AT_START: Final = {
    "x": "Z", "kn": "N", "gn": "N", "ps": "S", "pn": "N", "mc": "M AH K", "wr": "R", "y": "Y", "eu": "Y UW",
    "ge": "G EH", "gi": "G IH", "re": "R IY", "de": "D IH", "u": "AH", "uni": "Y UW N AH", "io": "AY OW", "ia": "AY AH",
}  # fmt: skip

_AT_END: Final = {
    "e": "", "es": "Z", "ed": "D", "y": "IY", "ie": "IY", "a": "AH", "o": "OW", "i": "IY", "u": "UW", "le": "AH L",
    "les": "AH L Z", "al": "AH L", "el": "AH L", "ce": "S", "ge": "JH", "mb": "M", "mn": "M", "s": "Z", "ss": "S",
    "us": "AH S", "is": "IH S", "ous": "AH S", "as": "AH Z", "os": "OW S", "ism": "IH Z AH M", "age": "IH JH",
    "er": "ER", "or": "ER", "ar": "ER", "ers": "ER Z", "on": "AH N", "en": "AH N", "an": "AH N", "man": "M AH N",
    "son": "S AH N", "ton": "T AH N", "ing": "IH NG", "ow": "OW", "ey": "IY", "que": "K", "gue": "G", "tte": "T",
    "ey's": "IY Z", "y's": "IY Z", "'s": "Z", "sts": "S T S", "ts": "T S", "ks": "K S", "ps": "P S", "ces": "S IH Z",
    "ses": "Z IH Z", "ches": "CH IH Z", "shes": "SH IH Z", "ges": "JH IH Z", "ted": "T IH D", "ded": "D IH D",
    "stein": "S T AY N", "berg": "B ER G", "ville": "V IH L", "ski": "S K IY", "sky": "S K IY",
}  # fmt: skip

_LONG: Final = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW", "y": "AY"}
"""A vowel before one consonant and a silent e."""

_VOICELESS: Final = frozenset({"P", "T", "K", "F", "TH"})
_HISSING: Final = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})


def looked_up(dictionary: Iterable[str], words: Collection[str]) -> dict[str, list[str]]:
    """Pronunciations of `words`, the usual one first, from the lines "word(2) W ER D" of a CMU dictionary."""
    found: dict[str, list[str]] = {}
    for line in dictionary:
        name, _, phones = line.partition(" ")
        word = name.partition("(")[0]
        if word in words:
            found.setdefault(word, []).append(phones.strip())
    return found


def guessed(word: str) -> str:
    """Phones of a word, `[a-z']+`, by rules of English spelling; for names that no dictionary has. Never empty."""
    stem = word.strip("'")
    if stem.endswith("'s"):
        return _with_s(guessed(stem[:-2]))
    letters = stem.replace("'", "")
    phones: list[str] = []
    at = 0
    while at < len(letters):
        phone, length = _at(letters, at)
        phones.extend(phone.split())
        at += length
    spoken = [phone for index, phone in enumerate(phones) if index == 0 or phone != phones[index - 1]]
    if not any(phone in VOWELS for phone in spoken):  # an abbreviation: letter by letter
        return " ".join(_LETTERS[letter] for letter in letters) or "AH"
    return " ".join(spoken)


def _at(letters: str, at: int) -> tuple[str, int]:
    rest = letters[at:]
    if at > 0 and rest in _AT_END:
        return _AT_END[rest], len(rest)
    if at == 0:
        for length in (3, 2, 1):
            if rest[:length] in _AT_START and len(rest) > length:
                return _AT_START[rest[:length]], length
    if _is_long(rest):
        return _LONG[rest[0]], 1
    for length in range(min(5, len(rest)), 0, -1):
        if rest[:length] in _RULES:
            phones = _RULES[rest[:length]]
            if length == 1 and rest[0] == "y" and at > 0:
                phones = "IH"
            if length == 2 and rest[0] in "cg" and rest[1] in "eiy":
                return ("S" if rest[0] == "c" else "JH"), 1
            return phones, length
    return "", 1


def _is_long(rest: str) -> bool:
    return (
        len(rest) in (3, 4)
        and rest[0] in _LONG
        and rest[1] not in "aeiouywxr"
        and rest[2] == "e"
        and rest[3:] in ("", "s", "d", "r")
    )


def _with_s(phones: str) -> str:
    last = phones.split()[-1]
    return f"{phones} {'IH Z' if last in _HISSING else 'S' if last in _VOICELESS else 'Z'}"


_LETTERS: Final = {
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH", "i": "AY",
    "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY", "q": "K Y UW",
    "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY", "w": "D AH B AH L Y UW", "x": "EH K S",
    "y": "W AY", "z": "Z IY",
}  # fmt: skip
