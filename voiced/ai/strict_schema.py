"""From a type hint to the strict subset of JSON schema that models are held to.

Strict means: every object names all its properties, requires each of them and takes no other; there is no `$ref`, no
default, no `minimum`, `format` or `pattern`. What such a keyword says is put into the description instead, where the
model reads it; pydantic still enforces it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError

from voiced.errors import ToolSchemaError

Schema = dict[str, Any]

_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matches {}",
}
_FORMATS = {
    "date-time": "ISO 8601 date and time, such as 2030-12-31T18:30:00",
    "date": "ISO 8601 date, such as 2030-12-31",
    "time": "ISO 8601 time, such as 18:30",
    "duration": "ISO 8601 duration, such as PT1H30M",
}
PROPERTY_LIMIT = 5000
NESTING_LIMIT = 10
ENUM_LIMIT = 1000
LONG_ENUM, LONG_ENUM_CHARACTERS = 250, 15_000
SIZE_LIMIT = 120_000
"""What OpenAI takes in one strict schema: properties in all, objects and lists within each other, values of enums in
all, the characters of an enum with many values, and the characters of all names and values. The last one is asked of
the whole schema here: each character is paid for in each session."""

_JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def adapter_for(hint: Any) -> TypeAdapter[Any]:
    """What checks a value against the hint. Raises ToolSchemaError."""
    try:
        return TypeAdapter(hint)
    except PydanticSchemaGenerationError as error:
        raise ToolSchemaError(f"{hint} is no type that has a JSON schema; {_INSTEAD}") from error
    except (PydanticUserError, NameError) as error:
        raise ToolSchemaError(f"{str(error).splitlines()[0].rstrip('.')}; {_INSTEAD}") from error


def strict_schema(adapter: TypeAdapter[Any]) -> Schema:
    """The strict JSON schema of what `adapter` takes. Raises ToolSchemaError, which says what to write instead."""
    try:
        schema = adapter.json_schema()
    except PydanticInvalidForJsonSchema as error:
        raise ToolSchemaError(f"the type has no JSON schema; {_INSTEAD}") from error
    return _strict(schema, schema.get("$defs", {}), ())


def check_size(schema: Schema, whose: str = "its arguments") -> None:
    """Raises ToolSchemaError where a strict schema is larger than models take, with what to do."""
    nesting = _nesting(schema)
    if nesting > NESTING_LIMIT:
        raise ToolSchemaError(
            f"{whose} are nested {nesting} deep; {NESTING_LIMIT} are allowed: flatten them, or make two tools"
        )
    nodes = list(_nodes(schema))
    properties = sum(len(node.get("properties", ())) for node in nodes)
    if properties > PROPERTY_LIMIT:
        raise ToolSchemaError(f"{whose} have {properties} fields in all; {PROPERTY_LIMIT} are allowed")
    enums = [node["enum"] for node in nodes if "enum" in node]
    values = sum(map(len, enums))
    if values > ENUM_LIMIT:
        raise ToolSchemaError(
            f"{whose} have {values} values of Enums and Literals in all; {ENUM_LIMIT} are allowed: take a str"
        )
    for enum in enums:
        characters = sum(len(value) for value in enum if isinstance(value, str))
        if len(enum) > LONG_ENUM and characters > LONG_ENUM_CHARACTERS:
            raise ToolSchemaError(
                f"an Enum or Literal of {len(enum)} values has {characters} characters; with more than {LONG_ENUM} "
                f"values {LONG_ENUM_CHARACTERS} are allowed: take a str"
            )
    size = len(json.dumps(schema, ensure_ascii=False))
    if size > SIZE_LIMIT:
        raise ToolSchemaError(f"{whose} are described in {size} characters; {SIZE_LIMIT} are allowed: say less")


def whole_limits(adapter: TypeAdapter[Any]) -> tuple[int | None, int | None]:
    """The least and the largest whole number that the hint allows, as far as it says."""
    schema = adapter.json_schema()
    lows, highs = [], []
    for choice in [schema, *schema.get("anyOf", [])]:
        match choice:
            case {"minimum": low}:
                lows.append(math.ceil(low))
            case {"exclusiveMinimum": low}:
                lows.append(math.floor(low) + 1)
        match choice:
            case {"maximum": high}:
                highs.append(math.floor(high))
            case {"exclusiveMaximum": high}:
                highs.append(math.ceil(high) - 1)
    return min(lows, default=None), max(highs, default=None)


def choices(schema: Schema) -> list[Any]:
    """The values that a strict schema allows, where it lists them; null aside."""
    own: list[Any] = schema.get("enum", [])
    return [value for value in own if value is not None] or [
        value for choice in schema.get("anyOf", []) for value in choices(choice)
    ]


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    if accepts_null(schema):
        return schema
    inner = {key: value for key, value in schema.items() if key != "description"}
    outer = {"description": schema["description"]} if "description" in schema else {}
    return {"anyOf": [*inner.get("anyOf", [inner]), {"type": "null"}], **outer}


def accepts_null(schema: Schema) -> bool:
    """Whether null is among the values of a strict schema."""
    kind = schema.get("type", ())
    return kind == "null" or "null" in kind or any(accepts_null(choice) for choice in schema.get("anyOf", []))


def describe(schema: Schema, *, before: str = "", after: str = "") -> Schema:
    """The same, with more said in its description."""
    words = [part for part in (before, schema.get("description", ""), after) if part]
    return {**schema, "description": _sentence(words)} if words else schema


def object_of(properties: Mapping[str, Schema]) -> Schema:
    """An object with just these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def enum_of(values: list[Any]) -> Schema:
    """One of these; each is None, a str, bool, int or float."""
    kinds = list(dict.fromkeys(_JSON_TYPES[type(value)] for value in values))
    return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": values}


