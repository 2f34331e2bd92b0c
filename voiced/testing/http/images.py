"""Pictures that are drawn, changed and varied: what may be asked for, and what comes back."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from voiced.ai.picture_header import PictureHeader, read_header
from voiced.testing.http.catalogue import MODELS
from voiced.testing.http.emission import EVENTS, Emission, named_event, of_bytes, whole
from voiced.testing.http.form import Part
from voiced.testing.http.pictures import Format, picture
from voiced.testing.http.refusal import Refusal, bad_request, no_such_url
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.script import Pause
from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import Check, boolean, integer, nullable, obj, one_of, string
from voiced.testing.loopback.rejection import Rejection
from voiced.testing.loopback.usage import text_tokens

_MIB: Final = 1024 * 1024

MOST_BYTES: Final = 50 * _MIB
"""Of one picture for a gpt-image model."""

MOST_BYTES_OF_OLD: Final = 4 * _MIB
"""Of a picture for dall-e-2, of a mask, and of what is to be varied."""

MOST_IMAGES: Final = 16

LASTS_S: Final = 3600.0
"""An address of a picture is good for so long, by the loop's clock."""

IMAGE_TOKENS_IN: Final = 323
"""Of any picture; the real number depends on its size."""

_PIXELS: Final = 1024 * 1024
_TOKENS: Final = {"low": 272, "medium": 1056, "high": 4160, "xhigh": 6240, "max": 8320}
"""For a square of 1024 pixels."""

_SIZE: Final = re.compile(r"(\d{2,5})x(\d{2,5})")
_OLD_SIZES: Final = ("256x256", "512x512", "1024x1024")
_WIDE_SIZES: Final = ("1024x1024", "1792x1024", "1024x1792")
_GPT_SIZES: Final = ("1024x1024", "1024x1536", "1536x1024", "auto")

_COMMON: Final[dict[str, Check]] = {
    "model": nullable(string()),
    "prompt": string(),
    "background": nullable(one_of("transparent", "opaque", "auto")),
    "n": nullable(integer(1, 10)),
    "output_compression": nullable(integer(0, 100)),
    "output_format": nullable(one_of("png", "jpeg", "webp")),
    "partial_images": nullable(integer(0, 3)),
    "response_format": nullable(one_of("url", "b64_json")),
    "size": nullable(string()),
    "stream": nullable(boolean),
    "user": string(),
}
_GENERATE: Final[dict[str, Check]] = {
    **_COMMON,
    "moderation": nullable(one_of("low", "auto")),
    "quality": nullable(one_of("standard", "hd", "low", "medium", "high", "auto", "xhigh", "max")),
    "style": nullable(one_of("vivid", "natural")),
}
_EDIT: Final[dict[str, Check]] = {
    **_COMMON,
    "input_fidelity": one_of("high", "low"),
    "quality": nullable(one_of("standard", "low", "medium", "high", "auto", "xhigh", "max")),
}
_VARY: Final[dict[str, Check]] = {
    "model": string(),
    "n": integer(1, 10),
    "response_format": one_of("url", "b64_json"),
    "size": one_of(*_OLD_SIZES),
    "user": string(),
}

GENERATE_PARAMETERS: Final = frozenset(_GENERATE)
EDIT_PARAMETERS: Final = frozenset({*_EDIT, "image", "mask"})
VARY_PARAMETERS: Final = frozenset({*_VARY, "image"})
"""All that a request may have."""

_NUMBERS: Final = ("n", "output_compression", "partial_images")
_GPT_ONLY: Final = frozenset(
    {"background", "output_compression", "output_format", "partial_images", "stream", "moderation", "input_fidelity"}
)

Action = Literal["generations", "edits", "variations"]


