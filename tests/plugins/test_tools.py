"""From a function to what the model is told, from its JSON to arguments, and from a result to text."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import inspect
import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Optional, cast

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from voiced.ai.signature import DESCRIPTION_LIMIT
from voiced.ai.tool_text import as_text
from voiced.api import ToolContext, ToolError, ToolOptions
from voiced.errors import ToolSchemaError
from voiced.plugins.tools import Tool, describe_tool


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class Lamp(TypedDict):
    room: str
    percent: int


@dataclasses.dataclass
class Scene:
    """Lamps that are switched together."""

    name: str
    lamps: list[Lamp]


class Wish(BaseModel):
    what: str = Field(description="The thing.", max_length=20)
    amount: int = 1
    colour: Colour | None = None


class Tree(BaseModel):
    branches: list["Tree"]  # noqa: UP037 a real forward reference


def described(function: Callable[..., Any], **options: Any) -> Tool:
    return describe_tool(function, ToolOptions(**options))


def schema_of(hint: object) -> Any:
    """The schema of an argument with that hint."""

    def use(x: Any) -> None:
        """Use it."""

    use.__annotations__["x"] = hint
    return described(use).spec.parameters["properties"]["x"]


def test_what_the_model_is_told() -> None:
    def dim(lamp: str, percent: Annotated[int, Field(ge=0, le=100)] = 50, fade: bool | None = None) -> str:
        """Dim a lamp.

        Args:
            lamp: Where it hangs.
            percent: How bright.
            fade: Whether it may take a while.

        Returns:
            What was done.
        """
        return f"{lamp} {percent} {fade}"

    spec = described(dim).spec
    assert spec.name == "dim"
    assert spec.description == "Dim a lamp."
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "lamp": {"type": "string", "description": "Where it hangs."},
            "percent": {
                "anyOf": [{"type": "integer"}, {"type": "null"}],
                "description": "How bright. At least 0, at most 100. Default 50.",
            },
            "fade": {
                "anyOf": [{"type": "boolean"}, {"type": "null"}],
                "description": "Whether it may take a while.",
            },
        },
        "required": ["lamp", "percent", "fade"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("hint", "schema"),
    [
        (str, {"type": "string"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (Literal["low", "high"], {"type": "string", "enum": ["low", "high"]}),
        (Literal["one"], {"type": "string", "enum": ["one"]}),
        (Literal["a", 1, None], {"type": ["string", "integer", "null"], "enum": ["a", 1, None]}),
        (Colour, {"type": "string", "enum": ["red", "green"]}),
        (list[str], {"type": "array", "items": {"type": "string"}}),
        (set[int], {"type": "array", "items": {"type": "integer"}}),
        (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (dt.date, {"type": "string", "description": "ISO 8601 date, such as 2030-12-31."}),
        (dt.time, {"type": "string", "description": "ISO 8601 time, such as 18:30."}),
        (dt.datetime, {"type": "string", "description": "ISO 8601 date and time, such as 2030-12-31T18:30:00."}),
        (Annotated[str, Field(pattern="^a")], {"type": "string", "description": "Matches ^a."}),
        (
            Annotated[list[int], Field(min_length=1, description="Some numbers")],
            {"type": "array", "items": {"type": "integer"}, "description": "Some numbers. At least 1 items."},
        ),
        (
            Scene,
            {
                "type": "object",
                "description": "Lamps that are switched together.",
                "properties": {
                    "name": {"type": "string"},
                    "lamps": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"room": {"type": "string"}, "percent": {"type": "integer"}},
                            "required": ["room", "percent"],
                            "additionalProperties": False,
                        },
                    },
                },
                "required": ["name", "lamps"],
                "additionalProperties": False,
            },
        ),
        (
            Wish,
            {
                "type": "object",
                "properties": {
                    "what": {"type": "string", "description": "The thing. At most 20 characters."},
                    "amount": {"type": "integer", "description": "Default 1."},
                    "colour": {"anyOf": [{"type": "string", "enum": ["red", "green"]}, {"type": "null"}]},
                },
                "required": ["what", "amount", "colour"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_type_hints_become_strict_schemas(hint: object, schema: object) -> None:
    assert schema_of(hint) == schema


@pytest.mark.parametrize(
    ("hint", "fix"),
    [
        (dict[str, int], "name the keys in a dataclass"),
        (dict, "name the keys in a dataclass"),
        (tuple[int, str], "use list"),
        (list, "a list must say of what"),
        (Any, "the type is too open"),
        (object, "the type is too open"),
        (Callable[[], int], "the type has no JSON schema; use str"),
        (Iterator, "is no type that has a JSON schema; use str"),
        (Tree, "Tree contains itself"),
        (enum.Enum("Pair", {"ONE": (1, 2)}), "the values of an Enum must be"),
    ],
)
def test_a_type_that_can_not_be_strict_is_refused_with_what_to_write_instead(hint: object, fix: str) -> None:
    with pytest.raises(ToolSchemaError, match=rf"test_tools\.py:\d+ schema_of\.<locals>\.use: x: .*{fix}"):
        schema_of(hint)


def no_docstring(x: int) -> None: ...


def no_hint(x) -> None:  # type: ignore[no-untyped-def]
    """Do."""


def star(*x: int) -> None:
    """Do."""


def positional(x: int, /) -> None:
    """Do."""


def stale(x: int) -> None:
    """Do.

    Args:
        y: Not there.
    """


def unknown_hint(x: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821, UP037
    """Do."""


def odd_default(x: int = Field(ge=0)) -> None:
    """Do."""


@pytest.mark.parametrize(
    ("function", "fix"),
    [
        (no_docstring, 'write a docstring; it tells the model what the tool does, such as """Tell'),
        (no_hint, "x: give it a type hint, such as x: str"),
        (star, r"write it without \* and /"),
        (positional, r"write it without \* and /"),
        (stale, "the docstring describes y, which the function does not have"),
        (unknown_hint, "the type hint 'Nowhere' is not known; import it outside of"),
        (odd_default, r"write limits as Annotated\[int, Field\(ge=0\)\] = 5"),
    ],
)
def test_a_function_that_is_no_tool_is_refused_with_file_function_and_fix(
    function: Callable[..., Any], fix: str
) -> None:
    with pytest.raises(ToolSchemaError, match=rf"test_tools\.py:\d+ {function.__name__}: .*{fix}"):
        described(function)


