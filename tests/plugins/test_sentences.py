"""Offline sentences of tools: what reaches the brain, and what their author is told at load."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from datetime import time, timedelta
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from tests.plugins.fakes import Home
from voiced.api import ToolOptions, options_of, sentence, tool
from voiced.conversation.events import Sentence, ToolsChanged, ToolSpec
from voiced.errors import ToolSchemaError
from voiced.plugins.sentences import CHARACTER_LIMIT, SENTENCE_LIMIT, WORD_LIMIT
from voiced.plugins.tools import describe_tool

Percent = Annotated[int, Field(ge=0, le=100)]


class Room(enum.Enum):
    KITCHEN = "kitchen"
    LIVING_ROOM = "living_room"


def light(room: Room, percent: Percent = 100, on: bool = True) -> None:
    """Light a room."""


def wait(seconds: int = 60, until: time | None = None, pause: timedelta | None = None) -> None:
    """Wait."""


def rate(stars: Annotated[int, Field(ge=1, le=5)], name: str = "") -> None:
    """Rate something."""


def play(song: str, mood: Literal["calm", "wild"] | None = None, extra: float = 0) -> None:
    """Play a song."""


def far(stars: Annotated[int, Field(ge=5000)]) -> None:
    """Far."""


def nothing() -> None:
    """Do nothing."""


def spec_of(function: Callable[..., Any], *sentences: Any, **options: Any) -> ToolSpec:
    return describe_tool(function, ToolOptions(sentences=sentences, **options)).spec


def refused(function: Callable[..., Any], *sentences: Any, **options: Any) -> str:
    """What the author is told, behind file, line and function."""
    with pytest.raises(ToolSchemaError, match=rf"test_sentences\.py:\d+ {function.__name__}: ") as complaint:
        spec_of(function, *sentences, **options)
    return str(complaint.value).split(f" {function.__name__}: ", 1)[1]


def test_a_tool_with_no_sentences_has_none() -> None:
    spec = describe_tool(light, ToolOptions()).spec
    assert (spec.sentences, spec.lists, spec.local) == ((), {}, False)


def test_what_is_declared_reaches_the_brain() -> None:
    @tool(
        sentences=["light the {place:room}", sentence("lights out", room="kitchen", percent=0)],
        lists={"place": {"cooking place": "kitchen", "[the] sofa": "living_room"}, "spare": ["a"]},
        local=True,
    )
    def here(room: Room, percent: Percent = 100) -> None:
        """Light a room."""

    options = options_of(here)
    assert options is not None
    spec = describe_tool(here, options).spec
    assert spec.sentences == (
        Sentence("light the {place:room}"),
        Sentence("lights out", {"room": "kitchen", "percent": 0}),
    )
    assert spec.lists == {"place": {"cooking place": "kitchen", "[the] sofa": "living_room"}}
    assert spec.local


def test_a_sequence_of_words_means_these_words() -> None:
    assert spec_of(play, "play {song}", lists={"song": ["Yesterday", "Help"]}).lists == {
        "song": {"Yesterday": "Yesterday", "Help": "Help"}
    }


def test_the_values_of_an_enum_or_literal_are_a_list_by_the_name_of_the_argument() -> None:
    assert spec_of(light, "light the {room}").lists == {"room": {"kitchen": "kitchen", "living room": "living_room"}}
    spec = spec_of(play, sentence("[{mood}] music", song="any"), sentence("something {mood}", song="any"), lists={})
    assert spec.lists == {"mood": {"calm": "calm", "wild": "wild"}}


def test_a_list_of_its_own_comes_before_the_values_of_the_argument() -> None:
    spec = spec_of(light, "light the {room}", lists={"room": {"cooking place": "kitchen"}})
    assert spec.lists == {"room": {"cooking place": "kitchen"}}


def test_values_in_python_become_json() -> None:
    spec = spec_of(
        light, sentence("kitchen", room=Room.KITCHEN), "the {place:room}", lists={"place": {"sofa": Room.LIVING_ROOM}}
    )
    assert spec.sentences[0].arguments == {"room": "kitchen"}
    assert spec.lists == {"place": {"sofa": "living_room"}}


@pytest.mark.parametrize(
    ("function", "given", "reaches"),
    [
        (light, "the {room} at {number:percent}", "the {room} at {number:percent}"),
        (rate, "{number:stars} [stars]", "{1..5:stars} [stars]"),
        (rate, "{2..3:stars} stars", "{2..3:stars} stars"),
        (wait, "wait {number:seconds}", "wait {number:seconds}"),
    ],
)
def test_a_number_is_within_the_limits_of_its_argument(function: Callable[..., Any], given: str, reaches: str) -> None:
    assert spec_of(function, given).sentences[0].template == reaches


@pytest.mark.parametrize(
    ("hint", "reaches"),
    [
        (Annotated[int, Field(gt=0, lt=10)], "{1..9:number} it"),
        (Annotated[int, Field(ge=1)] | None, "{1..100:number} it"),
        (Annotated[int, Field(ge=1, le=10**9)], "{1..1000:number} it"),
        (Annotated[int, Field(ge=-50, le=50)], "{0..50:number} it"),
        (Annotated[float, Field(gt=0.5, le=2.5)], "{1..2:number} it"),
        (float, "{number} it"),
    ],
)
def test_limits_of_all_kinds(hint: Any, reaches: str) -> None:
    def use(number: Any) -> None:
        """Use it."""

    use.__annotations__["number"] = hint
    assert spec_of(use, "{number} it").sentences[0].template == reaches


def test_durations_and_times_go_into_what_takes_them() -> None:
    spec = spec_of(wait, "wait {duration:seconds}", "wait until {time:until}", "pause for {duration:pause}")
    assert len(spec.sentences) == 3


@pytest.mark.parametrize(
    "template",
    ["light [the] {room}", "({room} light|light the {room})", "[a] [b] {room}", "{room};{number:percent}"],
)
def test_an_argument_that_is_always_given(template: str) -> None:
    assert spec_of(light, template).sentences == (Sentence(template),)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (5, "5 is no sentence; write a string"),
        (None, "None is no sentence"),
        (sentence(5), "is no sentence"),  # type: ignore[arg-type]
        ("", "can be said with no word"),
        ("[light]", "can be said with no word"),
        ("?!", "can be said with no word"),
        ("(on|[off])", "can be said with no word"),
        ("light (on|off", "its brackets can't be read"),
        ("light on)", "its brackets can't be read"),
        ("light [on", "its brackets can't be read"),
        ("light [] on", "its brackets can't be read"),
        ("light {room", "its brackets can't be read"),
        ("light <rule> {room}", "<...> has no meaning here"),
        ("light {@room}", "@ has no meaning here"),
        ("(" * 240 + "light" + ")" * 240, "more than 20 brackets within each other"),
        ("light the {room} " * 100, f"it has 1700 characters; {CHARACTER_LIMIT} are allowed"),
        ("light the {roomm}", "the function has no argument 'roomm'"),
        ("light the {place:room}", "there is no list 'place'; known are duration, time, number, room"),
        ("light the {9..1:room}", "9..1 must rise"),
        ("light it", "room is required and not always given"),
        ("light [the {room}]", "room is required and not always given"),
        ("(light the {room}|light all)", "room is required and not always given"),
        ("light the {room} and the {room}", "it gives one argument twice"),
        ("light the {number:room}", "a number, such as 0, does not fit: room: Input should be"),
        ("light the {room} for {time:percent}", "a time, such as 07:00, does not fit: percent: Input should be"),
        (sentence("light {room}", room="kitchen"), "room is fixed and in { } as well"),
        (sentence("light", room="kitchen", colour=1), "the function has no argument 'colour'"),
        (sentence("light", room="attic"), "room='attic' does not fit: room: Input should be 'kitchen' or"),
        (sentence("light", room=None), "room=None does not fit"),
        (sentence("light", room="kitchen", percent=101), "percent=101 does not fit: percent: Input should be less"),
        (sentence("light", room=object()), "has no JSON form"),
    ],
)
def test_a_sentence_that_can_not_be_used_is_told_with_file_and_line(given: Any, told: str) -> None:
    complaint = refused(light, given)
    assert told in complaint
    if "is no sentence" not in told:
        assert complaint.startswith('sentence "')


@pytest.mark.parametrize(
    ("lists", "told"),
    [
        ({"place": []}, "the list place is empty"),
        ({"place": {}}, "the list place is empty"),
        ({"place": "kitchen"}, "the list place is 'kitchen'; write its words"),
        ({"place": 5}, "the list place is 5; write its words"),
        ({"place": ["kitchen", 5]}, "the list place: 5 can't be said; write it in words"),
        ({"place": {"42": "kitchen"}}, "the list place: '42' can't be said; write it in words"),
        ({"place": [""]}, "the list place: '': it can be said with no word"),
        ({"place": ["[the]"]}, "the list place: '[the]' can't be said"),
        ({"place": ["{room}"]}, "the list place: '{room}' must not use another list"),
        ({"place": ["the (kitchen"]}, "the list place: 'the (kitchen': its brackets can't be read"),
        ({"place": {"sofa": object()}}, "has no JSON form"),
        ({"place": ["attic"]}, "'attic' of the list place does not fit: room: Input should be"),
        ({"place": [f"kitchen {n}" for n in range(WORD_LIMIT + 1)]}, f"has 1001 values; {WORD_LIMIT} are allowed"),
        ({"number": ["one"]}, "the list number is there already"),
        ({"time": ["noon"]}, "the list time is there already"),
        ({"my list": ["a"]}, "the list's name 'my list' must be letters, digits and _"),
        ({5: ["a"]}, "the list's name 5 must be"),
        (["place"], "lists is ['place']; write a mapping"),
    ],
)
def test_a_list_that_can_not_be_used_is_told_with_file_and_line(lists: Any, told: str) -> None:
    assert told in refused(light, "light the {place:room}", lists=lists)


def test_sentences_as_one_string_are_told() -> None:
    with pytest.raises(ToolSchemaError, match=r"sentences is 'do nothing'; write a list"):
        describe_tool(nothing, ToolOptions(sentences="do nothing"))


def test_too_many_sentences_are_told() -> None:
    many = [f"do nothing {'really ' * n}" for n in range(SENTENCE_LIMIT + 1)]
    assert "it has 101 sentences" in refused(nothing, *many)


def test_local_with_no_sentence_is_told() -> None:
    assert "local=True is about its sentences, and it has none" in refused(nothing, local=True)


def test_a_number_that_no_one_can_say_is_told() -> None:
    assert "must be from 0 to 1000; its type allows none" in refused(far, "go {number:stars}")


def test_a_fixed_null_is_the_default_of_the_function() -> None:
    assert spec_of(light, sentence("light the {room}", percent=None)).sentences[0].arguments == {"percent": None}


@given(st.text("ab [](){}<>|;:@\\.19", max_size=12))
def test_whatever_is_written_is_a_sentence_or_told(template: str) -> None:
    try:
        spec = spec_of(nothing, template)
    except ToolSchemaError as error:
        told = str(error)
    else:
        told = ""
        assert any(character.isalpha() for character in template)
        assert spec.sentences == (Sentence(template),)
    assert not told or f'sentence "{template}": ' in told


LAMP = """
from voiced.api import tool