class Drawn:
    """The pictures that have an address: by its last part, and until when."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, float]] = {}


@dataclass(frozen=True, slots=True)
class _Picture:
    """A file of a form that is one."""

    header: PictureHeader
    size: int


def _generate(request: Request, world: World) -> Emission:
    body = request.body
    if not isinstance(body, dict):
        raise bad_request("We could not parse the JSON body of your request: it is not an object.")
    _judge_shape(body, _GENERATE, "prompt")
    _judge_model(body, world, "generations")
    return _answered(body, request, world, "image_generation", ())


def _edit(request: Request, world: World) -> Emission:
    body, files = _form(request.form, ("image", "image[]", "mask"))
    _judge_shape(body, _EDIT, "prompt")
    images = [*files["image"], *files["image[]"]]
    if not images:
        raise Refusal(400, rejection.missing("image"))
    _judge_model(body, world, "edits")
    old = body["model"] == "dall-e-2"
    most = 1 if old else MOST_IMAGES
    if len(images) > most:
        message = f"Invalid 'image': array too long. Expected an array with maximum length {most}."
        raise bad_request(message, "image", "array_above_max_length")
    found = [_judge_image(part, "image", MOST_BYTES_OF_OLD if old else MOST_BYTES) for part in images]
    if old:
        _judge_old(found[0], "image", square=True)
    for part in files["mask"]:
        mask = _judge_image(part, "mask", MOST_BYTES_OF_OLD)
        if mask.header.kind != "png" or not mask.header.alpha:
            raise _bad_mask("mask image must be a PNG with an alpha channel")
        if (mask.header.width, mask.header.height) != (found[0].header.width, found[0].header.height):
            raise _bad_mask("mask size does not match image size")
    return _answered(body, request, world, "image_edit", found)


def _vary(request: Request, world: World) -> Emission:
    body, files = _form(request.form, ("image",))
    if body.get("model", "dall-e-2") in (*MODELS, "dall-e-2", "dall-e-3"):
        raise no_such_url("POST", "/v1/images/variations")
    _judge_shape(body, _VARY)
    if len(files["image"]) != 1:
        raise Refusal(400, rejection.missing("image"))
    world.catalogue.judge(body["model"], "images")
    found = _judge_image(files["image"][0], "image", MOST_BYTES_OF_OLD)
    _judge_old(found, "image", square=True)
    return _answered({"prompt": "", **body}, request, world, "image_generation", [found])


def _look(request: Request, world: World) -> Emission:
    """A picture at its address. Its server is another one than the API's: it wants no key, and takes none."""
    data, until = world.of(Drawn).files.get(request.ids["name"], (b"", 0.0))
    if asyncio.get_running_loop().time() >= until:
        raise Refusal(403, Rejection("Server failed to authenticate the request: the signature has expired."))
    return of_bytes(data, f"image/{request.ids['name'].rsplit('.')[-1]}")


# What may be asked for.


def _judge_shape(body: Mapping[str, Any], shape: Mapping[str, Check], *required: str) -> None:
    try:
        obj(shape, *required)(body, "")
    except Rejection as why:
        raise Refusal(400, why) from None


def _judge_model(body: dict[str, Any], world: World, action: Action) -> None:
    body["model"] = model = body.get("model") or ("dall-e-2" if action == "generations" else "gpt-image-1.5")
    world.catalogue.judge(model, "images")
    if not body["prompt"]:
        raise bad_request("Invalid 'prompt': it must not be empty.", "prompt", "invalid_value")
    if model == "dall-e-2":
        _judge_old_model(body, action, 1000, _OLD_SIZES, frozenset({"style", "quality"}))
    elif model == "dall-e-3":
        if action == "edits":
            raise bad_request("Value must be 'dall-e-2'.", "model", "invalid_value")
        _judge_old_model(body, action, 4000, _WIDE_SIZES, frozenset())
        _judge_value(body, "quality", ("standard", "hd"))
        if (body.get("n") or 1) > 1:
            raise Refusal(400, rejection.above("n", "integer", 1, body["n"]))
    elif is_gpt_image(model):
        _judge_gpt_image(body)


def _judge_old_model(
    body: Mapping[str, Any], action: Action, longest: int, sizes: Sequence[str], unknown: frozenset[str]
) -> None:
    _refuse(body, _GPT_ONLY | unknown if action == "generations" else _GPT_ONLY)
    _judge_length(body["prompt"], longest)
    _judge_value(body, "size", sizes)


