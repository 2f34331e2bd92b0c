"""The sentences of the built-in tools, all together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pocketsphinx
import pytest
from hassil.parse_expression import parse_sentence
from hassil.sample import sample_expression

from tests.plugins.fakes import FakeClock, Home
from voiced.conversation.events import Sentence, ToolsChanged, ToolSpec

WAYS = 2000
"""More ways to say things make each of them harder to hear."""


@pytest.fixture
async def tools(tmp_path: Path, clock: FakeClock) -> dict[str, ToolSpec]:
    home = Home(tmp_path, clock, disabled=())
    async with home.running():
        home.host.reload()
        return {spec.name: spec for spec in (await home.next(ToolsChanged)).tools}


def ways(sentence: Sentence) -> Iterator[str]:
    """Each way to say it, with its slots as {list}."""
    expression = parse_sentence(sentence.template).expression
    for way in sample_expression(expression, expand_lists=False):
        yield " ".join(way.split())


def test_every_tool_can_be_asked_for(tools: dict[str, ToolSpec]) -> None:
    assert [name for name, spec in tools.items() if not spec.sentences] == []


def test_only_what_does_no_harm_when_misheard_is_obeyed_at_once(tools: dict[str, ToolSpec]) -> None:
    assert {name for name, spec in tools.items() if spec.local} == {"set_volume", "change_volume", "stop_talking"}


def test_no_sentence_means_two_things(tools: dict[str, ToolSpec]) -> None:
    meanings: dict[str, set[str]] = {}
    for name, spec in tools.items():
        for sentence in spec.sentences:
            for way in ways(sentence):
                meanings.setdefault(way, set()).add(f"{name} {dict(sentence.arguments)}")
    assert {way: found for way, found in meanings.items() if len(found) > 1} == {}
    assert len(meanings) < WAYS


def test_every_word_is_one_that_the_recogniser_knows(tools: dict[str, ToolSpec]) -> None:
    dictionary = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")).read_text()
    known = {line.split()[0] for line in dictionary.splitlines()}
    texts = [way for spec in tools.values() for sentence in spec.sentences for way in ways(sentence)]
    texts += [words for spec in tools.values() for spoken in spec.lists.values() for words in spoken]
    used = {word for text in texts for word in re.sub(r"\{.*?\}", "", text).lower().split()}
    assert used - known == set()


def test_muting_takes_the_word_microphone(tools: dict[str, ToolSpec]) -> None:
    said = [way for sentence in tools["mute_microphone"].sentences for way in ways(sentence)]
    assert said
    assert [way for way in said if not way.endswith(" microphone")] == []


@pytest.mark.parametrize(
    ("said", "tool", "arguments"),
    [
        ("what time is it", "get_time", {"part": "time"}),
        ("what's the time", "get_time", {"part": "time"}),
        ("what is today's date", "get_time", {"part": "date"}),
        ("what day is it", "get_time", {"part": "date"}),
        ("what time is it in {city}", "get_time", {"part": "time"}),
        ("set a timer for {duration}", "set_timer", {}),
        ("set a {duration} timer", "set_timer", {}),
        ("set an {name} timer for {duration}", "set_timer", {}),
        ("set an alarm for {time}", "set_alarm", {}),
        ("set an alarm for {time} {day}", "set_alarm", {}),
        ("wake me up at {time}", "set_alarm", {}),
        ("what timers are set", "list_timers", {}),
        ("how much time is left", "list_timers", {}),
        ("cancel the timer", "cancel_timer", {"which": "timer"}),
        ("stop the timer", "cancel_timer", {"which": "timer"}),
        ("turn off the alarm", "cancel_timer", {"which": "alarm"}),
        ("cancel all timers", "cancel_timer", {"which": "all timers"}),
        ("cancel the {name} timer", "cancel_timer", {}),
        ("cancel number {which_number}", "cancel_timer", {}),
        ("louder", "change_volume", {"by": 15}),
        ("volume up", "change_volume", {"by": 15}),
        ("turn the volume up", "change_volume", {"by": 15}),
        ("turn it down", "change_volume", {"by": -15}),
        ("quieter", "change_volume", {"by": -15}),
        ("set the volume to {number} percent", "set_volume", {}),
        ("stop", "stop_talking", {}),
        ("cancel", "stop_talking", {}),
        ("never mind", "stop_talking", {}),
        ("be quiet", "stop_talking", {}),
        ("stop talking", "stop_talking", {}),
    ],
)
def test_what_people_say(tools: dict[str, ToolSpec], said: str, tool: str, arguments: dict[str, object]) -> None:
    meant = [sentence.arguments for sentence in tools[tool].sentences if said in ways(sentence)]
    assert meant == [arguments]


def test_what_is_not_clear_means_nothing(tools: dict[str, ToolSpec]) -> None:
    everything = {way for spec in tools.values() for sentence in spec.sentences for way in ways(sentence)}
    assert (
        everything & {"mute", "stop listening", "timer", "the timer", "volume", "quiet", "time", "yes", "no"} == set()
    )
