"""Which programs may be run by voice, and with what."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.api import NotConfigured
from voiced.config import PluginTables
from voiced.errors import ConfigError
from voiced.plugins.builtin.shell_settings import Argument, Command, ShellSettings, spoken_name

BACKUP = """
[commands.backup]
run = ["/usr/local/bin/backup", "--to={where}", "{hours}", "{{}}", "* | rm"]
description = "Back up the documents."
sentences = ["back up the documents"]
arguments.where = { description = "Where to.", choices = ["nas", "-usb"], default = "nas" }
arguments.hours = { type = "number", most = 48 }
arguments.tag = { pattern = "[a-z.-]+" }
confirm = true
"""
RIGHT: dict[str, Any] = {
    "run": ("/bin/say", "{word}", "{count}"),
    "description": "Say something.",
    "arguments": {
        "word": {"pattern": "[a-z-]*", "description": "What."},
        "count": {"type": "number", "least": -2, "most": 9, "default": 1},
    },
}


def settings(text: str) -> ShellSettings:
    return PluginTables.of({"shell": tomllib.loads(text)}).settings_of("shell", ShellSettings)


def command(**changes: Any) -> Command:
    return Command.model_validate(RIGHT | changes)


def complaints(changes: dict[str, Any]) -> list[str]:
    """What the daemon says of such a command, without the place."""
    table = {key: value for key, value in (RIGHT | changes).items() if value is not None}
    with pytest.raises(ConfigError) as raised:
        PluginTables.of({"shell": {"commands": {"say": table}}}).settings_of("shell", ShellSettings)
    return [line.split("plugin.shell.commands.say", 1)[1].lstrip(".: ") for line in str(raised.value).splitlines()]


def test_a_command_as_people_write_it() -> None:
    backup = settings(BACKUP.replace('"{{}}"', '"{tag}", "{{}}"')).commands["backup"]
    assert backup.argv({"where": "-usb", "hours": 12, "tag": "a.b"}) == [
        "/usr/local/bin/backup", "--to=-usb", "12", "a.b", "{}", "* | rm",
    ]  # fmt: skip
    assert backup.argv({"hours": 0, "tag": "x"})[1:3] == ["--to=nas", "0"]
    assert backup.question("backup") == "Shall I run backup with where {where} and hours {hours} and tag {tag}?"
    assert backup.parameters() == {
        "type": "object",
        "properties": {
            "where": {"type": "string", "enum": ["nas", "-usb"], "description": "Where to."},
            "hours": {"type": "integer", "minimum": 0, "maximum": 48},
            "tag": {"type": "string", "pattern": "^(?:[a-z.-]+)$", "maxLength": 200},
        },
        "required": ["hours", "tag"],
        "additionalProperties": False,
    }


def test_what_is_asked_before_it_runs() -> None:
    assert command().question("say") == ""
    assert command(confirm="Really {word}?").question("say") == "Really {word}?"
    assert command(confirm=True, run=("/bin/reboot",), arguments={}).question("restart_tv-box") == (
        "Shall I run restart tv box?"
    )


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "word is missing"),
        ({"word": "-rf"}, "word: it may not begin with -, which programs take for an option"),
        ({"word": "-"}, "word: it may not begin with -"),
        ({"word": "Hello"}, r"word: a text that matches \[a-z-\]\* is needed"),
        ({"word": "a\n"}, "word: one line of at most 200 characters is needed"),
        ({"word": "a\0b"}, "word: one line"),
        ({"word": "a\udc00"}, "word: one line"),
        ({"word": "a" * 201}, "word: one line"),
        ({"word": 5}, "word: one line"),
        ({"word": "a", "count": 10}, "count: a whole number from -2 to 9 is needed"),
        ({"word": "a", "count": True}, "count: a whole number"),
        ({"word": "a", "count": "1"}, "count: a whole number"),
        ({"word": "a", "count": 1.5}, "count: a whole number"),
    ],
)
def test_what_no_program_is_given(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        command().argv(given)


@given(st.text() | st.integers() | st.booleans() | st.none() | st.sampled_from(["nas", "--help", "-", "a\n", "$(x)"]))
def test_whatever_is_said_is_one_argument_of_the_kind_that_was_allowed(value: object) -> None:
    for argument, allowed in (
        (Argument(choices=("nas", "--help")), {"nas", "--help"}),
        (Argument(pattern=".*"), None),
        (Argument(type="number"), {str(number) for number in range(101)}),
    ):
        try:
            (_, text) = command(run=("/bin/x", "{it}"), arguments={"it": argument}).argv({"it": value})
        except ValueError:
            continue
        assert text in allowed if allowed else (not text.startswith("-") and text == value and text.isprintable())


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"run": None}, "run"),
        ({"description": None}, "description"),
        ({"description": ""}, "description"),
        ({"run": ()}, 'name the program: run = ["/usr/local/bin/backup"]'),
        ({"run": ("say",), "arguments": {}}, "the program 'say' is no absolute path"),
        ({"run": ("~/bin/say",), "arguments": {}}, "no absolute path"),
        ({"run": ("./say",), "arguments": {}}, "No shell runs it: where one is needed, make a script"),
        ({"run": ("/bin/{word}", "{count}")}, "the program '/bin/{word}' is no absolute path"),
        ({"run": ("/bin/say", "{word}")}, "arguments.count is not used; write {count} into run, or take it away"),
        (
            {"run": ("/bin/say", "{word}", "{count}", "{other}")},
            "run has the placeholder {other}, and there is no arguments.other; describe it there, or write {{ for a",
        ),
        ({"run": ("/bin/say", "{}")}, "'{}': a placeholder is a name in braces, such as {where}; write {{ for a brace"),
        ({"run": ("/bin/say", "{word.x}")}, "a placeholder is a name in braces"),
        ({"run": ("/bin/say", "{word!r}")}, "a placeholder is a name in braces"),
        ({"run": ("/bin/say", "{word:>9}")}, "a placeholder is a name in braces"),
        ({"run": ("/bin/say", "{word")}, "write {{ and }} for braces"),
        ({"run": ("/bin/say", "a\0b")}, "an argument has a NUL in it"),
        ({"run": "/bin/say {word}"}, "run"),
        (
            {"arguments": {"word": {"description": "What."}}},
            'it may be anything; give it one of choices = ["...", "..."], pattern',
        ),
        ({"arguments": {"word": {"pattern": "x", "choices": ("x",)}}}, "it may be restricted in one way"),
        ({"arguments": {"word": {"pattern": "["}}}, "the pattern is no regular expression"),
        ({"arguments": {"word": {"choices": ("",)}}}, "a choice is empty"),
        ({"arguments": {"word": {"choices": ("a\nb",)}}}, "a character that does not print"),
        ({"arguments": {"word": {"choices": ("a",), "default": "b"}}}, "the default 'b' does not fit: one of a is"),
        (
            {"arguments": {"word": {"pattern": ".*", "default": "-x"}}},
            "the default '-x' does not fit: it may not begin",
        ),
        ({"arguments": {"word": {"type": "number", "least": 5, "most": 1}}}, "least is 5 and most is 1"),
        ({"arguments": {"word": {"type": "path"}}}, "arguments.word.type"),
        ({"arguments": {"my-word": {"pattern": "x"}}}, "the argument 'my-word' must be a word of letters"),
        ({"confirm": ""}, "confirm is empty; write the question, or true"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"shell": True}, "shell"),
    ],
)
def test_a_mistake_is_told_once(changes: dict[str, Any], complaint: str) -> None:
    told = complaints(changes)
    assert len(told) == 1, told
    assert complaint in told[0]


def test_nothing_configured_is_no_mistake() -> None:
    assert PluginTables().settings_of("shell", ShellSettings).commands == {}
    with pytest.raises(NotConfigured):
        PluginTables().settings_of("shell", Command)


@pytest.mark.parametrize(("name", "spoken"), [("backup", "backup"), ("__go--home_", "go home")])
def test_names_are_read_aloud(name: str, spoken: str) -> None:
    assert spoken_name(name) == spoken