def _judge_gpt_image(body: Mapping[str, Any]) -> None:
    model = body["model"]
    _refuse(body, frozenset({"style", "response_format"}))
    _judge_length(body["prompt"], 32_000)
    better = ("xhigh", "max") if re.match(r"gpt-image-2\.", model) else ()
    _judge_value(body, "quality", ("low", "medium", "high", *better, "auto"))
    if re.match(r"gpt-image-([2-9]|1\d)", model):
        _judge_free_size(body)
    else:
        _judge_value(body, "size", _GPT_SIZES)
    kind = body.get("output_format") or "png"
    if body.get("background") == "transparent" and kind == "jpeg":
        message = "Transparent background is not supported for JPEG output format."
        raise bad_request(message, "background", "invalid_value")
    if body.get("output_compression") not in (None, 100) and kind == "png":
        message = "Compression less than 100 is not supported for PNG output format."
        raise bad_request(message, "output_compression", "invalid_value")
    if body.get("partial_images") and not body.get("stream"):
        raise bad_request("'partial_images' is only supported when 'stream' is true.", "partial_images")


def _judge_free_size(body: Mapping[str, Any]) -> None:
    size = body.get("size")
    if size in (None, "auto"):
        return
    found = _SIZE.fullmatch(size)
    if found is None:
        raise Refusal(400, rejection.wrong_value("size", size, _GPT_SIZES))
    width, height = int(found[1]), int(found[2])
    if width % 16 or height % 16:
        message = "Width and height must both be divisible by 16."
    elif max(width, height) > 3 * min(width, height):
        message = "The aspect ratio must be between 1:3 and 3:1."
    elif max(width, height) > 3840 or width * height > 3840 * 2160:
        message = "The maximum supported resolution is 3840x2160."
    else:
        return
    raise bad_request(f"Invalid size '{size}'. {message}", "size", "invalid_value")


def _judge_value(body: Mapping[str, Any], name: str, known: Sequence[str]) -> None:
    if body.get(name) is not None and body[name] not in known:
        raise Refusal(400, rejection.wrong_value(name, body[name], known))


def _judge_length(prompt: str, most: int) -> None:
    if len(prompt) > most:
        raise Refusal(400, rejection.too_long("prompt", most, len(prompt)))


def _refuse(body: Mapping[str, Any], names: frozenset[str]) -> None:
    for name in body:
        if name in names:
            raise Refusal(400, rejection.unknown(name))


def _judge_image(part: Part, name: str, most: int) -> _Picture:
    if len(part.data) >= most:
        message = f"Invalid '{name}': the file is too large. It must be less than {most // _MIB} MB."
        raise Refusal(400, Rejection(message, "image_too_large", name))
    header = read_header(part.data)
    if header is None or header.kind == "gif":
        message = f"Invalid file '{name}': unsupported mimetype. Supported are 'image/jpeg', 'image/png', 'image/webp'."
        raise bad_request(message, name, "unsupported_file_mimetype")
    return _Picture(header, len(part.data))


def _judge_old(found: _Picture, name: str, *, square: bool) -> None:
    if found.header.kind != "png":
        raise bad_request("Uploaded image must be a PNG and less than 4 MB.", name, "invalid_value")
    if square and found.header.width != found.header.height:
        raise bad_request("Uploaded image must be square.", name, "invalid_value")


def _bad_mask(why: str) -> Refusal:
    return bad_request(f"Invalid mask image format - {why}", "mask", "invalid_mask_image_format")


def _form(parts: Sequence[Part], files: Sequence[str]) -> tuple[dict[str, Any], dict[str, list[Part]]]:
    """The fields, with numbers and booleans read, and the files by their names."""
    body: dict[str, Any] = {}
    found: dict[str, list[Part]] = {name: [] for name in files}
    for part in parts:
        if part.name in found:
            if part.filename is None:
                raise Refusal(400, rejection.wrong_type(part.name, "a file", ""))
            found[part.name].append(part)
        elif part.name in body:
            raise bad_request(f"Duplicate parameter: '{part.name}'.", part.name, "duplicate_parameter")
        else:
            body[part.name] = _value(part.name, part.text())
    if len(found.get("mask", ())) > 1:
        raise bad_request("Duplicate parameter: 'mask'.", "mask", "duplicate_parameter")
    return body, found


def _value(name: str, text: str) -> Any:
    if name in _NUMBERS and re.fullmatch(r"-?\d{1,9}", text):
        return int(text)
    if name == "stream" and text in ("true", "false"):
        return text == "true"
    return text


# What comes back.


