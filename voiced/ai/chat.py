"""Chat completions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from voiced.ai.attachments import ImageSource
from voiced.ai.chat_answer import UNFINISHED, ChatAnswer, read_choices, usage_of
from voiced.ai.chat_fit import Fit
from voiced.ai.chat_messages import Detail, Messages, shorter
from voiced.ai.chat_options import AnswerOptions, ChatOptions, body_of
from voiced.ai.chat_stream import ChatStream
from voiced.ai.functions import Function, Functions, ToolChoice, listed, run_calls
from voiced.ai.option_names import check_names
from voiced.ai.providers import Providers, Server
from voiced.ai.response_format import check_whole, structure
from voiced.ai.token_usage import TokenUsage, estimated, most_tokens
from voiced.errors import AnswerUnusable, ContextTooLong, RequestRejected

if TYPE_CHECKING:
    from openai import AsyncStream
    from openai.types.chat import ChatCompletion, ChatCompletionChunk

T = TypeVar("T")

ROUNDS = 8
"""Requests that one `run` may make."""

__all__ = ["AnswerOptions", "Chat", "ChatAnswer", "ChatOptions", "ChatStream", "body_of"]


class Chat:
    """`ai.chat`. `messages`: what the user says, or a whole conversation as the API has it. All of it raises ApiError.

    `instructions` come before it. `images` go with what the user said last: addresses, paths, bytes or Images, at most
    20 MiB each; `detail`: how well they are looked at. `within_s`: for each try; None for ai.timeout_s.

    A conversation that is too long is asked once more without its oldest turns: `answer.shortened`.
    """

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._fit = Fit("chat")

    async def ask(
        self,
        messages: Messages,
        *,
        instructions: str = "",
        images: Sequence[ImageSource] = (),
        detail: Detail = "auto",
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> ChatAnswer:
        """One answer, or `n`."""
        body = await body_of(messages, instructions=instructions, images=images, detail=detail, **options)
        return await self._ask(body, model, provider, within_s)

    @asynccontextmanager
    async def stream(
        self,
        messages: Messages,
        *,
        instructions: str = "",
        images: Sequence[ImageSource] = (),
        detail: Detail = "auto",
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> AsyncIterator[ChatStream]:
        """The same in pieces of text; `stream.answer` is all of it at the end.

        Leave it early, and the server stops. `within_s`: to the first piece, and from each to the next.
        """
        body = await body_of(messages, instructions=instructions, images=images, detail=detail, **options)
        body["stream_options"] = {"include_usage": True, **body.get("stream_options", {})}
        async with AsyncExitStack() as stack:
            stream = await self._stream(stack, body, model, provider, within_s)
            try:
                yield stream
            finally:
                self._providers.spend(stream.spent)

    async def parse(
        self,
        kind: type[T],
        messages: Messages,
        *,
        instructions: str = "",
        images: Sequence[ImageSource] = (),
        detail: Detail = "auto",
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[AnswerOptions],
    ) -> T:
        """The answer as a `kind`, which is a pydantic model: its fields, with enums, lists and models in them.

        Raises AnswerUnusable where the model refused, or the answer was cut off (`error.code`: "refusal", "length",
        "content_filter"), or does not fit.
        """
        check_names(options, AnswerOptions.__annotations__, "chat: parse()")
        wanted = structure(kind, "chat")
        body = await body_of(messages, instructions=instructions, images=images, detail=detail, **options)
        answer = await self._ask({**body, "response_format": wanted.chat_format}, model, provider, within_s)
        check_whole(answer.finish_reason, answer.refusal, "chat")
        return wanted.read(answer.text, "chat")

    async def run(
        self,
        messages: Messages,
        tools: Sequence[Function],
        *,
        tool_choice: ToolChoice = "auto",
        rounds: int = ROUNDS,
        instructions: str = "",
        images: Sequence[ImageSource] = (),
        detail: Detail = "auto",
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[AnswerOptions],
    ) -> ChatAnswer:
        """The answer after the model called what it wanted of `tools`: functions with type hints and a docstring.

        The calls of a round run at one time, plain functions in threads. A ToolError goes to the model, as arguments do
        that do not fit; what else a function raises is raised here. `tool_choice`: for the first round; after a call
        that it forces, the model is free. `rounds`: requests at most; where the model still wants to call then, that is
        an AnswerUnusable with the code "rounds".
        """
        check_names(options, AnswerOptions.__annotations__, "chat: run()")
        functions = Functions(listed(tools, "chat"), "chat")
        if not functions:
            raise RequestRejected("chat: run() needs functions: give some, or use ask()")
        if rounds < 1:
            raise RequestRejected("chat: rounds must be at least 1")
        body = await body_of(messages, instructions=instructions, images=images, detail=detail, **options)
        body |= {"tools": functions.chat_tools, "tool_choice": functions.chat_choice(tool_choice)}
        spent, shortened = TokenUsage(), False
        for number in range(rounds):
            answer = await self._ask(body, model, provider, within_s)
            spent, shortened = spent + answer.usage, shortened or answer.shortened
            if not answer.calls or answer.finish_reason in UNFINISHED:
                return replace(answer, usage=spent, shortened=shortened)
            if number + 1 < rounds:
                outputs = await run_calls(functions, answer.calls)
                results = [{"role": "tool", "tool_call_id": each.call.id, "content": each.text} for each in outputs]
                body = {**body, "messages": [*answer.messages, *results], "tool_choice": "auto"}
        raise AnswerUnusable(
            f"chat: after {rounds} rounds the model still wants to call functions: allow more rounds, or say in the "
            "instructions when to stop",
            code="rounds",
        )

    async def _ask(self, body: dict[str, Any], model: str, provider: str, within_s: float | None) -> ChatAnswer:
        try:
            return await self._once(body, model, provider, within_s, shortened=False)
        except ContextTooLong as error:
            body = _shorter(body, error)
        return await self._once(body, model, provider, within_s, shortened=True)

    async def _once(
        self, body: dict[str, Any], model: str, provider: str, within_s: float | None, *, shortened: bool
    ) -> ChatAnswer:
        async def request(server: Server) -> Any:
            return await self._sent(server, body, stream=False)

        def read(raw: ChatCompletion, server: Server) -> ChatAnswer:
            usage = usage_of(raw, body)
            self._providers.spend(usage.of(server.model))
            choices = read_choices(raw)
            return ChatAnswer(
                choices,
                usage,
                server.model,
                server.provider.name,
                [*body["messages"], choices[0].message],
                shortened,
                getattr(raw, "system_fingerprint", None) or "",
                raw,
            )

        return await self._providers.ask(
            "chat",
            request,
            read,
            model=model,
            provider=provider,
            within_s=within_s,
            lost=lambda server: [estimated(most_tokens(body), 0).of(server.model)],
        )

    async def _stream(
        self, stack: AsyncExitStack, body: dict[str, Any], model: str, provider: str, within_s: float | None
    ) -> ChatStream:
        async def opened(body: dict[str, Any], *, shortened: bool) -> ChatStream:
            async def request(server: Server) -> Any:
                return await self._sent(server, body, stream=True)

            events = await stack.enter_async_context(
                self._providers.stream(
                    "chat",
                    request,
                    model=model,
                    provider=provider,
                    within_s=within_s,
                    lost=lambda server: [estimated(most_tokens(body), 0).of(server.model)],
                )
            )
            return ChatStream(events, body, shortened=shortened)

        try:
            return await opened(body, shortened=False)
        except ContextTooLong as error:
            body = _shorter(body, error)
        return await opened(body, shortened=True)

    async def _sent(
        self, server: Server, body: dict[str, Any], *, stream: bool
    ) -> ChatCompletion | AsyncStream[ChatCompletionChunk]:
        create = server.openai.chat.completions.create
        # As it is: the library would look at every field of a long conversation on the event loop.
        return await self._fit.sent(
            body, server, lambda fitted: create(model=server.model, messages=(), stream=stream, extra_body=fitted)
        )


def _shorter(body: dict[str, Any], error: ContextTooLong) -> dict[str, Any]:
    """Raises `error` where it can't be shorter."""
    messages = shorter(body["messages"], str(error))
    if messages is None:
        raise error
    return {**body, "messages": messages}
