"""How words are spoken that the dictionary has, and those that it does not have."""

from __future__ import annotations

import random
from pathlib import Path

import pocketsphinx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.edit_distance import distance
from voiced.brains.offline.pronunciation import VOWELS, guessed, looked_up

DICTIONARY = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")).read_text().splitlines()
PHONES = {phone for line in DICTIONARY for phone in line.split()[1:]}


def test_all_pronunciations_of_a_word_the_usual_one_first() -> None:
    assert looked_up(DICTIONARY, {"the", "lights", "jorg"}) == {
        "the": ["DH AH", "DH IY"],
        "lights": ["L AY T S"],
    }


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("lamp", "L AE M P"),
        ("jorg", "JH AO R G"),
        ("jorg's", "JH AO R G Z"),
        ("kate's", "K EY T S"),
        ("grace's", "G R EY S IH Z"),
        ("xkcd", "EH K S K EY S IY D IY"),
        ("station", "S T AE SH AH N"),
        ("knight", "N AY T"),
        ("'", "AH"),
    ],
)
def test_an_unknown_word_is_spoken_as_it_is_spelled(word: str, phones: str) -> None:
    assert guessed(word) == phones


@given(st.text("abcdefghijklmnopqrstuvwxyz'", min_size=1, max_size=20))
def test_any_word_can_be_spoken(word: str) -> None:
    phones = guessed(word).split()
    assert set(phones) <= PHONES
    assert not VOWELS.isdisjoint(phones)


def test_of_words_whose_pronunciation_is_known_four_phones_in_five_are_guessed() -> None:
    words = [line.split() for line in random.Random(7).sample(DICTIONARY, 2000) if "(" not in line.split()[0]]
    wrong = sum(distance(guessed(word.replace(".", "").replace("-", "")).split(), phones) for word, *phones in words)
    assert wrong / sum(len(phones) for _, *phones in words) < 0.2