def choices_within(schema: Schema) -> list[Schema]:
    """What an `anyOf` is made of; of any other schema itself."""
    return schema["anyOf"] if schema.keys() == {"anyOf"} else [schema]


def words_of(node: Mapping[str, Any]) -> list[str]:
    """What a schema, strict or not, says to whoever reads it."""
    return [part for part in (node.get("description", ""), _limits(node), _default(node)) if part]


_INSTEAD = (
    "use str, int, float, bool, Literal, an Enum, list[...], date, time or datetime, "
    "or a dataclass or pydantic model of these"
)


def _strict(node: Mapping[str, Any], defs: Mapping[str, Any], inside: tuple[str, ...]) -> Schema:
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        if name in inside:
            raise ToolSchemaError(f"{name} contains itself; a tool takes no recursive type")
        beside = {key: value for key, value in node.items() if key != "$ref"}
        return _strict({**defs[name], **beside}, defs, (*inside, name))
    strict = _shape(node, defs, inside)
    words = words_of(node)
    return {**strict, "description": _sentence(words)} if words else strict


def _shape(node: Mapping[str, Any], defs: Mapping[str, Any], inside: tuple[str, ...]) -> Schema:
    if choices := node.get("anyOf") or node.get("oneOf"):
        return {"anyOf": [_strict(choice, defs, inside) for choice in choices]}
    if "const" in node:
        return _enum([node["const"]])
    if "enum" in node:
        return _enum(node["enum"])
    match node.get("type"):
        case "string" | "integer" | "number" | "boolean" | "null" as kind:
            return {"type": kind}
        case "array" if "prefixItems" in node:
            raise ToolSchemaError("a tuple has no strict schema; use list[...] or a dataclass")
        case "array" if node.get("items"):
            return {"type": "array", "items": _strict(node["items"], defs, inside)}
        case "array":
            raise ToolSchemaError("a list must say of what, such as list[str]")
        case "object" if "properties" in node:
            return object_of({name: _strict(child, defs, inside) for name, child in node["properties"].items()})
        case "object":
            raise ToolSchemaError("a dict with free keys has no strict schema; name the keys in a dataclass")
        case _:
            raise ToolSchemaError(f"the type is too open; {_INSTEAD}")


def _nodes(schema: Schema) -> Iterator[Schema]:
    yield schema
    for child in _children(schema):
        yield from _nodes(child)


def _nesting(schema: Schema) -> int:
    """Objects and lists within each other, at most."""
    deepest, level = 0, [(schema, 0)]
    while level:
        node, above = level.pop()
        depth = above + (node.get("type") in ("object", "array"))
        deepest = max(deepest, depth)
        level += [(child, depth) for child in _children(node)]
    return deepest


def _children(schema: Schema) -> list[Schema]:
    items = [schema["items"]] if "items" in schema else []
    return [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *items]


def _enum(values: list[Any]) -> Schema:
    if any(type(value) not in _JSON_TYPES for value in values):
        raise ToolSchemaError("the values of an Enum must be str, int, float or bool")
    return enum_of(values)


def _limits(node: Mapping[str, Any]) -> str:
    words = [text.format(node[key]) for key, text in _LIMITS.items() if key in node]
    if kind := node.get("format"):
        words.append(_FORMATS.get(kind, kind))
    return _upper_first(", ".join(words))


def _default(node: Mapping[str, Any]) -> str:
    return f"Default {json.dumps(node['default'])}" if node.get("default") is not None else ""


def _sentence(parts: list[str]) -> str:
    return " ".join(part if part[-1] in ".!?" else f"{part}." for part in parts)


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
