"""What a tool returned, as the model gets it: text, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from voiced.ai.tool_text import as_text
from voiced.api import Image, Result, ToolError
from voiced.conversation import events

IMAGE_BYTES: Final = 5 * 1000 * 1000
IMAGES: Final = 4
"""Of one result; each costs as much as a page of text or more."""

_MediaType = Literal["image/png", "image/jpeg"]
_MAGIC: Final[dict[bytes, _MediaType]] = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Returned:
    """`value`: without its pictures, for the template `spoken`. `spoken`: as the tool worded it, or empty."""

    value: object
    text: str
    spoken: str = ""
    images: tuple[events.Image, ...] = ()


def read(returned: object, max_bytes: int) -> Returned:
    """Raises ToolError where it is nothing that a model can be told."""
    whole = returned if isinstance(returned, Result) else Result(returned)
    value, pictures = _apart(whole.value)
    if not isinstance(whole.spoken, str) or isinstance(whole.images, str | bytes | Image):
        raise ToolError("The tool ran, but its Result is wrong: spoken is text, images is a list of Images.")
    pictures += whole.images
    if not pictures:
        return Returned(value, as_text(value, max_bytes), whole.spoken)
    images, troubles = _checked(pictures)
    if not images and value is None:
        raise ToolError(f"The tool ran, but {' '.join(troubles)}")
    said = [as_text(value, max_bytes)] if value is not None else []
    attached = [_attached(len(images))] if images else []
    return Returned(
        value, "\n".join([*said, *attached, *(line[:1].upper() + line[1:] for line in troubles)]), whole.spoken, images
    )


def _apart(value: object) -> tuple[object, list[object]]:
    """The value without its pictures, and those."""
    if isinstance(value, Image):
        return None, [value]
    if not isinstance(value, list | tuple) or not any(isinstance(item, Image) for item in value):
        return value, []
    others = [item for item in value if not isinstance(item, Image)]
    rest: object = others[0] if len(others) == 1 else others or None
    return rest, [item for item in value if isinstance(item, Image)]


def _checked(pictures: Sequence[object]) -> tuple[tuple[events.Image, ...], list[str]]:
    """Those that a model can see, and what is wrong with the others."""
    images: list[events.Image] = []
    troubles = []
    for number, picture in enumerate(pictures, 1):
        data = picture.data if isinstance(picture, Image) else None
        media_type = media_type_of(data) if isinstance(data, bytes) else None
        if not isinstance(data, bytes) or media_type is None:
            troubles.append(f"picture {number} is left out: it is neither PNG nor JPEG.")
        elif len(data) > IMAGE_BYTES:
            troubles.append(f"picture {number} is left out: it has more than {IMAGE_BYTES // 1000**2} MB.")
        elif len(images) == IMAGES:
            troubles.append(f"picture {number} is left out: {IMAGES} are allowed.")
        else:
            images.append(events.Image(media_type, data))
    if len(troubles) > IMAGES:
        troubles = [*troubles[:IMAGES], f"{len(troubles) - IMAGES} more are left out."]
    return tuple(images), troubles


def media_type_of(data: bytes) -> _MediaType | None:
    return next((media_type for magic, media_type in _MAGIC.items() if data.startswith(magic)), None)


def _attached(count: int) -> str:
    return "A picture is attached." if count == 1 else f"{count} pictures are attached."
