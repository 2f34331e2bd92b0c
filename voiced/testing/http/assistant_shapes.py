"""What requests to /assistants and /threads must look like, as the real server judged them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from voiced.testing.http.chat_request import NAME, filled, judge_image_url, judge_parameters
from voiced.testing.http.emission import Emission
from voiced.testing.http.refusal import Refusal, bad_request, no_such_url
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.shape import judged
from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import (
    Check,
    any_object,
    anything,
    array,
    boolean,
    either,
    integer,
    metadata,
    nullable,
    number,
    obj,
    one_of,
    string,
    tagged,
)
from voiced.testing.loopback.rejection import Rejection

BETA: Final = "assistants=v2"
MOST_TOOLS: Final = 128
MOST_TOOLS_OF_A_RUN: Final = 20
MOST_INSTRUCTIONS: Final = 256_000
MOST_TEXT: Final = 256_000
LEAST_TOKENS: Final = 256
"""That a run may be limited to."""


def offered(*routes: Route) -> Sequence[Route]:
    """The routes as they are where the server has assistants; by default they are gone, as they are at OpenAI."""
    return tuple(replace(route, answer=_where_offered(route)) for route in routes)


def asked(request: Request, name: str, *, needed: Sequence[str] = ()) -> dict[str, Any]:
    """The body, as the description has it under this name. Raises `Refusal`."""
    return judged(obj(SHAPES[name], *needed), {} if request.body is None else request.body)


def _where_offered(route: Route) -> Callable[[Request, World], Emission]:
    def answer(request: Request, world: World) -> Emission:
        if not world.assistants:
            raise no_such_url(route.method, "/v1/" + route.path.format_map(dict(request.ids)))
        if request.headers.get("openai-beta", "") != BETA:
            message = (
                "You must provide the 'OpenAI-Beta' header to access the Assistants API. Please try again by setting "
                f"the header 'OpenAI-Beta: {BETA}'."
            )
            raise bad_request(message, None, "invalid_beta")
        return route.answer(request, world)

    return answer


def _most(inner: Check, most: int) -> Check:
    members = array(inner)

    def judge(value: Any, path: str) -> None:
        members(value, path)
        if len(value) > most:
            expected = f"Expected an array with maximum length {most}, but got one with length {len(value)} instead."
            raise Rejection(f"Invalid '{path}': array too long. {expected}", "array_above_max_length", path)

    return judge


def _function(value: Any, path: str) -> None:
    shape = {
        "name": string(pattern=NAME),
        "description": string(),
        "parameters": any_object,
        "strict": nullable(boolean),
    }
    obj(shape, "name")(value, path)
    judge_parameters(value, f"{path}.parameters")


def _resources(value: Any, path: str) -> None:
    stores = {
        "vector_store_ids": _most(string(), 1),
        "vector_stores": _most(
            obj({"file_ids": array(string()), "chunking_strategy": any_object, "metadata": nullable(metadata)}), 1
        ),
    }
    obj({"code_interpreter": obj({"file_ids": _most(string(), 20)}), "file_search": obj(stores)})(value, path)


_TYPE_ONLY: Final = obj({"type": anything})
_FILE_SEARCH: Final = obj(
    {
        "type": anything,
        "file_search": obj(
            {
                "max_num_results": integer(1, 50),
                "ranking_options": obj(
                    {"ranker": one_of("auto", "default_2024_08_21"), "score_threshold": number(0, 1)},
                    "score_threshold",
                ),
            }
        ),
    }
)
_TOOL: Final = tagged(
    "type",
    {
        "code_interpreter": _TYPE_ONLY,
        "file_search": _FILE_SEARCH,
        "function": obj({"type": anything, "function": _function}, "function"),
    },
)
_FORMAT: Final = either(
    one_of("auto"),
    tagged(
        "type",
        {
            "text": _TYPE_ONLY,
            "json_object": _TYPE_ONLY,
            "json_schema": obj(
                {
                    "type": anything,
                    "json_schema": obj(
                        {
                            "name": string(pattern=NAME),
                            "description": string(),
                            "schema": any_object,
                            "strict": nullable(boolean),
                        },
                        "name",
                    ),
                },
                "json_schema",
            ),
        },
    ),
)
_CHOICE: Final = either(
    one_of("none", "auto", "required"),
    tagged(
        "type",
        {
            "function": obj({"type": anything, "function": obj({"name": string()}, "name")}, "function"),
            "code_interpreter": _TYPE_ONLY,
            "file_search": _TYPE_ONLY,
        },
    ),
)
_EFFORT: Final = nullable(one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"))
_DETAIL: Final = one_of("auto", "low", "high")


def _text(value: Any, path: str) -> None:
    string(MOST_TEXT)(value, path)
    if not value:
        raise Rejection(f"Invalid '{path}': message content must be non-empty.", "invalid_value", path)


_PART: Final = tagged(
    "type",
    {
        "text": obj({"type": anything, "text": _text}, "text"),
        "image_url": obj(
            {"type": anything, "image_url": obj({"url": judge_image_url, "detail": _DETAIL}, "url")}, "image_url"
        ),
        "image_file": obj(
            {"type": anything, "image_file": obj({"file_id": string(), "detail": _DETAIL}, "file_id")}, "image_file"
        ),
    },
)


def _content(value: Any, path: str) -> None:
    if not isinstance(value, str | list):
        raise rejection.wrong_type(path, "one of a string or array of objects", value)
    (_text if isinstance(value, str) else filled(_PART))(value, path)


_ATTACHMENT: Final = obj(
    {
        "file_id": string(),
        "tools": array(tagged("type", {"code_interpreter": _TYPE_ONLY, "file_search": _TYPE_ONLY})),
    }
)
_MESSAGE: Final[Mapping[str, Check]] = {
    "role": one_of("user", "assistant"),
    "content": _content,
    "attachments": nullable(array(_ATTACHMENT)),
    "metadata": nullable(metadata),
}
MESSAGE_NEEDS: Final = ("role", "content")
_MESSAGES: Final = array(obj(_MESSAGE, *MESSAGE_NEEDS))

_ASSISTANT: Final[Mapping[str, Check]] = {
    "model": string(),
    "name": nullable(string(256)),
    "description": nullable(string(512)),
    "instructions": nullable(string(MOST_INSTRUCTIONS)),
    "reasoning_effort": _EFFORT,
    "tools": _most(_TOOL, MOST_TOOLS),
    "tool_resources": nullable(_resources),
    "metadata": nullable(metadata),
    "temperature": nullable(number(0, 2)),
    "top_p": nullable(number(0, 1)),
    "response_format": nullable(_FORMAT),
}
_THREAD: Final[Mapping[str, Check]] = {
    "messages": _MESSAGES,
    "tool_resources": nullable(_resources),
    "metadata": nullable(metadata),
}
_RUN_AND_THREAD: Final[Mapping[str, Check]] = {
    "assistant_id": string(),
    "model": nullable(string()),
    "instructions": nullable(string(MOST_INSTRUCTIONS)),
    "tools": nullable(_most(_TOOL, MOST_TOOLS_OF_A_RUN)),
    "metadata": nullable(metadata),
    "temperature": nullable(number(0, 2)),
    "top_p": nullable(number(0, 1)),
    "stream": nullable(boolean),
    "max_prompt_tokens": nullable(integer(LEAST_TOKENS)),
    "max_completion_tokens": nullable(integer(LEAST_TOKENS)),
    "truncation_strategy": nullable(
        obj({"type": one_of("auto", "last_messages"), "last_messages": nullable(integer(1))}, "type")
    ),
    "tool_choice": nullable(_CHOICE),
    "parallel_tool_calls": boolean,
    "response_format": nullable(_FORMAT),
}
_OUTPUT: Final = obj({"tool_call_id": string(), "output": string()})

SHAPES: Final[Mapping[str, Mapping[str, Check]]] = {
    "CreateAssistantRequest": _ASSISTANT,
    "ModifyAssistantRequest": _ASSISTANT,
    "CreateThreadRequest": _THREAD,
    "ModifyThreadRequest": {name: check for name, check in _THREAD.items() if name != "messages"},
    "CreateMessageRequest": _MESSAGE,
    "ModifyMessageRequest": {"metadata": nullable(metadata)},
    "CreateRunRequest": {
        **_RUN_AND_THREAD,
        "reasoning_effort": _EFFORT,
        "additional_instructions": nullable(string(MOST_INSTRUCTIONS)),
        "additional_messages": nullable(_MESSAGES),
    },
    "CreateThreadAndRunRequest": {
        **_RUN_AND_THREAD,
        "thread": obj(_THREAD),
        "tool_resources": nullable(_resources),
    },
    "ModifyRunRequest": {"metadata": nullable(metadata)},
    "SubmitToolOutputsRunRequest": {"tool_outputs": array(_OUTPUT), "stream": nullable(boolean)},
}
"""By their names in the description."""

PARAMETERS: Final = {name: frozenset(shape) for name, shape in SHAPES.items()}
"""All that a request may have, by its name in the description."""


def no_such(what: str, thing_id: str) -> Refusal:
    return Refusal(404, Rejection(f"No {what} found with id '{thing_id}'."))
