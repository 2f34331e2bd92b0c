"""The sentences of the built-in tools, all together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pocketsphinx
import pytest
from hassil.parse_expression import parse_sentence
from hassil.sample import sample_expression

from voiced.brains.offline.matching import Understanding
from voiced.conversation.events import Sentence, ToolSpec
from voiced.plugins import discovery, tables
from voiced.plugins.tools import describe_tool

WAYS = 2000
"""More ways to say things make each of them harder to hear."""

FREE_WORDS = {"delete_note", "list_devices", "lock_door", "name_lists", "remember", "take_note"}
"""They take words that no sentence has, or names that are known at run time alone, or are about what such made."""

AT_ONCE = {"set_volume", "change_volume", "stop_talking"}
AT_ONCE_WITH_MUSIC = {
    "change_music_volume", "next_song", "pause_music", "previous_song", "resume_music",
    "set_music_volume", "stop_music",
}  # fmt: skip


@pytest.fixture(scope="module")
def tools() -> dict[str, ToolSpec]:
    """Of all built-in plugins, whether or not they are configured; without those known at run time alone."""
    specs = []
    for found in [source.load() for source in discovery.installed() if source.built_in]:
        if model := tables.model_of(found.plugins):
            tables.give(found.plugins, model.model_construct())
        methods = [method for plugin in found.plugins for method in discovery.methods_of(plugin)]
        specs += [describe_tool(function, options).spec for function, options in [*found.functions, *methods]]
    return {spec.name: spec for spec in specs}


def ways(sentence: Sentence) -> Iterator[str]:
    """Each way to say it, with its slots as {list}."""
    expression = parse_sentence(sentence.template).expression
    for way in sample_expression(expression, expand_lists=False):
        yield " ".join(way.split())


def test_every_tool_can_be_asked_for_but_those_that_take_free_words(tools: dict[str, ToolSpec]) -> None:
    assert {name for name, spec in tools.items() if not spec.sentences} <= FREE_WORDS


def test_only_what_does_no_harm_when_misheard_is_obeyed_at_once(tools: dict[str, ToolSpec]) -> None:
    assert {name for name, spec in tools.items() if spec.local} == AT_ONCE | AT_ONCE_WITH_MUSIC


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
        ("wake me up every day at {time}", "set_alarm", {"repeat": "daily"}),
        ("wake me on weekdays at {time}", "set_alarm", {"repeat": "weekdays"}),
        ("remind me in {duration}", "set_reminder", {}),
        ("remind me {day} at {time}", "set_reminder", {}),
        ("cancel the reminder", "cancel_timer", {"which": "reminder"}),
        ("what reminders do I have", "list_timers", {}),
        ("snooze", "snooze", {}),
        ("what's the weather", "get_weather", {"when": "now"}),
        ("how is the weather {day}", "get_weather", {}),
        ("what's the weather in {city}", "get_weather", {}),
        ("what's the forecast", "get_weather", {"when": "next_days"}),
        ("will it rain", "will_it_rain", {}),
        ("do I need an umbrella {day}", "will_it_rain", {}),
        ("put {grocery} on the shopping list", "add_to_list", {}),
        ("take {grocery} off my shopping list", "remove_from_list", {}),
        ("what's on the shopping list", "read_list", {}),
        ("clear the shopping list", "clear_list", {"name": "shopping list"}),
        ("read my notes", "read_notes", {}),
    ],
)
def test_what_people_say(tools: dict[str, ToolSpec], said: str, tool: str, arguments: dict[str, object]) -> None:
    meant = [sentence.arguments for sentence in tools[tool].sentences if said in ways(sentence)]
    assert meant == [arguments]


def test_no_sentence_is_understood_as_one_of_another_tool(tools: dict[str, ToolSpec]) -> None:
    assert Understanding(tools.values()).problems == ()


@pytest.mark.parametrize(
    ("said", "tool", "arguments"),
    [
        ("put toilet paper on my shopping list, please", "add_to_list", {"items": ["toilet paper"], "name": None}),
        ("remove eggs from the shopping list", "remove_from_list", {"items": ["eggs"], "name": None}),
        ("what is on my shopping list", "read_list", {"name": None}),
        ("clear my shopping list", "clear_list", {"name": "shopping list"}),
        ("how's the weather in hong kong", "get_weather", {"place": "Hong Kong", "when": None}),
        ("what is the weather tomorrow", "get_weather", {"place": None, "when": "tomorrow"}),
        ("will it snow tomorrow", "will_it_rain", {"place": None, "day": "tomorrow"}),
        ("do I need an umbrella", "will_it_rain", {"place": None, "day": None}),
        (
            "remind me in half an hour",
            "set_reminder",
            {"what": None, "after_s": 1800, "time": None, "day": None, "repeat": None},
        ),
        (
            "remind me at eight in the evening tomorrow",
            "set_reminder",
            {"what": None, "after_s": None, "time": "20:00", "day": "tomorrow", "repeat": None},
        ),
        ("wake me every day at seven", "set_alarm", {"time": "07:00", "day": None, "name": None, "repeat": "daily"}),
        ("snooze for ten minutes", "snooze", {"minutes": 10}),
        ("cancel all reminders", "cancel_timer", {"which": "all reminders"}),
    ],
)
def test_what_is_understood(tools: dict[str, ToolSpec], said: str, tool: str, arguments: dict[str, object]) -> None:
    match = Understanding(tools.values()).match(said)
    assert match is not None
    assert (match.tool, json.loads(match.arguments)) == (tool, arguments)


def test_what_is_not_clear_means_nothing(tools: dict[str, ToolSpec]) -> None:
    everything = {way for spec in tools.values() for sentence in spec.sentences for way in ways(sentence)}
    assert (
        everything & {"mute", "stop listening", "timer", "the timer", "volume", "quiet", "time", "yes", "no"} == set()
    )
