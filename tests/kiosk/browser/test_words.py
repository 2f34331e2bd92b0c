"""The words of the page: all of them in each language, and each of them used."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest

from voiced.kiosk.files import FOLDER

PLACE: Final = re.compile(r"\{(\w+)\}")


def languages() -> dict[str, dict[str, str]]:
    """Language tag → key → words, out of words.js: one key a line."""
    text = (FOLDER / "words.js").read_text()
    found: dict[str, dict[str, str]] = {}
    for line in text.splitlines():
        if opening := re.fullmatch(r'  "?([\w-]+)"?: \{', line):
            found[opening[1]] = {}
        elif entry := re.fullmatch(r'    ("[\w.]+"): (".*"),', line):
            words = found[list(found)[-1]]
            key = json.loads(entry[1])
            assert key not in words, f"{key} is there twice"
            words[key] = json.loads(entry[2])
    return found


WORDS: Final = languages()


def test_there_are_three_languages_and_all_have_the_same_keys() -> None:
    assert list(WORDS) == ["en", "zh-Hans", "de"]
    assert len(WORDS["en"]) > 80
    assert {tag: list(words) for tag, words in WORDS.items()} == {tag: list(WORDS["en"]) for tag in WORDS}


@pytest.mark.parametrize("tag", ["zh-Hans", "de"])
def test_the_same_values_have_a_place_in_each_language(tag: str) -> None:
    def places(words: str) -> list[str]:
        return sorted(PLACE.findall(words))

    assert {key: places(text) for key, text in WORDS[tag].items()} == {
        key: places(text) for key, text in WORDS["en"].items()
    }


@pytest.mark.parametrize("tag", ["zh-Hans", "de"])
def test_nothing_was_left_in_english(tag: str) -> None:
    same = {key for key, text in WORDS[tag].items() if text and text == WORDS["en"][key]}
    assert same <= {"who.assistant", "phase.offline", "token.title", "token.label"}


def test_the_page_names_no_words_that_are_not_there_and_none_is_there_for_nothing() -> None:
    html = (FOLDER / "index.html").read_text()
    named = set(re.findall(r'data-(?:word|label|placeholder)="([\w.]+)"', html))
    wholes = set(named)
    families = set()
    for script in FOLDER.glob("*.js"):
        if script.name == "words.js":
            continue
        text = script.read_text()
        wholes |= set(re.findall(r'"([a-z_]+(?:\.[a-z_]+)*)"', text)) & set(WORDS["en"])
        families |= set(re.findall(r"translate\(`([a-z]+)\.\$\{", text))
        for call in re.findall(r'translate\("([\w.]+)"', text):
            wholes.add(call)
    assert wholes <= set(WORDS["en"])
    assert families == {"phase", "hint", "sound", "who", "thrift"}
    unused = {key for key in WORDS["en"] if key not in wholes and key.split(".")[0] not in families}
    assert unused == set()


def test_each_state_and_each_trouble_with_the_sound_has_words() -> None:
    state = (FOLDER / "state.js").read_text()
    phases = re.search(r"The one word for how it is: (.*)\.", state)
    assert phases is not None
    for name in re.split(r", | or ", phases[1]):
        assert f"phase.{name}" in WORDS["en"]
        assert f"hint.{name}" in WORDS["en"]
    troubles = re.findall(r'SoundTrouble\("(\w+)"', (FOLDER / "sound.js").read_text())
    assert len(troubles) > 5
    assert {f"sound.{name}" for name in troubles} <= set(WORDS["en"])
