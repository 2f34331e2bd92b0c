"""Moderations: what may be asked, and what is found harmful."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from voiced.testing.http.emission import Emission, whole
from voiced.testing.http.refusal import Refusal, bad_request
from voiced.testing.http.route import Request, Route, World
from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import Check, anything, obj, string, tagged
from voiced.testing.loopback.rejection import Rejection

MOST_INPUTS: Final = 32
MOST_IMAGES: Final = 1
"""In one request."""

WORDS: Final[Mapping[str, str]] = {
    "harassment": "idiot|moron",
    "harassment/threatening": "you will regret",
    "hate": "vermin",
    "hate/threatening": "exterminate",
    "illicit": "shoplift",
    "illicit/violent": "bomb",
    "self-harm": "hurt myself|hurt yourself",
    "self-harm/instructions": "how to hurt yourself",
    "self-harm/intent": "want to hurt myself",
    "sexual": "naked",
    "sexual/minors": "lolita",
    "violence": "kill|stab|violence",
    "violence/graphic": "blood everywhere",
}
"""By category, what is found harmful: these words, and nothing of what they mean."""

_SEEN: Final = frozenset(
    {"self-harm", "self-harm/instructions", "self-harm/intent", "sexual", "violence", "violence/graphic"}
)
"""Categories for which pictures are looked at: here, at their address."""

_FLAGGED, _HARMLESS = 0.98, 0.0001

_SHAPES: Final[dict[str, Check]] = {"model": string(), "input": anything}
_SHAPE: Final = obj(_SHAPES, "input")
PARAMETERS: Final = frozenset(_SHAPES)
"""All that a request may have."""

_PART: Final = tagged(
    "type",
    {
        "text": obj({"type": anything, "text": string()}, "text"),
        "image_url": obj({"type": anything, "image_url": obj({"url": string()}, "url")}, "image_url"),
    },
)


def _moderate(request: Request, world: World) -> Emission:
    body = request.body
    if not isinstance(body, dict):
        raise bad_request("We could not parse the JSON body of your request: it is not an object.")
    try:
        _SHAPE(body, "")
    except Rejection as why:
        raise Refusal(400, why) from None
    model = body.get("model", "omni-moderation-latest")
    world.catalogue.judge(model, "moderations")
    results = [_result(text, seen) for text, seen in _inputs(body["input"])]
    return whole({"id": world.new_id("modr-"), "model": model, "results": results})


def _inputs(given: Any) -> list[tuple[str, str]]:
    """Of each that is to be judged: its text, and the address of its picture. Raises `Refusal`."""
    if isinstance(given, str):
        return [(given, "")]
    if not isinstance(given, list):
        raise Refusal(400, rejection.wrong_type("input", "a string or an array", given))
    if not given:
        raise bad_request("Invalid 'input': input cannot be an empty array.", "input", "invalid_value")
    if len(given) > MOST_INPUTS:
        message = (
            f"Invalid 'input': array too long. Expected an array with maximum length {MOST_INPUTS}, but got an array "
            f"with length {len(given)} instead."
        )
        raise bad_request(message, "input", "array_above_max_length")
    if all(isinstance(each, str) for each in given):
        return [(each, "") for each in given]
    return [_together(given)]


def _together(parts: Sequence[Any]) -> tuple[str, str]:
    texts, addresses = [], []
    for index, part in enumerate(parts):
        try:
            _PART(part, f"input[{index}]")
        except Rejection as why:
            raise Refusal(400, why) from None
        if part["type"] == "text":
            texts.append(part["text"])
        else:
            addresses.append(_address(part["image_url"]["url"], f"input[{index}].image_url.url"))
    if len(addresses) > MOST_IMAGES:
        message = f"Invalid 'input': too many images. Expected at most {MOST_IMAGES}, but got {len(addresses)}."
        raise bad_request(message, "input", "too_many_images")
    return " ".join(texts), " ".join(addresses)


def _address(url: str, path: str) -> str:
    if not re.match(r"https?://|data:image/(png|jpeg|webp|gif);base64,", url):
        raise bad_request(f"Invalid '{path}'. Expected a URL, or a data URL of a picture.", path, "invalid_value")
    return url if url.startswith("http") else ""


def _result(text: str, address: str) -> dict[str, Any]:
    said = {name: bool(re.search(words, text.lower())) for name, words in WORDS.items()}
    seen = {name: name in _SEEN and bool(re.search(words, address)) for name, words in WORDS.items()}
    flagged = {name: said[name] or seen[name] for name in WORDS}
    kinds = {name: ["text"] * bool(text) + ["image"] * bool(address and name in _SEEN) for name in WORDS}
    return {
        "flagged": any(flagged.values()),
        "categories": flagged,
        "category_scores": {name: _FLAGGED if flagged[name] else _HARMLESS for name in WORDS},
        "category_applied_input_types": kinds,
    }


ROUTES: Final = (Route("POST", "moderations", "moderations", _moderate, takes="json"),)
