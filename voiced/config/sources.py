"""What people wrote: settings from files, the environment and the command line, each with the place it stands."""

from __future__ import annotations

import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from voiced.errors import ConfigError
from voiced.settings_files import SYSTEM_FILE as SYSTEM_FILE  # a source of settings, as the rest here
from voiced.settings_files import user_file as user_file

ENVIRONMENT_PREFIX = "VOICED_"
ENVIRONMENT_DELIMITER = "__"
PLUGIN = "plugin"
"""The section of the plugins' own settings."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value stands. `place` is a file, a variable or an argument; `line` is 0 where lines mean nothing."""

    kind: Literal["default", "file", "environment", "command line"]
    place: str
    line: int = 0

    @property
    def layer(self) -> tuple[str, str]:
        """One file, all variables, or all arguments."""
        return self.kind, self.place if self.kind == "file" else ""

    def __str__(self) -> str:
        return f"{self.place}:{self.line}" if self.line else self.place


_QUOTED_PART = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"(?=\.|\Z)')
_NEEDS_QUOTES = re.compile(r'[."\x00-\x1f\x7f-\x9f\u2028\u2029]|\A\Z')

DEFAULT = Origin("default", "default")


@dataclass(frozen=True, slots=True)
class Given:
    """Somebody wrote `value` for `key` (dotted, as written: it may not exist).

    A part with a dot in it, such as a model's name, is in quotes: `budget.prices."gpt-4.1".text_in`. `text`: the value
    as it was written where there are no quotes, outside of a file.
    """

    key: str
    value: Any
    origin: Origin
    text: str | None = None

    def meant_for(self, model: type[BaseModel]) -> Given:
        """With the value that the text has in `model`, which may want a text."""
        return self if self.text is None else replace(self, value=_value(model, self.key, self.text))


def from_file(model: type[BaseModel], path: Path, *, required: bool) -> list[Given]:
    """The settings in a TOML file; none if it is absent and not `required`. Raises ConfigError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")  # editors on Windows begin a file with a mark
        tables = tomllib.loads(text)
    except FileNotFoundError:
        if required:
            raise ConfigError(
                f"{path}: no such file; `voiced config path` prints where settings are looked for"
            ) from None
        return []
    except IsADirectoryError:
        fix = "name the file in it" if required else f"run: mv {shlex.quote(str(path))} {shlex.quote(f'{path}.old')}"
        raise ConfigError(f"{path}: this is a directory; {fix}") from None
    except PermissionError:
        raise ConfigError(f"{path}: this user may not read it; run: {_let_read(path)}") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read ({error.strerror}); let this user read it") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: this is not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_toml_complaint(path, error)) from None
    lines = _lines_of_keys(text)
    return [Given(key, value, Origin("file", str(path), _line_of(lines, key))) for key, value in flat(model, tables)]


def _let_read(path: Path) -> str:
    """The command that lets this user read it, and not everybody: what plugins are told may be secret."""
    shut = shlex.join(map(str, [path] if os.access(path.parent, os.X_OK) else [path.parent, path]))
    return f"sudo chgrp {os.getegid()} {shut} && sudo chmod ug+rX {shut}"


def from_environment(model: type[BaseModel], environ: Mapping[str, str]) -> list[Given]:
    """The settings in variables such as `VOICED_TURN__HANGOVER_MS=700`.

    A `VOICED_…` variable with no double underscore is none of ours, unless that is all it lacks.
    """
    known = {key.replace(".", "_").upper(): key for key, _ in leaves(model)}
    given: list[Given] = []
    for name, text in sorted(environ.items()):
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        rest = name.removeprefix(ENVIRONMENT_PREFIX)
        if ENVIRONMENT_DELIMITER in rest:
            key = rest.lower().replace(ENVIRONMENT_DELIMITER, ".")
            given += _without_quotes(model, key, text, Origin("environment", name))
        elif meant := known.get(rest.upper()):
            raise ConfigError(
                f"{name}: no such variable; write it with two underscores: {environment_name(meant)}={text}"
            )
    return given


def from_command_line(model: type[BaseModel], overrides: Sequence[str]) -> list[Given]:
    """The settings in `--set section.key=value` arguments. Raises ConfigError."""
    given: list[Given] = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or "." not in key:
            raise ConfigError(f"--set {text}: write --set section.key=value, for example --set log.level=debug")
        key = key.strip()
        given += _without_quotes(model, key, value.strip(), Origin("command line", f"--set {key}"))
    return given


def environment_name(key: str) -> str:
    """The variable that sets `key`.

    >>> environment_name("turn.hangover_ms")
    'VOICED_TURN__HANGOVER_MS'
    """
    return ENVIRONMENT_PREFIX + key.replace(".", ENVIRONMENT_DELIMITER).upper()


def parts_of(key: str) -> list[str]:
    """The parts of a dotted key.

    >>> parts_of('budget.prices."gpt-4.1".text_in')
    ['budget', 'prices', 'gpt-4.1', 'text_in']
    """
    parts: list[str] = []
    while True:
        if match := _QUOTED_PART.match(key):
            raw = match[0]
            parts.append(json.loads(raw))
        else:
            raw = key.partition(".")[0]
            parts.append(raw)
        if len(raw) == len(key):
            return parts
        key = key[len(raw) + 1 :]


def key_of(parts: Iterable[str]) -> str:
    """The dotted key with these parts; the opposite of `parts_of`."""
    return ".".join(_quoted(part) if _NEEDS_QUOTES.search(part) else part for part in parts)


def _quoted(part: str) -> str:
    """What would break a line is written as an escape."""
    return json.dumps(part, ensure_ascii=not part.isprintable())


def flat(model: type[BaseModel], tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested tables as dotted keys. What is no section of `model` stays one value, but for what is in an open one."""
    for name, value in tables.items():
        key = prefix + key_of([name])
        section, each = section_of(model, name), tables_of(model, name)
        if section is not None and isinstance(value, Mapping):
            yield from flat(section, value, f"{key}.")
        elif each is not None and isinstance(value, Mapping):
            for of, inner in value.items():
                if isinstance(inner, Mapping):
                    yield from flat(each, inner, f"{key}.{key_of([of])}.")
                else:
                    yield f"{key}.{key_of([of])}", inner
        elif is_open(model, name):
            yield from _all_of(key, value)
        else:
            yield key, value


