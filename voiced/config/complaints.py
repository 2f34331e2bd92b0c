"""One line for each mistake in the settings: where it stands, what is wrong, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from voiced.config.as_toml import REDACTED, choices_of, limits_of, toml_value, unit_of
from voiced.config.sources import (
    PLUGIN,
    Given,
    Origin,
    environment_name,
    key_of,
    leaves,
    model_at,
    parts_of,
    section_of,
    tables_of,
    types_of,
)
from voiced.redaction import looks_like_a_key, names_a_secret, redacted

_UNITS = {
    "ms": ("milliseconds", 0.001),
    "s": ("seconds", 1.0),
    "min": ("minutes", 60.0),
    "h": ("hours", 3600.0),
    "hz": ("Hz", 1.0),
    "khz": ("kHz", 1000.0),
}
_TIMES = ("ms", "s", "min", "h")
_SPELLED = {
    "msec": "ms", "millisecond": "ms", "milliseconds": "ms", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "mins": "min", "minute": "min", "minutes": "min", "hour": "h", "hours": "h",
}  # fmt: skip
_QUANTITY = re.compile(r"^\s*(-?\d+(?:\.\d*)?|-?\.\d+)\s*([A-Za-z%]*)\s*$")
_LONGEST_VALUE = 60


def unknown(model: type[BaseModel], given: Given) -> str:
    """`given` names no setting of `model`."""
    key = given.key if given.key.isprintable() else toml_value(given.key)
    *sections, name = parts_of(given.key)
    where = key_of(sections)
    place = model_at(model, sections)
    if _is_named_table(model, sections):
        return f"{given.origin}: {key} is a section; write [{key}] above its settings"
    if place is not None and section_of(place, name) and not isinstance(given.value, Mapping):
        return f"{given.origin}: {key} is a section; write [{key}] above its settings"
    if sections[:1] == [PLUGIN] and place is not None:
        fix = _right_secret(place, sections, name) or _right_name(model, place, where, name)
    elif names_a_secret(name):
        fix = "a key has no place in the settings: put it in OPENAI_API_KEY, or in a file named by openai.key_file"
    elif place is None or not sections or isinstance(given.value, Mapping):
        fix = _right_section(model, given.key)
    else:
        fix = _right_unit(place, where, name, given) or _right_name(model, place, where, name)
    kind = "section" if isinstance(given.value, Mapping) else "setting"
    return f"{given.origin}: no such {kind}: {redacted(key)}; {fix}"


def invalid(model: type[BaseModel], given: Given, error: Mapping[str, Any]) -> str:
    """`given` has a value that its setting does not take; `error` is pydantic's."""
    *sections, name = parts_of(given.key)
    place = model_at(model, sections)
    field = place.model_fields.get(name) if place else None
    if field is None and sections == [PLUGIN]:
        return f"{given.origin}: {given.key} is {_shown(given.value)}; write it below the [{PLUGIN}.NAME] of its plugin"
    if names_a_secret(name):
        given = replace(given, value=REDACTED)
    if field is None:
        return f"{given.origin}: {given.key}: {error['msg']}"
    return f"{given.origin}: {given.key} is {_shown(given.value)}; {_fix(field, given, error)}"


def missing(model: type[BaseModel], parts: list[str], origin: Origin | None) -> str:
    """Nobody gave the setting with these parts, which has no default; `origin`: of its table."""
    *sections, name = parts
    place = model_at(model, sections)
    field = place.model_fields.get(name) if place else None
    number = field is not None and bool({int, float} & set(types_of(field)))
    example = (limits_of(field)[0] or 0) if field is not None and number else "…"
    line = f"[{key_of(sections)}] has no {name}; write {name} = {toml_value(example)} below it"
    if field is not None and field.description:
        line += f" ({field.description.rstrip('.')})"
    return f"{origin}: {line}" if origin else line


