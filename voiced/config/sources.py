"""What people wrote: settings from files, the environment and the command line, each with the place it stands."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from voiced.errors import ConfigError
from voiced.settings import Settings

SYSTEM_FILE = Path("/etc/voiced/voiced.toml")
ENVIRONMENT_PREFIX = "VOICED_"
ENVIRONMENT_DELIMITER = "__"


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
_NEEDS_QUOTES = re.compile(r'[."]|\A\Z')

DEFAULT = Origin("default", "default")


@dataclass(frozen=True, slots=True)
class Given:
    """Somebody wrote `value` for `key` (dotted, as written: it may not exist).

    A part with a dot in it, such as a model's name, is in quotes: `budget.prices."gpt-4.1".text_in`.
    """

    key: str
    value: Any
    origin: Origin


def user_file(environ: Mapping[str, str]) -> Path | None:
    """`$XDG_CONFIG_HOME/voiced/voiced.toml`, or the same under `~/.config`; None where there is no home."""
    if base := environ.get("XDG_CONFIG_HOME"):
        return Path(base) / "voiced" / "voiced.toml"
    if home := environ.get("HOME"):
        return Path(home) / ".config" / "voiced" / "voiced.toml"
    return None


def from_file(model: type[Settings], path: Path, *, required: bool) -> list[Given]:
    """The settings in a TOML file; none if it is absent and not `required`. Raises ConfigError."""
    try:
        text = path.read_bytes().decode()
        tables = tomllib.loads(text)
    except FileNotFoundError:
        if required:
            raise ConfigError(
                f"{path}: no such file; `voiced config path` prints where settings are looked for"
            ) from None
        return []
    except IsADirectoryError:
        raise ConfigError(f"{path}: this is a directory; name the file in it") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read ({error.strerror}); let this user read it") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: this is not UTF-8 text; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_toml_complaint(path, error)) from None
    lines = _lines_of_keys(text)
    return [Given(key, value, Origin("file", str(path), _line_of(lines, key))) for key, value in flat(model, tables)]


def from_environment(model: type[Settings], environ: Mapping[str, str]) -> list[Given]:
    """The settings in variables such as `VOICED_TURN__HANGOVER_MS=700`.

    A `VOICED_…` variable with no double underscore is none of ours, unless that is all it lacks.
    """
    known = {key.replace(".", "_").upper(): key for key, _ in leaves(model)}
    given = []
    for name, text in sorted(environ.items()):
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        rest = name.removeprefix(ENVIRONMENT_PREFIX)
        if ENVIRONMENT_DELIMITER in rest:
            key = rest.lower().replace(ENVIRONMENT_DELIMITER, ".")
            origin = Origin("environment", name)
            given += [Given(one, value, origin) for one, value in _one_by_one(model, key, _value(model, key, text))]
        elif meant := known.get(rest.upper()):
            raise ConfigError(
                f"{name}: no such variable; write it with two underscores: {environment_name(meant)}={text}"
            )
    return given


def from_command_line(model: type[Settings], overrides: Sequence[str]) -> list[Given]:
    """The settings in `--set section.key=value` arguments. Raises ConfigError."""
    given = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals or "." not in key:
            raise ConfigError(f"--set {text}: write --set section.key=value, for example --set log.level=debug")
        key = key.strip()
        origin = Origin("command line", f"--set {key}")
        meant = _value(model, key, value.strip())
        given += [Given(one, each, origin) for one, each in _one_by_one(model, key, meant)]
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
    return ".".join(json.dumps(part, ensure_ascii=False) if _NEEDS_QUOTES.search(part) else part for part in parts)


def flat(model: type[Settings], tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested tables as dotted keys. What is no section of `model` stays one value."""
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
        else:
            yield key, value


def nested(flattened: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Dotted keys as nested tables again."""
    tables: dict[str, Any] = {}
    for key, value in flattened:
        *sections, name = parts_of(key)
        table = tables
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    return tables


def leaves(model: type[Settings], prefix: str = "") -> Iterator[tuple[str, type[Settings]]]:
    """Every setting: its dotted key and the model that it is a field of. A setting of named tables is one."""
    for name in model.model_fields:
        if section := section_of(model, name):
            yield from leaves(section, f"{prefix}{name}.")
        else:
            yield prefix + name, model


def is_setting(model: type[Settings], key: str) -> bool:
    """Whether there is such a setting, in a named table too."""
    *sections, name = parts_of(key)
    place = model_at(model, sections)
    return place is not None and name in place.model_fields and section_of(place, name) is None


def model_at(model: type[Settings], sections: Sequence[str]) -> type[Settings] | None:
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


def section_of(model: type[Settings], name: str) -> type[Settings] | None:
    """The settings model behind the field `name`, if it is a section."""
    field = model.model_fields.get(name)
    if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
        return field.annotation
    return None


def tables_of(model: type[Settings], name: str) -> type[Settings] | None:
    """The settings model of each of the named tables behind the field `name`, such as the prices of models."""
    field = model.model_fields.get(name)
    if field is not None and get_origin(field.annotation) is dict:
        _, each = get_args(field.annotation)
        if isinstance(each, type) and issubclass(each, Settings):
            return each
    return None


def types_of(field: FieldInfo) -> tuple[Any, ...]:
    """The type of a setting, or the types that it may have."""
    union = get_origin(field.annotation) in (Union, UnionType)
    return get_args(field.annotation) if union else (field.annotation,)


def _one_by_one(model: type[Settings], key: str, value: Any) -> Iterable[tuple[str, Any]]:
    """The settings of named tables, where `key` leads into some: VOICED_BUDGET__PRICES={"gpt-4.1" = {text_in = 2}}.

    A name with dots needs no quotes here, since a shell would take them: --set budget.prices.gpt-4.1.text_in=2.
    """
    parts = parts_of(key)
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


def _value(model: type[Settings], key: str, text: str) -> Any:
    """What `text` means: a TOML value where it is one, else the text itself; always the text where text is wanted."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    if not isinstance(value, str) and str in _types(model, key):
        return text
    return value


def _types(model: type[Settings], key: str) -> set[Any]:
    *sections, name = parts_of(key)
    place = model_at(model, sections)
    field = place.model_fields.get(name) if place is not None else None
    if field is None:
        return set()
    return {str if get_origin(one) is Literal or one is Path else one for one in types_of(field)}


def _toml_complaint(path: Path, error: tomllib.TOMLDecodeError) -> str:
    if at := re.search(r" \(at line (\d+), column (\d+)\)$", str(error)):
        what, where = str(error)[: at.start()], f"{path}:{at[1]}:{at[2]}"
    else:
        what, where = str(error).removesuffix(" (at end of document)"), str(path)
    return f'{where}: this is not TOML ({what}); write lines like name = 5, name = "text" or [section]'


_PART = r"""(?:[A-Za-z0-9_\-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"({_PART}(?:\s*\.\s*{_PART})*)"
_HEADER = re.compile(rf"^\s*\[\s*{_DOTTED}\s*\]")
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
