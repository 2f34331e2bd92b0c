"""What plugins show where there is a screen: checked, bounded, and gone with the plugin."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path, PosixPath
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.plugins.fakes import Home
from voiced.api import ToolError
from voiced.conversation.commands import CardShown
from voiced.conversation.events import Card, CardAsked, CardWithdrawn, Event, Image
from voiced.plugins.cards import ALL_IMAGE_BYTES, CARD_LIMIT, IMAGE_BYTES, READING_LIMIT, Cards
from voiced.plugins.traces import MOST_WISHES

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
JPEG = b"\xff\xd8\xff" + bytes(8)

SCREEN = """
from datetime import datetime
from pathlib import Path
from voiced.api import Plugin, ToolContext, tool

class Screen(Plugin):
    async def setup(self, context):
        self.context = context

    @tool
    async def show(self, id: str = "a", title: str = "", text: str = "", path: str | None = None,
                   ends_at: datetime | None = None, hide: bool = False):
        'Show a card.'
        self.context.show(id, title=title, text=text, image=None if path is None else Path(path), ends_at=ends_at)
        if hide:
            self.context.hide(id)

    @tool
    def show_in_a_thread(self, path: str, context: ToolContext):
        'Show a picture.'
        context.show("a", image=Path(path))

    @tool
    async def hide(self, id: str, context: ToolContext):
        'Hide a card.'
        context.hide(id)

    @tool
    async def flood(self, count: int, same: bool, context: ToolContext):
        'Show and hide many cards.'
        for number in range(count):
            context.show("same" if same else str(number), text=str(number))
        for number in range(count):
            context.hide("same" if same else str(number))
