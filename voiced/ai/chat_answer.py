"""What a chat model answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from voiced.ai.answer_fields import filled, text_of
from voiced.ai.functions import FunctionCall
from voiced.ai.response_format import json_of
from voiced.ai.token_usage import TokenUsage, estimated, most_tokens, read_usage

UNFINISHED: Final = ("length", "content_filter")
"""Reasons for which an answer ends before its end; its calls may be cut in their middle."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token that was written, and what else could have stood there: natural logarithms of probabilities."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers. `finish_reason`: stop, length, tool_calls, content_filter, function_call, or one of the
    server's own. `refusal`: why the model answers nothing, in its words. `logprobs`: where they were asked for.
    """

    text: str = field(default="", repr=False)
    finish_reason: str = ""
    calls: tuple[FunctionCall, ...] = ()
    refusal: str = field(default="", repr=False)
    logprobs: tuple[TokenLogprob, ...] = field(default=(), repr=False)

    @property
    def message(self) -> dict[str, Any]:
        """As the next request has it."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or (None if self.calls else "")}
        if self.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in self.calls
            ]
        if self.refusal:
            message["refusal"] = self.refusal
        return message


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """`choices`: as many as were asked for; what has no name in the plural is of the first. `messages`: the whole
    conversation with this answer, to go on with. `shortened`: the oldest turns were left out, for it was too long.
    `usage`: of all rounds where functions were called. `fingerprint`: of what answered; the same `seed` gives the same
    answer only where it is the same. `raw`: what the library has of the answer, None for a stream.
    """

    choices: tuple[Choice, ...]
    usage: TokenUsage
    model: str
    provider: str
    messages: Sequence[dict[str, Any]] = field(default=(), repr=False)
    shortened: bool = False
    fingerprint: str = ""
    raw: Any = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        return self.choices[0].text

    @property
    def texts(self) -> list[str]:
        """Of all answers."""
        return [choice.text for choice in self.choices]

    @property
    def finish_reason(self) -> str:
        """See `Choice`."""
        return self.choices[0].finish_reason

    @property
    def calls(self) -> tuple[FunctionCall, ...]:
        """Functions that the model wants to be called."""
        return self.choices[0].calls

    @property
    def refusal(self) -> str:
        """Why it answers nothing; empty where it does."""
        return self.choices[0].refusal

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...]:
        return self.choices[0].logprobs

    def json(self) -> Any:
        """What the text holds as JSON. Raises AnswerUnusable where it was refused, is cut off or no JSON."""
        return json_of(self.text, self.finish_reason, self.refusal, "chat")


def usage_of(raw: Any, body: dict[str, Any]) -> TokenUsage:
    """What a whole answer to `body` used; rather too much where the server does not tell."""
    told = read_usage(getattr(raw, "usage", None))
    return told or estimated(most_tokens(body), sum(most_tokens(repr(choice)) for choice in raw.choices))


def read_choices(raw: Any) -> tuple[Choice, ...]:
    """In their order. Raises one of several errors where it is no answer of a chat."""
    found = sorted(raw.choices, key=lambda choice: getattr(choice, "index", 0) or 0)
    if not found:
        raise ValueError("no choice")
    return tuple(_choice(choice) for choice in found)


def read_logprobs(logprobs: object) -> Iterator[TokenLogprob]:
    """Of a choice, or of a piece of one."""
    for kind in ("content", "refusal"):
        for each in getattr(logprobs, kind, None) or ():
            top = tuple((other.token, other.logprob) for other in getattr(each, "top_logprobs", None) or ())
            yield TokenLogprob(each.token, each.logprob, top)


def with_ids(calls: Sequence[FunctionCall]) -> tuple[FunctionCall, ...]:
    """Calls that results can be given to: some servers leave out the ids, or give two calls the same."""
    found: dict[str, FunctionCall] = {}
    for number, call in enumerate(calls):
        id = call.id if call.id and call.id not in found else f"call_{number}"
        while id in found:
            id += "_"
        found[id] = FunctionCall(id, call.name, call.arguments)
    return tuple(found.values())


def _choice(choice: Any) -> Choice:
    message = choice.message
    calls = [
        FunctionCall(text_of(call.id), filled(call.function.name), text_of(call.function.arguments))
        for call in getattr(message, "tool_calls", None) or ()
        if getattr(call, "function", None) is not None
    ]
    if (called := getattr(message, "function_call", None)) is not None:
        calls.append(FunctionCall("", filled(called.name), text_of(called.arguments)))
    return Choice(
        text_of(message.content),
        text_of(getattr(choice, "finish_reason", None)),
        with_ids(calls),
        text_of(getattr(message, "refusal", None)),
        tuple(read_logprobs(getattr(choice, "logprobs", None))),
    )
