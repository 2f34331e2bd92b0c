"""Which programs may be run by voice, and with what: the tables [plugin.shell.commands.NAME]."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from voiced.api import PluginSettings

LONGEST_VALUE: Final = 200
"""Characters of one argument that somebody says or a model writes."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

_ONE_OF: Final = 'give it one of choices = ["...", "..."], pattern = "...", or type = "number"'


class Argument(PluginSettings):
    """What may stand in a placeholder: one of `choices`, what `pattern` matches as a whole, or a whole number."""

    description: str = ""
    choices: tuple[str, ...] = ()
    pattern: str = ""
    type: Literal["text", "number"] = "text"
    least: int = 0
    most: int = 100
    default: str | int | None = None

    @model_validator(mode="after")
    def _is_restricted(self) -> Self:
        restrictions = [bool(self.choices), bool(self.pattern), self.type == "number"]
        if sum(restrictions) != 1:
            raise ValueError(f"it may be {'anything' if not any(restrictions) else 'restricted in one way'}; {_ONE_OF}")
        if self.pattern:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"the pattern is no regular expression: {error}") from error
        if self.least > self.most:
            raise ValueError(f"least is {self.least} and most is {self.most}; put them the other way round")
        if any(not choice.isprintable() or not choice for choice in self.choices):
            raise ValueError("a choice is empty, or has a character that does not print; take it out")
        if self.default is not None:
            try:
                self.text_of(self.default)
            except ValueError as error:
                raise ValueError(f"the default {self.default!r} does not fit: {error}") from error
        return self

    def text_of(self, value: object) -> str:
        """The value as it is put into the command. Raises ValueError, which says what fits."""
        if self.type == "number":
            if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
                raise ValueError(f"a whole number from {self.least} to {self.most} is needed")
            return str(value)
        if self.choices:
            if value not in self.choices:
                raise ValueError(f"one of {', '.join(self.choices)} is needed")
            return str(value)
        if not isinstance(value, str) or len(value) > LONGEST_VALUE or not value.isprintable():
            raise ValueError(f"one line of at most {LONGEST_VALUE} characters is needed")
        if value.startswith("-"):
            raise ValueError("it may not begin with -, which programs take for an option")
        if not re.fullmatch(self.pattern, value):
            raise ValueError(f"a text that matches {self.pattern} is needed")
        return value

    def parameter(self) -> dict[str, Any]:
        """For the model."""
        described = {"description": self.description} if self.description else {}
        if self.type == "number":
            return {"type": "integer", "minimum": self.least, "maximum": self.most, **described}
        if self.choices:
            return {"type": "string", "enum": list(self.choices), **described}
        return {"type": "string", "pattern": f"^(?:{self.pattern})$", "maxLength": LONGEST_VALUE, **described}


class Command(PluginSettings):
    """One program. `run`: its absolute path and its arguments, each one argument however it looks: no shell reads
    them, so quotes, $, *, | and > mean nothing. `{name}` stands for one of `arguments`; write {{ for a brace.
    """

    run: tuple[str, ...]
    description: Annotated[str, Field(min_length=1, max_length=1024)]
    sentences: tuple[str, ...] = ()
    arguments: dict[str, Argument] = Field(default_factory=dict)
    confirm: bool | str = False
    timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 15.0
    speak_output: bool = False
    background: bool = False

    @field_validator("run")
    @classmethod
    def _is_a_program(cls, run: tuple[str, ...]) -> tuple[str, ...]:
        if not run:
            raise ValueError('name the program: run = ["/usr/local/bin/backup"]')
        if not os.path.isabs(run[0]) or _placeholders(run[0]):
            raise ValueError(
                f"the program {run[0]!r} is no absolute path; write where it is, as `command -v` tells. No shell runs "
                "it: where one is needed, make a script"
            )
        if any("\0" in part for part in run):
            raise ValueError("an argument has a NUL in it, which ends every argument; take it out")
        return run

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        used = {name for part in self.run for name in _placeholders(part)}
        for name in self.arguments:
            if not _NAME.fullmatch(name):
                raise ValueError(f"the argument {name!r} must be a word of letters, digits and _")
        if unknown := sorted(used - self.arguments.keys()):
            raise ValueError(
                f"run has the placeholder {{{unknown[0]}}}, and there is no arguments.{unknown[0]}; describe it there, "
                "or write {{ for a brace"
            )
        if unused := sorted(self.arguments.keys() - used):
            raise ValueError(f"arguments.{unused[0]} is not used; write {{{unused[0]}}} into run, or take it away")
        if isinstance(self.confirm, str) and not self.confirm.strip():
            raise ValueError("confirm is empty; write the question, or true")
        return self

    def argv(self, given: Mapping[str, object]) -> list[str]:
        """The command with these arguments. Raises ValueError, which says what fits."""
        texts = {}
        for name, argument in self.arguments.items():
            value = given.get(name, argument.default)
            if value is None:
                raise ValueError(f"{name} is missing")
            try:
                texts[name] = argument.text_of(value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        return [
            "".join(text + (texts[name] if name is not None else "") for text, name in _pieces(part))
            for part in self.run
        ]

    def parameters(self) -> dict[str, Any]:
        """For the model: a JSON schema of an object."""
        return {
            "type": "object",
            "properties": {name: argument.parameter() for name, argument in self.arguments.items()},
            "required": [name for name, argument in self.arguments.items() if argument.default is None],
            "additionalProperties": False,
        }

    def question(self, name: str) -> str:
        """What is asked before it runs, as a template of the arguments; empty where nothing is."""
        if isinstance(self.confirm, str):
            return self.confirm
        if not self.confirm:
            return ""
        with_what = " and ".join(f"{each} {{{each}}}" for each in self.arguments)
        return f"Shall I run {spoken_name(name)}{f' with {with_what}' if with_what else ''}?"


class ShellSettings(PluginSettings):
    """The commands, by name: letters, digits, _ and -."""

    commands: dict[str, Command] = Field(default_factory=dict)


def spoken_name(name: str) -> str:
    """A command's name as a voice reads it.

    >>> spoken_name("restart_web-server")
    'restart web server'
    """
    return re.sub(r"[_-]+", " ", name).strip()


def _placeholders(part: str) -> list[str]:
    return [name for _, name in _pieces(part) if name is not None]


def _pieces(part: str) -> list[tuple[str, str | None]]:
    """Text, and the placeholder behind it. Raises ValueError."""
    try:
        pieces = list(string.Formatter().parse(part))
    except ValueError as error:
        raise ValueError(f"{part!r}: {error}; write {{{{ and }}}} for braces") from error
    for _, name, form, conversion in pieces:
        if name is not None and (form or conversion or not _NAME.fullmatch(name)):
            raise ValueError(f"{part!r}: a placeholder is a name in braces, such as {{where}}; write {{{{ for a brace")
    return [(text, name) for text, name, _, _ in pieces]
