"""The cascade's history of a session, and the chat messages that it becomes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.audio import Ms, Samples, to_samples
from voiced.brains.cascade.memory import Assistant, Call, Entry, Memory, Said, User
from voiced.brains.cascade.messages import NO_RESULT_YET, NOT_WRITTEN_DOWN, NOTHING_ASKED, messages, tools
from voiced.conversation.commands import AssistantSaid, ToolUsed, UserSaid
from voiced.conversation.events import CallId, Image, ItemId, ToolSpec

ITEM = ItemId("item")


def said(text: str, seconds: float, *, whole: bool = True) -> Said:
    return Said(text, to_samples(int(seconds * 1000)), whole)


def told(*entries: Entry, instructions: str = "") -> list[Any]:
    return list(messages(instructions, entries))


def reply(*sentences: Said) -> Memory:
    memory = Memory()
    memory.add(User("hello"))
    memory.add(Assistant(ITEM, "r1", list(sentences)))
    return memory


def text_of(memory: Memory) -> list[str]:
    return [entry.text for entry in memory.entries if isinstance(entry, Assistant)]


# What was heard of a reply.


@pytest.mark.parametrize(
    ("heard", "left"),
    [
        (0, []),
        (300, []),
        (600, ["One"]),
        (1000, ["One two."]),
        (1900, ["One two."]),
        (2200, ["One two. Three"]),
        (3000, ["One two. Three four."]),
        (9000, ["One two. Three four."]),
    ],
)
def test_a_truncated_reply_keeps_what_was_heard(heard: int, left: list[str]) -> None:
    memory = reply(said("One two.", 1), said("Three four.", 2))
    memory.truncate(ITEM, Ms(heard))
    assert text_of(memory) == left


def test_a_sentence_whose_sound_never_came_was_not_said() -> None:
    memory = reply(said("One two.", 1), said("Three four five six.", 0.0, whole=False))
    memory.interrupted(ITEM)
    assert text_of(memory) == ["One two."]


def test_of_a_sentence_that_was_cut_as_much_is_kept_as_sounded() -> None:
    memory = reply(said("One two three four five six seven eight nine ten.", 1, whole=False))
    memory.interrupted(ITEM)
    assert text_of(memory) == ["One two three"]  # 15 characters each second


def test_a_script_with_no_blanks_is_cut_between_characters() -> None:
    memory = reply(said("今日は晴れです。", 1))
    memory.truncate(ITEM, Ms(500))
    assert text_of(memory) == ["今日は晴"]


def test_a_deleted_item_is_gone() -> None:
    memory = reply(said("One.", 1))
    memory.delete(ITEM)
    assert text_of(memory) == []


# Bounds.


def test_only_the_last_turns_are_kept_with_all_that_belongs_to_them() -> None:
    memory = Memory(turns=2)
    for number in range(4):
        memory.add(User(f"question {number}"))
        memory.add(Call(CallId(f"c{number}"), f"r{number}", "lamp", "{}", "done"))
        memory.add(Assistant(ItemId(f"i{number}"), f"s{number}", [said(f"answer {number}", 1)]))
    users = [entry.text for entry in memory.entries if isinstance(entry, User)]
    assert users == ["question 2", "question 3"]
    assert len(memory.entries) == 6


def test_the_last_turn_is_never_forgotten() -> None:
    memory = Memory()
    memory.add(User("a"))
    memory.add(Call(CallId("c"), "r", "lamp", "{}", "done"))
    assert not memory.forget_oldest()
    memory.add(User("b"))
    assert memory.forget_oldest()
    assert [entry.text for entry in memory.entries if isinstance(entry, User)] == ["b"]


# Messages.


def test_history_of_another_brain_becomes_messages() -> None:
    memory = Memory()
    memory.add_history(
        (
            UserSaid("Turn on the lamp."),
            ToolUsed(CallId("call_of_another_server_with_a_very_long_name_indeed"), "lamp", '{"on":true}', "It is on."),
            AssistantSaid("The lamp is on."),
            UserSaid(None, b"\0\0" * 100),
        )
    )
    assert told(*memory.entries, instructions="Be brief.") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Turn on the lamp."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "lamp", "arguments": '{"on":true}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "It is on."},
        {"role": "assistant", "content": "The lamp is on."},
        {"role": "user", "content": NOT_WRITTEN_DOWN},
    ]


def test_calls_of_one_round_are_one_message_with_the_text_before_them() -> None:
    found = told(
        User("hot"),
        Assistant(ITEM, "r1", [said("One moment.", 1)]),
        Call(CallId("a"), "r1", "fan", "{}", "on"),
        Call(CallId("b"), "r1", "window", "oops", None),
    )
    assert [(message["role"], message["content"]) for message in found] == [
        ("user", "hot"),
        ("assistant", "One moment."),
        ("tool", "on"),
        ("tool", NO_RESULT_YET),
    ]
    assert [call["function"]["arguments"] for call in found[1]["tool_calls"]] == ["{}", '{"unreadable": "oops"}']


def test_pictures_go_along() -> None:
    assert told(User("What is this?", images=(Image("image/png", b"png"),))) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
            ],
        }
    ]


def test_a_conversation_in_which_nobody_spoke_has_a_user_all_the_same() -> None:
    assert told(User(""), instructions="Be brief.") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": NOTHING_ASKED},
    ]


def test_a_long_output_is_cut_where_it_must_be() -> None:
    found = messages("", [User("?"), Call(CallId("a"), "r", "read", "{}", "x" * 100)], longest_output=10)
    assert found[-1]["content"] == "x" * 10 + " … [cut]"


def test_tools_go_with_strict_schemas() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False, "required": []}
    assert list(tools([ToolSpec("lamp", "The lamp.", schema)])) == [
        {
            "type": "function",
            "function": {"name": "lamp", "description": "The lamp.", "parameters": schema, "strict": True},
        }
    ]


ENTRIES = st.lists(
    st.one_of(
        st.builds(User, st.none() | st.sampled_from(["", "a", "b"])),
        st.builds(lambda round: Assistant(ItemId("i"), round, [Said("x", Samples(1), True)]), st.sampled_from("rst")),
        st.builds(
            lambda round, output: Call(CallId("c"), round, "lamp", "{}", output),
            st.sampled_from("rst"),
            st.none() | st.just("done"),
        ),
    ),
    max_size=12,
)


@given(ENTRIES, st.integers(0, 6))
def test_every_call_has_its_result_right_behind_it_whatever_was_forgotten(entries: list[Entry], forget: int) -> None:
    memory = Memory()
    for entry in entries:
        memory.add(entry)
    for _ in range(forget):
        memory.forget_oldest()
    owed: list[str] = []
    for message in told(*memory.entries):
        if message["role"] == "tool":
            assert message["tool_call_id"] == owed.pop(0)
            continue
        assert not owed
        owed = [call["id"] for call in message.get("tool_calls", ())]
        assert len(set(owed)) == len(owed)
    assert not owed


def test_pictures_of_a_tool_come_behind_all_results_of_its_round() -> None:
    picture = Image("image/png", b"png")
    entries: list[Entry] = [
        User("look"),
        Call(CallId("a"), "r", "look", "{}", "the door", (picture,)),
        Call(CallId("b"), "r", "time", "{}", "noon"),
    ]
    found = messages("", entries)
    assert [message["role"] for message in found] == ["user", "assistant", "tool", "tool", "user"]
    assert found[-1]["content"] == [
        {"type": "text", "text": "[what the tool returned as a picture]"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
    ]


def test_pictures_are_kept_of_the_last_tool_alone() -> None:
    memory, picture = Memory(), Image("image/png", b"png")
    for call in (CallId("a"), CallId("b")):
        memory.add(Call(call, call, "look", "{}"))
        memory.returned(call, "the door", (picture,))
    assert [entry.images for entry in memory.entries if isinstance(entry, Call)] == [(), (picture,)]
