"""From a JSON schema that somebody else wrote to the strict subset, and from what a model writes back to what it takes.

What the strict subset does not have travels in another form:

    a property that may be left out        is null, and left out again
    an object whose keys are free          is a list of pairs
    what has no shape, or contains itself  is JSON text in a string

What is said beside types is told in words. Types, choices and plain limits are checked here; patterns and formats are
left to whoever takes the arguments: an expression of somebody else may take for ever.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast
from urllib.parse import unquote

from pydantic_core import from_json

from voiced.ai import strict_schema as schema
from voiced.ai.strict_schema import Schema
from voiced.errors import ToolSchemaError

Read = Callable[[Any, str], Any]
"""What a value of the strict schema means to the foreign one; the second argument is its place. Raises Unfit."""

NODE_LIMIT: Final = 5000
"""So many parts may a schema have; references multiply them."""

WORDS_LIMIT: Final = 1024
"""Characters of one description; the model pays for each in each session."""


class Unfit(Exception):
    """`mistakes`: one line each, with its place."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Shape:
    """`schema` is strict. `takes_null`: null is a value to the foreign schema too."""

    schema: Schema
    read: Read
    takes_null: bool = False


def arguments(parameters: Mapping[str, Any]) -> Shape:
    """All arguments of a tool. Raises ToolSchemaError where they are no object, or too much."""
    try:
        shape = _Translation(parameters).arguments()
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ToolSchemaError(f"its parameters are no JSON schema ({type(error).__name__}: {error})") from error
    schema.check_size(shape.schema)
    return shape


class _Translation:
    """Of one schema. `refs`: the references that are being followed."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._nodes = 0

    def arguments(self) -> Shape:
        node = self._merged(self._root, ())[0]
        union = "properties" not in node and not node.keys().isdisjoint(("anyOf", "oneOf", "$ref"))
        if union or node.get("type", "object") not in ("object", ["object"]):
            raise ToolSchemaError('its parameters must be the schema of one object: {"type": "object", ...}')
        return self._record({**node, "properties": node.get("properties", {})}, (), 1)

    def _shape(self, foreign: Any, refs: tuple[str, ...], depth: int) -> Shape:
        self._count()
        if depth > 4 * schema.NESTING_LIMIT:  # unions nest as well
            raise ToolSchemaError(f"its parameters are nested deeper than {schema.NESTING_LIMIT}; flatten them")
        if not isinstance(foreign, Mapping):
            return _anything()
        node, refs = self._merged(foreign, refs)
        shape = self._bare(node, refs, depth)
        words = [" ".join(str(part).split())[:WORDS_LIMIT] for part in schema.words_of(node)]
        return Shape(schema.describe(shape.schema, before=" ".join(map(_stopped, words))), shape.read, shape.takes_null)

    def _bare(self, node: Mapping[str, Any], refs: tuple[str, ...], depth: int) -> Shape:
        if "$ref" in node:  # it contains itself, or is elsewhere
            return _json_text("value", any)
        if "const" in node:
            return _choice([node["const"]])
        if "enum" in node:
            return _choice(list(node["enum"]))
        kinds = node.get("type")
        if isinstance(kinds, list):
            return _either([self._of_kind({**node, "type": kind}, refs, depth) for kind in kinds])
        if kinds is None and (branches := node.get("anyOf") or node.get("oneOf")) and "properties" not in node:
            return _either([self._shape(branch, refs, depth + 1) for branch in branches])
        shape = self._of_kind(node, refs, depth)
        return _either([shape, _NULL]) if node.get("nullable") is True else shape

    def _of_kind(self, node: Mapping[str, Any], refs: tuple[str, ...], depth: int) -> Shape:
        match node.get("type") or ("object" if "properties" in node else "array" if "items" in node else None):
            case "string":
                return Shape({"type": "string"}, _string_reader(node))
            case "integer" | "number" as kind:
                return Shape({"type": kind}, _number_reader(node, whole=kind == "integer"))
            case "boolean":
                return Shape({"type": "boolean"}, _boolean)
            case "null":
                return _NULL
            case "array" if "prefixItems" in node or isinstance(node.get("items"), list):
                return _json_text("list", list)
            case "array":
                return _list(self._shape(node.get("items", {}), refs, depth + 1), node)
            case "object" if node.get("properties"):
                return self._record(node, refs, depth)
            case "object" if isinstance(node.get("additionalProperties"), Mapping) and node["additionalProperties"]:
                return _pairs(self._shape(node["additionalProperties"], refs, depth + 1))
            case "object":
                return _json_text("object", dict)
            case None:
                return _anything()
            case other:
                raise ToolSchemaError(f"its parameters have the type {other!r}, which JSON does not have")

    def _record(self, node: Mapping[str, Any], refs: tuple[str, ...], depth: int) -> Shape:
        required = set(node.get("required", ()))
        fields: dict[str, Shape] = {}
        dropped_when_null: set[str] = set()
        for name, child in node["properties"].items():
            shape = self._shape(child, refs, depth + 1)
            if name not in required:
                if not (shape.takes_null and _default_is_null(child)):
                    dropped_when_null.add(name)
                shape = Shape(schema.nullable(shape.schema), shape.read, shape.takes_null)
            fields[name] = shape
        return Shape(
            schema.object_of({name: shape.schema for name, shape in fields.items()}),
            lambda value, place: _read_record(value, place, fields, required, dropped_when_null),
        )

    def _merged(self, node: Mapping[str, Any], refs: tuple[str, ...]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """With what it refers to and is a union of put into it; `$ref` stays where that can't be."""
        while "$ref" in node:
            self._count()
            target = self._target(node["$ref"]) if node["$ref"] not in refs else None
            if target is None:
                return node, refs
            refs = (*refs, node["$ref"])
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        for part in node.get("allOf", ()):
            self._count()
            other, refs = self._merged(part, refs) if isinstance(part, Mapping) else ({}, refs)
            both = {
                "properties": {**other.get("properties", {}), **node.get("properties", {})},
                "required": [*other.get("required", ()), *node.get("required", ())],
            }
            node = {**other, **node, **{key: value for key, value in both.items() if value}}
        return node, refs

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > NODE_LIMIT:
            raise ToolSchemaError(f"its parameters have more than {NODE_LIMIT} parts; that is too much for a model")

    def _target(self, reference: str) -> Mapping[str, Any] | None:
        """What a reference within the schema points at; never anything outside of it."""
        if not reference.startswith("#"):
            return None
        found: Any = self._root
        for step in unquote(reference[1:]).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else None


