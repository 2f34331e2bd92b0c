"""Long texts are cut where one breathes, and no word is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.ai.speech_text import MOST_CHARACTERS, parts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One two three. Four five.", ["One two three.", "Four five."]),
        ("Is it so? It is! And so on.", ["Is it so? It is!", "And so on."]),
        ('He said: "No." She went.', ['He said: "No."', "She went."]),
        ("First part, then another one", ["First part,", "then another one"]),
        ("a word and another one here", ["a word and another", "one here"]),
        ("Supercalifragilisticexpialidocious", ["Supercalifragilistic", "expialidocious"]),
        ("Ask Dr. Smith today. Now.", ["Ask Dr. Smith today.", "Now."]),
        ("We are at home. Dr. Who is.", ["We are at home.", "Dr. Who is."]),
        ("It costs 3.50 francs. Yes.", ["It costs 3.50", "francs. Yes."]),
        ("Bring milk etc. and eggs. Go.", ["Bring milk etc. and", "eggs. Go."]),
        ("A heading\n\nAnd a paragraph", ["A heading", "And a paragraph"]),
        ("the first line\nthe second line", ["the first line", "the second line"]),
        (
            "今日は晴れです。明日は雨でしょう。傘を持って行きます。",
            ["今日は晴れです。明日は雨でしょう。", "傘を持って行きます。"],
        ),
        ("  Hello.  ", ["Hello."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_where_it_is_cut(text: str, found: list[str]) -> None:
    assert parts(text, 20) == found


def test_4096_characters_are_one_part_and_one_more_are_two() -> None:
    sentence = "This is a sentence of fifty characters, more or less. "
    text = (sentence * 100)[:MOST_CHARACTERS]
    assert len(parts(text)) == 1
    assert [len(part) <= MOST_CHARACTERS for part in parts("x" + text)] == [True, True]


def test_tokens_count_as_well() -> None:
    assert [len(part) for part in parts("語" * 3000)] == [1200, 1200, 600]
    assert [len(part) for part in parts("привет, " * 500)] == [2999, 999]
    assert [len(part) for part in parts("!" * 4096)] == [2000, 2000, 96]
    assert len(parts("Straßenbahnen fahren über Brücken. " * 110)) == 1


@given(st.text(st.sampled_from("ab .,\n!。?A1'\""), max_size=300), st.integers(1, 40))
def test_every_word_is_in_it_once(text: str, most: int) -> None:
    found = parts(text, most)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(part and part == part.strip() and len(part) <= most for part in found)


@given(st.text(max_size=200), st.integers(1, 30))
def test_any_text_fits_in_the_end(text: str, most: int) -> None:
    assert "".join("".join(parts(text, 50, most)).split()) == "".join(text.split())
