"""Exchanges with a real MPD, and with what only looks like one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.plugins.media.mpd import PATIENCE_S, Mpd
from voiced.plugins.builtin.media import library, player, protocol
from voiced.plugins.builtin.media.player import Player, PlayerAway
from voiced.plugins.builtin.media.protocol import PlayerRefused

STATUS = protocol.line("status")


async def test_commands_are_done_in_order_until_one_fails(mpd: Mpd) -> None:
    with pytest.raises(PlayerRefused, match="No such playlist"):
        await mpd.player.do(
            protocol.line("setvol", 30), protocol.line("load", "no such list"), protocol.line("setvol", 70)
        )
    assert await mpd.status("volume") == "30"


async def test_it_is_found_again_after_a_restart(mpd: Mpd) -> None:
    await mpd.do("setvol", 42)
    mpd.stop()
    with pytest.raises(PlayerAway, match="can't be reached"):
        await mpd.player.do(STATUS)
    await mpd.start()
    assert await mpd.status("volume") == "42"


async def test_the_password_is_told(tmp_path: Path, mpd: Mpd) -> None:
    other = Mpd(tmp_path / "other", password="it's a secret")
    await other.start()
    try:
        assert await other.status("state") == "stop"
        for wrong in ("", "wrong"):
            with pytest.raises(PlayerRefused, match="password"):
                await Player(str(other.socket), 6600, wrong).do(STATUS)
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("what", "kind", "by", "title", "songs"),
    [
        ("miles davis", "anything", "", "Miles Davis", ["So What", "Blue in Green", "Solea"]),
        ("queen", "anything", "", "Queen", ["Bohemian Rhapsody", "39"]),
        ("kind of blue", "anything", "", "Kind of Blue by Miles Davis", ["So What", "Blue in Green"]),
        ("so what", "song", "", "So What by Miles Davis", ["So What"]),
        ("yesterday", "song", "beatles", "Yesterday by The Beatles", ["Yesterday"]),
        ("beatles", "artist", "", "The Beatles", ["Yesterday"]),
        ("rock", "genre", "", "Rock", ["Bohemian Rhapsody", "39", "(So) 'Quoted'"]),
        ("sunday morning", "anything", "", "the playlist Sunday Morning", ["Yesterday", "Blue in Green"]),
        ("queensryche", "anything", "", "Queensrÿche", ["Silent Lucidity"]),
        ("miles so what", "anything", "", "So What by Miles Davis", ["So What"]),
        ("guns \"n' roses", "artist", "", "Guns \"N' Roses", ["(So) 'Quoted'"]),
        ("back\\slash", "album", "", "Back\\Slash by Guns \"N' Roses", ["(So) 'Quoted'"]),
        ("(so) 'quoted'", "song", "", "(So) 'Quoted' by Guns \"N' Roses", ["(So) 'Quoted'"]),
    ],
)
async def test_what_people_ask_for_is_found(
    mpd: Mpd, what: str, kind: library.Kind, by: str, title: str, songs: list[str]
) -> None:
    selection = await library.find(mpd.player, what, kind, by)
    assert selection is not None
    assert selection.title == title
    await mpd.player.do(protocol.line("clear"), *selection.commands)
    assert sorted(await mpd.queue()) == sorted(songs)


@pytest.mark.parametrize(
    "what", ["no such song", "x\nsetvol 3\n", '") (artist contains "queen', "\\", "'", "yesterday by"]
)
async def test_what_is_not_there_does_nothing(mpd: Mpd, what: str) -> None:
    assert await library.find(mpd.player, what, "song", "queen") is None
    assert await mpd.status("volume") == "100"


async def test_names_that_are_near(mpd: Mpd) -> None:
    names = await library.names(mpd.player)
    assert library.near("beetles", names) == ["The Beatles"]
    assert library.near("xylophone concerto", names) == []


# What only looks like MPD.


@asynccontextmanager
async def listening(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[Player]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield Player("127.0.0.1", server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


async def test_one_that_says_nothing_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as deaf:
        with pytest.raises(PlayerAway, match="does not answer"):
            await deaf.do(STATUS, within_s=0.05)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "is no MPD"),
        (b"", "hung up"),
        (b"OK MPD 0.23\nvolume: 40\n", "hung up"),
        (b"OK MPD 0.23\n" + b"x" * 100_000 + b"\nOK\n", "too long"),
        (b"OK MPD 0.23\n" + b"file: x\n" * 600_000, "more than can be read"),
        (b"\xff\xfe\n", "is no MPD"),
    ],
)
async def test_one_that_answers_nonsense_is_told(sent: bytes, said: str) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()

    async with listening(nonsense) as other:
        with pytest.raises(PlayerAway, match=said):
            await other.do(STATUS, within_s=PATIENCE_S)


def test_the_greatest_answer_is_bounded() -> None:
    assert len(b"file: x\n") * 600_000 > player.MOST_BYTES
