"""What is spoken of what tools return, and what is said where nothing was understood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.brains.offline.answers import (
    LONGEST_ANSWER,
    LONGEST_SENTENCE,
    MORE,
    not_understood,
    offers_of,
    plain,
    sentences,
    shortened,
    speakable,
    what_i_can_do,
)
from voiced.conversation.events import Sentence, ToolSpec


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("It is half past four.", "It is half past four."),
        ("done", "Done."),
        ("", ""),
        (" \n ", ""),
        ("**Two** _timers_:\n- eggs, `3 min`\n- tea", "Two timers.\nEggs, 3 min.\nTea."),
        ("# Weather\n\nSee [the map](https://example.org/a).", "Weather.\nSee the map."),
        ("| day | high |\n|---|---|\n| Monday | 21 °C |", "Day, high.\nMonday, 21 °C."),
        ("```json\nx = 5 < 6\n```", "X = 5 < 6."),
        ("more at https://example.org/very/long?x=1", "More at example.org."),
        ("Sunny 🌞👨‍👩‍👧 today ❤️", "Sunny today."),
        ("<speak>Hi <b>you</b></speak>", "Hi you."),
        ("a\x00b\x1b[0m", "A b [0m."),
        ("cut \ud83d here", "Cut here."),
        ('{"temp_c": 21.5, "isRaining": false, "wind": null}', "Temp c: 21.5.\nIs raining: no.\nWind: nothing."),
        ('["eggs", "milk"]', "Eggs, milk."),
        ('[{"name": "tea", "s": 30}, {"name": "eggs", "s": 90}]', "Name: tea, s: 30.\nName: eggs, s: 90."),
        ("[]", "Nothing."),
        ('{"a": {"b": {"c": {"d": 1, "e": 2}}}}', "A: b: c: 2 more."),
        ("{not json", "{not json."),
        ("2 * 3 * 4 is snake_case_name", "2 * 3 * 4 is snake_case_name."),
        ("日本語。", "日本語。"),
    ],
)  # fmt: skip
def test_what_a_tool_returns_is_said_as_a_person_would(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


def test_a_long_answer_is_cut_after_a_sentence_and_says_so() -> None:
    answer = speakable("This is one sentence of many. " * 200)
    assert answer.endswith(f"many. {MORE}")
    assert len(answer) <= LONGEST_ANSWER + len(MORE) + 1
    assert speakable("x" * 5000) == f"{'X' + 'x' * 299} {'x' * 300} {MORE}"
    assert shortened("Short.") == "Short."


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("One. Two! Three? four", ["One.", "Two!", "Three? four"]),
        ("Dr. Smith paid 3.50 at 10 a.m. Nobody saw J. Doe.", ["Dr. Smith paid 3.50 at 10 a.m. Nobody saw J. Doe."]),
        ("He said “Go.” Then he left.", ["He said “Go.”", "Then he left."]),
        ("今日は。明日も！", ["今日は。", "明日も！"]),
        ("a line\nanother", ["a line", "another"]),
        ("", []),
    ],
)
def test_sentences_end_where_people_take_a_breath(text: str, cut: list[str]) -> None:
    assert list(sentences(text)) == cut


@given(st.text())
def test_no_sentence_is_blank_or_too_long_and_none_is_lost(text: str) -> None:
    found = list(sentences(text))
    assert all(sentence.strip() and len(sentence) <= LONGEST_SENTENCE for sentence in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_signs_are_not_looked_for_through_all_of_a_very_long_result() -> None:
    """A million brackets that nothing closes would keep the daemon busy for hours."""
    said = speakable("*" + "Word by word. " * 10_000 + "End.*")
    assert said.startswith("*Word by word. Word")
    assert said.endswith(MORE)


@given(st.text(st.characters(exclude_categories=[])))
def test_whatever_a_tool_returns_can_be_encoded_and_has_no_control_characters(text: str) -> None:
    assert all(character.isprintable() or character.isspace() for character in plain(speakable(text)))
    speakable(text).encode()


TOOLS = (
    ToolSpec("time", "Tell the time. In any city.", {}, (Sentence("what time is it"),)),
    ToolSpec("timer", "Set a timer, for example for eggs.", {}, (Sentence("timer"),)),
    ToolSpec("hidden", "Read the mail.", {}),
    ToolSpec("volume", "Change the volume: louder or quieter.", {}, (Sentence("louder"),)),
    ToolSpec("led", "LED lights on or off", {}, (Sentence("lights on"),)),
    ToolSpec("wordy", "Do something which takes very many words to describe to a language model", {}, (Sentence("x"),)),
)


def test_what_can_be_asked_for_is_offered_in_the_words_of_the_tools() -> None:
    assert offers_of(TOOLS) == ("tell the time", "set a timer", "change the volume", "LED lights on or off")


def test_a_miss_names_what_can_be_asked_for_and_the_next_one_is_short() -> None:
    offers = offers_of(TOOLS)
    first = not_understood(offers, 1)
    assert first == "I did not understand that. I can tell the time, set a timer or change the volume."
    assert len(not_understood(offers, 2)) < len(first)
    assert not_understood(offers[:1], 1) == "I did not understand that. I can tell the time."
    assert "network" in not_understood((), 1)
    assert what_i_can_do(offers).endswith("change the volume or LED lights on or off.")
    assert "nothing" in what_i_can_do(())


def test_of_many_offers_a_part_is_told_at_a_time() -> None:
    offers = [f"do {number}" for number in range(1, 11)]
    first, second, third = (what_i_can_do(offers, asked) for asked in range(3))
    assert first == (
        "Without a network I can do 1, do 2, do 3, do 4, do 5, do 6, do 7 or do 8. Say help again to hear more."
    )
    assert second == "Without a network I can do 9 or do 10. Say help again to hear more."
    assert third == first
