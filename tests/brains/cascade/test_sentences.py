"""Text is cut into sentences as early as that is safe, the same way however it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.brains.cascade.sentences import LONG_FIRST, LONGEST, Sentences


def cut(text: str, step: int = 1) -> list[str]:
    sentences = Sentences()
    found: list[str] = []
    for at in range(0, len(text), step):
        found += sentences.feed(text[at : at + step])
    return found + sentences.end()


def without_blanks(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    "marked",
    [
        "",
        "   \n ",
        "Hello",
        "Sure.¦ I turned on the light in the kitchen.¦ Anything else I can do?",
        # Abbreviations, initials, and words that only look like them.
        "Dr. Smith met Mr. J. R. Miller, i.e. the one from St. Louis.¦ They talked for hours.",
        "No.¦ That is not possible.",
        "See No. 5 in Vol. 2 of the book.¦ Then go on from there.",
        "So do I.¦ Then we agree on everything.",
        "Das gilt z.B. für Äpfel bzw. Birnen aus dem Garten.¦ Gut.",
        "It opens at 5 p.m. and closes late at night.¦ Bye now.",
        "Apples, pears, etc. are fruits that we all like.¦ Yes.",
        # Numbers.
        "It is 3.14 or 1,000.50 euros.¦ That is not much at all.",
        "I was born in 1999.¦ Then things changed a lot.",
        "Wir treffen uns am 3. Mai um 10 Uhr im Park.¦ Bis dann.",
        "You have 3.¦ Then you get two more of them.",
        # Addresses.
        "Look at https://example.org/a.b?c=d.e!¦ Or write to jane.doe@example.org.¦ Done.",
        # Ellipsis, and several marks.
        "Well... maybe it is so.¦ Who can tell for sure?",
        "Let me think...¦ The answer is four, I believe.",
        "What?!¦ Nobody told me about any of that before!!!¦ Really?",
        # Quotes and brackets behind the stop.
        '"Really?" she asked.¦ Then she left the room at once.',
        'He said: "Stop it now."¦ Then he left the room at once.',
        "It is late (very late.)¦ We should really go home now.",
        "**Note.**¦ This is an important thing to remember.",
        # Scripts with no blanks, and other marks.
        "今日は晴れです。¦明日は雨でしょう。¦「本当？」と聞いた。",
        "他说：“你好。”¦然后他离开了这个房间。¦再见！",
        "यह एक वाक्य है।¦ यह दूसरा लंबा वाक्य है जो यहाँ है।",
        # Lists and lines.
        "You need:¦\n- two eggs¦\n- a little milk¦\n\n1. Stir.¦\n2. Fry it.",
        # Short sentences go together, except the first.
        "Yes.¦ I do. It is. So be it, my friend.",
    ],
)
def test_where_sentences_end(marked: str) -> None:
    expected = [sentence.strip() for sentence in marked.split("¦") if sentence.strip()]
    assert cut(marked.replace("¦", "")) == expected


def test_a_sentence_is_there_with_the_first_letter_of_the_next() -> None:
    sentences = Sentences()
    assert sentences.feed("The light is on.") == []
    assert sentences.feed(" ") == []
    assert sentences.feed("I") == ["The light is on."]


def test_an_exclamation_or_a_wide_mark_need_not_wait_for_the_next_word() -> None:
    assert Sentences().feed("Hello there! ") == ["Hello there!"]
    assert Sentences().feed("こんにちは。今") == ["こんにちは。"]


def test_a_very_long_first_sentence_begins_at_its_first_clause() -> None:
    text = (
        "The weather in Berlin today is going to be mostly cloudy with some light rain in the afternoon, and in the "
        "evening it will clear up. Good night."
    )
    sentences = Sentences()
    first = sentences.feed(text[: LONG_FIRST + 20])
    assert first == ["The weather in Berlin today is going to be mostly cloudy with some light rain in the afternoon,"]
    assert cut(text)[1:] == ["and in the evening it will clear up.", "Good night."]


def test_nothing_is_longer_than_a_request_may_be() -> None:
    assert [len(piece) for piece in cut("a" * 2000, 100)] == [LONGEST, LONGEST, LONGEST, 200]
    assert max(map(len, cut("word " * 1000, 7))) <= LONGEST


PIECES = st.sampled_from(
    [
        "Hello",
        " ",
        ".",
        "!",
        "?",
        "\n",
        "...",
        "…",
        "Dr. ",
        "e.g. ",
        "No. ",
        "5",
        "3.14",
        ",",
        ", ",
        "and ",
        "。",
        "、",
        "今日",
        "」",
        '"',
        "(",
        ")",
        "**",
        "- ",
        "1. ",
        "https://a.b/c",
        "I",
        "z.B.",
        "x" * 40,
        "longer words here ",
        "\t",
        "ß",
        "é",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=4), max_size=60).map("".join)


@given(TEXTS, st.data())
def test_the_sentences_do_not_depend_on_how_the_text_arrives(text: str, data: st.DataObject) -> None:
    sentences = Sentences()
    found: list[str] = []
    rest = text
    while rest:
        length = data.draw(st.integers(1, len(rest)))
        found += sentences.feed(rest[:length])
        rest = rest[length:]
    assert found + sentences.end() == cut(text)


@given(TEXTS)
def test_nothing_is_lost_and_nothing_said_twice(text: str) -> None:
    found = cut(text, 5)
    assert without_blanks("".join(found)) == without_blanks(text)
    assert all(sentence == sentence.strip() != "" and len(sentence) <= LONGEST for sentence in found)
