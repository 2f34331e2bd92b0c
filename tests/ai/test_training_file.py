"""Files of examples: what is wrong with each line, and what is only strange."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.ai.jsonl import Problem
from voiced.ai.training_examples import as_chat
from voiced.ai.training_file import LONGEST_EXAMPLE, MOST_PROBLEMS, Shape, check_data, shape_of, tokens_of
from voiced.errors import RequestRejected

USER = {"role": "user", "content": "Switch the lamp on."}
SAID = {"role": "assistant", "content": "It is on."}
TOOL = {"type": "function", "function": {"name": "lamp", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "lamp", "arguments": '{"on": true}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "on"}
OLD_CALL = {"role": "assistant", "content": "", "function_call": {"name": "lamp", "arguments": "{}"}}


FIELDS = [
    "messages", "role", "content", "tool_calls", "function", "name", "arguments", "id", "type", "tools", "functions",
    "weight", "input", "preferred_output", "prompt", "completion", "tool_call_id", "function_call", "parameters",
]  # fmt: skip
NAMES = st.sampled_from(FIELDS)
WORDS = st.sampled_from(["", "user", "assistant", "tool", "function", "system", "text", "{}", "call_1", "lamp"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"messages": list(messages), **more}


def others(count: int = 9) -> list[dict[str, Any]]:
    return [chat({"role": "user", "content": f"Number {number}"}, SAID) for number in range(count)]


def jsonl(*lines: Any) -> bytes:
    return b"".join((each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in lines)


@pytest.mark.parametrize(
    "example",
    [
        chat({"role": "system", "content": "Be short."}, USER, SAID),
        chat({"role": "developer", "content": "Be short."}, USER, SAID, USER, SAID),
        chat(USER, CALLED, tools=[TOOL], parallel_tool_calls=False),
        chat(USER, CALLED, RESULT, SAID, tools=[TOOL]),
        chat(USER, OLD_CALL, functions=[{"name": "lamp"}]),
        chat(USER, OLD_CALL, {"role": "function", "name": "lamp", "content": "on"}, SAID, functions=[{"name": "lamp"}]),
        chat(USER, {**SAID, "weight": 0}, USER, {**SAID, "weight": 1}),
        chat(
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                ],
            },
            SAID,
        ),
        chat(SAID),
    ],
)
def test_what_is_right(example: dict[str, Any]) -> None:
    found = check_data(jsonl(*others(), example))
    assert (found.examples, found.problems, found.warnings) == (10, [], [])
    assert found.tokens > 0


@pytest.mark.parametrize(
    ("example", "what"),
    [
        (b"{", "it is no JSON"),
        (b"", "it is empty"),
        (b'"text"', "it is no JSON object"),
        ({}, "messages is missing"),
        ({"messages": []}, "messages must be a list that is not empty"),
        ({"messages": "Hi"}, "messages must be a list that is not empty"),
        (chat(USER, SAID, model="gpt-4o"), "it has keys that no example has: keep messages"),
        ({"prompt": "Hi", "completion": "Hello."}, "prompt and completion are of the old way"),
        (chat("Hi", SAID), "messages[0] must be an object"),
        (chat({"content": "Hi"}, SAID), "messages[0].role must be one of system"),
        (chat({"role": "robot", "content": "Hi"}, SAID), "messages[0].role must be one of"),
        (chat({"role": "user"}, SAID), "messages[0].content must be a text (it is missing)"),
        (chat({"role": "user", "content": ""}, SAID), "messages[0].content is empty"),
        (chat({"role": "user", "content": " \n"}, SAID), "messages[0].content is empty"),
        (chat({"role": "user", "content": []}, SAID), "messages[0].content is empty"),
        (chat({"role": "user", "content": [{"type": "text", "text": ""}]}, SAID), "messages[0].content[0] must be"),
        (chat({"role": "user", "content": 5}, SAID), "messages[0].content must be a text"),
        (chat({**USER, "text": "Hi"}, SAID), "messages[0] has keys that no message has"),
        (chat({**USER, "weight": 1}, SAID), "messages[0].weight is for messages of the assistant"),
        (chat(USER, {**SAID, "weight": 2}), "messages[1].weight must be 0 or 1"),
        (chat(USER, {**SAID, "weight": True}), "messages[1].weight must be 0 or 1"),
        (chat(USER, {**SAID, "weight": 0}), "messages: every message of the assistant has the weight 0"),
        (chat(USER), "messages: the last one must be what the assistant shall say"),
        (chat(USER, SAID, USER), "messages: the last one must be what the assistant shall say"),
        (chat(USER, CALLED), "messages[1].tool_calls[0].function calls a function, but the example offers none"),
        (chat(USER, {**CALLED, "tool_calls": []}, tools=[TOOL]), "messages[1].content must be a text"),
        (chat(USER, CALLED, SAID, tools=[TOOL]), "messages[2] comes before all calls"),
        (chat(USER, CALLED, {**RESULT, "tool_call_id": "call_2"}, SAID, tools=[TOOL]), "messages[2] answers no call"),
        (chat(USER, RESULT, SAID), "messages[1] answers no call"),
        (chat(USER, {"role": "function", "name": "f", "content": "on"}, SAID), "messages[1] answers no function_call"),
        (
            chat(
                USER, {**CALLED, "tool_calls": [{**CALL, "function": {"name": "lamp", "arguments": "{"}}]}, tools=[TOOL]
            ),
            "messages[1].tool_calls[0].function.arguments must be a JSON object as a text",
        ),
        (
            chat(
                USER, {**CALLED, "tool_calls": [{**CALL, "function": {"name": "l", "arguments": "{}"}}]}, tools=[TOOL]
            ),
            "messages[1].tool_calls[0].function.name is that of no function",
        ),
        (chat(USER, {**CALLED, "tool_calls": [{"id": 5}]}, tools=[TOOL]), "messages[1].tool_calls[0] must have an id"),
        (chat(USER, {**CALLED, "tool_calls": [CALL, CALL]}, tools=[TOOL]), "messages[1].tool_calls[1].id is that of"),
        (chat(USER, SAID, tools=[]), "tools must be a list that is not empty"),
        (chat(USER, SAID, tools=[{"name": "lamp"}]), 'tools[0] must have the type "function"'),
        (chat(USER, SAID, tools=[{"type": "function"}]), "tools[0].function must be an object"),
        (chat(USER, SAID, functions=[{"name": "a b"}]), "functions[0].name must have 1 to 64 letters"),
        (
            chat(USER, SAID, functions=[{"name": "a", "parameters": []}]),
            "functions[0].parameters must be a JSON schema",
        ),
        (chat(USER, SAID, parallel_tool_calls="no"), "parallel_tool_calls must be true or false"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(example: Any, what: str) -> None:
    found = check_data(jsonl(*others(3), example, *others(12)[3:]))
    assert {problem.line for problem in found.problems} == {4}
    assert any(problem.what.startswith(what) for problem in found.problems), found.problems
    with pytest.raises(RequestRejected, match=r"talk\.jsonl: line 4: "):
        found.judge("talk.jsonl")


def test_nothing_of_what_people_said_is_in_an_error() -> None:
    secret = {"role": "robot", "content": "my secret", "name": "my secret", "my secret": 1}
    found = check_data(jsonl(*others(), chat(secret, {"my secret": "my secret"}), b'{"my secret'))
    assert found.problems
    assert "secret" not in repr(found)


def test_too_few_examples_or_none() -> None:
    assert check_data(jsonl(*others(9))).problems == [Problem(0, "9 examples are too few: give at least 10")]
    assert check_data(b"").problems == [Problem(0, "the file is empty: give at least 10")]
    assert check_data(jsonl(*others(1)), fewest=1).problems == []


def test_what_is_strange_is_warned_about() -> None:
    found = check_data(jsonl(*others(10), others(1)[0], chat({**USER, "content": "a" * 300_000}, SAID)))
    assert found.problems == []
    assert [str(warning) for warning in found.warnings] == [
        "line 11: it is the same as line 1",
        "line 12: about 75016 tokens: what is beyond 65536 is cut off",
    ]
    assert found.tokens > LONGEST_EXAMPLE


def test_so_many_problems_are_enough() -> None:
    assert len(check_data(b"{\n" * 5000).problems) == MOST_PROBLEMS + 1


def test_two_answers_to_compare() -> None:
    right = {"input": {"messages": [USER]}, "preferred_output": [SAID], "non_preferred_output": [SAID]}
    assert check_data(jsonl(right), "preference", fewest=1).problems == []
    with_tools = {**right, "input": {"messages": [USER], "tools": [TOOL]}, "preferred_output": [CALLED]}
    assert check_data(jsonl(with_tools), "preference", fewest=1).problems == []
    for wrong, what in (
        (chat(USER, SAID), "it has keys that no example has"),
        ({**right, "input": [USER]}, "input must be an object with messages"),
        ({**right, "input": {"messages": [USER, SAID]}}, "input.messages: the last one must be what the assistant"),
        ({**right, "preferred_output": []}, "preferred_output must be a list with one message"),
        ({**right, "non_preferred_output": [USER]}, "non_preferred_output: the last one must be"),
    ):
        (problem, *_) = check_data(jsonl(wrong), "preference", fewest=1).problems
        assert problem.what.startswith(what)


def test_conversations_for_a_grader() -> None:
    assert check_data(jsonl({"messages": [USER], "answer": 42}), "reinforcement", fewest=1).problems == []
    (problem,) = check_data(jsonl(chat(USER, SAID)), "reinforcement", fewest=1).problems
    assert problem.what == "messages: the last one must be what the assistant shall answer"


def test_prompts_with_completions_for_the_models_that_learn_from_them() -> None:
    assert check_data(jsonl({"prompt": "", "completion": "a"}), "completions", fewest=1).problems == []
    (problem,) = check_data(jsonl({"prompt": "a", "completion": ""}), "completions", fewest=1).problems
    assert problem.what == "completion must be a text that is not empty"
    asked = [("supervised", "davinci-002"), ("supervised", "gpt-4.1"), ("dpo", "gpt-4.1"), ("reinforcement", "o4-mini")]
    assert [shape_of(*each) for each in asked] == ["completions", "chat", "preference", "reinforcement"]


def test_tokens_are_about_right() -> None:
    assert tokens_of("a" * 400) == 100
    assert tokens_of("日本語") == 3
    assert tokens_of({"a": ["abcd", None, 5]}) == 1


@given(st.dictionaries(NAMES, ANYTHING, max_size=4) | ANYTHING)
def test_whatever_is_on_a_line_is_right_or_wrong(example: Any) -> None:
    for shape in get_args(Shape):
        found = check_data(jsonl(example), shape, fewest=1)
        assert found.examples == 1
        assert all(problem.what for problem in found.problems)


@pytest.mark.parametrize("depth", [100, 900, 990, 100_000])
def test_brackets_in_brackets(depth: int) -> None:
    line = b'{"messages": ' + b"[" * depth + b"]" * depth + b"}\n"
    assert check_data(line, fewest=1).problems != []


# Made of something else.


def test_pairs_conversations_and_what_the_old_way_had() -> None:
    pair = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    system = {"role": "system", "content": "Be short."}
    given: list[Any] = [
        ("Hi", "Hello."),
        ["Hi", "Hello."],
        pair,
        {"messages": pair, "tools": [TOOL]},
        {"prompt": "Hi\n\n###\n\n", "completion": " Hello. END"},
        {"prompt": "Hi ->", "completion": " Hello.###"},
        {"messages": [{"role": "system", "content": "Be long."}, *pair]},
    ]
    found = as_chat(given, "Be short.")
    assert [each["messages"] for each in found[:6]] == [[system, *pair]] * 6
    assert found[3]["tools"] == [TOOL]
    assert found[6]["messages"][0]["content"] == "Be long."
    assert given[3]["messages"] == pair
    assert as_chat([{"prompt": "", "completion": "Once."}], "") == [
        {"messages": [{"role": "assistant", "content": "Once."}]}
    ]


@pytest.mark.parametrize("wrong", [("Hi",), ("Hi", "a", "b"), "Hi", {"question": "Hi"}, {"prompt": "Hi"}, [], 5])
def test_what_is_no_example(wrong: Any) -> None:
    with pytest.raises(RequestRejected, match="example 2: give"):
        as_chat([("Hi", "Hello."), wrong], "")
