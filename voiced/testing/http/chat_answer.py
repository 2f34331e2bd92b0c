"""Chat answers as they go over the wire, streamed and whole."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from voiced.testing.http.catalogue import CREATED, thinks
from voiced.testing.http.responses_outputs import Refuse
from voiced.testing.http.script import CallTool, Finish, Output, Pause, Say, text_of
from voiced.testing.loopback.usage import CACHE_BLOCK, IMAGE_TOKENS, text_tokens

Chunk = dict[str, Any]
Step = Chunk | Pause

DONE: Final = b"data: [DONE]\n\n"
TOKENS_PER_MESSAGE: Final = 4
OBFUSCATION_BLOCK: Final = 16
"""Streamed chunks are padded to a multiple of this, so that their length tells nothing; the real server does so too."""

_OF_CHAT: Final = (Say, Refuse, Pause, CallTool, Finish)


def sse(data: dict[str, Any]) -> bytes:
    """One event of a stream."""
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


class Answer:
    """One answer, of which `number` makes the ids. `replies`: the outputs of each choice, as many as `n` asks for.

    Raises ValueError for an output that a chat does not have.
    """

    def __init__(self, replies: Sequence[Sequence[Output]], body: dict[str, Any], number: int) -> None:
        self._body = body
        self._number = number
        self._choices = [_Choice(index, outputs, body, number) for index, outputs in enumerate(replies)]

    @property
    def pause_s(self) -> float:
        """All pauses together."""
        return max(choice.pause_s for choice in self._choices)

    def whole(self) -> dict[str, Any]:
        """The body of an answer that is not streamed."""
        choices = [choice.whole() for choice in self._choices]
        return self._frame("chat.completion") | {"choices": choices, "usage": self.usage()}

    def stream(self) -> Iterator[Step]:
        """The chunks of a streamed answer, and the pauses between them; `DONE` comes after the last."""
        options = self._body.get("stream_options") or {}
        counted, padded = bool(options.get("include_usage")), options.get("include_obfuscation", True)
        frame = self._frame("chat.completion.chunk")

        def chunk(choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> Chunk:
            made = frame | {"choices": choices} | ({"usage": usage} if counted else {})
            return made | {"obfuscation": _padding(made)} if padded else made

        for steps in itertools.zip_longest(*(choice.stream() for choice in self._choices)):
            for step in steps:  # the choices are written at one time
                if isinstance(step, Pause):
                    yield step
                elif step is not None:
                    yield chunk([step])
        if counted:
            yield chunk([], self.usage())

    def usage(self) -> dict[str, Any]:
        """Plausible counts of tokens."""
        prompt = sum(_tokens_of(message) for message in self._body["messages"])
        prompt += text_tokens(json.dumps(self._body["tools"])) if self._body.get("tools") else 0
        said = sum(choice.tokens for choice in self._choices)
        thought = 64 if thinks(self._body["model"], self._body.get("reasoning_effort")) else 0
        return {
            "prompt_tokens": prompt,
            "completion_tokens": said + thought,
            "total_tokens": prompt + said + thought,
            "prompt_tokens_details": {"cached_tokens": (prompt // CACHE_BLOCK * CACHE_BLOCK) // 2, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": thought,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def _frame(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self._number:029d}",
            "object": kind,
            "created": CREATED,
            "model": self._body["model"],
            "service_tier": "default",
            "system_fingerprint": "fp_loopback",
        }


class _Choice:
    """One of the answers that were asked for."""

    def __init__(self, index: int, outputs: Sequence[Output], body: dict[str, Any], number: int) -> None:
        for output in outputs:
            if not isinstance(output, _OF_CHAT):
                raise ValueError(f"a chat has no {type(output).__name__}")
        self._index = index
        self._outputs = outputs
        self._body = body
        self._number = number
        self._calls = [output for output in outputs if isinstance(output, CallTool)]
        self._text = "".join(output.text for output in outputs if isinstance(output, Say))
        self._refusal = "".join(output.text for output in outputs if isinstance(output, Refuse))

    @property
    def pause_s(self) -> float:
        return sum(output.seconds for output in self._outputs if isinstance(output, Pause))

    @property
    def tokens(self) -> int:
        calls = sum(text_tokens(call.name + call.arguments) for call in self._calls)
        return text_tokens(self._text) + text_tokens(self._refusal) + calls

    def whole(self) -> dict[str, Any]:
        """The choice of an answer that is not streamed."""
        message: dict[str, Any] = {
            "role": "assistant",
            "content": self._text or None,
            "refusal": self._refusal or None,
            "annotations": [],
        }
        if self._calls:
            message["tool_calls"] = [
                {
                    "id": self._call_id(place),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for place, call in enumerate(self._calls)
            ]
        elif not self._text and not self._refusal:
            message["content"] = ""
        said = [piece for output in self._outputs if isinstance(output, Say) for piece in output.cut()]
        refused = [piece for output in self._outputs if isinstance(output, Refuse) for piece in Say(output.text).cut()]
        logprobs = self._logprobs(said, refused)
        return {"index": self._index, "message": message, "logprobs": logprobs, "finish_reason": self._reason}

    def stream(self) -> Iterator[dict[str, Any] | Pause]:
        """The choice of each chunk, and the pauses between them."""
        for step in self._deltas():
            if isinstance(step, Pause):
                yield step
                continue
            said, refused = step.get("content"), step.get("refusal")
            logprobs = self._logprobs([said] if said else [], [refused] if refused else [])
            yield {"index": self._index, "delta": step, "logprobs": logprobs, "finish_reason": None}
        yield {"index": self._index, "delta": {}, "logprobs": None, "finish_reason": self._reason}

    @property
    def _reason(self) -> str:
        for output in self._outputs:
            if isinstance(output, Finish):
                return output.reason
        return "tool_calls" if self._calls else "stop"

    def _deltas(self) -> Iterator[dict[str, Any] | Pause]:
        """As the real server: the role comes with an empty text, with the one call, or before several calls."""
        said = self._text or self._refusal
        role: dict[str, Any] = {"role": "assistant", "content": "" if said else None, "refusal": None}
        if said or len(self._calls) != 1:
            yield role if said or self._calls else role | {"content": ""}
            role = {}
        places = itertools.count()
        for output in self._outputs:
            match output:
                case Pause():
                    yield output
                case Say():
                    yield from ({"content": piece} for piece in output.cut())
                case Refuse():
                    yield from ({"refusal": piece} for piece in Say(output.text).cut())
                case CallTool():
                    place = next(places)
                    opened = {"name": output.name, "arguments": ""}
                    call = {"index": place, "id": self._call_id(place), "type": "function", "function": opened}
                    yield role | {"tool_calls": [call]}
                    for piece in output.cut():
                        yield {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}
                case _:
                    pass

    def _logprobs(self, said: Sequence[str], refused: Sequence[str]) -> dict[str, Any] | None:
        """Of pieces, as if each was a token."""
        if not self._body.get("logprobs") or not (said or refused):
            return None
        most = self._body.get("top_logprobs") or 0
        return {
            "content": [_logprob(piece, most) for piece in said] or None,
            "refusal": [_logprob(piece, most) for piece in refused] or None,
        }

    def _call_id(self, place: int) -> str:
        given = self._calls[place].call_id
        return f"call_{self._number:018d}{self._index:02d}{place:04d}" if given is None else given


def _logprob(token: str, most: int) -> dict[str, Any]:
    """`most`: so many tokens that could have stood there, itself among them, each half as likely as the one before."""
    others = [token, *(f"{token}{number}" for number in range(1, most))][:most]
    top = [_bare_logprob(other, place) for place, other in enumerate(others)]
    return {**_bare_logprob(token, 0), "top_logprobs": top}


def _bare_logprob(token: str, place: int) -> dict[str, Any]:
    return {"token": token, "logprob": -math.log(2) * (place + 1), "bytes": list(token.encode())}


def _padding(chunk: Chunk) -> str:
    return "x" * (OBFUSCATION_BLOCK - len(json.dumps(chunk)) % OBFUSCATION_BLOCK)


def _tokens_of(message: dict[str, Any]) -> int:
    parts = message.get("content")
    images = sum(part["type"] == "image_url" for part in parts) if isinstance(parts, list) else 0
    calls = json.dumps(message["tool_calls"]) if message.get("tool_calls") else ""
    return TOKENS_PER_MESSAGE + text_tokens(text_of(message)) + text_tokens(calls) + images * IMAGE_TOKENS
