"""What may be asked of the models that draw, as far as they are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from voiced.ai.models import SHUTDOWN
from voiced.errors import ModelUnknown, RequestRejected

Drawing = Literal["generate", "edit", "vary"]

SUCCESSOR: Final = "gpt-image-2"
"""Named to whoever asks for a model that is gone."""

MOST_PICTURES: Final = 10
"""In one answer."""

_MIB: Final = 1024 * 1024
_SIZE: Final = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
_GPT_OPTIONS: Final = frozenset(
    {"background", "output_format", "output_compression", "moderation", "input_fidelity", "partial_images"}
)


@dataclass(frozen=True, slots=True)
class Family:
    """Models that take the same.

    `does`: of what there is to do. `options`: beside the prompt, the pictures, `n`, `size` and `user`. `fits`: whether
    a size is one; `sizes` says which are. `most`: pictures at once. `longest`: characters of a prompt. `most_images`,
    `most_bytes`: of pictures to be changed, `most_bytes` of each.
    """

    does: frozenset[Drawing]
    options: frozenset[str]
    sizes: str
    fits: Callable[[str], bool]
    qualities: Sequence[str]
    longest: int
    most: int = MOST_PICTURES
    most_images: int = 16
    most_bytes: int = 50 * _MIB


def _one_of(*sizes: str) -> tuple[str, Callable[[str], bool]]:
    return ", ".join(sizes), lambda size: size in sizes


def _fits_freely(size: str) -> bool:
    """developers.openai.com/api/docs/guides/image-generation"""
    if size == "auto":
        return True
    found = _SIZE.fullmatch(size)
    if found is None:
        return False
    short, long = sorted((int(found[1]), int(found[2])))
    return not short % 16 and not long % 16 and long <= 3 * short and long <= 3840 and short * long <= 3840 * 2160


_FREELY: Final = (
    "auto, 1024x1024, 1536x1024, 1024x1536, or WIDTHxHEIGHT: both divisible by 16, neither more than thrice the other, "
    "at most 3840x2160",
    _fits_freely,
)
_PLAIN_QUALITIES: Final = ("auto", "low", "medium", "high")
_BOTH: Final[frozenset[Drawing]] = frozenset({"generate", "edit"})

_FAMILIES: Final[Sequence[tuple[re.Pattern[str], Family]]] = (
    (
        re.compile(r"dall-e-2"),
        Family(
            frozenset({"generate", "edit", "vary"}),
            frozenset({"response_format"}),
            *_one_of("256x256", "512x512", "1024x1024"),
            qualities=(),
            longest=1000,
            most_images=1,
            most_bytes=4 * _MIB,
        ),
    ),
    (
        re.compile(r"dall-e-3"),
        Family(
            frozenset({"generate"}),
            frozenset({"response_format", "style", "quality"}),
            *_one_of("1024x1024", "1792x1024", "1024x1792"),
            qualities=("standard", "hd"),
            longest=4000,
            most=1,
        ),
    ),
    (
        re.compile(r"(gpt-image-1(\.5)?(-mini)?|chatgpt-image-latest)(-\d{4}-\d{2}-\d{2})?"),
        Family(
            _BOTH,
            _GPT_OPTIONS | {"quality"},
            *_one_of("auto", "1024x1024", "1536x1024", "1024x1536"),
            qualities=_PLAIN_QUALITIES,
            longest=32_000,
        ),
    ),
    (
        re.compile(r"gpt-image-2(-\d{4}-\d{2}-\d{2})?"),
        Family(_BOTH, _GPT_OPTIONS | {"quality"}, *_FREELY, qualities=_PLAIN_QUALITIES, longest=32_000),
    ),
    (
        re.compile(r"gpt-image-.+"),
        Family(
            _BOTH, _GPT_OPTIONS | {"quality"}, *_FREELY, qualities=(*_PLAIN_QUALITIES, "xhigh", "max"), longest=32_000
        ),
    ),
)

_OTHERS: Final = Family(
    frozenset({"generate", "edit", "vary"}),
    _GPT_OPTIONS | {"quality", "style", "response_format"},
    "WIDTHxHEIGHT, such as 1024x1024",
    lambda size: size == "auto" or _SIZE.fullmatch(size) is not None,
    qualities=(),
    longest=1_000_000,
)
"""Models that are not OpenAI's: their server knows."""

