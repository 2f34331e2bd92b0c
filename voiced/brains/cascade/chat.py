"""The model that thinks: messages go up, text and tool calls are streamed back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from voiced.ai.tool_calls import ToolCalls, WantedCall
from voiced.ai.tries import Tries
from voiced.brains.cascade.memory import Entry, Memory
from voiced.brains.cascade.messages import messages, tools
from voiced.brains.cascade.services import Station
from voiced.brains.cascade.settings import CascadeSettings
from voiced.brains.cascade.thinking import Thinking
from voiced.conversation.events import ToolSpec, Usage
from voiced.errors import ApiError, ApiUnreachable, ContextTooLong, RequestRejected

log = structlog.get_logger(__name__)

LONGEST_ANSWER: Final = 20_000
"""Characters: twenty minutes of speech. A model that repeats itself for ever is stopped there."""

LONGEST_CALLS: Final = 400_000
"""Characters of tool calls; an answer that goes on beyond is cut off."""

SHORTENINGS: Final = 4
"""How often a history that is too long is made shorter for one answer."""

SHORTENED_OUTPUT: Final = 2000
"""Characters of a tool's output, where that alone is too long."""

_OPTIONAL: Final = (
    "reasoning_effort", "temperature", "max_completion_tokens", "max_tokens", "stream_options", "strict",
)  # fmt: skip
"""What a server may not know, and what is left out then."""


@dataclass(slots=True)
class Thought:
    """What came of a round."""

    calls: tuple[WantedCall, ...] = field(default=(), repr=False)
    finish: str = ""


class _CutOff(ApiUnreachable):
    """The stream ended before the answer did."""


class _Answer:
    """One answer as it is streamed. A server may leave out almost everything, which the library then leaves out too."""

    def __init__(self, model: str, say: Callable[[str], None]) -> None:
        self._model = model
        self._say = say
        self._calls = ToolCalls()
        self._thinking = Thinking()
        self.characters = 0
        """Of text and of calls."""
        self.finish = ""
        self.usage: Usage | None = None

    def take(self, chunk: object) -> bool:
        """Whether the chunk brought the answer on."""
        self.usage = _usage(getattr(chunk, "usage", None), self._model) or self.usage
        choices = getattr(chunk, "choices", None)
        if not isinstance(choices, list) or not choices:
            return False
        before = self.characters
        delta = getattr(choices[0], "delta", None)
        for piece in getattr(delta, "tool_calls", None) or ():
            self._call(piece)
        if text := _text(delta):
            self.characters += len(text)
            if said := self._thinking.feed(text):
                self._say(said)
        finish = _string(getattr(choices[0], "finish_reason", None))
        if finish and not self.finish:  # what is left is said now: the end of the stream may be long in coming
            self.finish = finish
            if said := self._thinking.end():
                self._say(said)
        return self.characters > before or bool(getattr(delta, "reasoning_content", None))

    @property
    def is_too_long(self) -> bool:
        if self.characters > LONGEST_ANSWER and not self._calls:
            self.finish = "length"
            return True
        return self.characters > LONGEST_CALLS

    @property
    def thought(self) -> Thought:
        """What came of it; calls that did not come to their end are none."""
        whole = self.finish not in ("length", "content_filter")
        return Thought(self._calls.calls if whole else (), self.finish)

    def _call(self, piece: object) -> None:
        function, index = getattr(piece, "function", None), getattr(piece, "index", None)
        arguments = _string(getattr(function, "arguments", None))
        self.characters += len(arguments) + 1
        self._calls.add(
            index if isinstance(index, int) else None,
            _string(getattr(piece, "id", None)),
            _string(getattr(function, "name", None)),
            arguments,
        )