# What each kind of value means.


def _null(value: Any, place: str) -> None:
    if value is not None:
        raise Unfit(f"{place}: must be null")


_NULL: Final = Shape({"type": "null"}, _null, takes_null=True)


def _boolean(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise Unfit(f"{place}: must be true or false")
    return value


def _string_reader(node: Mapping[str, Any]) -> Read:
    least, most = _limit(node, "minLength", 0), _limit(node, "maxLength", math.inf)

    def read(value: Any, place: str) -> str:
        if not isinstance(value, str):
            raise Unfit(f"{place}: must be a string")
        if not least <= len(value) <= most:
            raise Unfit(f"{place}: has {len(value)} characters, must have {_from_to(least, most)}")
        return value

    return read


def _number_reader(node: Mapping[str, Any], *, whole: bool) -> Read:
    least, most = _limit(node, "minimum", -math.inf), _limit(node, "maximum", math.inf)
    above, below = _limit(node, "exclusiveMinimum", -math.inf), _limit(node, "exclusiveMaximum", math.inf)
    if isinstance(above, bool) or isinstance(below, bool):  # as an older draft has it
        above, below = (least if above is True else -math.inf), (most if below is True else math.inf)

    def read(value: Any, place: str) -> int | float:
        if whole and isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise Unfit(f"{place}: must be a {'whole ' if whole else ''}number")
        if not (least <= value <= most and above < value < below):
            raise Unfit(f"{place}: is {value}, which is out of its limits")
        return cast("int | float", value)

    return read


def _choice(values: list[Any]) -> Shape:
    plain = [value for value in values if value is None or isinstance(value, str | bool | int | float)]
    if not plain:
        return _json_text("value", any)

    def read(value: Any, place: str) -> Any:
        for known in plain:
            if known == value and isinstance(known, bool) == isinstance(value, bool):
                return known
        raise Unfit(f"{place}: must be one of {plain}")

    return Shape(schema.enum_of(plain), read, takes_null=None in plain)


def _list(items: Shape, node: Mapping[str, Any]) -> Shape:
    least, most = _limit(node, "minItems", 0), _limit(node, "maxItems", math.inf)

    def read(value: Any, place: str) -> list[Any]:
        if not isinstance(value, list):
            raise Unfit(f"{place}: must be a list")
        if not least <= len(value) <= most:
            raise Unfit(f"{place}: has {len(value)} items, must have {_from_to(least, most)}")
        return [items.read(item, f"{place}.{number}") for number, item in enumerate(value)]

    return Shape({"type": "array", "items": items.schema}, read)


def _pairs(value_shape: Shape) -> Shape:
    """Keys with their values, in a list."""

    def read(value: Any, place: str) -> dict[str, Any]:
        if isinstance(value, dict):  # a model that is not held to the schema writes what it knows
            return {key: value_shape.read(each, f"{place}.{key}") for key, each in value.items()}
        if not isinstance(value, list):
            raise Unfit(f"{place}: must be a list of keys with their values")
        found = {}
        for number, pair in enumerate(value):
            if not isinstance(pair, dict) or not isinstance(pair.get("key"), str) or "value" not in pair:
                raise Unfit(f'{place}.{number}: must be {{"key": ..., "value": ...}}')
            found[pair["key"]] = value_shape.read(pair["value"], f"{place}.{pair['key']}")
        return found

    pair = schema.object_of({"key": {"type": "string"}, "value": value_shape.schema})
    return Shape({"type": "array", "items": pair, "description": "Each key with its value."}, read)


def _json_text(what: Literal["object", "list", "value"], kind: Any) -> Shape:
    def read(value: Any, place: str) -> Any:
        given = value
        if isinstance(value, str):
            try:
                given = from_json(value, allow_inf_nan=False)
            except ValueError:
                raise Unfit(f"{place}: must be the JSON text of one {what}") from None
        if kind is not any and not isinstance(given, kind):
            raise Unfit(f"{place}: must be the JSON text of one {what}")
        return given

    return Shape({"type": "string", "description": f"JSON text of one {what}."}, read)


def _anything() -> Shape:
    def read(value: Any, place: str) -> Any:
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            try:
                return from_json(value, allow_inf_nan=False)
            except ValueError:
                return value
        return value

    kinds = [{"type": kind} for kind in ("string", "number", "boolean")]
    return Shape({"anyOf": kinds, "description": "An object or a list is written as JSON text."}, read)


def _either(shapes: list[Shape]) -> Shape:
    """The first that fits."""
    if len(shapes) == 1:
        return shapes[0]
    choices: list[Schema] = []
    for shape in shapes:
        for choice in schema.choices_within(shape.schema):
            if choice not in choices:
                choices.append(choice)

    def read(value: Any, place: str) -> Any:
        mistakes: list[str] = []
        for shape in shapes:
            try:
                return shape.read(value, place)
            except Unfit as unfit:
                mistakes += unfit.mistakes
        raise Unfit(" or ".join(dict.fromkeys(mistakes)))

    whole = choices[0] if len(choices) == 1 else {"anyOf": choices}
    return Shape(whole, read, any(shape.takes_null for shape in shapes))


def _read_record(
    value: Any, place: str, fields: Mapping[str, Shape], required: set[str], dropped_when_null: set[str]
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unfit(f"{place}: must be an object")
    at = f"{place}." if place else ""
    mistakes = [f"{at}{name}: there is no such argument" for name in value if name not in fields]
    found: dict[str, Any] = {}
    for name, shape in fields.items():
        if name not in value:
            if name in required:
                mistakes.append(f"{at}{name}: is missing")
        elif not (value[name] is None and name in dropped_when_null):
            try:
                found[name] = shape.read(value[name], f"{at}{name}")
            except Unfit as unfit:
                mistakes += unfit.mistakes
    if mistakes:
        raise Unfit(*mistakes)
    return found


def _limit(node: Mapping[str, Any], keyword: str, otherwise: float) -> float:
    limit = node.get(keyword, otherwise)
    if not isinstance(limit, int | float):
        raise TypeError(f"{keyword} is {limit!r}")
    return limit


def _default_is_null(node: Any) -> bool:
    return isinstance(node, Mapping) and node.get("default") is None


def _from_to(least: float, most: float) -> str:
    if most == math.inf:
        return f"{least} at least"
    return f"{least} to {most}" if least else f"{most} at most"


def _stopped(words: str) -> str:
    return words if words[-1:] in (".", "!", "?") else f"{words}."
