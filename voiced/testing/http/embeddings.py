"""Embeddings: what may be asked for, and vectors that are near where texts have words in common."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

from voiced.testing.http.catalogue import Catalogue
from voiced.testing.http.refusal import Refusal, bad_request
from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import Check, anything, integer, obj, one_of, string
from voiced.testing.loopback.rejection import Rejection
from voiced.testing.loopback.usage import text_tokens

MOST_INPUTS: Final = 2048
MOST_TOKENS: Final = 8192
"""Of one input."""

MOST_TOKENS_TOGETHER: Final = 300_000

DIMENSIONS: Final = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}

_SHAPES: Final[dict[str, Check]] = {
    "model": string(),
    "input": anything,
    "encoding_format": one_of("float", "base64"),
    "dimensions": integer(1),
    "user": string(),
}
_SHAPE: Final = obj(_SHAPES, "input")

PARAMETERS: Final = frozenset(_SHAPES)
"""All that a request may have."""


def check(body: Any, catalogue: Catalogue) -> dict[str, Any]:
    """The request when it is right. Raises `Refusal`."""
    if not isinstance(body, dict):
        raise bad_request("We could not parse the JSON body of your request: it is not an object.")
    catalogue.judge(body.get("model"), "embeddings")
    try:
        _SHAPE(body, "")
    except Rejection as why:
        raise Refusal(400, why) from None
    _input(body["input"])
    _dimensions(body)
    return body


def texts(body: dict[str, Any]) -> list[str]:
    """What is to be embedded; tokens as numbers with blanks between, for nothing here can read them."""
    return [each if isinstance(each, str) else " ".join(map(str, each)) for each in _members(body["input"])]


def answer(vectors: Sequence[Sequence[float]], body: dict[str, Any]) -> dict[str, Any]:
    """The answer with these vectors, of any length, as long as was asked for and of length 1."""
    wanted = body.get("dimensions") or DIMENSIONS.get(body["model"], 1536)
    encode: Callable[[Sequence[float]], Any] = _base64 if body.get("encoding_format") == "base64" else list
    tokens = sum(_tokens(each) for each in _members(body["input"]))
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": encode(_unit(vector, wanted))}
            for index, vector in enumerate(vectors)
        ],
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def of_words(text: str) -> Sequence[float]:
    """A vector in which each word of `text` has a place of its own, whatever its case: no model of meaning."""
    vector = [0.0] * min(DIMENSIONS.values())
    for word in re.findall(r"\w+", text.lower()) or [text]:
        vector[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % len(vector)] += 1.0
    return vector


def _input(given: Any) -> None:
    if isinstance(given, list):
        if not given:
            raise bad_request("Invalid 'input': input cannot be an empty array.", "input", "invalid_value")
        if len(given) > MOST_INPUTS:
            message = (
                f"Invalid 'input': array too long. Expected an array with maximum length {MOST_INPUTS}, but got an "
                f"array with length {len(given)} instead."
            )
            raise bad_request(message, "input", "array_above_max_length")
    members = _members(given)
    for index, member in enumerate(members):
        path = "input" if members[0] is given else f"input[{index}]"
        if type(member) is not type(members[0]) or not (isinstance(member, str) or _are_tokens(member)):
            raise Refusal(400, rejection.wrong_type(path, "a string or an array of tokens", member))
        if not member:
            raise bad_request(f"Invalid '{path}': input cannot be an empty string.", "input", "invalid_value")
        if _tokens(member) > MOST_TOKENS:
            message = f"Invalid '{path}': maximum context length is {MOST_TOKENS} tokens."
            raise bad_request(message, "input", "invalid_value")
    if sum(_tokens(member) for member in members) > MOST_TOKENS_TOGETHER:
        message = f"Invalid 'input': maximum request size is {MOST_TOKENS_TOGETHER} tokens per request."
        raise bad_request(message, "input", "max_tokens_per_request")


def _dimensions(body: dict[str, Any]) -> None:
    if "dimensions" not in body or (most := DIMENSIONS.get(body["model"])) is None:
        return
    if body["model"] == "text-embedding-ada-002":
        raise bad_request("This model does not support specifying dimensions.", "dimensions")
    if body["dimensions"] > most:
        raise Refusal(400, rejection.above("dimensions", "integer", most, body["dimensions"]))


def _members(given: Any) -> list[Any]:
    """An array of numbers is one input."""
    return given if isinstance(given, list) and not _are_tokens(given) else [given]


def _are_tokens(given: Any) -> bool:
    return (
        isinstance(given, list)
        and bool(given)
        and all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in given)
    )


def _tokens(member: str | list[int]) -> int:
    return text_tokens(member) if isinstance(member, str) else len(member)


def _unit(vector: Sequence[float], dimensions: int) -> list[float]:
    """`vector` cut or filled with zeros to `dimensions`, and of length 1, as single precision has it."""
    cut = [*vector[:dimensions], *[0.0] * (dimensions - len(vector))]
    length = math.hypot(*cut)
    if not length:
        cut[0] = length = 1.0
    return list(struct.unpack(f"<{dimensions}f", struct.pack(f"<{dimensions}f", *(each / length for each in cut))))


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