def _all_of(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Whatever is in a table and the tables in it; a table with nothing in it is there all the same."""
    if not isinstance(value, Mapping) or not value:
        yield key, value
        return
    for name, inner in value.items():
        yield from _all_of(f"{key}.{key_of([name])}", inner)


def nested(flattened: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Dotted keys as nested tables again."""
    tables: dict[str, Any] = {}
    for key, value in flattened:
        *sections, name = parts_of(key)
        table = tables
        for section in sections:
            if not isinstance(table.get(section), dict):
                table[section] = {}
            table = table[section]
        if value == {} and isinstance(table.get(name), dict):
            continue  # there is more in it already
        table[name] = dict(value) if isinstance(value, dict) else value
    return tables


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every setting: its dotted key and the model that it is a field of. A setting of named tables is one.

    What is in an open section is known to its plugin alone.
    """
    for name in model.model_fields:
        if section := section_of(model, name):
            yield from leaves(section, f"{prefix}{name}.")
        elif not is_open(model, name):
            yield prefix + name, model


def is_setting(model: type[BaseModel], key: str) -> bool:
    """Whether there is such a setting, in a named table too, or may be, in an open section."""
    *sections, name = parts_of(key)
    if sections and is_open(model, sections[0]):
        return True
    place = model_at(model, sections)
    return place is not None and name in place.model_fields and section_of(place, name) is None


def model_at(model: type[BaseModel], sections: Sequence[str]) -> type[BaseModel] | None:
    """The model of the section or named table that is reached through these names."""
    names = iter(sections)
    for name in names:
        found = section_of(model, name)
        if found is None and (found := tables_of(model, name)) is not None and next(names, None) is None:
            return None
        if found is None:
            return None
        model = found
    return model


def section_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The settings model behind the field `name`, if it is a section."""
    field = model.model_fields.get(name)
    if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
        return field.annotation
    return None


def tables_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    """The settings model of each of the named tables behind the field `name`, such as the prices of models."""
    field = model.model_fields.get(name)
    if field is not None and get_origin(field.annotation) is dict:
        _, each = get_args(field.annotation)
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


def is_open(model: type[BaseModel], name: str) -> bool:
    """Whether the field `name` is a section of tables that voiced itself does not know: those of plugins."""
    field = model.model_fields.get(name)
    return field is not None and field.annotation == dict[str, dict[str, Any]]


def types_of(field: FieldInfo) -> tuple[Any, ...]:
    """The type of a setting, or the types that it may have."""
    union = get_origin(field.annotation) in (Union, UnionType)
    return get_args(field.annotation) if union else (field.annotation,)


def _without_quotes(model: type[BaseModel], key: str, text: str, origin: Origin) -> Iterator[Given]:
    """What `text` means for `key`, in the environment or on the command line."""
    for one, value in _one_by_one(model, key, _value(model, key, text)):
        yield Given(one, value, origin, text if one == key else None)


def _one_by_one(model: type[BaseModel], key: str, value: Any) -> Iterable[tuple[str, Any]]:
    """The settings of named tables, where `key` leads into some: VOICED_BUDGET__PRICES={"gpt-4.1" = {text_in = 2}}.

    A name with dots needs no quotes here, since a shell would take them: --set budget.prices.gpt-4.1.text_in=2.
    """
    parts = parts_of(key)
    if is_open(model, parts[0]):
        return _all_of(key, value)
    for at, name in enumerate(parts):
        place = model_at(model, parts[:at])
        each = tables_of(place, name) if place is not None else None
        if each is None:
            continue
        inner = parts[at + 1 :]
        if len(inner) > 1 and (inner[-1] in each.model_fields or not isinstance(value, Mapping)):
            inner = [".".join(inner[:-1]), inner[-1]]
        elif inner:
            inner = [".".join(inner)]
        key = key_of([*parts[: at + 1], *inner])
        return flat(model, nested([(key, value)])) if isinstance(value, Mapping) and len(inner) < 2 else [(key, value)]
    return [(key, value)]


def _value(model: type[BaseModel], key: str, text: str) -> Any:
    """What `text` means: a TOML value where it is one, else the text itself; always the text where text is wanted."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    if not isinstance(value, str) and str in _types(model, key):
        return text
    return value


def _types(model: type[BaseModel], key: str) -> set[Any]:
    *sections, name = parts_of(key)
    place = model_at(model, sections)
    field = place.model_fields.get(name) if place is not None else None
    if field is None and sections:
        return _types_within(model, sections)
    if field is None:
        return set()
    return {str if get_origin(one) is Literal or one is Path else one for one in types_of(field)}


def _types_within(model: type[BaseModel], parts: Sequence[str]) -> set[Any]:
    """Of the values in a setting that is a mapping, such as the environment of a program."""
    *sections, name = parts
    place = model_at(model, sections)
    field = place.model_fields.get(name) if place is not None else None
    return {get_args(field.annotation)[1]} if field is not None and get_origin(field.annotation) is dict else set()


def _toml_complaint(path: Path, error: tomllib.TOMLDecodeError) -> str:
    if at := re.search(r" \(at line (\d+), column (\d+)\)$", str(error)):
        what, where = str(error)[: at.start()], f"{path}:{at[1]}:{at[2]}"
    else:
        what, where = str(error).removesuffix(" (at end of document)"), str(path)
    return f'{where}: this is not TOML ({what}); write lines like name = 5, name = "text" or [section]'


_PART = r"""(?:[A-Za-z0-9_\-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"({_PART}(?:\s*\.\s*{_PART})*)"
_HEADER = re.compile(rf"^\s*\[\[?\s*{_DOTTED}\s*\]")
_ASSIGNMENT = re.compile(rf"^\s*{_DOTTED}\s*=")


def _lines_of_keys(text: str) -> dict[str, int]:
    """The line on which each dotted key stands. It only points: a line inside a multi-line text may mislead it."""
    lines: dict[str, int] = {}
    section: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = _written_parts(header[1])
            lines.setdefault(key_of(section), number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault(key_of(section + _written_parts(assignment[1])), number)
    return lines


def _written_parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]


def _line_of(lines: Mapping[str, int], key: str) -> int:
    """That of `key`, or of the inline table that it stands in."""
    parts = parts_of(key)
    keys = (key_of(parts[:length]) for length in range(len(parts), 0, -1))
    return next((lines[one] for one in keys if one in lines), 0)
