"""Assistants, threads and runs, for servers that still have them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypedDict, Unpack

from voiced.ai.assistant_calls import AssistantCalls
from voiced.ai.assistant_records import (
    Assistant,
    Message,
    Run,
    Thread,
    read_assistant,
    read_message,
    read_run,
    read_thread,
)
from voiced.ai.assistant_runs import READY_WITHIN_S, ROUNDS, Runs
from voiced.ai.attachments import HasData, ImageSource, image_kind
from voiced.ai.by_id import by_id
from voiced.ai.files import Files
from voiced.ai.functions import Function, Functions, ToolChoice
from voiced.ai.option_names import check_names
from voiced.ai.polling import POLL_S
from voiced.ai.providers import Providers
from voiced.errors import ApiError, RequestRejected

Tool = Function | Mapping[str, Any]
"""A function with type hints and a docstring, or a tool as the API has it: {"type": "file_search"}."""

MOST_LISTED: Final = 1_000
MOST_TOOLS_OF_A_RUN: Final = 20
"""OpenAI's limit."""

CLEAN_WITHIN_S: Final = 5.0
"""To delete a thread that is needed no more."""


class AssistantOptions(TypedDict, total=False):
    """What an assistant may have besides. `tool_resources`, `response_format`: as the API has them. `extra`: anything
    else that the server takes.
    """

    description: str
    temperature: float
    top_p: float
    response_format: str | Mapping[str, Any]
    reasoning_effort: str
    tool_resources: Mapping[str, Any]
    metadata: Mapping[str, str]
    extra: Mapping[str, Any]


class RunOptions(TypedDict, total=False):
    """How one run goes. What is left out is as the assistant has it.

    `additional_instructions`: after those of the assistant. `max_prompt_tokens`, `max_completion_tokens`: at least 256;
    where they do not do, the run is incomplete. `truncation_strategy`, `response_format`: as the API has them. `extra`:
    anything else that the server takes.
    """

    temperature: float
    top_p: float
    response_format: str | Mapping[str, Any]
    reasoning_effort: str
    additional_instructions: str
    max_prompt_tokens: int
    max_completion_tokens: int
    truncation_strategy: Mapping[str, Any]
    parallel_tool_calls: bool
    metadata: Mapping[str, str]
    extra: Mapping[str, Any]


