"""`voiced api image` and `image-edit`: pictures into files, a pipe, or JSON."""

from __future__ import annotations

import base64
from argparse import Namespace
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from voiced.ai.attachments import image_kind
from voiced.cli.api import reading
from voiced.cli.api.printing import Printed, Result, check_writable, new_file, note, result, target, warn, writing
from voiced.cli.api.session import Session, session
from voiced.errors import ConfigError

if TYPE_CHECKING:
    from voiced.ai.picture import Picture

_KINDS: Final = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "webp": "webp"}
"""By the end of a file's name."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    data: bytes = field(repr=False)
    revised_prompt: str = field(repr=False)

    @property
    def facts(self) -> dict[str, str]:
        return {"kind": image_kind(self.data), "revised_prompt": self.revised_prompt}


def image(arguments: Namespace, out: TextIO) -> int:
    prompt = reading.text(arguments.text, "prompt")
    return _draw(arguments, out, lambda api, options: api.ai.images.generate(prompt, **options))


def edit(arguments: Namespace, out: TextIO) -> int:
    if arguments.file == reading.STDIN and reading.STDIN in (arguments.text or [reading.STDIN]):
        raise ConfigError("the picture and the prompt can't both come from standard input: name the file")
    prompt = reading.text(arguments.text, "prompt")
    first = reading.data("picture") if arguments.file == reading.STDIN else arguments.file
    pictures = [first, *arguments.also]
    return _draw(
        arguments, out, lambda api, options: api.ai.images.edit(pictures, prompt, mask=arguments.mask, **options)
    )


def _draw(
    arguments: Namespace,
    out: TextIO,
    request: Callable[[Session, dict[str, Any]], Coroutine[Any, Any, list[Picture]]],
) -> int:
    path = target(arguments)
    if path is not None:
        check_writable(path)
    elif arguments.n > 1 and not arguments.json:
        raise ConfigError("several pictures go to files: give --output FILE, or take them with --json")
    options = {"n": arguments.n, "size": arguments.size, "quality": arguments.quality, "format": _format(arguments)}
    with ExitStack() as stack:
        api = stack.enter_context(session(arguments))
        to: Result = (
            Printed(out) if path is not None else stack.enter_context(result(arguments, out, binary=not arguments.json))
        )
        note("drawing may take some minutes")
        pictures = api.run(_loaded(request(api, {**options, **api.model})))
        if path is not None:
            for picture, name in zip(pictures, _names(path, len(pictures)), strict=True):
                _keep(arguments, picture, name, to)
        elif arguments.json:
            for picture in pictures:
                to.json({**picture.facts, "b64_json": base64.b64encode(picture.data).decode()})
        else:
            to.data(pictures[0].data)
    return 0


async def _loaded(drawing: Coroutine[Any, Any, list[Picture]]) -> list[_Drawn]:
    """Their files, also where the server only told an address."""
    return [_Drawn(await picture.load(), picture.revised_prompt) for picture in await drawing]


def _keep(arguments: Namespace, drawn: _Drawn, path: Path, to: Result) -> None:
    with new_file(path) as file, writing(path):
        file.write(drawn.data)
    kind = image_kind(drawn.data)
    if kind and _KINDS.get(path.suffix.lower().removeprefix("."), kind) != kind:
        warn(f"{path}: this is a picture of the kind {kind}, whatever its name says")
    if arguments.json:
        to.json({"file": str(path), **drawn.facts})
    else:
        to.line(str(path))


def _names(path: Path, count: int) -> Iterator[Path]:
    """fox.png, or fox-1.png, fox-2.png …"""
    if count == 1:
        yield path
    else:
        yield from (path.with_stem(f"{path.stem}-{number}") for number in range(1, count + 1))


def _format(arguments: Namespace) -> str:
    """What to ask for. PNG is what comes unasked, also from models that can't be asked."""
    if arguments.format:
        return str(arguments.format)
    path = target(arguments)
    kind = _KINDS.get(path.suffix.lower().removeprefix("."), "") if path is not None else ""
    return "" if kind == "png" else kind
