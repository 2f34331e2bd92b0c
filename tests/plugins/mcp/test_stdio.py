"""A server of the official package as a program of voiced's: what it offers, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugins.mcp.conftest import House
from voiced.conversation.commands import RequestEnded
from voiced.conversation.events import AnnouncementAsked, ToolsChanged

ALL = ("lamps", "switch", "forget", "camera", "manual", "measure", "fuse", "hang", "freeze", "die", "grow")


async def test_its_tools_are_called(house: House) -> None:
    home = house.home(house=house.stdio())
    async with home.running() as tools:
        assert tools == ()
        specs = (await home.next(ToolsChanged)).tools
        assert tuple(spec.name for spec in specs) == ALL
        assert specs[0].description == "Tell which lamps of a room are on."
        assert specs[0].idempotent
        assert not specs[1].idempotent
        assert specs[1].parameters["required"] == ["room", "on"]
        assert await home.answer("lamps", room="bath") == "In the bath all lamps are off."
        assert await home.answer("switch", room="bath", on=None) == "The bath is bright."
        assert await home.answer("switch", room="bath", on=False) == "The bath is dark."
        assert await home.answer("manual") == "[manual, All of it: https://house.example/manual]"
        assert '"kitchen": 20.5' in await home.answer("measure")
        assert await home.complaint("fuse") == "Error executing tool fuse"
        assert "room: is missing" in await home.complaint("lamps")
        seen = await home.call("camera")
        assert seen.output.startswith("The door.\n[A sound that can't be played: audio/wav.]")
        assert [image.data[1:4] for image in seen.images] == [b"PNG"]
    assert await house.all_gone()


async def test_what_destroys_is_asked_for_aloud(house: House) -> None:
    home = house.home(house=house.stdio())
    async with home.running():
        await home.tools()
        for answer, done in (("no", False), ("yes", True)):
            call = home.start("forget", room="bath")
            question = await home.next(AnnouncementAsked)
            assert (question.text, question.call) == ("Shall I really do this: Forget a room, room bath?", call)
            home.host.report(RequestEnded(question.request, answer))
            returned = await home.returned(call)
            assert (returned.ok, returned.output == "The bath is forgotten.") == (done, done)


async def test_voiced_does_not_wait_for_its_start(house: House) -> None:
    (house.folder / "wait").touch()
    home = house.home(house=house.stdio(allow=["lamps"]))
    async with home.running() as tools:
        assert tools == ()
        (house.folder / "wait").unlink()
        assert await home.tools() == ("lamps",)


async def test_one_that_does_not_start_in_time_is_started_again(house: House) -> None:
    (house.folder / "wait").touch()
    home = house.home(house=house.stdio(start_timeout_s=5))
    async with home.running():
        await house.clock.timer_is_set(5)
        house.clock.advance(seconds=5)
        assert await house.away() == "it did not answer within 5 s"
        (house.folder / "wait").unlink()
        house.clock.advance(seconds=2)
        assert await home.tools() == ALL


async def test_one_that_dies_comes_back_and_the_call_is_not_made_again(house: House) -> None:
    home = house.home(house=house.stdio())
    async with home.running():
        await home.tools()
        assert await home.complaint("die") == (
            "The house server went away in the middle of it. Whether it was done is not known."
        )
        assert await house.away() == "it ended with the exit code 3"
        assert await home.complaint("lamps", room="bath") == "The house server does not answer just now."
        house.clock.advance(seconds=2)
        await house.connected(2)
        assert await home.answer("lamps", room="bath") == "In the bath all lamps are off."
        assert home.untaken(ToolsChanged) == []  # it has the tools that it had
        assert house.told("calls") == ["die"]


async def test_a_call_that_takes_too_long_is_given_up_and_the_server_is_kept(house: House) -> None:
    home = house.home(house=house.stdio(timeout_s=7))
    async with home.running():
        await home.tools()
        call = home.start("hang")
        await house.clock.timer_is_set(7)
        house.clock.advance(seconds=7)
        assert "took longer than 7 s" in (await home.returned(call)).output
        assert await home.answer("lamps", room="bath") == "In the bath all lamps are off."
        assert len(house.told("starts")) == 1


async def test_one_that_hangs_is_ended_and_started_again(house: House) -> None:
    home = house.home(house=house.stdio(timeout_s=7))
    async with home.running():
        await home.tools()
        call = home.start("freeze")
        await house.tells("calls", 1)
        house.clock.advance(seconds=7)
        assert not (await home.returned(call)).ok
        await house.clock.timer_is_set(10)  # it is asked for its tools
        house.clock.advance(seconds=10)
        assert await house.away() == "it hangs"
        house.clock.advance(seconds=2)
        await house.tells("starts", 2)
    assert await house.all_gone()


async def test_its_tools_change_when_it_says_so(house: House) -> None:
    home = house.home(house=house.stdio())
    async with home.running():
        await home.tools()
        assert await home.answer("grow") == "I have grown."
        assert await home.tools() == (*(name for name in ALL if name != "manual"), "lanterns")
        assert await home.answer("lanterns", room="bath") == "In the bath all lamps are off."


@pytest.mark.parametrize(
    ("settings", "offered"),
    [
        ({"allow": ["two"]}, ("two",)),
        ({"allow": ["t*", "three"]}, ("two",)),
        ({"allow": ["one"], "prefix": "my_"}, ("my_one",)),
    ],
)
async def test_what_is_allowed_is_offered(house: House, settings: dict[str, Any], offered: tuple[str, ...]) -> None:
    home = house.home(house=house.raw("is good", **settings))
    async with home.running():
        assert await home.tools() == offered


async def test_nothing_is_allowed_by_itself_but_one_is_told_what_could_be(house: House) -> None:
    home = house.home(house=house.raw("is good", allow=[]))
    async with home.running():
        assert await house.until(lambda: home.status("mcp").problems) == (
            "the server house offers nothing: write what it may into its allow; it has one, two",
        )
        assert home.untaken(ToolsChanged) == []