"""


def shown(cards: Cards, id: str = "a", **what: object) -> None:
    cards.show(id, **{"title": "", "text": "", "image": None, "ends_at": None, **what})  # type: ignore[arg-type]


@pytest.fixture
async def screen(home: Home) -> Home:
    home.plugin("screen", SCREEN)
    return home


async def test_a_card_is_shown_and_hidden(screen: Home) -> None:
    async with screen.running():
        await screen.answer("show", id="door", title="At the door", text="A postman.", ends_at="2026-11-20T12:02:00Z")
        card = (await screen.next(CardAsked)).card
        assert card == Card("screen/door", "At the door", "A postman.", None, 1795176120.0)
        assert "postman" not in repr(CardAsked(card)) + repr(CardShown(card))
        await screen.answer("hide", id="door")
        assert await screen.next(CardWithdrawn) == CardWithdrawn("screen/door")
        await screen.answer("hide", id="door")
        await screen.answer("hide", id="window")
        assert screen.untaken(CardWithdrawn) == []


@pytest.mark.parametrize("tool", ["show", "show_in_a_thread"])
@pytest.mark.parametrize(("data", "media_type"), [(PNG, "image/png"), (JPEG, "image/jpeg")])
async def test_a_picture_in_a_file(screen: Home, tmp_path: Path, tool: str, data: bytes, media_type: str) -> None:
    (tmp_path / "door").write_bytes(data)
    async with screen.running():
        await screen.answer(tool, path=str(tmp_path / "door"))
        image = (await screen.next(CardAsked)).card.image
        assert image is not None
        assert (image.media_type, image.data) == (media_type, data)


async def test_a_picture_that_is_hidden_while_it_is_read_is_not_shown(screen: Home, tmp_path: Path) -> None:
    (tmp_path / "door.png").write_bytes(PNG)
    async with screen.running():
        await screen.answer("show", path=str(tmp_path / "door.png"), hide=True)
        await screen.answer("show", id="b", path=str(tmp_path / "door.png"))
        assert (await screen.next(CardAsked)).card.id == "screen/b"


async def test_a_picture_that_is_replaced_while_it_is_read_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "door.png").write_bytes(PNG)
    events: list[Event] = []
    cards = Cards("screen", events.append, print)
    shown(cards, image=tmp_path / "door.png")
    shown(cards, text="newer")
    [reading] = cards._reading
    await reading
    assert events == [CardAsked(Card("screen/a", text="newer"))]


class Slow(PosixPath):
    """A file at which one may look, and which is read once somebody lets it; by then it may be gone."""

    looked_at = False
    let: threading.Event
    gone = False

    @classmethod
    def at(cls, path: Path, *, gone: bool = False) -> Slow:
        slow = cls(path)
        slow.let, slow.gone = threading.Event(), gone
        return slow

    def open(self, *arguments: Any, **options: Any) -> Any:
        if self.looked_at:
            self.let.wait(10)
            if self.gone:
                raise FileNotFoundError(2, "No such file or directory")
        self.looked_at = True
        return super().open(*arguments, **options)


async def test_a_file_that_is_gone_when_it_is_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "door.png").write_bytes(PNG)
    events: list[Event] = []
    troubles: list[str] = []
    cards = Cards("screen", events.append, troubles.append)
    path = Slow.at(tmp_path / "door.png", gone=True)
    path.let.set()
    shown(cards, image=path)
    await asyncio.wait(cards._reading)
    await asyncio.sleep(0)
    assert events == [CardWithdrawn("screen/a")]
    assert troubles == [
        "a card was not shown: The picture can't be shown: door.png can't be read (No such file or directory)."
    ]


async def test_so_many_files_are_read_at_one_time(tmp_path: Path) -> None:
    (tmp_path / "door.png").write_bytes(PNG)
    events: list[Event] = []
    cards = Cards("screen", events.append, print)
    paths = [Slow.at(tmp_path / "door.png") for _ in range(READING_LIMIT)]
    for number, path in enumerate(paths):
        shown(cards, str(number), image=path)
    with pytest.raises(ToolError, match=r"8 pictures of screen are being read already. Try again in a moment."):
        shown(cards, "one more", image=tmp_path / "door.png")
    for path in paths:
        path.let.set()
    await asyncio.wait(cards._reading)
    await asyncio.sleep(0)
    assert {event.card.id for event in events if isinstance(event, CardAsked)} == {f"screen/{n}" for n in range(8)}


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "it is no picture": (lambda path: path.write_bytes(b"GIF89a"), "it is neither PNG nor JPEG."),
    "it is empty": (lambda path: path.touch(), "it is neither PNG nor JPEG."),
    "it is too large": (lambda path: path.write_bytes(PNG + bytes(IMAGE_BYTES)), "it has 4.0 MB; 4 are allowed."),
    "it is a folder": (lambda path: path.mkdir(), "door.png is no file."),
    "it is a pipe": (os.mkfifo, "door.png is no file."),
    "it is not there": (lambda path: None, "door.png can't be read (No such file or directory)."),
}


@pytest.mark.parametrize("tool", ["show", "show_in_a_thread"])
@pytest.mark.parametrize("case", sorted(BAD))
async def test_a_file_that_can_not_be_shown(screen: Home, tmp_path: Path, case: str, tool: str) -> None:
    make, told = BAD[case]
    make(tmp_path / "door.png")
    async with screen.running():
        assert await screen.complaint(tool, path=str(tmp_path / "door.png")) == f"The picture can't be shown: {told}"
        assert screen.untaken(CardAsked) == []


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ({}, "The card 'a' is empty: give it a title, a text, an image or ends_at."),
        ({"id": "", "text": "x"}, "The id of a card has 1 to 64 characters."),
        ({"id": "x" * 65, "text": "x"}, "The id of a card has 1 to 64 characters."),
        ({"id": 7, "text": "x"}, "The id of a card has 1 to 64 characters."),
        ({"ends_at": float("nan")}, "ends_at is a datetime, or seconds since the epoch."),
        ({"ends_at": -1.0}, "ends_at is a datetime, or seconds since the epoch."),
        ({"ends_at": 1e12}, "ends_at is a datetime, or seconds since the epoch."),
        ({"image": "door.png"}, "give the bytes of a file, or a Path."),
        ({"image": b"BM"}, "it is neither PNG nor JPEG."),
        ({"image": PNG + bytes(IMAGE_BYTES)}, "it has 4.0 MB; 4 are allowed."),
    ],
    ids=str,
)
def test_a_card_that_makes_no_sense(what: dict[str, object], told: str) -> None:
    events: list[Event] = []
    with pytest.raises(ToolError) as error:
        shown(Cards("screen", events.append, print), **what)  # type: ignore[arg-type]
    assert str(error.value).endswith(told)
    assert events == []


def test_a_moment_without_a_zone() -> None:
    with pytest.raises(ValueError, match=r"give the moment a time zone, such as context.now\(\).tzinfo"):
        shown(Cards("screen", print, print), ends_at=datetime(2026, 11, 20, 12, 0))  # noqa: DTZ001 that is the point


def test_what_is_too_long_is_cut() -> None:
    events: list[Event] = []
    shown(Cards("screen", events.append, print), title="a" * 1000, text="b" * 10_000)
    assert events == [CardAsked(Card("screen/a", "a" * 200, "b" * 4000))]


def test_so_many_cards_are_shown_and_no_more() -> None:
    events: list[Event] = []
    cards = Cards("screen", events.append, print)
    for number in range(CARD_LIMIT):
        shown(cards, str(number), text="x")
    with pytest.raises(ToolError, match=f"screen shows {CARD_LIMIT} cards already; hide some."):
        shown(cards, "one more", text="x")
    shown(cards, "7", text="in its place")
    cards.hide("8")
    shown(cards, "one more", text="x")
    assert len(events) == CARD_LIMIT + 3


def test_all_pictures_together_are_bounded() -> None:
    events: list[Event] = []
    cards = Cards("screen", events.append, print)
    large = PNG + bytes(ALL_IMAGE_BYTES // 2 - len(PNG))
    shown(cards, "a", image=large)
    shown(cards, "b", image=large)
    with pytest.raises(ToolError, match=r"would have more than 8 MB; hide some."):
        shown(cards, "c", image=PNG)
    shown(cards, "b", image=PNG)
    shown(cards, "c", image=PNG)
    assert [event.card.image for event in events if isinstance(event, CardAsked)][-1] == Image("image/png", PNG)


async def test_cards_go_with_their_plugin(screen: Home) -> None:
    async with screen.running():
        await screen.answer("show", text="Hello.")
        screen.host.reload("screen")
        await screen.tools()
        assert await screen.next(CardWithdrawn) == CardWithdrawn("screen/a")
        await screen.answer("show", text="Hello again.")
        assert [asked.card.text for asked in screen.untaken(CardAsked)] == ["Hello.", "Hello again."]
    assert screen.untaken(CardWithdrawn) == [CardWithdrawn("screen/a")]


def test_what_comes_after_its_end_is_not_shown(tmp_path: Path) -> None:
    events: list[Event] = []
    cards = Cards("screen", events.append, print)
    cards.close()
    shown(cards, text="Hello.")
    assert events == []


@pytest.mark.parametrize("same", [True, False])
async def test_a_flood_of_cards_leaves_none_on_the_screen(screen: Home, same: bool) -> None:
    count = CARD_LIMIT if not same else 2 * MOST_WISHES
    async with screen.running():
        for _ in range(1 if same else 4):
            await screen.answer("flood", count=count, same=same)
        asked = {event.card.id for event in screen.untaken(CardAsked)}
        assert len(screen.untaken(CardAsked)) <= MOST_WISHES
        assert asked <= {event.id for event in screen.untaken(CardWithdrawn)}
        assert "asks for more than" in screen.status("screen").problems[0]


async def test_nothing_that_is_shown_is_in_the_log(screen: Home, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(PNG)
    async with screen.running():
        with capture_logs() as log:
            await screen.answer("show", title="SECRET", text="SECRET", path=str(tmp_path / "secret.png"))
            await screen.next(CardAsked)
    assert "SECRET" not in str(log)
