"""A chat answer as it is written."""

from __future__ import annotations

from typing import Any

from voiced.ai.answer_fields import text_of
from voiced.ai.chat_answer import ChatAnswer, Choice, TokenLogprob, read_logprobs
from voiced.ai.chat_answer import with_ids as answerable
from voiced.ai.functions import FunctionCall
from voiced.ai.providers import Events
from voiced.ai.text_stream import TextStream
from voiced.ai.token_usage import TokenUsage, estimated, most_tokens, read_usage
from voiced.ai.tool_calls import ToolCalls
from voiced.usage import Usage


class ChatStream(TextStream):
    """Iterate over it for the pieces of the text, those of the first answer where there are several.

    Raises StreamCut where it ends before the answer does, with the text so far.
    """

    def __init__(self, events: Events, body: dict[str, Any], *, shortened: bool) -> None:
        super().__init__(events)
        self._body = body
        self._shortened = shortened
        self._choices: dict[int, _Pieces] = {}
        self._usage: TokenUsage | None = None
        self._fingerprint = ""
        self._bytes = 0

    @property
    def so_far(self) -> str:
        """The text that came."""
        return self._choices[0].text if 0 in self._choices else ""

    @property
    def answer(self) -> ChatAnswer:
        """All of it, once it was read to its end. Raises RuntimeError before."""
        if not self._ended:
            raise RuntimeError("the answer is not there yet: read the stream to its end")
        choices = tuple(self._choices[index].whole for index in sorted(self._choices))
        server = self._events.server
        return ChatAnswer(
            choices,
            self.usage,
            server.model,
            server.provider.name,
            [*self._body["messages"], choices[0].message],
            self._shortened,
            self._fingerprint,
        )

    @property
    def usage(self) -> TokenUsage:
        """So far; rather too much where the server did not tell, also of an answer that was cut off."""
        return self._usage or estimated(most_tokens(self._body), self._bytes)

    @property
    def spent(self) -> Usage:
        """For the budget, whether or not it was read to its end."""
        return self.usage.of(self._events.server.model)

    @property
    def _complete(self) -> bool:
        return bool(self._choices) and all(choice.finish_reason for choice in self._choices.values())

    def _take(self, event: Any) -> str:
        """What the event adds to the first answer. Servers leave out almost everything, and the library too."""
        self._usage = read_usage(getattr(event, "usage", None)) or self._usage
        self._fingerprint = text_of(getattr(event, "system_fingerprint", None)) or self._fingerprint
        said = ""
        choices = getattr(event, "choices", None)
        for choice in choices if isinstance(choices, list) else ():
            index = getattr(choice, "index", None) or 0
            pieces = self._choices.setdefault(index, _Pieces())
            text, size = pieces.add(choice)
            self._bytes += size
            said += text if index == 0 else ""
        return said


class _Pieces:
    """One answer, put together."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls = ToolCalls()
        self._logprobs: list[TokenLogprob] = []
        self.finish_reason = ""

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def whole(self) -> Choice:
        calls = [FunctionCall(call.id, call.name, call.arguments) for call in self._calls.calls]
        return Choice(self.text, self.finish_reason, answerable(calls), "".join(self._refusal), tuple(self._logprobs))

    def add(self, choice: Any) -> tuple[str, int]:
        """The text that this piece adds, and how many bytes of UTF-8 it has in all."""
        delta = getattr(choice, "delta", None)
        text, refusal = text_of(getattr(delta, "content", None)), text_of(getattr(delta, "refusal", None))
        thought = text_of(getattr(delta, "reasoning_content", None)) or text_of(getattr(delta, "reasoning", None))
        size = most_tokens([text, refusal, thought])
        if text:
            self._text.append(text)
        if refusal:
            self._refusal.append(refusal)
        for call in getattr(delta, "tool_calls", None) or ():
            index, function = getattr(call, "index", None), getattr(call, "function", None)
            name, arguments = text_of(getattr(function, "name", None)), text_of(getattr(function, "arguments", None))
            size += most_tokens([name, arguments])
            self._calls.add(
                index if isinstance(index, int) else None, text_of(getattr(call, "id", None)), name, arguments
            )
        self._logprobs += read_logprobs(getattr(choice, "logprobs", None))
        self.finish_reason = self.finish_reason or text_of(getattr(choice, "finish_reason", None))
        return text, size
