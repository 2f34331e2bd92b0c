"""Music, by voice: from a tool call to a real MPD."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.fakes import FakeClock, Home, all_but
from tests.plugins.media.mpd import Mpd
from voiced.conversation.commands import Floor, FloorChanged

OTHERS = all_but("media")


def home_with(tmp_path: Path, clock: FakeClock, **settings: Any) -> Home:
    return Home(tmp_path, clock, plugin_settings={"media": settings}, disabled=OTHERS)


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock, mpd: Mpd) -> Home:
    return home_with(tmp_path, clock, host=str(mpd.socket))


def floor(home: Home, *floors: Floor) -> None:
    for each in floors:
        home.host.report(FloorChanged(each))


async def test_something_is_played(home: Home, mpd: Mpd) -> None:
    async with home.running() as tools:
        assert set(tools) == {
            "play_music",
            "pause_music",
            "resume_music",
            "stop_music",
            "next_song",
            "previous_song",
            "get_playing_song",
            "set_music_volume",
            "change_music_volume",
            "stop_music_later",
        }
        assert await home.answer("play_music", what="kind of blue") == "Here is Kind of Blue by Miles Davis."
        assert await mpd.status("state") == "play"
        assert await home.answer("get_playing_song") == "This is So What by Miles Davis, from Kind of Blue."
        assert await home.answer("play_music", what="yesterday", kind="song", by="the beatles") == (
            "Here is Yesterday by The Beatles."
        )
        assert await home.answer("play_music", by="queen") == "Here is Queen."
        assert await mpd.queue() == ["Bohemian Rhapsody", "39"]
        assert home.status("media").problems == ()


async def test_anything_is_played_where_nobody_says_what(home: Home, mpd: Mpd) -> None:
    async with home.running():
        assert await home.answer("play_music") == "Here is some music."
        assert len(await mpd.queue()) == 8
        assert await mpd.status("state") == "play"


async def test_what_is_not_there_is_said_with_what_is_near(home: Home, mpd: Mpd) -> None:
    async with home.running():
        await home.answer("play_music", what="queen")
        complaint = await home.complaint("play_music", what="the beetles")
        assert complaint == "There is no music called the beetles. Is it The Beatles?"
        assert await home.complaint("play_music", what="quux") == "There is no music called quux."
        assert await mpd.queue() == ["Bohemian Rhapsody", "39"]


async def test_pause_and_stop(home: Home, mpd: Mpd) -> None:
    async with home.running():
        assert await home.answer("pause_music") == "No music is playing."
        assert "Say what to play" in await home.complaint("resume_music")
        await home.answer("play_music", what="queen")
        assert await home.answer("pause_music") == "The music is paused."
        assert await mpd.status("state") == "pause"
        assert (await home.answer("get_playing_song")).startswith("The music is paused. It is Bohemian Rhapsody")
        assert await home.answer("resume_music") == "The music goes on."
        assert await mpd.status("state") == "play"
        assert await home.answer("stop_music") == "The music is off."
        assert await mpd.status("state") == "stop"
        assert await home.answer("get_playing_song") == "No music is playing."


async def test_skipping(home: Home, mpd: Mpd) -> None:
    async with home.running():
        assert await home.answer("next_song") == "No music is playing."
        await home.answer("play_music", what="queen")
        assert await home.answer("next_song") == "This is 39 by Queen."
        assert await home.answer("previous_song") == "This is Bohemian Rhapsody by Queen."
        await home.answer("next_song")
        assert await home.answer("next_song") == "That was the last song."


async def test_volume(home: Home, mpd: Mpd) -> None:
    async with home.running():
        assert await home.answer("set_music_volume", percent=40) == "The music is at 40 percent."
        assert await home.answer("change_music_volume", by=15) == "The music is at 55 percent."
        assert await home.answer("change_music_volume", by=-100) == "The music is at 0 percent."
        assert await mpd.status("volume") == "0"


async def test_the_music_is_low_while_people_talk(home: Home, mpd: Mpd) -> None:
    async with home.running():
        await home.answer("set_music_volume", percent=80)
        await home.answer("play_music", what="queen")
        floor(home, "listening")
        await mpd.until(volume="20")
        floor(home, "thinking", "speaking", "overlap", "listening")
        floor(home, "idle")
        await mpd.until(volume="80")


async def test_music_that_does_not_play_is_left_alone(home: Home, mpd: Mpd) -> None:
    async with home.running():
        floor(home, "listening", "thinking")
        assert await home.answer("get_playing_song") == "No music is playing."
        assert await mpd.status("volume") == "100"
        await home.answer("play_music", what="queen")  # and is low from its beginning
        assert await mpd.status("volume") == "25"
        floor(home, "idle")
        await mpd.until(volume="100")


async def test_the_volume_that_is_set_during_the_conversation_counts_after_it(home: Home, mpd: Mpd) -> None:
    async with home.running():
        await home.answer("play_music", what="queen")
        floor(home, "listening")
        await mpd.until(volume="25")
        await home.answer("change_music_volume", by=-40)
        assert await mpd.status("volume") == "15"
        floor(home, "idle")
        await mpd.until(volume="60")


async def test_a_knob_that_somebody_turned_meanwhile_is_obeyed(home: Home, mpd: Mpd) -> None:
    async with home.running():
        await home.answer("play_music", what="queen")
        floor(home, "listening")
        await mpd.until(volume="25")
        await mpd.do("setvol", 50)
        floor(home, "idle")
        await home.state_holds("media", '"ducked": null')
        assert await mpd.status("volume") == "50"


async def test_the_volume_comes_back_when_mpd_does(home: Home, mpd: Mpd) -> None:
    async with home.running():
        await home.answer("play_music", what="queen")
        floor(home, "listening")
        await mpd.until(volume="25")
        mpd.stop()
        floor(home, "idle")
        await home.clock.timer_is_set(2.0)
        home.clock.advance(seconds=2)
        await home.clock.timer_is_set(4.0)
        await mpd.start()
        home.clock.advance(seconds=4)
        await mpd.until(volume="100")


async def test_the_volume_comes_back_after_a_crash_of_voiced(home: Home, mpd: Mpd) -> None:
    home.state_folder.mkdir()
    ducked = {"ducked": {"before": 90, "during": 22}, "stop_at": None}
    (home.state_folder / "media.json").write_text(json.dumps(ducked))
    await mpd.do("setvol", 22)
    async with home.running():
        await mpd.until(volume="90")


async def test_the_volume_comes_back_when_voiced_stops(home: Home, mpd: Mpd) -> None:
    async with home.running():
        await home.answer("play_music", what="queen")
        floor(home, "listening")
        await mpd.until(volume="25")
    assert await mpd.status("volume") == "100"


async def test_ducking_can_be_switched_off(tmp_path: Path, clock: FakeClock, mpd: Mpd) -> None:
    home = home_with(tmp_path, clock, host=str(mpd.socket), duck_percent=100)
    async with home.running():
        await home.answer("play_music", what="queen")
        floor(home, "listening", "thinking")
        await home.answer("get_playing_song")
        assert await mpd.status("volume") == "100"


async def test_the_music_stops_later(home: Home, mpd: Mpd) -> None:
    async with home.running():
        await home.answer("play_music", what="queen")
        assert await home.answer("stop_music_later", seconds=1800) == "The music stops in 30 minutes."
        home.clock.advance(minutes=29)
        assert await mpd.status("state") == "play"
        home.clock.advance(minutes=2)
        await mpd.until(state="stop")


async def test_the_music_stops_later_after_a_restart_too(tmp_path: Path, clock: FakeClock, mpd: Mpd) -> None:
    home = home_with(tmp_path, clock, host=str(mpd.socket))
    async with home.running():
        await home.answer("play_music", what="queen")
        await home.answer("stop_music_later", seconds=1800)
    again = home_with(tmp_path, clock, host=str(mpd.socket))
    async with again.running():
        clock.advance(minutes=31)
        await mpd.until(state="stop")


async def test_the_music_stops_after_this_song(home: Home, mpd: Mpd) -> None:
    async with home.running():
        await home.answer("play_music", what="queen")
        assert await home.answer("stop_music_later", seconds=None) == "The music stops after this song."
        assert await mpd.status("single") == "oneshot"
        await home.answer("play_music", what="miles davis")  # the user thought better of it
        assert await mpd.status("single") == "0"


async def test_it_is_off_until_it_is_configured(tmp_path: Path, clock: FakeClock) -> None:
    home = home_with(tmp_path, clock)
    async with home.running() as tools:
        assert tools == ()
        assert home.status("media").problems == ()
        assert "set host in [plugin.media]" in home.status("media").why


async def test_a_player_that_is_away_is_told_plainly(tmp_path: Path, clock: FakeClock) -> None:
    home = home_with(tmp_path, clock, host=str(tmp_path / "no socket"))
    async with home.running():
        for tool in ("play_music", "pause_music", "next_song", "get_playing_song"):
            complaint = await home.complaint(tool)
            assert complaint.startswith("The music player can't be reached. Is MPD running, at ")
        floor(home, "listening", "idle")
        await asyncio.sleep(0)
        assert home.status("media").problems == ()


async def test_the_password_comes_from_its_place(tmp_path: Path, clock: FakeClock, mpd: Mpd) -> None:
    other = Mpd(tmp_path / "other", password="secret")
    await other.start()
    try:
        home = home_with(tmp_path, clock, host=str(other.socket))
        async with home.running():
            assert "want a password" in await home.complaint("pause_music")
        home.environ["VOICED_SECRET_MEDIA_PASSWORD"] = "secret"
        async with home.running():
            assert await home.answer("pause_music") == "No music is playing."
        home.environ["VOICED_SECRET_MEDIA_PASSWORD"] = "wrong"
        async with home.running():
            assert "refuses the password" in await home.complaint("pause_music")
    finally:
        other.stop()


async def test_an_empty_library_is_said(tmp_path: Path, clock: FakeClock, mpd: Mpd) -> None:
    empty = Mpd(tmp_path / "empty")
    await empty.start()
    try:
        home = home_with(tmp_path, clock, host=str(empty.socket))
        async with home.running():
            assert "There is no music in the library" in await home.complaint("play_music")
    finally:
        empty.stop()
