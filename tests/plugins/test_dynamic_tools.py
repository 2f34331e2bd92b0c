"""Tools whose JSON schema somebody else wrote: models are told a strict one, and what they write fits the first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, cast

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.plugins.test_tools import assert_strict, values
from voiced.ai.signature import DESCRIPTION_LIMIT
from voiced.api import DynamicTool, ToolContext, ToolError, ToolOptions
from voiced.errors import ToolSchemaError
from voiced.plugins import foreign_schema
from voiced.plugins.tools import Tool, describe_dynamic

NO_CONTEXT = cast(ToolContext, None)


async def call(arguments: Mapping[str, Any], context: ToolContext) -> object:
    return dict(arguments)


def described(parameters: Any, name: str = "files.read".replace(".", "_"), text: str = "Read.", **options: Any) -> Tool:
    return describe_dynamic(DynamicTool(name, text, parameters, call, ToolOptions(**options)), "mcp: server files")


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def shown(schema: Any) -> Any:
    """What a model is told of one required argument."""
    return described(record(x=schema)).spec.parameters["properties"]["x"]


def taken(schema: Any, given: Any) -> Any:
    """What the tool gets for what a model wrote for it."""
    return described(record(x=schema)).arguments(json.dumps({"x": given}))["x"]


TREE = {
    "$ref": "#/$defs/Tree",
    "$defs": {"Tree": {"type": "object", "properties": {"branch": {"$ref": "#/$defs/Tree"}}}},
}


def test_a_tool_of_a_server_as_the_model_is_told_it() -> None:
    tool = described(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "title": "read_file_args",
            "properties": {
                "path": {"type": "string", "title": "Path", "description": "Where it is", "minLength": 1},
                "head": {"type": "integer", "description": "Lines", "default": 10, "exclusiveMinimum": 0},
                "encoding": {"anyOf": [{"enum": ["utf-8", "latin-1"]}, {"type": "null"}], "default": None},
            },
            "required": ["path"],
        }
    )
    assert tool.spec.parameters == {
        "type": "object",
        "properties": {
            "path": {"type": "string", "description": "Where it is. At least 1 characters."},
            "head": {
                "anyOf": [{"type": "integer"}, {"type": "null"}],
                "description": "Lines. More than 0. Default 10.",
            },
            "encoding": {"anyOf": [{"type": "string", "enum": ["utf-8", "latin-1"]}, {"type": "null"}]},
        },
        "required": ["path", "head", "encoding"],
        "additionalProperties": False,
    }
    assert tool.arguments('{"path": "/a", "head": null, "encoding": null}') == {"path": "/a", "encoding": None}
    assert tool.arguments('{"path": "/a", "head": 3}') == {"path": "/a", "head": 3}


async def test_it_is_called_with_what_the_model_wrote() -> None:
    tool = described(record(path={"type": "string"}))
    assert await tool.run({"path": "/a"}, NO_CONTEXT, print) == {"path": "/a"}


@pytest.mark.parametrize("parameters", [{}, {"type": "object"}, {"type": "object", "additionalProperties": True}])
def test_a_tool_may_take_nothing(parameters: Any) -> None:
    tool = described(parameters)
    assert tool.spec.parameters == {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert tool.arguments("{}") == {}


TEXT_OR_NUMBER = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
AS_TEXT = "An object or a list is written as JSON text."


@pytest.mark.parametrize(
    ("foreign", "strict"),
    [
        ({"type": "string", "format": "date"}, {"type": "string", "description": "ISO 8601 date, such as 2030-12-31."}),
        ({"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "string", "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"const": "file"}, {"type": "string", "enum": ["file"]}),
        ({"oneOf": [{"const": 1}, {"type": "null"}]}, {"anyOf": [{"type": "integer", "enum": [1]}, {"type": "null"}]}),
        ({"anyOf": [{"type": "string"}, {"type": "string", "format": "x", "description": ""}]},
         {"anyOf": [{"type": "string"}, {"type": "string", "description": "X."}]}),
        ({"type": "array", "items": {"type": "integer"}}, {"type": "array", "items": {"type": "integer"}}),
        ({"type": "array"}, {"type": "array", "items": {**TEXT_OR_NUMBER, "description": AS_TEXT}}),
        ({"type": "array", "prefixItems": [{}]}, {"type": "string", "description": "JSON text of one list."}),
        ({}, {**TEXT_OR_NUMBER, "description": AS_TEXT}),
        (True, {**TEXT_OR_NUMBER, "description": AS_TEXT}),
        ({"type": "object", "description": "Headers"},
         {"type": "string", "description": "Headers. JSON text of one object."}),
        ({"type": "object", "additionalProperties": {"type": "integer"}},
         {"type": "array", "description": "Each key with its value.", "items": {
             "type": "object", "properties": {"key": {"type": "string"}, "value": {"type": "integer"}},
             "required": ["key", "value"], "additionalProperties": False}}),
        ({"properties": {"a": {"type": "boolean"}}},
         {"type": "object", "properties": {"a": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}},
          "required": ["a"], "additionalProperties": False}),
        ({"allOf": [{"properties": {"a": {"type": "boolean"}}, "required": ["a"]}], "description": "Both"},
         {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"], "additionalProperties": False,
          "description": "Both."}),
        ({"enum": [{"a": 1}]}, {"type": "string", "description": "JSON text of one value."}),
        ({"$ref": "https://example.org/schema"}, {"type": "string", "description": "JSON text of one value."}),
        ({"$ref": "#/nowhere"}, {"type": "string", "description": "JSON text of one value."}),
    ],
)  # fmt: skip
def test_what_the_strict_subset_does_not_have_travels_in_another_form(foreign: Any, strict: Any) -> None:
    assert shown(foreign) == strict


def test_a_schema_that_refers_to_its_parts() -> None:
    point = {"type": "object", "properties": {"y": {"type": "number"}}, "required": ["y"]}
    tool = described(
        {**record(a={"$ref": "#/definitions/P"}, b={"$ref": "#/definitions/P"}), "definitions": {"P": point}}
    )
    assert_strict(tool.spec.parameters)
    assert tool.arguments('{"a": {"y": 1}, "b": {"y": 2.5}}') == {"a": {"y": 1}, "b": {"y": 2.5}}


def test_a_schema_that_contains_itself_ends_in_json_text() -> None:
    tool = described({"type": "object", "properties": {"tree": {"$ref": "#/$defs/Tree"}}, "$defs": TREE["$defs"]})
    assert_strict(tool.spec.parameters)
    assert tool.arguments('{"tree": {"branch": "{\\"branch\\": {}}"}}') == {"tree": {"branch": {"branch": {}}}}


@pytest.mark.parametrize(
    ("foreign", "given", "got"),
    [
        ({"type": "object"}, '{"a": [1]}', {"a": [1]}),
        ({"type": "object"}, {"a": 1}, {"a": 1}),  # by a model that is not held to the schema
        ({"type": "object", "additionalProperties": {"type": "integer"}}, [{"key": "a", "value": 1}], {"a": 1}),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1}, {"a": 1}),
        ({}, "[1, 2]", [1, 2]),
        ({}, "2024", "2024"),
        ({}, "[not a list", "[not a list"),
        ({}, None, None),
        ({"type": "integer"}, 5.0, 5),
        ({"enum": [True, 1]}, 1, 1),
        ({"anyOf": [{"type": "object"}, {"type": "string"}]}, "hello", "hello"),
        ({"anyOf": [{"type": "object"}, {"type": "string"}]}, '{"a": 1}', {"a": 1}),
        ({"type": "array", "items": {"type": "object"}}, ['{"a": 1}'], [{"a": 1}]),
    ],
)
def test_what_the_model_wrote_is_turned_back(foreign: Any, given: Any, got: Any) -> None:
    assert taken(foreign, given) == got
    assert type(taken(foreign, given)) is type(got)


@pytest.mark.parametrize(
    ("foreign", "given", "complaint"),
    [
        ({"type": "string"}, 5, "x: must be a string"),
        ({"type": "integer"}, 5.5, "x: must be a whole number"),
        ({"type": "integer"}, True, "x: must be a whole number"),
        ({"type": "number"}, "5", "x: must be a number"),
        ({"type": "boolean"}, 1, "x: must be true or false"),
        ({"type": "null"}, 0, "x: must be null"),
        ({"type": "integer", "minimum": 0, "maximum": 9}, 10, "x: is 10, which is out of its limits"),
        ({"type": "number", "exclusiveMinimum": 0}, 0, "x: is 0, which is out of its limits"),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, 0, "x: is 0, which is out of its limits"),
        ({"type": "string", "maxLength": 2}, "abc", "x: has 3 characters, must have 2 at most"),
        ({"type": "array", "minItems": 2}, ["a"], "x: has 1 items, must have 2 at least"),
        ({"type": "array", "items": {"type": "string"}}, ["a", 5], "x.1: must be a string"),
        ({"enum": ["a", "b"]}, "c", r"x: must be one of \['a', 'b'\]"),
        ({"enum": [1]}, True, r"x: must be one of \[1\]"),
        ({"type": "object"}, "[1]", "x: must be the JSON text of one object"),
        ({"type": "object"}, "{a: 1}", "x: must be the JSON text of one object"),
        ({"type": ["string", "integer"]}, None, "x: must be a string or x: must be a whole number"),
        ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, {}, "x.a: is missing"),
        ({"properties": {"a": {"type": "string"}}}, {"b": 1}, "x.b: there is no such argument"),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            [{"key": "a", "value": 1}],
            "x.a: must be a str",
        ),
        ({"type": "object", "additionalProperties": {"type": "string"}}, [5], "x.0: must be {"),
    ],
)
def test_wrong_arguments_are_told_so_that_the_model_can_mend_them(foreign: Any, given: Any, complaint: str) -> None:
    with pytest.raises(
        ToolError, match=rf"^Not done, the arguments are wrong. {complaint}.*Call files_read again with"
    ):
        taken(foreign, given)


def test_every_mistake_is_told_at_once() -> None:
    tool = described(record(a={"type": "string"}, b={"type": "string"}))
    with pytest.raises(ToolError, match="c: there is no such argument; a: must be a string; b: is missing"):
        tool.arguments('{"a": 1, "c": 2}')


def deep(levels: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def laughing() -> Any:
    """References that multiply: 2 ** 30 parts."""
    rooms = {f"r{n}": {"properties": {"a": {"$ref": f"#/$defs/r{n + 1}"}, "b": {"$ref": f"#/$defs/r{n + 1}"}}}
             for n in range(30)}  # fmt: skip
    return {**record(x={"$ref": "#/$defs/r0"}), "$defs": {**rooms, "r30": {"type": "string"}}}


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"type": "array"}, "must be the schema of one object"),
        ({"anyOf": [{"type": "object"}]}, "must be the schema of one object"),
        ({"$ref": "#/$defs/none"}, "must be the schema of one object"),
        (record(x=deep(10)), "its arguments are nested 11 deep; 10 are allowed"),
        (record(x=deep(1000)), "nested deeper than 10"),
        (record(**{f"x{n}": {} for n in range(5001)}), "more than 5000 parts"),
        (laughing(), "more than 5000 parts"),
        (record(x={"enum": [f"v{n}" for n in range(1001)]}), "1001 values of Enums and Literals"),
        (record(**{f"x{n}": {"type": "string", "description": "y" * 2000} for n in range(200)}), "120000 are allowed"),
        (record(x={"type": "file"}), "the type 'file', which JSON does not have"),
        (record(x={"type": "integer", "minimum": "low"}), "no JSON schema"),
        ({"type": "object", "properties": 5}, "no JSON schema"),
        ({"type": "object", "properties": {"x": {"$ref": 5}}}, "no JSON schema"),
        ([1], "parameters a JSON schema"),
        (record(x={"type": "string", "description": "\ud800"}), "half a character"),
    ],
)
def test_a_schema_that_no_model_takes_is_refused(parameters: Any, complaint: str) -> None:
    with pytest.raises(ToolSchemaError, match=rf"mcp: server files: the dynamic tool 'files_read': .*{complaint}"):
        described(parameters)


@pytest.mark.parametrize("name", ["", "read file", "x" * 65, 5])
def test_a_name_that_no_model_takes_is_refused(name: Any) -> None:
    with pytest.raises(ToolSchemaError, match="must be 1 to 64 of a-z"):
        described({}, name)


def test_its_options_are_checked_like_those_of_any_tool() -> None:
    parameters = record(path={"type": "string"})
    with pytest.raises(ToolSchemaError, match=r"there is no \{file\}; known are path"):
        described(parameters, confirm="Delete {file}?")
    with pytest.raises(ToolSchemaError, match="on_barge_in"):
        described(parameters, on_barge_in="x")
    tool = described(parameters, confirm="Delete {path}?", permissions=["files"], on_barge_in="keep")
    assert tool.phrase(tool.options.confirm, {"path": "/a"}) == "Delete /a?"
    assert tool.permissions == {"files"}
    assert tool.spec.on_barge_in == "keep"


def test_a_long_description_is_cut_and_that_is_said_once() -> None:
    with capture_logs() as log:
        tools = [described({}, "long_one", "Read. " * 1000) for _ in range(3)]
    assert {len(tool.spec.description) for tool in tools} == {DESCRIPTION_LIMIT}
    assert [line["event"] for line in log] == ["description of a tool is cut"]


def test_a_tool_without_a_description_has_its_name_for_one() -> None:
    assert described({}, "read_file", " ").spec.description == "read file"


async def test_it_is_cancelled_like_any_tool() -> None:
    async def hang(arguments: Mapping[str, Any], context: ToolContext) -> object:
        return await asyncio.Event().wait()

    tool = describe_dynamic(DynamicTool("hang", "Hang.", {}, hang), "here")
    running = asyncio.create_task(tool.run({}, NO_CONTEXT, print))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


plain = st.sampled_from(
    [
        {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"},
        {"type": ["string", "null"]}, {"enum": ["a", 1, None]}, {"const": "file"}, {"type": "string", "default": "x"},
    ]
)  # fmt: skip
foreign_schemas = st.recursive(
    plain,
    lambda inner: st.one_of(
        inner.map(lambda items: {"type": "array", "items": items}),
        inner.map(lambda value: {"type": "object", "additionalProperties": value}),
        st.lists(inner, min_size=1, max_size=3).map(lambda choices: {"anyOf": choices}),
        st.tuples(st.dictionaries(st.sampled_from("abc"), inner, min_size=1), st.sets(st.sampled_from("abc"))).map(
            lambda made: {"type": "object", "properties": made[0], "required": sorted(made[1] & made[0].keys())}
        ),
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["path", "n", "$ref", "x y"]), foreign_schemas, max_size=3), st.data())
def test_what_a_model_writes_by_the_strict_schema_fits_the_foreign_one(
    properties: dict[str, Any], data: st.DataObject
) -> None:
    parameters = {"type": "object", "properties": properties, "required": list(properties)[:1]}
    tool = described(parameters)
    assert_strict(tool.spec.parameters)
    written = data.draw(values(tool.spec.parameters))
    jsonschema.validate(tool.arguments(json.dumps(written)), parameters)


KEYWORDS = [
    "type", "properties", "required", "items", "anyOf", "oneOf", "allOf", "$ref", "enum", "const", "format", "minimum",
    "description", "default", "additionalProperties", "nullable", "prefixItems", "x",
]  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYWORDS),
            inner | st.sampled_from(["object", "array", "string", "#", "#/properties/x"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(anything)
def test_whatever_a_server_sends_is_a_strict_schema_or_refused(parameters: Any) -> None:
    assume(isinstance(parameters, dict))
    try:
        shape = foreign_schema.arguments(parameters)
    except ToolSchemaError:
        return
    assert_strict(shape.schema)
    json.dumps(shape.schema)