def _fix(field: FieldInfo, given: Given, error: Mapping[str, Any]) -> str:
    kind = str(error["type"])
    if kind.startswith(("int", "float", "greater", "less", "finite", "decimal")):
        if get_origin(field.annotation) in (tuple, dict):
            return f"{_member(error)}: {_in_pydantics_words(error)}"
        return _number(field, given)
    if kind == "literal_error":
        return _choice(field, given)
    if kind == "too_short" and isinstance(given.value, list | tuple):
        return f"it must have one at least: write for example {_assignment(given, list(field.default[:1]))}"
    if kind.startswith("bool"):
        return f"write {_assignment(given, True)} or {_assignment(given, False)}"
    if kind.startswith("string_type"):
        text = "…" if isinstance(given.value, (list, Mapping, bool)) else str(given.value)
        return f"write text in quotes: {_assignment(given, text)}"
    if kind in ("list_type", "tuple_type", "set_type", "frozen_set_type"):
        return f"write a list: {_assignment(given, [given.value])}"
    if kind == "dict_type":
        return f"write a section for each: [{given.key}.NAME]"
    if cause := error.get("ctx", {}).get("error"):
        return redacted(str(cause))
    return redacted(_in_pydantics_words(error))


def _in_pydantics_words(error: Mapping[str, Any]) -> str:
    return str(error["msg"])[0].lower() + str(error["msg"])[1:]


def _member(error: Mapping[str, Any]) -> str:
    """Which one of a list, or of a table of names."""
    last = error["loc"][-1]
    return f"number {last + 1} of the list" if isinstance(last, int) else str(last)


def _number(field: FieldInfo, given: Given) -> str:
    """What to write for a number that has another form, another unit, or is out of its limits."""
    unit, whole = unit_of(field), float not in types_of(field)
    least, greatest = limits_of(field)
    beyond = [getattr(limit, kind) for limit in field.metadata for kind in ("gt", "lt") if hasattr(limit, kind)]
    kind = f"a {'whole ' if whole else ''}number{_in_unit(unit)}"

    def allowed(number: float | None) -> bool:
        within = number is not None and (least is None or number >= least) and (greatest is None or number <= greatest)
        return within and number not in beyond

    meant = _quantity(given.value, unit)
    if meant is not None and allowed(meant):
        return f"it is {kind}, without the unit: write {_assignment(given, _tidy(meant, whole))}"
    number = given.value if _is_number(given.value) else None
    if unit == "ms" and number is not None and not allowed(number) and allowed(number * 1000):
        return f"it is {kind}: if {number} s is meant, write {_assignment(given, _tidy(number * 1000, whole))}"
    default = field.get_default(call_default_factory=True)
    example = number if number is not None and allowed(number) else default if default is not None else least or 0
    return f"it is {kind}{_limits(least, greatest)}: write for example {_assignment(given, _tidy(example, whole))}"


def _in_unit(unit: str) -> str:
    if unit in _TIMES:
        return f" of {_UNITS[unit][0]}"
    return f" in {unit}" if unit else ""


def _limits(least: Any, greatest: Any) -> str:
    if least is not None and greatest is not None:
        return f" from {least} to {greatest}"
    if least is not None:
        return f", at least {least}"
    return f", at most {greatest}" if greatest is not None else ""


def _choice(field: FieldInfo, given: Given) -> str:
    choices = [str(choice) or '""' for choice in choices_of(field)]
    if isinstance(given.value, list | tuple):
        return f"a list of these: {', '.join(choices)}"
    if isinstance(given.value, Mapping) and (wrong := [name for name in given.value if name not in choices]):
        near = get_close_matches(wrong[0].lower(), choices, n=1)
        return f"{redacted(wrong[0])} is none of {', '.join(choices)}{f'; did you mean {near[0]}?' if near else ''}"
    if near := get_close_matches(str(given.value).lower(), choices, n=1):
        return f"write {_assignment(given, near[0])} (the choices: {', '.join(choices)})"
    return f"the choices: {', '.join(choices)}"


def _right_unit(place: type[BaseModel], where: str, name: str, given: Given) -> str | None:
    """`hangover` or `hangover_s` where there is a `hangover_ms`."""
    stem, used = _split_unit(name)
    for known, field in place.model_fields.items():
        known_stem, unit = _split_unit(known)
        if known == name or known_stem != stem or not unit:
            continue
        meant = _quantity(given.value, unit)
        if meant is None and used and _is_number(given.value):
            meant = _converted(given.value, used, unit)
        if meant is None:
            meant = given.value if _is_number(given.value) else field.get_default(call_default_factory=True)
        right = Given(f"{where}.{known}", given.value, given.origin)
        number = _tidy(meant, field.annotation is not float)
        return f"it is {known}, in {_UNITS[unit][0]}: write {_assignment(right, number)}"
    return None


