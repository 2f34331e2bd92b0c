"""What a chat can be asked for beside its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypedDict

from voiced.ai.attachments import ImageSource
from voiced.ai.chat_messages import Detail, Messages, mention_json, written
from voiced.ai.functions import Function, Functions, ToolChoice, listed
from voiced.ai.option_names import check_names
from voiced.ai.response_format import check_response_format
from voiced.errors import RequestRejected

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class AnswerOptions(TypedDict, total=False):
    """How one answer comes about. What is left out is as the server has it.

    `max_tokens`, `max_completion_tokens`: the same, one of them; each model gets the one that it takes. `stop`: up to 4
    texts at which it ends. `seed`: the same again, as far as the server manages it; compare `answer.fingerprint`.
    `logit_bias`: by number of the token, -100 to 100. `top_logprobs`: 0 to 20 other tokens at each place; it asks for
    `logprobs` too. `extra`: anything else that the server takes, such as `prompt_cache_key`.
    """

    max_tokens: int
    max_completion_tokens: int
    temperature: float
    top_p: float
    stop: str | Sequence[str]
    presence_penalty: float
    frequency_penalty: float
    seed: int
    logit_bias: Mapping[str, int]
    logprobs: bool
    top_logprobs: int
    user: str
    reasoning_effort: Effort
    parallel_tool_calls: bool
    extra: Mapping[str, Any]


class ChatOptions(AnswerOptions, total=False):
    """`n`: so many answers. `tools`: functions, or what the server takes in their place; they are not run.
    `json`: the answer is one JSON object, see `ChatAnswer.json`. `response_format`: as the server takes it.
    """

    n: int
    tools: Sequence[Function | Mapping[str, Any]]
    tool_choice: ToolChoice
    response_format: Mapping[str, Any]
    json: bool


_IN_JSON: Final = "Answer with one JSON object."


async def body_of(
    messages: Messages,
    *,
    instructions: str = "",
    images: Sequence[ImageSource] = (),
    detail: Detail = "auto",
    **options: Any,
) -> dict[str, Any]:
    """The body of a request as JSON, without the model. `options`: see `ChatOptions`. Raises RequestRejected."""
    check_names(options, ChatOptions.__annotations__, "chat")
    given = {name: value for name, value in options.items() if value is not None}
    body: dict[str, Any] = {
        "messages": await written(messages, instructions=instructions, images=images, detail=detail)
    }
    if "max_tokens" in given and "max_completion_tokens" in given:
        raise RequestRejected("chat: max_tokens and max_completion_tokens are the same: give one of them")
    if given.get("top_logprobs") is not None:
        given["logprobs"] = True
    extra = given.pop("extra", {})
    _say_the_form(given, body["messages"])
    _offer(given)
    return {**body, **given, **extra}


def _say_the_form(given: dict[str, Any], messages: list[dict[str, Any]]) -> None:
    if given.pop("json", False):
        if "response_format" in given:
            raise RequestRejected("chat: json and response_format ask for two forms: give one of them")
        given["response_format"] = {"type": "json_object"}
    if "response_format" not in given:
        return
    check_response_format(given["response_format"], "chat")
    if given["response_format"]["type"] == "json_object" and not mention_json(messages):
        place = 1 if messages[0]["role"] == "system" else 0
        messages.insert(place, {"role": "system", "content": _IN_JSON})


def _offer(given: dict[str, Any]) -> None:
    """Functions as tools, and the choice among them, as the server takes them."""
    tools, choice = listed(given.pop("tools", ()), "chat"), given.pop("tool_choice", None)
    functions = Functions([tool for tool in tools if not isinstance(tool, Mapping)], "chat")
    offered = [*functions.chat_tools, *[dict(tool) for tool in tools if isinstance(tool, Mapping)]]
    if offered:
        given["tools"] = offered
    if choice is None:
        return
    if not offered and choice != "none":
        raise RequestRejected("chat: tool_choice needs tools: give some")
    named = {tool.get("function", {}).get("name") for tool in offered}
    if offered:
        by_name = isinstance(choice, str) and choice in named
        given["tool_choice"] = (
            {"type": "function", "function": {"name": choice}} if by_name else functions.chat_choice(choice)
        )