_INSTEAD: Final[Mapping[str, str]] = {
    "style": "say it in the prompt",
    "response_format": "its pictures come as bytes",
    "quality": "it has one alone",
    "background": "a gpt-image model does",
    "output_format": "a gpt-image model does",
    "output_compression": "a gpt-image model does",
    "moderation": "a gpt-image model does",
    "input_fidelity": "a gpt-image model does",
    "partial_images": "a gpt-image model does",
}
_NAMES: Final[Mapping[str, str]] = {
    "output_format": "format", "output_compression": "compression", "input_fidelity": "fidelity",
    "partial_images": "partial pictures",
}  # fmt: skip
"""What is called otherwise here."""

_VALUES: Final[Mapping[str, Sequence[str]]] = {
    "style": ("vivid", "natural"),
    "background": ("auto", "opaque", "transparent"),
    "output_format": ("png", "jpeg", "webp"),
    "response_format": ("url", "b64_json"),
    "moderation": ("auto", "low"),
    "input_fidelity": ("low", "high"),
}


def family_of(model: str) -> Family:
    """What is known of `model`; little where it is not OpenAI's."""
    return next((family for pattern, family in _FAMILIES if pattern.fullmatch(model)), _OTHERS)


def is_of_openai(model: str) -> bool:
    """Whether `model` is one of those that OpenAI has or had."""
    return family_of(model) is not _OTHERS


def judge(drawing: Drawing, model: str, options: Mapping[str, Any], *, at_openai: bool) -> None:
    """Raise RequestRejected where `model` takes no such options, and ModelUnknown where it can't do this at all.

    `options` are named as the API has them, with `prompt`. `at_openai`: where models that are gone are gone.
    """
    family = family_of(model)
    if at_openai and model in ("dall-e-2", "dall-e-3"):
        raise gone(drawing, model)
    if drawing not in family.does:
        raise gone(drawing, model) if drawing == "vary" else _unable(model)
    for name, value in options.items():
        if name in _INSTEAD and name not in family.options:
            raise _rejected(f"{model} takes no {_NAMES.get(name, name)}: leave it out; {_INSTEAD[name]}")
        known = family.qualities if name == "quality" else _VALUES.get(name, ())
        if known and family is not _OTHERS and value not in known:
            raise _rejected(f"{_NAMES.get(name, name)} {value!r}: {model} takes {', '.join(known)}")
    _judge_amounts(model, family, options)
    _judge_format(options)


def gone(drawing: Drawing, model: str) -> ModelUnknown:
    """Why nothing is to be had of `model`, and what to do instead."""
    since = f"{SHUTDOWN['dall-e-2']:%Y-%m-%d}"
    if drawing == "vary":
        return ModelUnknown(
            f"images: {model} makes no variations, which are gone at OpenAI since {since}: use images.edit with "
            f"{SUCCESSOR}, and say in the prompt what shall be different",
            cause="settings",
        )
    return ModelUnknown(f"images: {model} is gone at OpenAI since {since}: use {SUCCESSOR}", cause="settings")


def _unable(model: str) -> ModelUnknown:
    return ModelUnknown(f"images: {model} changes no pictures: use {SUCCESSOR}", cause="settings")


def _judge_amounts(model: str, family: Family, options: Mapping[str, Any]) -> None:
    count, size = options.get("n", 1), options.get("size", "auto")
    if not isinstance(count, int) or not 1 <= count <= family.most:
        raise _rejected(f"n is {count}: {model} draws 1{f' to {family.most}' if family.most > 1 else ''} at a time")
    if "size" in options and not (isinstance(size, str) and family.fits(size)):
        raise _rejected(f"size {size!r}: {model} takes {family.sizes}")
    if len(options.get("prompt", "")) > family.longest:
        raise _rejected(
            f"the prompt has {len(options['prompt'])} characters: {model} reads {family.longest}; make it shorter"
        )


def _judge_format(options: Mapping[str, Any]) -> None:
    kind = options.get("output_format", "png")
    compression = options.get("output_compression")
    if compression is not None:
        if not isinstance(compression, int) or not 0 <= compression <= 100:
            raise _rejected(f"compression {compression!r}: give a percentage from 0 to 100")
        if kind == "png":
            raise _rejected("compression is for the formats jpeg and webp: name one, or leave it out")
    if options.get("background") == "transparent" and kind == "jpeg":
        raise _rejected("a transparent background needs the format png or webp: jpeg has none")


def _rejected(why: str) -> RequestRejected:
    return RequestRejected(f"images: {why}")
