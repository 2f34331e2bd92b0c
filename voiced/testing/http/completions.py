"""Completions of a prompt: what may be asked for, and what comes after it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from voiced.testing.http.catalogue import CREATED
from voiced.testing.http.chat_answer import DONE, sse
from voiced.testing.http.chat_request import filled
from voiced.testing.http.emission import EVENTS, Emission, whole
from voiced.testing.http.refusal import Refusal, bad_request
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.script import Asked, Finish, Output, Pause, Say, ScriptExhausted
from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import (
    Check,
    any_object,
    anything,
    boolean,
    either,
    integer,
    nullable,
    number,
    obj,
    string,
)
from voiced.testing.loopback.rejection import Rejection
from voiced.testing.loopback.usage import text_tokens

Choice = dict[str, Any]

MOST_PROMPTS: Final = 2048

_SHAPES: Final[dict[str, Check]] = {
    "model": string(),
    "prompt": anything,
    "best_of": nullable(integer(0, 20)),
    "echo": nullable(boolean),
    "frequency_penalty": nullable(number(-2, 2)),
    "logit_bias": nullable(any_object),
    "logprobs": nullable(integer(0, 5)),
    "max_tokens": nullable(integer(0)),
    "n": nullable(integer(1, 128)),
    "presence_penalty": nullable(number(-2, 2)),
    "seed": nullable(integer(-(2**63), 2**63 - 1)),
    "stop": nullable(either(string(), filled(string(), 4))),
    "stream": nullable(boolean),
    "stream_options": nullable(obj({"include_usage": boolean, "include_obfuscation": boolean})),
    "suffix": nullable(string()),
    "temperature": nullable(number(0, 2)),
    "top_p": nullable(number(0, 1)),
    "user": string(),
}
_SHAPE: Final = obj(_SHAPES, "prompt")

PARAMETERS: Final = frozenset(_SHAPES)
"""All that a request may have."""


def _create(request: Request, world: World) -> Emission:
    body = _checked(request.body, world)
    number = world.new_id("cmpl-")
    texts: list[_Text] = []
    try:
        for prompt, _ in itertools.product(_prompts(body), range(body.get("n") or 1)):
            asked = Asked({**body, "messages": [{"role": "user", "content": prompt}]})
            texts.append(_Text(len(texts), prompt, world.script.reply(asked), body))
    except (ScriptExhausted, ValueError) as error:
        raise Refusal(500, Rejection(str(error), "script_exhausted", kind="loopback_error")) from error
    frame = {
        "id": number,
        "object": "text_completion",
        "created": CREATED,
        "model": body["model"],
        "system_fingerprint": "fp_loopback",
    }
    usage = _usage(body, texts)
    if body.get("stream"):
        return Emission(EVENTS, _streamed(frame, texts, usage, body, world))
    complete = whole(frame | {"choices": [text.whole() for text in texts], "usage": usage})
    pause = Pause(world.pace.chat_s + max(text.pause_s for text in texts))
    return Emission(complete.content_type, (pause, *complete.pieces), streamed=False)


def _streamed(
    frame: dict[str, Any], texts: Sequence[_Text], usage: dict[str, Any], body: dict[str, Any], world: World
) -> Iterator[bytes | Pause]:
    counted = bool((body.get("stream_options") or {}).get("include_usage"))
    yield Pause(world.pace.chat_s)
    for step in itertools.chain.from_iterable(itertools.zip_longest(*(text.stream() for text in texts))):
        if isinstance(step, Pause):
            yield step
        elif step is not None:
            yield sse(frame | {"choices": [step]} | ({"usage": None} if counted else {}))
            yield Pause(world.pace.piece_s)
    if counted:
        yield sse(frame | {"choices": [], "usage": usage})
    yield DONE


class _Text:
    """One text that comes after a prompt."""

    def __init__(self, index: int, prompt: str, outputs: Sequence[Output], body: dict[str, Any]) -> None:
        for output in outputs:
            if not isinstance(output, Say | Pause | Finish):
                raise ValueError(f"a completion has no {type(output).__name__}")
        self._index = index
        self._outputs = [Say(prompt), *outputs] if body.get("echo") else outputs
        self._most = body.get("logprobs")

    @property
    def pause_s(self) -> float:
        return sum(output.seconds for output in self._outputs if isinstance(output, Pause))

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def whole(self) -> Choice:
        reason = next((output.reason for output in self._outputs if isinstance(output, Finish)), "stop")
        return self._choice(self._pieces, 0, reason)

    def stream(self) -> Iterator[Choice | Pause]:
        at = 0
        for output in self._outputs:
            if isinstance(output, Pause):
                yield output
            for piece in output.cut() if isinstance(output, Say) else ():
                yield self._choice([piece], at, None)
                at += len(piece)
        yield self._choice([], at, self.whole()["finish_reason"])

    @property
    def _pieces(self) -> list[str]:
        return [piece for output in self._outputs if isinstance(output, Say) for piece in output.cut()]

    def _choice(self, pieces: Sequence[str], at: int, reason: str | None) -> Choice:
        """`at`: how many characters came before."""
        logprobs = None if self._most is None or not pieces else _logprobs(pieces, at, self._most)
        return {"text": "".join(pieces), "index": self._index, "logprobs": logprobs, "finish_reason": reason}


def _logprobs(pieces: Sequence[str], at: int, most: int) -> dict[str, Any]:
    """Of pieces, as if each was a token."""
    offsets = itertools.accumulate(map(len, pieces[:-1]), initial=at)
    top = [{f"{piece}{place or ''}": -math.log(2) * (place + 1) for place in range(most)} for piece in pieces]
    return {
        "tokens": list(pieces),
        "token_logprobs": [-math.log(2)] * len(pieces),
        "top_logprobs": top,
        "text_offset": list(offsets),
    }


def _checked(body: Any, world: World) -> dict[str, Any]:
    """The request when it is right. Raises `Refusal`."""
    if not isinstance(body, dict):
        raise bad_request("We could not parse the JSON body of your request: it is not an object.")
    world.catalogue.judge(body.get("model"), "completions")
    try:
        _SHAPE(body, "")
    except Rejection as why:
        raise Refusal(400, why) from None
    _judge_prompt(body["prompt"])
    if body.get("stream_options") is not None and not body.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise bad_request(message, "stream_options")
    if body.get("best_of") is not None:
        if body["best_of"] < (body.get("n") or 1):
            raise bad_request("You requested that the server return more choices than it will generate.", "best_of")
        if body.get("stream") and body["best_of"] > 1:
            raise bad_request("Streaming is not supported when 'best_of' is greater than 1.", "best_of")
    if body.get("suffix") and body.get("echo"):
        raise bad_request("'echo' is not supported together with 'suffix'.", "echo")
    return body


def _judge_prompt(prompt: Any) -> None:
    if prompt is None or isinstance(prompt, str):
        return
    if not isinstance(prompt, list):
        raise Refusal(400, rejection.wrong_type("prompt", "a string or an array", prompt))
    if not prompt:
        raise bad_request("Invalid 'prompt': array must not be empty.", "prompt", "empty_array")
    if len(prompt) > MOST_PROMPTS:
        message = f"Invalid 'prompt': array too long. Expected an array with maximum length {MOST_PROMPTS}."
        raise bad_request(message, "prompt", "array_above_max_length")
    kinds = {type(member) for member in prompt}
    tokens = all(_is_token(token) for member in prompt if isinstance(member, list) for token in member)
    if len(kinds) > 1 or not kinds <= {str, int, list} or not tokens:
        raise Refusal(400, rejection.wrong_type("prompt", "an array of strings or of tokens", prompt))


def _prompts(body: dict[str, Any]) -> list[str]:
    """Tokens as numbers with blanks between, for nothing here can read them."""
    given = body["prompt"]
    if given is None or isinstance(given, str):
        return [given or ""]
    if _is_token(given[0]):
        given = [given]
    return [each if isinstance(each, str) else " ".join(map(str, each)) for each in given]


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _usage(body: dict[str, Any], texts: Sequence[_Text]) -> dict[str, Any]:
    prompt = sum(map(text_tokens, _prompts(body)))
    said = sum(text_tokens(text.text) for text in texts)
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}


ROUTES: Final = (Route("POST", "completions", "completions", _create, takes="json"),)
