"""From what was said to the tool call that it asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brains.offline.household import (
    HOUSEHOLD,
    INTEGER,
    ROOMS,
    TEXT,
    TEXT_OR_NOT,
    VOLUME,
    tool,
)
from voiced.brains.offline.matching import Understanding
from voiced.brains.offline.phrases import readings
from voiced.brains.offline.values import number
from voiced.brains.offline.wording import spoken_number, words_of
from voiced.conversation.events import Sentence

UNDERSTANDING = Understanding(HOUSEHOLD)


def call(text: str, understanding: Understanding = UNDERSTANDING) -> tuple[str, dict[str, Any]] | None:
    match = understanding.match(text)
    return None if match is None else (match.tool, json.loads(match.arguments))


def seconds(text: str) -> int | None:
    asked = call(f"set a timer for {text}")
    return None if asked is None else asked[1]["duration_s"]


def clock(text: str) -> str | None:
    asked = call(f"set an alarm for {text}")
    return None if asked is None else asked[1]["time"]


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("what time is it", ("get_time", {})),
        ("What time is it, please?", ("get_time", {})),
        ("please what's the time", ("get_time", {})),
        ("What’s the time?", ("get_time", {})),
        ("turn on the office lights", ("light", {"state": "on", "room": "office"})),
        ("Turn the living-room light off.", ("light", {"state": "off", "room": "living room"})),
        ("go forward ten meters", ("walk", {"metres": 10})),
        ("go back 1 meter", ("walk", {"metres": 1})),
        ("volume 25%", ("set_volume", {"percent": 25})),
        ("set the volume to one hundred", ("set_volume", {"percent": 100})),
        ("louder", ("change_volume", {"by": 15})),
        ("turn the volume down", ("change_volume", {"by": -15})),
        ("set a ten minute timer", ("set_timer", {"name": None, "duration_s": 600})),
        ("wake me up at half past six", ("set_alarm", {"day": None, "time": "06:30"})),
        ("never mind", ("stop_talking", {})),
        ("", None),
        ("please", None),
        ("...", None),
        ("turn on the lights", None),
        ("what time is it in paris", None),
        ("volume one hundred and one", None),
        ("stop it", None),
        ("灯", None),
    ],
)
def test_a_sentence_asks_for_a_tool(said: str, asked: tuple[str, dict[str, Any]] | None) -> None:
    assert call(said) == asked


@pytest.mark.parametrize(
    ("said", "length"),
    [
        ("ten minutes", 600),
        ("a minute", 60),
        ("one minute", 60),
        ("90 seconds", 90),
        ("an hour and a half", 5400),
        ("one and a half hours", 5400),
        ("two and a half minutes", 150),
        ("two hours and thirty seconds", 7230),
        ("two hours thirty minutes", 9000),
        ("1 hour 5 minutes and 3 seconds", 3903),
        ("one hour, five minutes", 3900),
        ("half an hour", 1800),
        ("half a minute", 30),
        ("a quarter of an hour", 900),
        ("three quarters of an hour", 2700),
        ("an hour and a quarter", 4500),
        ("a minute and a half", 90),
        ("a hundred and twenty minutes", 7200),
        ("one hundred twenty minutes", 7200),
        ("two days", 172800),
        ("a day and twelve hours", 129600),
        ("forty five minutes", 2700),
        ("zero minutes", None),
        ("minutes", None),
        ("ten", None),
        ("ten minutes and", None),
    ],
)
def test_a_duration_is_whole_seconds(said: str, length: int | None) -> None:
    assert seconds(said) == length


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("seven", "07:00"),
        ("seven o'clock", "07:00"),
        ("seven thirty", "07:30"),
        ("seven oh five", "07:05"),
        ("7:05", "07:05"),
        ("seven thirty p m", "19:30"),
        ("7:30 pm", "19:30"),
        ("7:30 P.M.", "19:30"),
        ("7pm", "19:00"),
        ("7 a.m.", "07:00"),
        ("half past six", "06:30"),
        ("half past six in the evening", "18:30"),
        ("quarter to nine p m", "20:45"),
        ("a quarter past nine", "09:15"),
        ("ten to eight", "07:50"),
        ("twenty minutes past eight in the morning", "08:20"),
        ("quarter to one", "00:45"),
        ("quarter to one p m", "12:45"),
        ("quarter to twelve p m", "23:45"),
        ("noon", "12:00"),
        ("midday", "12:00"),
        ("midnight", "00:00"),
        ("twelve", "12:00"),
        ("twelve thirty", "12:30"),
        ("twelve a m", "00:00"),
        ("twelve thirty p m", "12:30"),
        ("19:30", "19:30"),
        ("nineteen thirty", "19:30"),
        ("19:00", "19:00"),
        ("nineteen hundred hours", "19:00"),
        ("00:15", "00:15"),
        ("07:00", "07:00"),
        ("twenty three fifty nine", "23:59"),
        ("seven sixty", None),
        ("twenty four ten", None),
        ("thirty", None),
        ("half past nineteen", None),
    ],
)
def test_a_time_is_hours_and_minutes(said: str, time: str | None) -> None:
    assert clock(said) == time


@given(st.integers(0, 23), st.integers(0, 59))
def test_every_time_of_the_clock_is_understood_as_written(hour: int, minute: int) -> None:
    assert clock(f"{hour:02}:{minute:02}") == f"{hour:02}:{minute:02}"
    half, twelfth = "pm" if hour >= 12 else "am", hour % 12 or 12
    assert clock(f"{twelfth}:{minute:02} {half}") == f"{hour:02}:{minute:02}"


@given(st.integers(0, 999_999))
def test_every_number_is_understood_as_it_is_spoken(value: int) -> None:
    everything = number(0, 999_999)
    reading = readings(everything, spoken_number(value).split())
    assert reading is not None
    assert everything.meant(reading.total) == value
    assert words_of(f"{value:,}") == tuple(spoken_number(value).split())


@given(st.integers(-3000, 3000), st.integers(0, 3000), st.data())
def test_a_range_takes_its_own_numbers_and_no_other(low: int, size: int, data: st.DataObject) -> None:
    ranged = number(low, low + size)
    value = data.draw(st.integers(low - 50, low + size + 50))
    words = (("minus " if value < 0 else "") + spoken_number(abs(value))).split()
    reading = readings(ranged, words)
    assert (reading is not None) == (low <= value <= low + size)
    assert reading is None or reading.total == value


def test_a_number_takes_the_limits_of_its_argument() -> None:
    steps = tool("step", "step {number:n}", arguments={"n": {"type": "integer", "minimum": -5, "maximum": 250}})
    understanding = Understanding([steps, tool("walk", "walk {20..30:n}", arguments={"n": INTEGER})])
    assert call("step two hundred and fifty", understanding) == ("step", {"n": 250})
    assert call("step 251", understanding) is None
    assert call("step minus five", understanding) == ("step", {"n": -5})
    assert call("step -6", understanding) is None
    assert call("walk 20", understanding) == ("walk", {"n": 20})
    assert call("walk 19", understanding) is None


def test_an_argument_that_is_text_gets_text() -> None:
    which = tool("cancel", "cancel timer {1..20:which}", arguments={"which": TEXT})
    assert call("cancel timer three", Understanding([which])) == ("cancel", {"which": "3"})


def test_own_lists_give_their_values_whatever_they_are() -> None:
    scene = tool(
        "scene",
        "[start] {scene:id}",
        arguments={"id": {}},
        lists={
            "scene": {"movie night": {"n": 1}, "(dinner|supper) [time]": 7, "Jörg's party": None, "channel 4": "four"}
        },
    )
    understanding = Understanding([scene])
    assert [
        call(said, understanding) for said in ("movie night", "start supper time", "JÖRG’S PARTY", "channel four")
    ] == [("scene", {"id": value}) for value in ({"n": 1}, 7, None, "four")]


def test_parts_in_any_order_and_parts_of_words() -> None:
    heat = tool(
        "heat",
        "(set;the {room};heating) to {number:degrees}°",
        "warm[er|th] [in] {room}",
        arguments={"room": {"enum": ["living_room", "hall"]}, "degrees": {"anyOf": [INTEGER, {"type": "null"}]}},
    )
    understanding = Understanding([heat])
    assert understanding.problems == ()
    expected = ("heat", {"room": "hall", "degrees": 20})
    assert call("set the hall heating to 20°", understanding) == expected
    assert call("heating set the hall to twenty degrees", understanding) == expected
    assert call("warmer in living room", understanding) == ("heat", {"room": "living_room", "degrees": None})
    assert call("warm hall", understanding) == ("heat", {"room": "hall", "degrees": None})


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("turn (on", "can't be read: a bracket is missing"),
        ("turn on)", "can't be read: a bracket"),
        ("", "can't be read"),
        ("[please]", "may be empty"),
        ("[go] {colour:percent}", "unknown list colour; there are duration, number, room, silent, time"),
        ("go {number:speed}", "fills speed, which is no argument of the tool; there are: percent, room"),
        ("go to <place> {number:percent}", "<place>; there are no rules"),
        ("go {nothing:room} {number:percent}", "unknown list nothing"),
        ("go [{number:percent}]", "does not always give percent, which the tool needs"),
        ("go (one|two {number:percent})", "does not always give percent"),
        ("(a;b;c;d;e) {number:percent}", "5 parts in any order"),
        ("x[a][b][c][d][e][f][g][h] {number:percent}", "in more than 200 ways"),
        ("go {silent:room} {number:percent}", "uses the list silent, in which nothing can be said"),
        ("go {10..5:percent}", "has the range 10..5"),
    ],
)
def test_a_bad_sentence_is_named_and_left_out_alone(template: str, reason: str) -> None:
    bad = tool(
        "move",
        template,
        "move {number:percent}",
        arguments={"percent": INTEGER, "room": TEXT_OR_NOT},
        lists={"room": {"hall": "hall"}, "silent": {"": 1, "灯": 2}},
    )
    understanding = Understanding([bad, VOLUME])
    [problem] = understanding.problems
    assert (problem.tool, problem.template) == ("move", template)
    assert reason in problem.reason
    assert str(problem).startswith(f'move: the sentence "{template}" ')
    assert call("move five", understanding) == ("move", {"percent": 5, "room": None})
    assert call("volume five", understanding) == ("set_volume", {"percent": 5})


def test_a_fixed_argument_that_the_tool_does_not_have_is_named() -> None:
    [problem] = Understanding([tool("go", Sentence("go", {"speed": 3}))]).problems
    assert "fills speed, which is no argument of the tool; there are: none" in problem.reason


def test_a_name_that_nobody_can_say_takes_the_others_not_with_it() -> None:
    lamp = tool(
        "lamp",
        "light {name}",
        "dim {name}",
        arguments={"name": TEXT},
        lists={"name": {"desk": "a", "灯": "b", "sofa": "c"}},
    )
    understanding = Understanding([lamp])
    [problem] = understanding.problems
    assert problem.reason == "uses the list name, in which 1 can't be said, such as '灯'"
    assert call("light sofa", understanding) == ("lamp", {"name": "c"})
    assert call("dim desk", understanding) == ("lamp", {"name": "a"})


def test_the_first_of_two_tools_with_one_sentence_wins_and_that_is_told_once() -> None:
    radio = tool("radio", "(stop|end) [the] (music|radio)", "music off")
    player = tool("player", "stop [the] music", "play", "music off")
    understanding = Understanding([radio, player])
    assert [(problem.tool, problem.template) for problem in understanding.problems] == [
        ("player", "stop [the] music"),
        ("player", "music off"),
    ]
    assert "means radio where it is said as" in understanding.problems[0].reason
    assert call("stop the music", understanding) == ("radio", {})
    assert call("play", understanding) == ("player", {})


def test_each_tool_that_can_be_asked_for_has_an_example_that_asks_for_it() -> None:
    understanding = Understanding([*HOUSEHOLD, tool("silent")])
    assert understanding.examples["set_timer"] == "set a timer for ten minutes"
    assert list(understanding.examples) == [spec.name for spec in HOUSEHOLD]
    for name, example in understanding.examples.items():
        match = understanding.match(example)
        assert match is not None
        assert match.tool == name


WORDS = st.sampled_from(["turn", "set", "lamp", "red", "go", "it's"])


def templates() -> st.SearchStrategy[tuple[str, tuple[str, ...]]]:
    """A template of words, and one way to say it."""
    leaf = WORDS.map(lambda word: (word, (word,)))

    def grown(inner: st.SearchStrategy[tuple[str, tuple[str, ...]]]) -> st.SearchStrategy[tuple[str, tuple[str, ...]]]:
        sequence = st.lists(inner, min_size=1, max_size=3).map(
            lambda parts: (" ".join(text for text, _ in parts), tuple(word for _, said in parts for word in said))
        )
        choice = st.tuples(st.lists(inner, min_size=1, max_size=3), st.integers(0, 2)).map(
            lambda drawn: ("(" + "|".join(text for text, _ in drawn[0]) + ")", drawn[0][drawn[1] % len(drawn[0])][1])
        )
        left_out = st.tuples(inner, st.booleans()).map(
            lambda drawn: (f"[{drawn[0][0]}]", drawn[0][1] if drawn[1] else ())
        )
        return sequence | choice | left_out

    return st.recursive(leaf, grown, max_leaves=8)


@given(templates(), st.integers(0, 100), st.sampled_from(ROOMS), st.integers(1, 59))
def test_whatever_a_template_allows_gives_its_arguments(
    drawn: tuple[str, tuple[str, ...]], percent: int, room: str, minutes: int
) -> None:
    template, words = drawn
    spec = tool(
        "act",
        f"begin {template} {{number:percent}} in {{room}} for {{duration:s}} {template}",
        arguments={"percent": INTEGER, "room": TEXT, "s": INTEGER},
        lists={"room": {name: name for name in ROOMS}},
    )
    understanding = Understanding([spec])
    middle = " ".join(words)
    said = f"begin {middle} {spoken_number(percent)} in {room} for {minutes} minutes {middle}"
    assert understanding.problems == ()
    assert call(said, understanding) == ("act", {"percent": percent, "room": room, "s": minutes * 60})


@given(st.text(max_size=200))
def test_any_text_has_words_that_can_be_spoken(text: str) -> None:
    for word in words_of(text):
        assert word
        assert set(word) <= set("abcdefghijklmnopqrstuvwxyz'")
    UNDERSTANDING.match(text)


def test_hundreds_of_names_in_many_sentences_are_no_expansion() -> None:
    numbers = [spoken_number(value) for value in range(20, 60)]
    names = {f"{a} {b} {c}": f"{a}/{b}/{c}" for a in ROOMS for b in numbers for c in ("lamp", "plug", "fan")}
    home = tool(
        "home",
        *(f"{verb} [the] {{name}} [{politely}]" for verb in ("dim", "raise", "check") for politely in ("now", "again")),
        arguments={"name": TEXT},
        lists={"name": names},
    )
    understanding = Understanding([*HOUSEHOLD, home])
    assert len(names) > 500
    assert len(understanding.grammar.jsgf) < 60_000
    assert call("raise the kitchen forty two plug again", understanding) == ("home", {"name": "kitchen/forty two/plug"})
