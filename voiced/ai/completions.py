"""Completions of a prompt, which chat took the place of: for models and servers that still have them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from voiced.ai.answer_fields import text_of
from voiced.ai.chat_fit import Fit
from voiced.ai.option_names import check_names
from voiced.ai.providers import Events, Providers, Server
from voiced.ai.sendable import sendable
from voiced.ai.text_stream import TextStream
from voiced.ai.token_usage import TokenUsage, estimated, most_tokens, read_usage
from voiced.errors import RequestRejected

if TYPE_CHECKING:
    from openai import AsyncStream
    from openai.types import Completion

MOST_PROMPTS: Final = 20
"""In one request."""


class CompletionOptions(TypedDict, total=False):
    """How a prompt is completed; what is left out is as the server has it. `max_tokens`: 16 where it is left out.

    `n`: so many texts for each prompt, the best of `best_of`. `suffix`: what comes after. `echo`: the prompt is a part
    of the text. `logprobs`: 0 to 5 other tokens at each place, see `raw`. `extra`: anything else that the server takes.
    """

    max_tokens: int
    temperature: float
    top_p: float
    n: int
    best_of: int
    stop: str | Sequence[str]
    presence_penalty: float
    frequency_penalty: float
    logit_bias: Mapping[str, int]
    logprobs: int
    echo: bool
    suffix: str
    seed: int
    user: str
    extra: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CompletionAnswer:
    """`texts`: n for the first prompt, n for the second and so on. `finish_reasons`: of each, stop, length or
    content_filter. `raw`: what the library has of the answer, None for a stream.
    """

    texts: Sequence[str] = field(repr=False)
    finish_reasons: Sequence[str]
    usage: TokenUsage
    model: str
    provider: str
    raw: Any = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The first."""
        return self.texts[0]

    @property
    def finish_reason(self) -> str:
        """Of the first."""
        return self.finish_reasons[0]


class Completions:
    """`ai.completions`. All of it raises ApiError. `within_s`: for each try; None for ai.timeout_s."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._fit = Fit("completions")

    async def ask(
        self,
        prompt: str | Sequence[str],
        *,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[CompletionOptions],
    ) -> CompletionAnswer:
        """What comes after `prompt`, or after each of several."""
        body = body_of(prompt, **options)

        async def request(server: Server) -> Any:
            return await self._sent(server, body, stream=False)

        def read(raw: Completion, server: Server) -> CompletionAnswer:
            choices = sorted(raw.choices, key=lambda choice: choice.index)
            usage = read_usage(getattr(raw, "usage", None)) or _estimated(body, [repr(each) for each in choices])
            self._providers.spend(usage.of(server.model))
            texts, reasons = [each.text for each in choices], [text_of(each.finish_reason) for each in choices]
            if not texts or not all(isinstance(text, str) for text in texts):
                raise ValueError("no text")
            return CompletionAnswer(texts, reasons, usage, server.model, server.provider.name, raw)

        return await self._providers.ask(
            "completions",
            request,
            read,
            model=model,
            provider=provider,
            within_s=within_s,
            lost=lambda server: [_estimated(body, ()).of(server.model)],
        )

    @asynccontextmanager
    async def stream(
        self,
        prompt: str,
        *,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
        **options: Unpack[CompletionOptions],
    ) -> AsyncIterator[CompletionStream]:
        """The same in pieces, for one prompt; `stream.answer` is all of it at the end.

        `within_s`: to the first piece, and from each to the next.
        """
        if not isinstance(prompt, str):
            raise RequestRejected("completions: only one prompt can be streamed: give a text")
        body = body_of(prompt, **options)
        body["stream_options"] = {"include_usage": True, **body.get("stream_options", {})}

        async def request(server: Server) -> Any:
            return await self._sent(server, body, stream=True)

        async with self._providers.stream(
            "completions",
            request,
            model=model,
            provider=provider,
            within_s=within_s,
            lost=lambda server: [_estimated(body, ()).of(server.model)],
        ) as events:
            stream = CompletionStream(events, body)
            try:
                yield stream
            finally:
                self._providers.spend(stream.usage.of(events.server.model))

    async def _sent(
        self, server: Server, body: dict[str, Any], *, stream: bool
    ) -> Completion | AsyncStream[Completion]:
        create = server.openai.completions.create
        return await self._fit.sent(
            body, server, lambda fitted: create(model=server.model, prompt=None, stream=stream, extra_body=fitted)
        )


class CompletionStream(TextStream):
    """Iterate over it for the pieces of the first text. Raises StreamCut where it ends before the text does."""

    def __init__(self, events: Events, body: dict[str, Any]) -> None:
        super().__init__(events)
        self._body = body
        self._texts: dict[int, list[str]] = {}
        self._reasons: dict[int, str] = {}
        self._told: TokenUsage | None = None

    @property
    def so_far(self) -> str:
        """The text that came."""
        return "".join(self._texts.get(0, ()))

    @property
    def usage(self) -> TokenUsage:
        """So far; rather too much where the server did not tell."""
        return self._told or _estimated(self._body, ["".join(pieces) for pieces in self._texts.values()])

    @property
    def answer(self) -> CompletionAnswer:
        """All of it, once it was read to its end. Raises RuntimeError before."""
        if not self._ended:
            raise RuntimeError("the answer is not there yet: read the stream to its end")
        places, server = sorted(self._texts), self._events.server
        return CompletionAnswer(
            ["".join(self._texts[place]) for place in places],
            [self._reasons[place] for place in places],
            self.usage,
            server.model,
            server.provider.name,
        )

    @property
    def _complete(self) -> bool:
        return bool(self._texts) and self._texts.keys() == self._reasons.keys()

    def _take(self, event: Any) -> str:
        self._told = read_usage(getattr(event, "usage", None)) or self._told
        said = ""
        choices = getattr(event, "choices", None)
        for choice in choices if isinstance(choices, list) else ():
            index, text = getattr(choice, "index", None) or 0, text_of(getattr(choice, "text", None))
            self._texts.setdefault(index, []).append(text)
            if reason := text_of(getattr(choice, "finish_reason", None)):
                self._reasons[index] = reason
            said += text if index == 0 else ""
        return said


def body_of(prompt: str | Sequence[str], **options: Any) -> dict[str, Any]:
    """The body of a request as JSON, without the model. `options`: see `CompletionOptions`. Raises RequestRejected."""
    check_names(options, CompletionOptions.__annotations__, "completions")
    prompts = [prompt] if isinstance(prompt, str) else list(prompt)
    if not prompts or not all(isinstance(each, str) for each in prompts):
        raise RequestRejected("completions: a prompt is a text, or a list of texts")
    if len(prompts) > MOST_PROMPTS:
        raise RequestRejected(f"completions: {len(prompts)} prompts are too many; {MOST_PROMPTS} are taken")
    cleaned = [sendable(each) for each in prompts]
    extra = options.pop("extra", None) or {}
    given = {name: value for name, value in options.items() if value is not None}
    return {"prompt": cleaned[0] if isinstance(prompt, str) else cleaned, **given, **extra}


def _estimated(body: Mapping[str, Any], texts: Sequence[str]) -> TokenUsage:
    return estimated(most_tokens(body), most_tokens(list(texts)))