def _answered(
    body: Mapping[str, Any], request: Request, world: World, event: str, images: Sequence[_Picture]
) -> Emission:
    gpt = is_gpt_image(body["model"])
    count = body.get("n") or 1
    kind: Format = body.get("output_format") or "png"
    width, height = _size(body)
    transparent = body.get("background") == "transparent"
    about = (f"{body['prompt']} {number}" for number in range(count))
    files = [picture(kind, width, height, each, transparent=transparent) for each in about]
    if gpt and body.get("stream"):
        return Emission(EVENTS, _paced(_events(body, event, files[0], images), world.pace.piece_s))
    if gpt:
        return whole(
            {
                "created": int(time.time()),
                **_told(body),
                "data": [{"b64_json": _coded(file)} for file in files],
                "usage": {
                    **_usage(body, images, count),
                    "output_tokens_details": {"image_tokens": _tokens(body) * count, "text_tokens": 0},
                },
            }
        )
    as_bytes = body.get("response_format") == "b64_json"
    found = [
        {"b64_json": _coded(file)} if as_bytes else {"url": _address(file, kind, request, world)} for file in files
    ]
    if body["model"] == "dall-e-3":
        found = [{"revised_prompt": f"A picture of this: {body['prompt']}", **each} for each in found]
    return whole({"created": int(time.time()), "data": found})


def _events(body: Mapping[str, Any], event: str, file: bytes, images: Sequence[_Picture]) -> Iterator[dict[str, Any]]:
    told = {"created_at": int(time.time()), **_told(body)}
    for index in range(body.get("partial_images") or 0):
        yield {
            "type": f"{event}.partial_image", "b64_json": _coded(file), **told, "partial_image_index": index
        }  # fmt: skip
    yield {"type": f"{event}.completed", "b64_json": _coded(file), **told, "usage": _usage(body, images, 1)}


def _paced(events: Iterable[dict[str, Any]], pause_s: float) -> Iterator[bytes | Pause]:
    for number, event in enumerate(events):
        if number:
            yield Pause(pause_s)
        yield named_event(event)


def _told(body: Mapping[str, Any]) -> dict[str, Any]:
    """What it was drawn with: what the server chose where it was left to it."""
    width, height = _size(body)
    return {
        "background": "transparent" if body.get("background") == "transparent" else "opaque",
        "output_format": body.get("output_format") or "png",
        "quality": _quality(body),
        "size": f"{width}x{height}",
    }


def _usage(body: Mapping[str, Any], images: Sequence[_Picture], count: int) -> dict[str, Any]:
    text, image, drawn = text_tokens(body["prompt"]), IMAGE_TOKENS_IN * len(images), _tokens(body) * count
    return {
        "input_tokens": text + image,
        "input_tokens_details": {"text_tokens": text, "image_tokens": image},
        "output_tokens": drawn,
        "total_tokens": text + image + drawn,
    }


def _tokens(body: Mapping[str, Any]) -> int:
    width, height = _size(body)
    return _TOKENS[_quality(body)] * width * height // _PIXELS


def _quality(body: Mapping[str, Any]) -> str:
    asked = body.get("quality")
    return asked if asked in _TOKENS else "medium"


def _size(body: Mapping[str, Any]) -> tuple[int, int]:
    found = _SIZE.fullmatch(body.get("size") or "1024x1024")
    return (int(found[1]), int(found[2])) if found else (1024, 1024)


def _coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _address(data: bytes, kind: str, request: Request, world: World) -> str:
    name = f"{world.new_id('img-')}.{kind}"
    world.of(Drawn).files[name] = (data, asyncio.get_running_loop().time() + LASTS_S)
    return f"http://{request.headers.get('host', '127.0.0.1')}/v1/pictures/{name}"


def is_gpt_image(model: str) -> bool:
    return model.startswith(("gpt-image-", "chatgpt-image-"))


ROUTES: Final = (
    Route("POST", "images/generations", "images", _generate, takes="json"),
    Route("POST", "images/edits", "images", _edit, takes="form", most_bytes=4 * MOST_BYTES),
    Route("POST", "images/variations", "images", _vary, takes="form", most_bytes=MOST_BYTES),
    Route("GET", "pictures/{name}", "images", _look, key="none"),
)