class Thinker:
    """Asks the chat model. `spent` gets what each request cost."""

    def __init__(
        self,
        station: Station,
        settings: CascadeSettings,
        instructions: str,
        spent: Callable[[Usage], None],
        left_out: dict[str, dict[str, Any]],
    ) -> None:
        self._station = station
        self._settings = settings
        self._instructions = instructions
        self._spent = spent
        self._left_out = left_out
        """By model: parameters that go with another value, or (None) not at all. It outlives the session."""

    async def think(
        self, memory: Memory, specs: Sequence[ToolSpec], say: Callable[[str], None], begun: Callable[[], bool]
    ) -> Thought:
        """Ask, pass text on to `say` as it comes, and return the rest.

        `begun`: whether something of this answer went out already, so that it can't be begun anew. Raises ApiError.
        """
        tries = Tries(self._station.models)
        shortened, longest_output, adapted = 0, None, 0
        while True:
            try:
                return await self._ask(tries.model, memory.entries, specs, say, longest_output)
            except ContextTooLong as error:
                if begun() or shortened >= SHORTENINGS:
                    raise
                shortened += 1
                if not _forget_half(memory):
                    if longest_output is not None:
                        raise
                    longest_output = SHORTENED_OUTPUT
                log.info("history shortened", model=tries.model, reason=str(error), entries=len(memory.entries))
            except RequestRejected as error:
                adapted += 1
                if begun() or adapted > len(_OPTIONAL) or not self._adapt(tries.model, error):
                    raise
            except ApiError as error:
                await tries.again(error, begun=begun())

    async def _ask(
        self,
        model: str,
        entries: Sequence[Entry],
        specs: Sequence[ToolSpec],
        say: Callable[[str], None],
        longest_output: int | None,
    ) -> Thought:
        client, patience = self._station.client, self._settings.chat_timeout_s
        request = self._request(model, specs)
        request["messages"] = messages(self._instructions, entries, longest_output=longest_output)
        answer, answering = _Answer(model, say), False
        now = asyncio.get_running_loop().time
        try:
            async with (
                client.request("chat", patience) as deadline,
                # As it is: the library would look at every field of a long history, 25 ms of the loop's time.
                await client.openai.chat.completions.create(
                    model=model, stream=True, messages=(), extra_body=request
                ) as stream,
            ):
                answering = True
                async for chunk in stream:
                    if answer.take(chunk):
                        deadline.reschedule(now() + patience)
                    if answer.is_too_long:
                        break
        finally:
            if answering:  # what is cut off, or told no usage of, was paid for all the same
                self._spent(answer.usage or _estimated(model, request, answer.characters))
        if not answer.finish:
            raise _CutOff(f"chat: {self._station.host} ended its answer in the middle", code="stream_cut")
        return answer.thought

    def _request(self, model: str, specs: Sequence[ToolSpec]) -> dict[str, Any]:
        """What is asked beside the messages: only what is configured, and only what this model takes."""
        settings = self._settings
        options: dict[str, Any] = {"stream_options": {"include_usage": True}}
        if settings.chat_reasoning_effort:
            options["reasoning_effort"] = settings.chat_reasoning_effort
        if settings.chat_temperature >= 0:
            options["temperature"] = settings.chat_temperature
        if settings.chat_max_tokens:
            named = "max_completion_tokens" if self._station.client.endpoint.needs_key else "max_tokens"
            options[named] = settings.chat_max_tokens
        learned = self._left_out.get(model, {})
        options = {name: value for name, value in {**options, **learned}.items() if value is not None}
        if specs:
            options["tools"] = tools(specs)
            if "strict" in learned:
                for tool in options["tools"]:
                    del tool["function"]["strict"]
        options.pop("strict", None)
        return options

    def _adapt(self, model: str, error: RequestRejected) -> bool:
        """Leave out what the server did not take, from now on. False where that is not the reason."""
        learned = self._left_out.setdefault(model, {})
        named = error.param or next((name for name in _OPTIONAL if name in str(error)), "")
        name = next((name for name in _OPTIONAL if name in named), "")
        if not name:
            return False
        value: object = None
        if name == "reasoning_effort" and learned.get(name, "") == "" and "'none'" in str(error):
            value = "none"  # with tools, some models want just this, and not nothing
        elif name == "max_tokens" and "max_completion_tokens" not in learned:
            learned["max_completion_tokens"] = self._settings.chat_max_tokens
        elif name in learned:
            return False
        learned[name] = value
        log.warning("chat.parameter_refused", model=model, parameter=name, now=value, reason=str(error))
        return True


def _forget_half(memory: Memory) -> bool:
    """Forget the older half of the turns, whole turns, never the last. False where only that is left."""
    length = len(memory.entries)
    shorter = False
    while len(memory.entries) > length // 2 and memory.forget_oldest():
        shorter = True
    return shorter


def _text(delta: object) -> str:
    """What is said, or why nothing is."""
    return _string(getattr(delta, "content", None)) + _string(getattr(delta, "refusal", None))


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _usage(usage: object, model: str) -> Usage | None:
    if usage is None:
        return None
    heard, answered = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    details = getattr(usage, "prompt_tokens_details", None)
    cached = min(_count(details, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens"), heard)
    if not heard and not answered:
        return None
    return Usage(model, text_in=heard, cached_text_in=cached, text_out=answered)


def _count(fields: object, name: str) -> int:
    value = getattr(fields, name, None)
    return value if isinstance(value, int) and value > 0 else 0


def _estimated(model: str, request: Mapping[str, Any], answered: int) -> Usage:
    """About: four characters to a token, a thousand tokens to a picture."""
    characters = len(str(request.get("tools", "")))
    for message in request["messages"]:
        content = message.get("content") or ""
        for part in content if isinstance(content, list) else [content]:
            text = part if isinstance(part, str) else part.get("text")
            characters += 4000 if text is None else len(text)
    return Usage(model, text_in=characters // 4, text_out=(answered + 3) // 4)