@pytest.mark.parametrize("name", ["set lamp", "lämp", "x" * 65, "a.b", "a\n"])
def test_a_name_that_models_do_not_take_is_refused(name: str) -> None:
    def dim() -> None:
        """Dim."""

    with pytest.raises(ToolSchemaError, match=r"write @tool\(name=\.\.\.\)"):
        described(dim, name=name)


def test_a_docstring_that_is_too_long_for_a_model_is_refused() -> None:
    def dim() -> None: ...

    dim.__doc__ = "D" * DESCRIPTION_LIMIT
    assert described(dim).spec.description == dim.__doc__
    dim.__doc__ += "D"
    with pytest.raises(ToolSchemaError, match=r"test_tools\.py:\d+ .*dim: the docstring has 1025 .* models take 1024"):
        described(dim)


def test_what_is_said_of_an_argument_does_not_count_as_the_description() -> None:
    def dim(lamp: str) -> None: ...

    dim.__doc__ = "Dim a lamp.\n\nArgs:\n    lamp: " + "Which. " * 1000
    assert described(dim).spec.description == "Dim a lamp."


def nested(levels: int) -> object:
    hint: object = int
    for _ in range(levels):
        hint = list[hint]  # type: ignore[valid-type]
    return hint


@pytest.mark.parametrize(
    ("hint", "fix"),
    [
        (nested(10), "its arguments are nested 11 deep; 10 are allowed: flatten them"),
        (enum.Enum("Many", {f"v{n}": f"v{n}" for n in range(1001)}), "1001 values .* 1000 are allowed: take a str"),
        (
            enum.Enum("Long", {f"v{n}": f"{n:060}" for n in range(251)}),
            "an Enum or Literal of 251 values has 15060 characters; with more than 250 values 15000 are allowed",
        ),
        (dataclasses.make_dataclass("Wide", [(f"field_{n}", int) for n in range(5000)]), "have 5001 fields in all"),
        (Annotated[str, Field(description="x" * 120_000)], "are described in 1201.. characters; 120000 are allowed"),
    ],
)
def test_a_schema_over_the_limits_of_models_is_refused(hint: object, fix: str) -> None:
    with pytest.raises(ToolSchemaError, match=rf"test_tools\.py:\d+ schema_of\.<locals>\.use: .*{fix}"):
        schema_of(hint)


def test_a_schema_at_the_limits_is_taken() -> None:
    assert schema_of(nested(9))["type"] == "array"
    assert len(schema_of(enum.Enum("Many", {f"v{n}": f"v{n}" for n in range(1000)}))["enum"]) == 1000


def test_the_context_is_no_argument_for_the_model() -> None:
    def dim(lamp: str, context: ToolContext) -> tuple[str, ToolContext]:
        """Dim.

        Args:
            lamp: Which.
            context: For the log.
        """
        return lamp, context

    tool = described(dim)
    assert list(tool.spec.parameters["properties"]) == ["lamp"]
    context = cast(ToolContext, object())
    assert tool.arguments('{"lamp": "hall"}') == {"lamp": "hall"}
    assert tool.run_plain({"lamp": "hall"}, context, print) == ("hall", context)
    with pytest.raises(ToolError, match="context: there is no such argument"):
        tool.arguments('{"lamp": "hall", "context": 1}')


