"""A conversation that is made shorter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.ai.chat_messages import shorter

SYSTEM = {"role": "system", "content": "Be brief."}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def call(id: str) -> list[dict[str, Any]]:
    function = {"name": "lamp", "arguments": "{}"}
    return [
        {"role": "assistant", "content": None, "tool_calls": [{"id": id, "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": id, "content": "on"},
    ]


LONG = "word " * 100


def test_the_oldest_turns_go_and_instructions_and_the_last_turn_stay() -> None:
    later = {"role": "developer", "content": "Speak German."}
    conversation = [SYSTEM, user(LONG), assistant(LONG), later, user(LONG * 3), assistant("b"), user("c")]
    assert shorter(conversation, "too long") == [SYSTEM, later, user("c")]


def test_half_stays_where_nobody_says_how_much_is_too_much() -> None:
    turns = [[user(f"{number} {LONG}"), assistant("ok")] for number in range(10)]
    found = shorter([message for turn in turns for message in turn], "Prompt too long")
    assert found == [message for turn in turns[-5:] for message in turn]


def test_what_the_server_says_is_room_enough() -> None:
    turns = [[user(f"{number} {LONG}"), assistant("ok")] for number in range(10)]
    conversation = [message for turn in turns for message in turn]
    little = shorter(conversation, "maximum context length is 128,000 tokens. Yours resulted in 130,512 tokens.")
    much = shorter(conversation, "maximum context length is 1000 tokens, however you requested 9000 tokens")
    assert little is not None
    assert much is not None
    assert (len(little), len(much)) == (14, 2)


def test_calls_stay_with_their_results() -> None:
    conversation = [user(LONG), *call("a"), *call("b"), assistant("done"), user("now"), *call("c")]
    assert shorter(conversation, "too long") == [user("now"), *call("c")]


def test_a_greeting_is_a_turn_too() -> None:
    assert shorter([assistant("Hello"), user("Hi")], "too long") == [user("Hi")]


@pytest.mark.parametrize(
    "conversation", [[user(LONG)], [SYSTEM, user(LONG)], [SYSTEM, user(LONG), *call("a")], [SYSTEM]]
)
def test_one_turn_can_not_be_shorter(conversation: list[dict[str, Any]]) -> None:
    assert shorter(conversation, "too long") is None


def test_pictures_are_heavy() -> None:
    picture = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://example.org/a.jpg"}}]}
    conversation = [user("a"), picture, user(LONG), user("b")]
    assert shorter(conversation, "too long") == [user(LONG), user("b")]


def turn(text: str, calls: list[str]) -> list[dict[str, Any]]:
    return [user(text), *(message for id in calls for message in call(id)), assistant("ok")]


TURN = st.builds(turn, st.text(max_size=20), st.lists(st.text(max_size=5), max_size=2))


@given(st.lists(TURN, min_size=2, max_size=6), st.sampled_from(["", "9 tokens, 100 tokens", "99 tokens, 100 tokens"]))
def test_it_is_always_shorter_and_always_a_conversation(turns: list[list[dict[str, Any]]], reason: str) -> None:
    conversation = [SYSTEM, *(message for turn in turns for message in turn)]
    found = shorter(conversation, reason)
    assert found is not None
    assert len(found) < len(conversation)
    assert found[0] == SYSTEM
    assert found[-len(turns[-1]) :] == turns[-1]
    assert found[1:] == conversation[-len(found) + 1 :]
    assert found[1]["role"] == "user"
