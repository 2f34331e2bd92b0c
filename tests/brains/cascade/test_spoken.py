"""Marks for the eye are not spoken; words are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.brains.cascade.spoken import spoken
from voiced.brains.cascade.thinking import Thinking


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The **light** is *on*, __really__ _on_.", "The light is on, really on."),
        ("# Weather", "Weather"),
        ("- two eggs", "two eggs"),
        ("* [x] done", "done"),
        ("1. First stir.", "1. First stir."),
        ("See [the page](https://example.org/a_(b)_c) now.", "See the page now."),
        ("![A cat](cat.png) sleeps.", "A cat sleeps."),
        ("Run `ls -l`.", "Run ls -l."),
        ("3 * 4 is 12, snake_case_name stays.", "3 * 4 is 12, snake_case_name stays."),
        ("```python\nprint(1)\n```", "print(1)"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b 1, 2"),
        ("> quoted", "quoted"),
        ("---", ""),
        ("😀", ""),
        ("…", ""),
        ("half a **mark", "half a mark"),
        ("a < b and c > d", "a < b and c > d"),
    ],
)
def test_what_is_spoken(text: str, expected: str) -> None:
    assert spoken(text) == expected


@given(st.text(st.sampled_from("ab1. ,!?é今*_`#-\n"), max_size=60))
def test_no_word_is_lost(text: str) -> None:
    assert [each for each in spoken(text) if each.isalnum()] == [each for each in text if each.isalnum()]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>hm, let me see</think>Hello.", "Hello."),
        ("<THINK>\nx\n</think>\n\nHello.", "\n\nHello."),
        ("Hi <reasoning>a < b</reasoning>there", "Hi there"),
        ("a < b and <b>bold</b> <thin", "a < b and <b>bold</b> <thin"),
        ("<think>it never ends", ""),
        ("no thoughts at all", "no thoughts at all"),
    ],
)
def test_thoughts_are_not_spoken_however_they_arrive(text: str, said: str) -> None:
    for step in (1, 2, 3, 5, 100):
        thinking = Thinking()
        pieces = [thinking.feed(text[at : at + step]) for at in range(0, len(text), step)]
        assert "".join(pieces) + thinking.end() == said