def test_arguments_are_what_the_hints_say() -> None:
    def use(scene: Scene, colour: Colour, day: dt.date, wish: Wish, at: dt.time | None = None, n: int = 5) -> None:
        """Use."""

    given = {
        "scene": {"name": "evening", "lamps": [{"room": "hall", "percent": 5}]},
        "colour": "red",
        "day": "2026-12-24",
        "wish": {"what": "cake", "amount": 2, "colour": None},
        "at": None,
        "n": None,
    }
    assert described(use).arguments(json.dumps(given)) == {
        "scene": Scene("evening", [{"room": "hall", "percent": 5}]),
        "colour": Colour.RED,
        "day": dt.date(2026, 12, 24),
        "wish": Wish(what="cake", amount=2),
        "at": None,
        # n is null: the function's own default counts
    }


def test_every_mistake_is_named_with_its_place() -> None:
    def use(scene: Scene, n: int) -> None:
        """Use."""

    wrong = {"scene": {"name": 1, "lamps": [{"room": "hall"}]}}
    with pytest.raises(ToolError) as complaint:
        described(use).arguments(json.dumps(wrong))
    assert "scene.name: Input should be a valid string" in str(complaint.value)
    assert "scene.lamps.0.percent: Field required" in str(complaint.value)
    assert "n: is missing" in str(complaint.value)


hints = st.recursive(
    st.sampled_from([str, int, float, bool, Colour, Lamp, Scene, Literal["a", "b"], Literal[1, None]]),
    lambda inner: st.one_of(
        inner.map(lambda hint: list[hint]),  # type: ignore[valid-type]
        inner.map(lambda hint: Optional[hint]),  # noqa: UP045
        st.tuples(inner, inner).map(lambda pair: dataclasses.make_dataclass("Made", [("a", pair[0]), ("b", pair[1])])),
    ),
    max_leaves=4,
)
names = st.sampled_from(["lamp", "n", "json", "schema", "model_config", "_x", "title", "self", "text", "context"])


@st.composite
def functions(draw: st.DrawFn) -> Callable[..., Any]:
    """A tool with some arguments, some of them with the default None."""
    arguments = draw(st.dictionaries(names, st.tuples(hints, st.booleans()), max_size=4))

    def made(**_given: Any) -> None:
        """Do something."""

    empty = inspect.Parameter.empty
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None if optional else empty)
        for name, (_, optional) in arguments.items()
    ]
    made.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    made.__annotations__ = {name: hint for name, (hint, _) in arguments.items()}
    return made


def values(schema: Any) -> st.SearchStrategy[Any]:
    """All that a strict schema allows."""
    if "anyOf" in schema:
        return st.one_of([values(choice) for choice in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object":
            return st.fixed_dictionaries({name: values(child) for name, child in schema["properties"].items()})
        case "array":
            return st.lists(values(schema["items"]), max_size=3)
        case kind:
            simple: dict[str, st.SearchStrategy[Any]] = {
                "string": st.text(st.characters(codec="utf-8")),
                "integer": st.integers(),
                "number": st.floats(allow_nan=False, allow_infinity=False),
                "boolean": st.booleans(),
                "null": st.none(),
            }
            return simple[kind]


@given(functions(), st.data())
def test_what_the_schema_allows_is_taken_and_what_it_forbids_is_refused(
    function: Callable[..., Any], data: st.DataObject
) -> None:
    tool = described(function)
    schema = dict(tool.spec.parameters)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert_strict(schema)
    given_arguments = data.draw(values(schema))
    jsonschema.validate(given_arguments, schema)
    taken = tool.arguments(json.dumps(given_arguments))
    assert taken.keys() <= given_arguments.keys()
    function(**taken)

    with pytest.raises(ToolError, match="nonsense: there is no such argument"):
        tool.arguments(json.dumps({**given_arguments, "nonsense": 1}))


def assert_strict(schema: Any) -> None:
    """As OpenAI's strict mode has it."""
    assert schema.keys() <= {"type", "enum", "anyOf", "items", "properties", "required", "additionalProperties"} | {
        "description"
    }
    if schema.get("type") == "object":
        assert schema["required"] == list(schema["properties"])
        assert schema["additionalProperties"] is False
    for child in [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]:
        assert_strict(child)
    if "items" in schema:
        assert_strict(schema["items"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "done"),
        ("", ""),
        ("Grüße", "Grüße"),
        (5, "5"),
        (True, "true"),
        (float("nan"), "null"),
        ([1, "a"], '[1,"a"]'),
        (dt.date(2026, 12, 24), '"2026-12-24"'),
        (Scene("evening", []), '{"name":"evening","lamps":[]}'),
        (Wish(what="cake"), '{"what":"cake","amount":1,"colour":null}'),
        ({Colour.RED: {dt.time(7)}}, '{"red":["07:00:00"]}'),
        ("\ud800", "?"),
    ],
)
def test_results_become_text(value: object, text: str) -> None:
    assert as_text(value, 1000) == text


@given(st.text(max_size=50), st.integers(1, 60))
def test_a_cut_text_is_whole_characters(text: str, max_bytes: int) -> None:
    shown = as_text(text, max_bytes).split("\n[Cut here")[0]
    assert text.encode("utf-8", "replace").decode().startswith(shown)
    assert len(shown.encode()) <= max_bytes
