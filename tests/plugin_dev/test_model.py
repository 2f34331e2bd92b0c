"""The stand-in for the model: it knows the sentences of tools, calls what it is told to, and says what came of it."""

from __future__ import annotations

from typing import Any

from voiced.conversation.events import Sentence, ToolSpec
from voiced.plugin_dev.model import Model
from voiced.testing.loopback import CallTool, Item, Say, Turn
from voiced.testing.loopback.conversation import Part

LAMP = ToolSpec(
    "lamp",
    "Switch the lamp.",
    {"type": "object", "properties": {"on": {"type": "boolean"}}},
    (Sentence("(switch|turn) on the lamp", {"on": True}), Sentence("lamp off", {"on": False})),
)
SOUND = b"\0\0" * 100


def model(*tools: ToolSpec, choices: tuple[str, ...] | None = None) -> Model:
    made = Model(lambda text: SOUND if text else b"", lambda: choices)
    made.tools = tools
    return made


def turn(*items: Item, params: dict[str, Any] | None = None) -> Turn:
    users = [item.text for item in items if item.role == "user"]
    return Turn(items, users[-1] if users else "", b"", {}, params or {}, {})


def said(role: str, text: str, kind: str = "input_text") -> Item:
    return Item("item", "message", role=role, content=[Part(kind, text=text)])


def returned(output: str, call: str = "call_1") -> Item:
    return Item("item", "function_call_output", call_id=call, output=output)


USER = said("user", "Turn on the lamp!")
CALLED = Item("item", "function_call", name="lamp", call_id="call_1", arguments="{}")


def test_a_sentence_of_a_tool_calls_it() -> None:
    assert model(LAMP).reply(turn(USER)) == CallTool("lamp", '{"on": true}')
    assert model(LAMP).reply(turn(said("user", "lamp off"))) == CallTool("lamp", '{"on": false}')


def test_a_tool_can_be_called_by_its_name() -> None:
    assert model().reply(turn(said("user", '/call  dim {"to": "half"} '))) == CallTool("dim", '{"to": "half"}')
    assert model().reply(turn(said("user", "/call dim"))) == CallTool("dim", "{}")


def test_what_a_tool_returned_is_said_as_somebody_would_say_it() -> None:
    assert model(LAMP).reply(turn(USER, CALLED, returned("**On.**"))) == Say("On.", SOUND)
    assert model(LAMP).reply(turn(USER, CALLED, CALLED, returned("On."), returned("Off."))) == Say("On. Off.", SOUND)
    assert model(LAMP).reply(turn(USER, CALLED, returned(""))) == Say("Done.", SOUND)


def test_the_words_that_a_tool_has_for_its_result_are_said_instead() -> None:
    knows = model(LAMP)
    knows.learns("call_1", "It is bright.")
    assert knows.reply(turn(USER, CALLED, returned('{"lumen": 800}'))) == Say("It is bright.", SOUND)


def test_a_result_with_pictures_is_still_a_result() -> None:
    picture = said("user", "[what the tool returned as a picture]", "input_image")
    assert model(LAMP).reply(turn(USER, CALLED, returned("A cat."), picture)) == Say("A cat.", SOUND)


def test_a_new_question_is_not_answered_with_an_old_result() -> None:
    answered = (USER, CALLED, returned("On."), said("assistant", "On.", "output_text"))
    assert model(LAMP).reply(turn(*answered, said("user", "lamp off"))) == CallTool("lamp", '{"on": false}')
    assert model(LAMP).reply(turn(USER, CALLED, returned("On."), said("user", "lamp off"))) == CallTool(
        "lamp", '{"on": false}'
    )


def test_an_announcement_is_said_word_for_word() -> None:
    told = {"instructions": "Say exactly the following, word for word, and nothing else:\nThe tea\nis ready."}
    assert model(LAMP).reply(turn(USER, params=told)) == Say("The tea\nis ready.", SOUND)


def test_what_it_does_not_know_it_says_with_what_it_knows() -> None:
    says = model(LAMP).reply(turn(said("user", "Why does it rain?")))
    assert isinstance(says, Say)
    assert says.text.endswith("such as: switch on the lamp.")
    silent = model(ToolSpec("dim", "Dim.", {"type": "object", "properties": {}}))
    says = silent.reply(turn(said("user", "Why does it rain?")))
    assert isinstance(says, Say)
    assert says.text == "No tool has a sentence. Type /call, the name of a tool, and its arguments."


def test_a_recogniser_must_know_the_answers_to_a_question_too() -> None:
    assert "zebra" not in model(LAMP).grammar().words
    assert {"lamp", "zebra"} <= set(model(LAMP, choices=("zebra",)).grammar().words)
    assert {"lamp", "yes", "no"} <= set(model(LAMP, choices=()).grammar().words)


def test_it_forgets_the_words_of_old_results() -> None:
    knows = model(LAMP)
    for number in range(2000):
        knows.learns(f"call_{number}", "Words.")
    assert knows.reply(turn(USER, returned("On.", "call_0"))) == Say("On.", SOUND)
    assert knows.reply(turn(USER, returned("On.", "call_1999"))) == Say("Words.", SOUND)