class Assistants:
    """`ai.assistants`. Where a server has none of this any more, a RequestRejected with the code "endpoint_gone" says
    what to use in its place.
    """

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._calls = AssistantCalls(providers)
        self._runs = Runs(providers, self._calls)
        self._files = Files(providers)

    # Assistants.

    async def create(
        self,
        *,
        model: str = "",
        name: str = "",
        instructions: str = "",
        tools: Sequence[Tool] = (),
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[AssistantOptions],
    ) -> Assistant:
        """A new assistant. Of functions it is told here; they are given again to each `run`. Raises ApiError."""
        check_names(options, AssistantOptions.__annotations__, "assistants")
        body = {"name": name, "instructions": instructions, "tools": _tools(tools)}
        model = self._providers.first("assistants", provider).model("assistants", model)
        return await self._calls.post(
            "/assistants",
            read_assistant,
            {"model": model, **{key: value for key, value in body.items() if value}, **_flat(options)},
            once=True,
            provider=provider,
            within_s=within_s,
        )

    async def get(self, assistant_id: str, *, provider: str = "", within_s: float | None = None) -> Assistant:
        """Raises ApiError, RequestRejected where there is no such assistant (any more)."""
        return await self._calls.get(
            "/assistants/{}", read_assistant, assistant_id, provider=provider, within_s=within_s
        )

    async def update(
        self,
        assistant_id: str,
        *,
        model: str = "",
        name: str | None = None,
        instructions: str | None = None,
        tools: Sequence[Tool] | None = None,
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[AssistantOptions],
    ) -> Assistant:
        """Change what is given. Raises ApiError."""
        check_names(options, AssistantOptions.__annotations__, "assistants")
        new = {"name": name, "instructions": instructions, "tools": None if tools is None else _tools(tools)}
        body = {key: value for key, value in new.items() if value is not None} | _flat(options)
        return await self._calls.post(
            "/assistants/{}",
            read_assistant,
            {"model": model, **body} if model else body,
            assistant_id,
            provider=provider,
            within_s=within_s,
        )

    async def delete(self, assistant_id: str, *, provider: str = "", within_s: float | None = None) -> None:
        """Raises ApiError."""
        await self._calls.delete("/assistants/{}", assistant_id, provider=provider, within_s=within_s)

    # Threads and messages.

    async def thread(
        self,
        messages: Sequence[str | Mapping[str, Any]] = (),
        *,
        metadata: Mapping[str, str] | None = None,
        tool_resources: Mapping[str, Any] | None = None,
        provider: str = "",
        within_s: float | None = None,
    ) -> Thread:
        """A new thread. `messages`: texts of the user, or messages as the API has them. Raises ApiError."""
        said = [{"role": "user", "content": each} if isinstance(each, str) else dict(each) for each in messages]
        for message in said:
            _is_not_empty(message.get("content"))
        body = {"messages": said, "metadata": metadata, "tool_resources": tool_resources}
        return await self._calls.post(
            "/threads",
            read_thread,
            {key: value for key, value in body.items() if value},
            once=True,
            provider=provider,
            within_s=within_s,
        )

    async def get_thread(self, thread_id: str, *, provider: str = "", within_s: float | None = None) -> Thread:
        """Raises ApiError."""
        return await self._calls.get("/threads/{}", read_thread, thread_id, provider=provider, within_s=within_s)

    async def delete_thread(self, thread_id: str, *, provider: str = "", within_s: float | None = None) -> None:
        """Raises ApiError."""
        await self._calls.delete("/threads/{}", thread_id, provider=provider, within_s=within_s)

    async def add_message(
        self,
        thread_id: str,
        text: str,
        *,
        role: str = "user",
        images: Sequence[ImageSource] = (),
        file_ids: Sequence[str] = (),
        metadata: Mapping[str, str] | None = None,
        provider: str = "",
        within_s: float | None = None,
    ) -> Message:
        """One more message, while no run is active. Raises ApiError.

        `images`: those with an address are fetched by the server, the others are uploaded. `file_ids`: of files that
        the assistant may search.
        """
        _is_not_empty(text or images)
        provider = provider or self._providers.first("assistants").name
        with by_id("assistants:", thread_id, *file_ids):
            pictures = [await self._picture(image, provider) for image in images]
        body = {
            "role": role,
            "content": [*([{"type": "text", "text": text}] if text else []), *pictures] if images else text,
            **({"metadata": dict(metadata)} if metadata else {}),
            **({"attachments": [_attached(file_id) for file_id in file_ids]} if file_ids else {}),
        }
        return await self._calls.post(
            "/threads/{}/messages",
            read_message,
            body,
            thread_id,
            named=file_ids,
            once=True,
            provider=provider,
            within_s=within_s,
        )

    async def messages(
        self,
        thread_id: str,
        *,
        run_id: str = "",
        most: int = MOST_LISTED,
        provider: str = "",
        within_s: float | None = None,
    ) -> list[Message]:
        """What was said, the oldest first; with `run_id` what that run said. Raises ApiError."""
        return await self._runs.messages(thread_id, run_id, most, provider, within_s)

    # Runs.

    async def run(
        self,
        thread_id: str,
        assistant_id: str,
        *,
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice | None = None,
        rounds: int = ROUNDS,
        instructions: str = "",
        model: str = "",
        progress: Callable[[Run], None] | None = None,
        provider: str = "",
        within_s: float | None = READY_WITHIN_S,
        poll_s: float = POLL_S,
        **options: Unpack[RunOptions],
    ) -> Run:
        """Let the assistant answer in the thread, and wait until it did; its `text` is what it said. Raises ApiError.

        `tools`: functions that it may call, besides its own tools; those of a round run at one time, plain ones in
        threads. A ToolError goes to the model, as arguments do that do not fit; what else a function raises is raised
        here. `rounds`: how often functions are run at most; then it is an AnswerUnusable with the code "rounds".
        `instructions`: in place of those of the assistant. `progress`: is called with the run whenever it was looked
        at. `within_s`: in all, None for no end. Where it ends before its end, the run is cancelled at the server.
        """
        check_names(options, RunOptions.__annotations__, "assistants")
        if rounds < 1:
            raise RequestRejected("assistants: rounds must be at least 1")
        provider = provider or self._providers.first("assistants").name
        functions = Functions([tool for tool in tools if not isinstance(tool, Mapping)], "assistants")
        body: dict[str, Any] = {
            key: value for key, value in {"instructions": instructions, "model": model}.items() if value
        }
        if tools:
            own = await self.get(assistant_id, provider=provider)
            if (told := _all_tools(own, tools, functions)) is not None:
                body["tools"] = told
        if tool_choice is not None:
            body["tool_choice"] = functions.chat_choice(tool_choice)
        return await self._runs.run(
            thread_id,
            assistant_id,
            body | _flat(options),
            functions,
            rounds=rounds,
            progress=progress,
            provider=provider,
            within_s=within_s,
            poll_s=poll_s,
        )

    async def runs(
        self, thread_id: str, *, most: int = MOST_LISTED, provider: str = "", within_s: float | None = None
    ) -> list[Run]:
        """The runs of a thread, the newest first. Raises ApiError."""
        return await self._calls.pages(
            "/threads/{}/runs", read_run, thread_id, query={}, most=most, provider=provider, within_s=within_s
        )

    async def get_run(self, thread_id: str, run_id: str, *, provider: str = "", within_s: float | None = None) -> Run:
        """The run as it is now. Raises ApiError."""
        return await self._runs.look(thread_id, run_id, provider, within_s)

    async def cancel_run(
        self, thread_id: str, run_id: str, *, provider: str = "", within_s: float | None = None
    ) -> Run:
        """It is "cancelling" then, and "cancelled" a little later. Raises ApiError."""
        return await self._runs.cancel(thread_id, run_id, provider, within_s)

    async def ask(
        self,
        assistant_id: str,
        text: str,
        *,
        tools: Sequence[Tool] = (),
        provider: str = "",
        within_s: float | None = READY_WITHIN_S,
        poll_s: float = POLL_S,
        **options: Unpack[RunOptions],
    ) -> str:
        """What the assistant says to a text, in a thread that is deleted afterwards. See `run`. Raises ApiError."""
        provider = provider or self._providers.first("assistants").name
        thread = await self.thread([text], provider=provider)
        try:
            run = await self.run(
                thread.id, assistant_id, tools=tools, provider=provider, within_s=within_s, poll_s=poll_s, **options
            )
        finally:
            with contextlib.suppress(ApiError):
                await self.delete_thread(thread.id, provider=provider, within_s=CLEAN_WITHIN_S)
        return run.text

    async def list(
        self, *, most: int = MOST_LISTED, provider: str = "", within_s: float | None = None
    ) -> Sequence[Assistant]:
        """The assistants at the server, of all pages, the newest first. Raises ApiError."""
        return await self._calls.pages(
            "/assistants", read_assistant, query={}, most=most, provider=provider, within_s=within_s
        )

    async def _picture(self, image: ImageSource, provider: str) -> dict[str, Any]:
        """A part of a message; what has no address becomes a file at the server."""
        if isinstance(image, str) and image.startswith(("https://", "http://")):
            return {"type": "image_url", "image_url": {"url": image}}
        if isinstance(image, HasData):
            image = image.data
        source = (f"picture.{image_kind(image) or 'png'}", image) if isinstance(image, bytes) else image
        file = await self._files.upload(source, "vision", provider=provider)
        return {"type": "image_file", "image_file": {"file_id": file.id}}


