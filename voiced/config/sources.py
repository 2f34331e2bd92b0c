"""What people wrote: settings from files, the environment and the command line, each with the place it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

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


DEFAULT = Origin("default", "default")


@dataclass(frozen=True, slots=True)
class Given:
    """Somebody wrote `value` for `key` (dotted, as written: it may not exist)."""

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
    return [Given(key, value, Origin("file", str(path), lines.get(key, 0))) for key, value in flat(model, tables)]


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
            given.append(Given(key, _value(model, key, text), Origin("environment", name)))
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
        given.append(Given(key, _value(model, key, value.strip()), Origin("command line", f"--set {key}")))
    return given


def environment_name(key: str) -> str:
    """The variable that sets `key`.

    >>> environment_name("turn.hangover_ms")
    'VOICED_TURN__HANGOVER_MS'
    """
    return ENVIRONMENT_PREFIX + key.replace(".", ENVIRONMENT_DELIMITER).upper()


def flat(model: type[Settings], tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested tables as dotted keys. What is no section of `model` stays one value."""
    for name, value in tables.items():
        section = section_of(model, name)
        if section is not None and isinstance(value, Mapping):
            yield from flat(section, value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def nested(flattened: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Dotted keys as nested tables again."""
    tables: dict[str, Any] = {}
    for key, value in flattened:
        *sections, name = key.split(".")
        table = tables
        for section in sections:
            table = table.setdefault(section, {})
        table[name] = value
    return tables


def leaves(model: type[Settings], prefix: str = "") -> Iterator[tuple[str, type[Settings]]]:
    """Every setting: its dotted key and the model that it is a field of."""
    for name in model.model_fields:
        if section := section_of(model, name):
            yield from leaves(section, f"{prefix}{name}.")
        else:
            yield prefix + name, model


def section_of(model: type[Settings], name: str) -> type[Settings] | None:
    """The settings model behind the field `name`, if it is a section."""
    field = model.model_fields.get(name)
    if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
        return field.annotation
    return None


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
    *sections, name = key.split(".")
    for section in sections:
        found = section_of(model, section)
        if found is None:
            return set()
        model = found
    field = model.model_fields.get(name)
    if field is None:
        return set()
    wanted = get_args(field.annotation) if get_origin(field.annotation) in (Union, UnionType) else (field.annotation,)
    return {str if get_origin(one) is Literal or one is Path else one for one in wanted}


def _toml_complaint(path: Path, error: tomllib.TOMLDecodeError) -> str:
    if at := re.search(r" \(at line (\d+), column (\d+)\)$", str(error)):
        what, where = str(error)[: at.start()], f"{path}:{at[1]}:{at[2]}"
    else:
        what, where = str(error).removesuffix(" (at end of document)"), str(path)
    return f'{where}: this is not TOML ({what}); write lines like name = 5, name = "text" or [section]'


_HEADER = re.compile(r"^\s*\[\s*([A-Za-z0-9_.\- ]+?)\s*\]")
_ASSIGNMENT = re.compile(r"^\s*([A-Za-z0-9_.\-]+)\s*=")


def _lines_of_keys(text: str) -> dict[str, int]:
    """The line on which each dotted key stands. It only points: a line inside a multi-line text may mislead it."""
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            section = header[1].replace(" ", "")
            lines.setdefault(section, number)
            section += "."
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault(section + assignment[1], number)
    return lines
