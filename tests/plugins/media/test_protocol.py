"""What is said to MPD can't be made to mean something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.plugins.builtin.media import protocol
from voiced.plugins.builtin.media.protocol import PlayerRefused


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("status",), "status"),
        (("setvol", 40), 'setvol "40"'),
        (("load", 'a "b" c'), 'load "a \\"b\\" c"'),
        (("load", "back\\slash"), 'load "back\\\\slash"'),
        (("add", ""), 'add ""'),
    ],
)
def test_arguments_are_quoted(words: tuple[str | int, ...], line: str) -> None:
    assert protocol.line(*words) == line


@given(st.text())
def test_no_argument_ends_its_line(text: str) -> None:
    try:
        line = protocol.line("load", text)
    except ValueError:
        assert set(text) & set("\n\r\0")
    else:
        assert unquoted(line) == ["load", text]


def test_filters() -> None:
    assert protocol.all_of(protocol.contains("artist", ["miles"])) == '(artist contains "miles")'
    conditions = protocol.contains("title", ["so", "what"]) + protocol.equals("artist", 'a"b')
    assert protocol.all_of(conditions) == (
        '((title contains "so") AND (title contains "what") AND (artist == "a\\"b"))'
    )


def test_answers_of_a_list_are_apart() -> None:
    lines = ["volume: 40", "state: play", "list_OK", "list_OK", "file: a: b.wav", "list_OK", "OK"]
    assert protocol.answers(lines) == [[("volume", "40"), ("state", "play")], [], [("file", "a: b.wav")]]
    assert protocol.answers(["volume: 40", "OK"]) == [[("volume", "40")]]
    assert protocol.answers(["OK"]) == [[]]


@pytest.mark.parametrize(
    ("ack", "said"),
    [
        ("ACK [50@0] {load} No such playlist", "The music player refused: No such playlist."),
        ("ACK [3@0] {password} incorrect password", "refuses the password"),
        ('ACK [4@0] {setvol} you don\'t have permission for "setvol"', "does not allow that"),
        ("ACK what", "does not say why"),
    ],
)
def test_refusals_are_said(ack: str, said: str) -> None:
    with pytest.raises(PlayerRefused, match=said):
        protocol.answers([ack])


def unquoted(line: str) -> list[str]:
    """The words of a command, as MPD reads them."""
    name, _, rest = line.partition(" ")
    words, word, at = [name], "", 1
    while at < len(rest):
        if rest[at] == "\\":
            word, at = word + rest[at + 1], at + 2
        elif rest[at] == '"':
            words.append(word)
            assert at == len(rest) - 1
            at += 1
        else:
            word, at = word + rest[at], at + 1
    return words