@tool(sentences={sentences}, lists={{"place": ["kitchen", "hall"]}}, local=True)
def lamp(place: str = "hall"):
    'Light a lamp.'
"""


async def sentences_of(home: Home) -> Mapping[str, tuple[Sentence, ...]]:
    return {spec.name: spec.sentences for spec in (await home.next(ToolsChanged)).tools}


async def test_sentences_change_with_a_reload(home: Home) -> None:
    file = home.plugin("lamp", LAMP.format(sentences=["lamp"]))
    async with home.running():
        for sentences in (["light"], ["light", "the {place}"], []):
            code = LAMP.format(sentences=sentences)
            home.plugin("lamp", code if sentences else code.replace(", local=True", ""))
            home.host.reload()
            assert await sentences_of(home) == {"lamp": tuple(Sentence(template) for template in sentences)}
        file.unlink()
        home.host.reload()
        assert await sentences_of(home) == {}


async def test_a_wrong_sentence_disables_its_tool_alone_and_is_named_with_file_and_line(home: Home) -> None:
    file = home.plugin(
        "lamp", LAMP.format(sentences=["light {place}"]) + LAMP.format(sentences=["on ("]).replace("def lamp", "def l")
    )
    async with home.running() as tools:
        assert tools == ("lamp",)
        [problem] = home.status("lamp").problems
        assert problem.startswith(f'{file}:10 l: sentence "on (": its brackets can\'t be read')
