"""What a response can be asked for beside its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypedDict

from voiced.ai.attachments import ImageSource
from voiced.ai.chat_options import Effort
from voiced.ai.functions import Function, Functions, ToolChoice, listed
from voiced.ai.option_names import check_names
from voiced.ai.response_format import check_response_format
from voiced.ai.responses_input import Detail, Input, items_of, mentions_json, written
from voiced.ai.responses_tools import WEB_SEARCHES
from voiced.ai.sendable import sendable
from voiced.errors import RequestRejected

LEAST_OUTPUT_TOKENS: Final = 16
"""That `max_output_tokens` may be (OpenAI's limit)."""


class AnswerOptions(TypedDict, total=False):
    """How one answer comes about. What is left out is as the server has it.

    `tool_choice`: "none", "auto", "required", a function or its name, the name of a tool of the server ("web_search"),
    or what the server takes as it is. `max_tool_calls`: of the server's own tools, in all. `max_output_tokens`: at
    least 16, thoughts included. `reasoning_effort`, `reasoning_summary` (auto, concise, detailed): the same in
    `reasoning` as the API has it. `verbosity`: low, medium, high. `store`: whether the server keeps the answer, which
    it does where nothing is said. `include`: what more to tell, such as "message.output_text.logprobs". `truncation`:
    "auto" leaves out what is too long. `metadata`: up to 16 texts by name. `extra`: anything else that the server
    takes.
    """

    tool_choice: ToolChoice
    parallel_tool_calls: bool
    max_tool_calls: int
    max_output_tokens: int
    temperature: float
    top_p: float
    top_logprobs: int
    reasoning_effort: Effort
    reasoning_summary: Literal["auto", "concise", "detailed"]
    reasoning: Mapping[str, Any]
    verbosity: Literal["low", "medium", "high"]
    store: bool
    include: Sequence[str]
    truncation: Literal["auto", "disabled"]
    metadata: Mapping[str, str]
    service_tier: str
    user: str
    safety_identifier: str
    prompt_cache_key: str
    extra: Mapping[str, Any]


class ResponseOptions(AnswerOptions, total=False):
    """`text`: its form as the API has it: {"format": {"type": "json_schema", "name": …, "schema": …, "strict": True}}.
    `json`: the answer is one JSON object, see `ResponseAnswer.json`.
    """

    text: Mapping[str, Any]
    json: bool


_INSTEAD: Final = {
    "messages": "give them as the input",
    "max_tokens": "here it is called max_output_tokens",
    "max_completion_tokens": "here it is called max_output_tokens",
    "functions": "give them as tools",
    "prompt": "prompt objects are retired on 2026-11-30: send its text as instructions",
    "n": "a response is one answer",
    "stop": "a response has no stop",
}
"""What others have, or had, and what to write here."""

_IN_JSON: Final = "Answer with one JSON object."
_TOLD: Final = {"code_interpreter": "code_interpreter_call.outputs", "file_search": "file_search_call.results"}
"""What a tool came to is told where it is asked for."""

_CHOOSABLE: Final = (*WEB_SEARCHES, "file_search", "code_interpreter", "image_generation")


async def body_of(
    input: Input = "",
    *,
    instructions: str = "",
    previous_response_id: str = "",
    images: Sequence[ImageSource] = (),
    detail: Detail = "auto",
    tools: Sequence[Function | Mapping[str, Any]] = (),
    **options: Any,
) -> dict[str, Any]:
    """The body of a request as JSON, without the model. `options`: see `ResponseOptions`. Raises RequestRejected.

    Functions among the `tools` are offered; what the model wants to call is not called.
    """
    given = {name: value for name, value in options.items() if value is not None}
    extra = given.pop("extra", {})
    _judge_names({**given, **extra})
    check_names(given, ResponseOptions.__annotations__, "responses")
    said = await written(input, images=images, detail=detail, goes_on=bool(previous_response_id))
    body: dict[str, Any] = {"input": said} if said else {}
    if instructions:
        body["instructions"] = sendable(instructions)
    if previous_response_id:
        body["previous_response_id"] = previous_response_id
    _offer(given, tools)
    _reason(given)
    _say_the_form(given, body)
    least = given.get("max_output_tokens", LEAST_OUTPUT_TOKENS)
    if least < LEAST_OUTPUT_TOKENS:
        raise RequestRejected(f"responses: max_output_tokens is {least}: give at least {LEAST_OUTPUT_TOKENS}")
    return {**body, **given, **extra}


def _judge_names(given: Mapping[str, Any]) -> None:
    for name, instead in _INSTEAD.items():
        if name in given:
            raise RequestRejected(f"responses: there is no {name} here: {instead}")
    if "response_format" in given:
        check_response_format(given["response_format"], "responses")
        raise RequestRejected(
            "responses: there is no response_format here: use parse() for a pydantic model, or give text={'format': "
            "{'type': 'json_schema', 'name': ..., 'schema': ..., 'strict': True}}"
        )


def _offer(given: dict[str, Any], tools: Sequence[Function | Mapping[str, Any]]) -> None:
    """Functions as tools, the choice among them, and what is to be told of them."""
    tools = listed(tools, "responses")
    functions = Functions([tool for tool in tools if callable(tool)], "responses")
    offered = [*functions.responses_tools, *[_tool(tool) for tool in tools if not callable(tool)]]
    if offered:
        given["tools"] = offered
    wanted = [_TOLD[kind] for tool in offered if (kind := tool.get("type")) in _TOLD]
    if include := list(dict.fromkeys([*given.pop("include", ()), *wanted])):
        given["include"] = include
    choice = given.pop("tool_choice", None)
    if choice is None:
        return
    if not offered and choice != "none":
        raise RequestRejected("responses: tool_choice needs tools: give some")
    if offered:
        given["tool_choice"] = _choice(choice, offered, functions)


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(tool, Mapping) or not isinstance(tool.get("type"), str):
        raise RequestRejected("responses: a tool has no type: give a function, or what web_search() and its like make")
    if tool["type"] == "function" and isinstance(tool.get("function"), Mapping):  # as chat completions have it
        return {"type": "function", "strict": False, **tool["function"]}
    return dict(tool)


def _choice(choice: ToolChoice, offered: Sequence[Mapping[str, Any]], functions: Functions) -> str | Mapping[str, Any]:
    if not isinstance(choice, str):
        return functions.responses_choice(choice)
    if any(tool.get("name") == choice for tool in offered):
        return {"type": "function", "name": choice}
    found = next((tool for tool in offered if choice in _CHOOSABLE and _is_meant(choice, str(tool["type"]))), None)
    if found is None:
        return functions.responses_choice(choice)
    if found["type"] in WEB_SEARCHES[:2]:  # the API has no other name for it
        return {"type": "allowed_tools", "mode": "required", "tools": [{"type": found["type"]}]}
    return {"type": found["type"]}


def _is_meant(choice: str, kind: str) -> bool:
    return choice == kind or (choice in WEB_SEARCHES and kind in WEB_SEARCHES)


def _reason(given: dict[str, Any]) -> None:
    named = {"effort": given.pop("reasoning_effort", None), "summary": given.pop("reasoning_summary", None)}
    reasoning = {**given.pop("reasoning", {}), **{name: value for name, value in named.items() if value is not None}}
    if reasoning:
        given["reasoning"] = reasoning


def _say_the_form(given: dict[str, Any], body: dict[str, Any]) -> None:
    text = dict(given.pop("text", {}))
    if (verbosity := given.pop("verbosity", None)) is not None:
        text["verbosity"] = verbosity
    if given.pop("json", False):
        if "format" in text:
            raise RequestRejected("responses: json and text ask for two forms: give one of them")
        text["format"] = {"type": "json_object"}
    if "format" in text:
        check_response_format(text["format"], "responses")
        if isinstance(text["format"].get("json_schema"), Mapping):  # as chat completions have it
            text["format"] = {"type": "json_schema", **text["format"]["json_schema"]}
        if text["format"]["type"] == "json_object" and not mentions_json(body):
            body["input"] = [{"role": "developer", "content": _IN_JSON}, *items_of(body.get("input", ""))]
    if text:
        given["text"] = text