def _tools(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """As the API has them."""
    functions = Functions([tool for tool in tools if not isinstance(tool, Mapping)], "assistants")
    return [*_hosted(tools), *functions.chat_tools]


def _hosted(tools: Sequence[Tool]) -> list[dict[str, Any]]:
    """Those that are no functions of ours."""
    found = [dict(tool) for tool in tools if isinstance(tool, Mapping)]
    if not all(isinstance(tool.get("type"), str) for tool in found):
        raise RequestRejected('assistants: a tool has no type: give a function, or such as {"type": "file_search"}')
    return found


def _all_tools(own: Assistant, tools: Sequence[Tool], functions: Functions) -> list[dict[str, Any]] | None:
    """What a run is told: those of the assistant and these, of which one with the same name is taken. None where the
    assistant knows all of them.
    """
    hosted = _hosted(tools)
    if all(tool in own.tools for tool in hosted) and set(functions.names) <= set(own.function_names):
        return None
    new = [*hosted, *functions.chat_tools]
    named = {_name(tool) for tool in new}
    found = [*(dict(tool) for tool in own.tools if _name(tool) not in named), *new]
    if len(found) > MOST_TOOLS_OF_A_RUN:
        raise RequestRejected(
            f"assistants: {len(found)} tools are too many for one run, {MOST_TOOLS_OF_A_RUN} are taken: give them to "
            "the assistant"
        )
    return found


def _name(tool: Mapping[str, Any]) -> str:
    return f"function {tool.get('function', {}).get('name')}" if tool["type"] == "function" else str(tool["type"])


def _attached(file_id: str) -> dict[str, Any]:
    return {"file_id": file_id, "tools": [{"type": "file_search"}]}


def _is_not_empty(content: Any) -> None:
    if not content:
        raise RequestRejected("assistants: a message is empty: say something, or show a picture")


def _flat(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with what is in `extra` among them."""
    found = {key: value for key, value in options.items() if key != "extra"}
    return found | dict(options.get("extra") or {})
