"""Settings written as TOML: the commented example, and what is in force."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from voiced.config.sources import DEFAULT, Origin, is_open, key_of, parts_of, section_of, tables_of
from voiced.redaction import names_a_secret, redacted
from voiced.settings import Settings

_WIDTH = 100
REDACTED = "[redacted]"


def example(model: type[BaseModel], preface: str) -> str:
    """Every setting of `model`, commented out, with its doc, unit, limits and default."""
    return _comment(preface) + "".join(_example_section(model, name) for name in model.model_fields)


def in_force(settings: Settings, origins: Mapping[str, Origin]) -> str:
    """Every setting as it is, with the place that it comes from. It is TOML that voiced reads."""
    return "\n".join(_in_force_section(settings, origins, "")).lstrip("\n") + "\n"


def toml_value(value: Any) -> str:
    """`value` as TOML writes it. None, which TOML has not, is an empty text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{_key(key)} = {toml_value(item)}" for key, item in value.items()) + " }"
            if value
            else "{}"
        )
    if isinstance(value, (list, tuple, set, frozenset)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return _text("" if value is None else str(value))


def unit_of(field: FieldInfo) -> str:
    """ms, s, Hz, dB …; "" where the setting is no quantity."""
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def limits_of(field: FieldInfo) -> tuple[Any, Any]:
    """The least and the greatest value allowed, None where there is no limit."""
    least = greatest = None
    for limit in field.metadata:
        least = getattr(limit, "ge", getattr(limit, "gt", least))
        greatest = getattr(limit, "le", getattr(limit, "lt", greatest))
    return least, greatest


def choices_of(field: FieldInfo) -> tuple[Any, ...]:
    """The values that a choice, each of a list of choices, or each name in a table has; none where it is no choice."""
    each = get_args(field.annotation)[0] if get_origin(field.annotation) in (tuple, dict) else field.annotation
    return get_args(each) if get_origin(each) is Literal else ()


def _example_section(model: type[BaseModel], path: str) -> str:
    section = section_of(model, path)
    if is_open(model, path):
        return f"\n\n{_comment(model.model_fields[path].description or '')}"
    if section is None:
        return _example_setting(path, model.model_fields[path])
    text = f"\n\n{_comment(section.__doc__ or '')}[{path}]\n"
    tables = ""
    for name, field in section.model_fields.items():
        if each := tables_of(section, name):
            tables += _example_tables(f"{path}.{name}", field, each)
        elif section_of(section, name) is None:
            text += _example_setting(name, field)
    return text + tables


def _example_tables(path: str, field: FieldInfo, each: type[BaseModel]) -> str:
    """Named tables: what may stand in each, then each that there is by default."""
    text = f"\n{_comment(field.description or '')}#\n{_comment(each.__doc__ or '')}"
    for name, inner in each.model_fields.items():
        facts = [f"Unit: {unit}." if (unit := unit_of(inner)) else "", _allowed(inner) if choices_of(inner) else ""]
        text += _comment(" ".join(filter(None, [f"{name}: {inner.description}", *facts])))
    defaults = field.get_default(call_default_factory=True)
    return text + f"#[{path}]\n" + "".join(f"#{_key(name)} = {_inline(table)}\n" for name, table in defaults.items())


def _inline(table: Settings) -> str:
    return toml_value(table.model_dump(exclude_none=True))


def _example_setting(name: str, field: FieldInfo) -> str:
    default = toml_value(field.get_default(call_default_factory=True))
    facts = [f"Unit: {unit}." if (unit := unit_of(field)) else "", f"Default: {default}.", _allowed(field)]
    return f"\n{_comment(field.description or '')}{_comment(' '.join(filter(None, facts)))}#{name} = {default}\n"


def _allowed(field: FieldInfo) -> str:
    if choices := choices_of(field):
        origin = get_origin(field.annotation)
        each = "Each one of" if origin is tuple else "Names:" if origin is dict else "One of"
        return f"{each} {', '.join(toml_value(choice) for choice in choices)}."
    match limits_of(field):
        case None, None:
            return ""
        case least, None:
            return f"At least {least}."
        case None, greatest:
            return f"At most {greatest}."
        case least, greatest:
            return f"From {least} to {greatest}."


def _in_force_section(settings: Settings, origins: Mapping[str, Origin], prefix: str) -> Iterator[str]:
    inner: list[tuple[str, Settings]] = []
    tables: list[tuple[str, Mapping[str, Settings]]] = []
    open_sections: list[tuple[str, Mapping[str, Any]]] = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Settings):
            inner.append((name, value))
        elif tables_of(type(settings), name):
            tables.append((name, value))
        elif is_open(type(settings), name):
            open_sections += [(key_of([name, of]), table) for of, table in value.items()]
        elif value is not None:
            yield f"{name} = {redacted(toml_value(value))}  # {origins.get(key_of(parts_of(prefix + name)), DEFAULT)}"
    for name, named in tables:
        yield f"\n[{prefix}{name}]"
        for of, table in named.items():
            if any(key.startswith(key_of([*parts_of(prefix + name), of]) + ".") for key in origins):
                inner.append((f"{name}.{_key(of)}", table))
            else:
                yield f"{_key(of)} = {redacted(_inline(table))}  # {DEFAULT}"
    for name, value in inner:
        yield f"\n[{prefix}{name}]"
        yield from _in_force_section(value, origins, f"{prefix}{name}.")
    for section, open_table in open_sections:
        yield from _in_force_open(section, open_table, origins)


def _in_force_open(section: str, table: Mapping[str, Any], origins: Mapping[str, Origin]) -> Iterator[str]:
    """A plugin's table: of its names alone it can be told which of them hold a secret."""
    inner = {name: value for name, value in table.items() if isinstance(value, Mapping) and value}
    yield f"\n[{'.'.join(_key(part) for part in parts_of(section))}]"
    for name, value in table.items():
        if name not in inner:
            key = f"{section}.{key_of([name])}"
            yield f"{_key(name)} = {redacted(toml_value(_disclosed(name, value)))}  # {origins.get(key, DEFAULT)}"
    for name, value in inner.items():
        yield from _in_force_open(f"{section}.{key_of([name])}", _disclosed(name, value), origins)


def _disclosed(name: str, value: Any) -> Any:
    """`value` of the setting `name`, without what is secret in it."""
    if isinstance(value, Mapping):
        return {of: _disclosed(name if names_a_secret(name) else of, inner) for of, inner in value.items()}
    if names_a_secret(name):
        return REDACTED
    return [_disclosed(name, each) for each in value] if isinstance(value, list | tuple) else value


def _comment(text: str) -> str:
    """`text` wrapped behind #; an empty line begins a new paragraph."""
    paragraphs = [textwrap.wrap(" ".join(part.split()), _WIDTH) for part in text.strip().split("\n\n")]
    return "#\n".join("".join(f"# {line}\n" for line in lines) for lines in paragraphs)


def _text(text: str) -> str:
    """A TOML basic string, which is a JSON string; what does not print is escaped, so that it stays one line."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in quoted)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _text(key)
