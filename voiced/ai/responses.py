"""Responses: answers that may go on with one another, with tools that the server has."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack

from voiced.ai.attachments import ImageSource
from voiced.ai.by_id import by_id
from voiced.ai.failures import failure
from voiced.ai.functions import Function, Functions, listed, run_calls
from voiced.ai.paging import all_pages
from voiced.ai.paid_once import PaidOnce
from voiced.ai.polling import POLL_S, poll
from voiced.ai.providers import Providers, Server, understood
from voiced.ai.response_format import check_whole, structure
from voiced.ai.responses_answer import (
    WAITING,
    Citation,
    CodeRun,
    FoundPassage,
    Item,
    ResponseAnswer,
    failed,
    read_answer,
)
from voiced.ai.responses_cost import costs, usage_of
from voiced.ai.responses_input import Detail, Input
from voiced.ai.responses_options import AnswerOptions, ResponseOptions, body_of
from voiced.ai.responses_rounds import Rounds
from voiced.ai.responses_stream import ResponseStream
from voiced.ai.responses_tools import code_interpreter, file_search, image_generation, web_search
from voiced.ai.token_usage import TokenUsage, estimated, most_tokens
from voiced.errors import AnswerUnusable, ContextTooLong, ModelUnknown, RequestRejected

if TYPE_CHECKING:
    from openai.types.responses import Response

T = TypeVar("T")

ROUNDS: Final = 8
"""Requests that one `run` may make."""

HOSTED_WITHIN_S: Final = 180.0
"""With tools of the server, which draws for two minutes and says nothing; ai.timeout_s counts where it is longer."""

MOST_ITEMS: Final = 10_000
"""Of an input that is listed."""

_NAME_THINGS: Final = ("tools", "input", "previous_response_id")
"""Parameters with ids in them. What has such an id is not there, which says nothing of the model."""

_SEALS: Final = "reasoning.encrypted_content"
_REASONS: Final = re.compile(r"(?:.*/)?(?:o\d|gpt-[5-9])(?!.*chat)")
"""Models whose thoughts can be given back to a server that keeps nothing. Others refuse to be asked for them."""

__all__ = [
    "AnswerOptions",
    "Citation",
    "CodeRun",
    "FoundPassage",
    "ResponseAnswer",
    "ResponseOptions",
    "ResponseStream",
    "Responses",
    "body_of",
    "code_interpreter",
    "file_search",
    "image_generation",
    "web_search",
]


class Responses:
    """`ai.responses`. `input`: what the user says, or messages and other items as the API has them. All of it raises
    ApiError.

    `instructions` are for this answer alone. `previous_response_id`: the answer that this goes on with. `images` go
    with what the user said last: addresses, paths, bytes or Images, at most 20 MiB each; `detail`: how well they are
    looked at. `tools`: what `web_search()` and its like make, and functions. `within_s`: for each try; None for
    ai.timeout_s, and longer with tools of the server.

    What is too long is asked once more without its oldest items: `answer.shortened`.
    """

    web_search = staticmethod(web_search)
    code_interpreter = staticmethod(code_interpreter)
    image_generation = staticmethod(image_generation)
    file_search = staticmethod(file_search)

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._paid = PaidOnce(providers)

    async def ask(
        self,
        input: Input = "",
        *,
        instructions: str = "",
        previous_response_id: str = "",
        images: Sequence[ImageSource] = (),
        detail: Detail = "auto",
        tools: Sequence[Function | Mapping[str, Any]] = (),
        background: bool = False,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[ResponseOptions],
    ) -> ResponseAnswer:
        """One answer. `background`: it comes at once and is not done; `wait` for it, or `cancel` it."""
        body = await body_of(
            input,
            instructions=instructions,
            previous_response_id=previous_response_id,
            images=images,
            detail=detail,
            tools=tools,
            **options,
        )
        if background:
            body["background"] = True
        return await self._ask(body, model, provider, within_s)

    @asynccontextmanager
    async def stream(
        self,
        input: Input = "",
        *,
        instructions: str = "",
        previous_response_id: str = "",
        images: Sequence[ImageSource] = (),
        detail: Detail = "auto",
        tools: Sequence[Function | Mapping[str, Any]] = (),
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[ResponseOptions],
    ) -> AsyncIterator[ResponseStream]:
        """The same in pieces of text; `stream.answer` is all of it at the end.

        Leave it early, and the server stops. `within_s`: to the first piece, and from each to the next.
        """
        body = await body_of(
            input,
            instructions=instructions,
            previous_response_id=previous_response_id,
            images=images,
            detail=detail,
            tools=tools,
            **options,
        )
        async with AsyncExitStack() as stack:
            stream = await self._stream(stack, body, model, provider, within_s)
            try:
                yield stream
            finally:
                for usage in stream.spent:
                    self._providers.spend(usage)

    async def parse(
        self,
        kind: type[T],
        input: Input = "",
        *,
        instructions: str = "",
        previous_response_id: str = "",
        images: Sequence[ImageSource] = (),
        detail: Detail = "auto",
        tools: Sequence[Mapping[str, Any]] = (),
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[AnswerOptions],
    ) -> T:
        """The answer as a `kind`, which is a pydantic model: its fields, with enums, lists and models in them.

        Raises AnswerUnusable where the model refused, or the answer was cut off (`error.code`: "refusal", "length",
        "content_filter"), or does not fit.
        """
        wanted = structure(kind, "responses")
        body = await body_of(
            input,
            instructions=instructions,
            previous_response_id=previous_response_id,
            images=images,
            detail=detail,
            tools=tools,
            **options,
        )
        body["text"] = {**body.get("text", {}), "format": wanted.responses_format}
        answer = await self._ask(body, model, provider, within_s)
        check_whole(answer.finish_reason, answer.refusal, "responses")
        return wanted.read(answer.text, "responses")

    async def run(
        self,
        input: Input,
        tools: Sequence[Function | Mapping[str, Any]],
        *,
        rounds: int = ROUNDS,
        instructions: str = "",
        previous_response_id: str = "",
        images: Sequence[ImageSource] = (),
        detail: Detail = "auto",
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[AnswerOptions],
    ) -> ResponseAnswer:
        """The answer after the model called what it wanted of `tools`: functions with type hints and a docstring, and
        what `web_search()` and its like make.

        The calls of a round run at one time, plain functions in threads. A ToolError goes to the model, as arguments do
        that do not fit; what else a function raises is raised here. `tool_choice`: for the first round; after a call
        that it forces, the model is free. `rounds`: requests at most; where the model still wants to call then, that is
        an AnswerUnusable with the code "rounds".
        """
        functions = Functions([tool for tool in listed(tools, "responses") if callable(tool)], "responses")
        if not functions:
            raise RequestRejected("responses: run() needs functions: give some, or use ask()")
        if rounds < 1:
            raise RequestRejected("responses: rounds must be at least 1")
        body = await body_of(
            input,
            instructions=instructions,
            previous_response_id=previous_response_id,
            images=images,
            detail=detail,
            tools=tools,
            **options,
        )
        conversation, spent, shortened = Rounds(body), TokenUsage(), False
        for number in range(rounds):
            answer = await self._round(conversation, model, provider, within_s)
            model, provider = answer.model, answer.provider  # no other knows what was said so far
            spent, shortened = spent + answer.usage, shortened or answer.shortened
            if not answer.calls or answer.status != "completed":
                return replace(answer, usage=spent, shortened=shortened)
            if number + 1 < rounds:
                conversation.go_on(answer, await run_calls(functions, answer.calls))
        raise AnswerUnusable(
            f"responses: after {rounds} rounds the model still wants to call functions: allow more rounds, or say in "
            "the instructions when to stop",
            code="rounds",
        )

    async def get(
        self, id: str, *, include: Sequence[str] = (), provider: str = "", within_s: float | None = None
    ) -> ResponseAnswer:
        """One that the server keeps, as it is now: see `answer.status`."""

        async def request(server: Server) -> Any:
            return await server.openai.responses.retrieve(id, **({"include": list(include)} if include else {}))  # type: ignore[call-overload]  # names that are yet to come

        return await self._looked_at(id, request, provider, within_s)

    async def wait(
        self, id: str, *, provider: str = "", within_s: float | None = None, poll_s: float = POLL_S
    ) -> ResponseAnswer:
        """One in the background, once it is done. Raises why it failed, and ApiUnreachable after `within_s` seconds.

        `within_s`: None for no end. `poll_s`: seconds before it is looked at again, and longer each time.
        """
        answer = await poll(
            lambda: self.get(id, provider=provider),
            lambda answer: answer.done,
            what=f"responses: {id}",
            within_s=within_s,
            poll_s=poll_s,
        )
        if answer.error is not None:
            raise answer.error
        return answer

    async def cancel(self, id: str, *, provider: str = "", within_s: float | None = None) -> ResponseAnswer:
        """Stop one in the background. What is done stays as it is."""

        async def request(server: Server) -> Any:
            return await server.openai.responses.cancel(id)

        return await self._looked_at(id, request, provider, within_s)

    async def delete(self, id: str, *, provider: str = "", within_s: float | None = None) -> None:
        """The server forgets it."""

        async def request(server: Server) -> Any:
            return await server.openai.responses.delete(id)

        with by_id("responses: response", id):
            await self._providers.ask(
                "responses",
                request,
                lambda raw, server: None,
                provider=provider,
                within_s=within_s,
                stays=True,
                needs_model=False,
            )

    async def input_items(
        self, id: str, *, most: int = MOST_ITEMS, provider: str = "", within_s: float | None = None
    ) -> list[Item]:
        """What it was given, oldest first, as the API has items; not what is before the answer that it went on with."""

        async def page(server: Server, asked: dict[str, Any]) -> Any:
            return await server.openai.responses.input_items.list(id, order="asc", **asked)

        with by_id("responses: response", id):
            return await all_pages(
                self._providers,
                "responses",
                page,
                lambda item: dict(item.to_dict(warnings=False)),
                most=most,
                provider=provider,
                within_s=within_s,
            )

    async def _round(self, conversation: Rounds, model: str, provider: str, within_s: float | None) -> ResponseAnswer:
        try:
            return await self._ask(conversation.body, model, provider, within_s)
        except (RequestRejected, ModelUnknown) as error:
            if not conversation.forgotten(error):
                raise
        return await self._ask(conversation.body, model, provider, within_s)

    async def _ask(self, body: Mapping[str, Any], model: str, provider: str, within_s: float | None) -> ResponseAnswer:
        try:
            return await self._once(body, model, provider, within_s, shortened=False)
        except ContextTooLong:
            if "truncation" in body:
                raise
        return await self._once({**body, "truncation": "auto"}, model, provider, within_s, shortened=True)

    async def _once(
        self, body: Mapping[str, Any], model: str, provider: str, within_s: float | None, *, shortened: bool
    ) -> ResponseAnswer:
        async def request(server: Server) -> Any:
            return await _sent(server, body, stream=False)

        def read(raw: Response, server: Server) -> tuple[Response, Server]:
            if raw.status not in WAITING:
                for usage in costs(raw, body, server.model):
                    self._providers.spend(usage)
            if (error := failed(raw, server)) is not None:
                raise error
            return raw, server

        raw, server = await self._providers.ask(
            "responses",
            request,
            read,
            model=model,
            provider=provider,
            within_s=self._patience_s(body, within_s),
            once=_is_paid_for_twice(body),
            stays="previous_response_id" in body,
            lost=lambda server: [estimated(most_tokens(dict(body)), 0).of(server.model)],
        )
        answer = await _answer(raw, server, body, shortened=shortened)
        if body.get("background") and answer.done:
            await self._paid.spend(_bill(answer.id), ())
        return answer

    async def _stream(
        self, stack: AsyncExitStack, body: dict[str, Any], model: str, provider: str, within_s: float | None
    ) -> ResponseStream:
        async def opened(body: dict[str, Any], *, shortened: bool) -> ResponseStream:
            async def request(server: Server) -> Any:
                return await _sent(server, body, stream=True)

            events = await stack.enter_async_context(
                self._providers.stream(
                    "responses",
                    request,
                    model=model,
                    provider=provider,
                    within_s=self._patience_s(body, within_s),
                    stays="previous_response_id" in body,
                    lost=lambda server: [estimated(most_tokens(body), 0).of(server.model)],
                )
            )
            return ResponseStream(events, body, lambda raw: _answer(raw, events.server, body, shortened=shortened))

        try:
            return await opened(body, shortened=False)
        except ContextTooLong:
            if "truncation" in body:
                raise
        return await opened({**body, "truncation": "auto"}, shortened=True)

    def _patience_s(self, body: Mapping[str, Any], within_s: float | None) -> float | None:
        if within_s is None and any(tool.get("type") != "function" for tool in body.get("tools", ())):
            return max(self._providers.settings.timeout_s, HOSTED_WITHIN_S)
        return within_s

    async def _looked_at(self, id: str, request: Any, provider: str, within_s: float | None) -> ResponseAnswer:
        """One that is kept. What it cost is counted when it is done, where nobody waited for its answer."""
        with by_id("responses: response", id):
            raw, server = await self._providers.ask(
                "responses",
                request,
                lambda raw, server: (raw, server),
                provider=provider,
                within_s=within_s,
                stays=True,
                needs_model=False,
            )
        answer = await _answer(raw, server, {}, shortened=False)
        if answer.raw.background and answer.done:
            usages = understood(lambda raw, _: costs(raw, {}, answer.model), raw, server, "responses")
            await self._paid.spend(_bill(id), usages)
        return answer


async def _sent(server: Server, body: Mapping[str, Any], *, stream: bool) -> Any:
    fitted = dict(body)
    if body.get("store") is False and _REASONS.match(server.model):
        fitted["include"] = list(dict.fromkeys([*body.get("include", ()), _SEALS]))
    from openai import NotFoundError

    try:
        # As it is: the library would look at every field of a long conversation on the event loop.
        return await server.openai.responses.create(model=server.model, stream=stream, extra_body=fitted)
    except NotFoundError as error:
        if error.param not in _NAME_THINGS:
            raise
        ours = failure(error, "responses", server.client.endpoint)
        raise RequestRejected(str(ours), status=404, code=error.code or "not_found", param=error.param) from error


async def _answer(raw: Response, server: Server, body: Mapping[str, Any], *, shortened: bool) -> ResponseAnswer:
    """Raises AnswerUnusable. Pictures take a while, and are decoded in a thread."""

    def read(raw: Response, server: Server) -> ResponseAnswer:
        usage = TokenUsage() if raw.status in WAITING else usage_of(raw, body)
        return read_answer(raw, server, usage, stored=_is_kept(raw, server, body), shortened=shortened)

    output = getattr(raw, "output", None)
    if isinstance(output, list) and any(getattr(item, "type", "") == "image_generation_call" for item in output):
        return await asyncio.to_thread(understood, read, raw, server, "responses")
    return understood(read, raw, server, "responses")


def _is_kept(raw: Response, server: Server, body: Mapping[str, Any]) -> bool:
    """Whether the server has it later. One that says nothing of it keeps nothing, unless it is one of those that do."""
    told = getattr(raw, "store", None)
    if isinstance(told, bool):
        return told
    endpoint = server.client.endpoint
    return body.get("store") is not False and (endpoint.is_openai or endpoint.is_azure)


def _is_paid_for_twice(body: Mapping[str, Any]) -> bool:
    """Whether a lost answer goes on at the server, or is too dear to be made again."""
    draws = any(tool.get("type") == "image_generation" for tool in body.get("tools", ()))
    return draws or bool(body.get("background"))


def _bill(id: str) -> str:
    return f"response {id}"