def _right_name(model: type[BaseModel], place: type[BaseModel], where: str, name: str) -> str:
    if near := get_close_matches(name, place.model_fields, n=1, cutoff=0.75):
        return f"did you mean {where}.{near[0]}?"
    elsewhere = [key for key, _ in leaves(model) if key.rsplit(".", 1)[-1] == name]
    if elsewhere:
        return f"it belongs in [{elsewhere[0].rsplit('.', 1)[0]}]"
    if near := get_close_matches(name, place.model_fields, n=1, cutoff=0.5):
        return f"did you mean {where}.{near[0]}?"
    return f"[{where}] has {', '.join(place.model_fields)}"


def _right_secret(place: type[BaseModel], sections: Sequence[str], name: str) -> str | None:
    """Where a plugin's password goes, where it is no setting."""
    if not names_a_secret(name):
        return None
    fix = f"a secret has no place in the settings: put it in {_variable_of_secret(sections[1], name)}"
    return f"{fix}, or in a file named by {name}_file" if f"{name}_file" in place.model_fields else fix


def _variable_of_secret(plugin: str, name: str) -> str:
    return "VOICED_SECRET_" + re.sub(r"\W", "_", f"{plugin}_{name}").upper()


def _right_section(model: type[BaseModel], key: str) -> str:
    first, _, rest = key.partition(".")
    keys = [known for known, _ in leaves(model)]
    if not rest and (home := [known for known in keys if known.endswith(f".{first}")]):
        return f"it belongs in [{home[0].rsplit('.', 1)[0]}]"
    if near := get_close_matches(key, keys, n=1, cutoff=0.75):
        return f"did you mean {near[0]}?"
    sections = [name for name in model.model_fields if section_of(model, name)]
    if near := get_close_matches(first, sections, n=1):
        return f"did you mean [{near[0]}]?"
    return f"the sections: {', '.join(sections)}"


def _is_named_table(model: type[BaseModel], sections: list[str]) -> bool:
    """Whether what comes behind `sections` is the name of a table, not of a setting."""
    above = model_at(model, sections[:-1]) if sections else None
    return above is not None and tables_of(above, sections[-1]) is not None


def _quantity(value: Any, unit: str) -> float | None:
    """`"0.5 s"` or `"500"` as a number of `unit`; None where it is no such text."""
    if not isinstance(value, str) or not (match := _QUANTITY.match(value)):
        return None
    number, written = float(match[1]), match[2].lower()
    return number if not written else _converted(number, _SPELLED.get(written, written), unit)


def _converted(number: float, written: str, unit: str) -> float | None:
    wanted = unit.lower()
    if written == wanted:
        return number
    if (written in _TIMES) != (wanted in _TIMES) or written not in _UNITS or wanted not in _UNITS:
        return None
    return number * _UNITS[written][1] / _UNITS[wanted][1]


def _split_unit(name: str) -> tuple[str, str]:
    stem, _, unit = name.rpartition("_")
    unit = _SPELLED.get(unit, unit)
    return (stem, unit) if stem and unit in _UNITS else (name, "")


def _assignment(given: Given, value: Any) -> str:
    """How `value` is written where `given` stands."""
    match given.origin:
        case Origin(kind="environment") if '"' not in given.key and "-" not in given.key:
            return f"{environment_name(given.key)}={_bare(value)}"
        case Origin(kind="command line"):
            return f"--set {given.key}={_bare(value)}"
        case _:
            return f"{parts_of(given.key)[-1]} = {redacted(toml_value(value))}"


def _bare(value: Any) -> str:
    return redacted(value if isinstance(value, str) else toml_value(value))


def _shown(value: Any) -> str:
    if isinstance(value, str) and looks_like_a_key(value):
        return "a key (not printed)"
    text = redacted(toml_value(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _tidy(number: float, whole: bool) -> float | int:
    return round(number) if whole or number == int(number) else number


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
