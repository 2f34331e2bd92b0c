"""What a plugin shows where there is a screen: its cards, checked and bounded, and taken away with it."""

from __future__ import annotations

import asyncio
import math
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from voiced.api import ToolError
from voiced.conversation.events import Card, CardAsked, CardWithdrawn, Event, Image
from voiced.plugins.results import media_type_of
from voiced.plugins.threads import in_thread

CARD_LIMIT: Final = 100
"""Of one plugin; there may be as many timers."""

IMAGE_BYTES: Final = 4 * 1000 * 1000
"""Of one picture: in base64, as pages get it, five."""

ALL_IMAGE_BYTES: Final = 2 * IMAGE_BYTES
"""Of all pictures that a plugin shows: whoever opens the page gets them all."""

READING_LIMIT: Final = 8
"""So many files may be read at one time."""

LONGEST_ID: Final = 64
LONGEST_TITLE: Final = 200
LONGEST_TEXT: Final = 4000
"""Characters; what is longer is cut."""

LATEST: Final = 253_402_300_799.0
"""The end of the year 9999 in seconds since the epoch."""


@dataclass(eq=False, slots=True)
class _Shown:
    """One showing of a card. `image_bytes`: of its picture."""

    image_bytes: int = 0


class Cards:
    """The cards of one plugin, from any thread; so may `post` be called.

    `trouble`: told in words why a picture could not be read, when `show` has returned already.
    """

    def __init__(self, plugin: str, post: Callable[[Event], None], trouble: Callable[[str], None]) -> None:
        self._plugin = plugin
        self._post = post
        self._trouble = trouble
        self._shown: dict[str, _Shown] = {}
        self._reading: set[asyncio.Future[Image]] = set()
        self._lock = threading.Lock()
        self._over = False

    def show(
        self, id: str, *, title: str, text: str, image: bytes | Path | None, ends_at: datetime | float | None
    ) -> None:
        """As `ToolContext.show`. On the event loop a file is read in a thread, and shown then. Raises ToolError."""
        name = self._name(id)
        if not (title or text or image or ends_at is not None):
            raise ToolError(f"The card {id!r} is empty: give it a title, a text, an image or ends_at.")
        card = Card(name, str(title)[:LONGEST_TITLE], str(text)[:LONGEST_TEXT], ends_at=_seconds(ends_at))
        if isinstance(image, Path):
            size = _looked_at(image)
            if _on_a_loop():
                self._show_read(card, image, size)
                return
            image = _read(image)
        picture = None if image is None else _picture(image)
        self._show(replace(card, image=picture))

    def hide(self, id: str) -> None:
        """As `ToolContext.hide`."""
        name = self._name(id)
        with self._lock:
            if self._shown.pop(name, None):
                self._post(CardWithdrawn(name))

    def close(self) -> None:
        """Nothing is shown any more."""
        with self._lock:
            self._over = True
            for name in self._shown:
                self._post(CardWithdrawn(name))
            self._shown.clear()

    def _show(self, card: Card) -> None:
        with self._lock:
            if not self._over:
                self._keep(card.id, len(card.image.data) if card.image else 0)
                self._post(CardAsked(card))

    def _show_read(self, card: Card, path: Path, size: int) -> None:
        """Once its picture is read, if by then no other card has taken its place, and nobody hid it."""
        if len(self._reading) >= READING_LIMIT:
            raise ToolError(
                f"{READING_LIMIT} pictures of {self._plugin} are being read already. Try again in a moment."
            )
        with self._lock:
            if self._over:
                return
            shown = self._keep(card.id, size)
        reading = in_thread(lambda: _picture(_read(path)), f"picture of {self._plugin}")
        self._reading.add(reading)
        reading.add_done_callback(partial(self._came, card, shown))

    def _came(self, card: Card, shown: _Shown, reading: asyncio.Future[Image]) -> None:
        self._reading.discard(reading)
        error = reading.exception()
        with self._lock:
            if self._shown.get(card.id) is not shown:
                return
            if error is None:
                self._post(CardAsked(replace(card, image=reading.result())))
                return
            del self._shown[card.id]
            self._post(CardWithdrawn(card.id))  # one with its id may be there
        self._trouble(f"a card was not shown: {error}")

    def _keep(self, name: str, image_bytes: int) -> _Shown:
        """Count it, in the place of the one with its id. Raises ToolError."""
        others = [shown for other, shown in self._shown.items() if other != name]
        if len(others) >= CARD_LIMIT:
            raise ToolError(f"{self._plugin} shows {CARD_LIMIT} cards already; hide some.")
        if sum(shown.image_bytes for shown in others) + image_bytes > ALL_IMAGE_BYTES:
            megabytes = ALL_IMAGE_BYTES // 1000**2
            raise ToolError(f"The pictures that {self._plugin} shows would have more than {megabytes} MB; hide some.")
        self._shown[name] = _Shown(image_bytes)
        return self._shown[name]

    def _name(self, id: str) -> str:
        if not isinstance(id, str) or not 0 < len(id) <= LONGEST_ID:
            raise ToolError(f"The id of a card has 1 to {LONGEST_ID} characters.")
        return f"{self._plugin}/{id}"


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _seconds(ends_at: datetime | float | None) -> float | None:
    if isinstance(ends_at, datetime):
        if ends_at.tzinfo is None:
            raise ValueError(f"show(ends_at={ends_at}): give the moment a time zone, such as context.now().tzinfo")
        return ends_at.timestamp()
    if ends_at is None:
        return None
    if not math.isfinite(ends_at) or not 0 <= ends_at <= LATEST:
        raise ToolError("The card can't be shown: ends_at is a datetime, or seconds since the epoch.")
    return float(ends_at)


def _picture(data: bytes) -> Image:
    if not isinstance(data, bytes):
        raise ToolError("The picture can't be shown: give the bytes of a file, or a Path.")
    _small_enough(len(data))
    media_type = media_type_of(data)
    if media_type is None:
        raise ToolError("The picture can't be shown: it is neither PNG nor JPEG.")
    return Image(media_type, data)


def _small_enough(size: int) -> None:
    if size > IMAGE_BYTES:
        raise ToolError(
            f"The picture can't be shown: it has {size / 1000**2:.1f} MB; {IMAGE_BYTES // 1000**2} are allowed."
        )


def _looked_at(path: Path) -> int:
    """The size of the picture in a file; no more than its first bytes are read. Raises ToolError."""
    try:
        there = os.stat(path)
        if not stat.S_ISREG(there.st_mode):  # to open a pipe would be to wait for whoever writes to it
            raise ToolError(f"The picture can't be shown: {path.name} is no file.")
        _small_enough(there.st_size)
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise _unreadable(path, error) from error
    _picture(head)
    return there.st_size


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(IMAGE_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ToolError:
    return ToolError(f"The picture can't be shown: {path.name} can't be read ({error.strerror}).")
