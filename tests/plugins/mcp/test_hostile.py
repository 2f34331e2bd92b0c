"""Bad servers harm nobody but themselves."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.plugins.mcp.conftest import House
from voiced.conversation.events import ToolsChanged
from voiced.plugins.builtin.mcp.offers import MOST_TOOLS


async def test_one_that_prints_garbage_is_understood_all_the_same(house: House) -> None:
    home = house.home(house=house.raw("prints garbage"))
    async with home.running():
        assert await home.tools() == ("one", "two")
        assert await home.answer("one") == "one {}"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("ends at once", "it ended with the exit code 4"),
        ("sends without end", "it sends a message that is too large"),
        ("is full of items", "it sends more than can be read beside a conversation"),
        ("notifies without end", "it sends more than can be read beside a conversation"),
        ("does not read", "it does not read what it is sent"),
        ("lists nonsense", "it sent what is not MCP"),
    ],
)
async def test_one_that_is_no_use_is_ended_and_tried_again_later(house: House, bad: str, reason: str) -> None:
    home = house.home(house=house.raw(bad))
    async with home.running():
        assert await house.away() == reason
        house.clock.advance(seconds=2)
        assert await house.away(2) == reason
        house.clock.advance(seconds=1)
        assert len(house.told("starts")) == 2  # the pauses grow
        told = [line["log_level"] for line in house.log if line["event"] == "server is away and is tried again"]
        assert told == ["warning", "debug"]
    assert await house.all_gone()


async def test_the_others_go_on(house: House) -> None:
    home = house.home(
        dead=house.raw("ends at once"), flood=house.raw("sends without end"), good=house.raw("is good"),
        silent=house.raw("never answers"),
    )  # fmt: skip
    async with home.running():
        assert await home.tools() == ("one", "two")
        await house.away(2)
        assert await home.answer("two") == "two {}"
    assert await house.all_gone()


async def test_one_that_never_answers_is_given_up(house: House) -> None:
    home = house.home(house=house.raw("never answers", start_timeout_s=30))
    async with home.running():
        await house.tells("starts", 1)
        house.clock.advance(seconds=30)
        assert await house.away() == "it did not answer within 30 s"
    assert await house.all_gone()


async def test_a_program_that_is_not_there(house: House) -> None:
    home = house.home(house={"command": ["no-such-program"]}, elsewhere={"command": ["true"], "cwd": "/no/such/folder"})
    async with home.running():
        await house.away(2)
        assert set(home.status("mcp").problems) == {
            "the server house: its program is not there, or may not be run",
            "the server elsewhere: its cwd is no folder",
        }


async def test_a_program_is_found_from_its_folder(house: House) -> None:
    (house.folder / "here").mkdir()
    program = house.folder / "here" / "server"
    program.write_text("#!/bin/sh\npwd > ../place\n")
    program.chmod(0o700)
    home = house.home(house={"command": ["./server"], "cwd": str(house.folder / "here")})
    async with home.running():
        assert await house.away() == "it ended"
    assert house.told("place") == [str(house.folder / "here")]


async def test_only_so_many_tools_are_taken(house: House) -> None:
    home = house.home(house=house.raw("has many tools"))
    async with home.running():
        assert await home.tools() == tuple(f"tool_{number}" for number in range(MOST_TOOLS))


async def test_the_list_goes_on_on_the_next_page(house: House) -> None:
    home = house.home(house=house.raw("has pages"))
    async with home.running():
        assert await home.tools() == ("tool_0", "tool_1", "tool_2", "tool_3")


async def test_a_list_without_end_is_read_to_no_end(house: House) -> None:
    home = house.home(house=house.raw("has endless pages"))
    async with home.running():
        assert await home.tools() == ("one",)
        assert len(house.told("pages")) < 50


async def test_what_models_do_not_take_is_left_out(house: House) -> None:
    home = house.home(house=house.raw("describes at length"))
    async with home.running():
        specs = (await home.next(ToolsChanged)).tools
        assert {spec.name: len(spec.description) for spec in specs} == {
            "long": 1024,
            "hidden": len("Do it."),
            "bad_name_of_a_tool": len("Do bad/name.of a tool."),
        }
        assert await home.answer("bad_name_of_a_tool") == "bad/name.of a tool {}"
        assert any("'bad'" in problem and "spoon" in problem for problem in home.status("mcp").problems)


async def test_a_long_answer_is_cut(house: House) -> None:
    home = house.home(house=house.raw("answers at length"))
    async with home.running():
        await home.tools()
        assert len(await home.answer("one")) < 20_000


async def test_an_answer_that_is_none_is_a_failure(house: House) -> None:
    home = house.home(house=house.raw("answers nonsense"))
    async with home.running():
        await home.tools()
        assert await home.complaint("one") == "The house server gave an answer that can't be understood."
        assert len(house.told("starts")) == 1


async def test_tools_that_change_in_mid_call(house: House) -> None:
    """Each call has the server change its tools, and tell so twice, before it answers."""
    (house.folder / "version").write_text("1")
    home = house.home(house=house.raw("changes its tools"))
    async with home.running():
        assert await home.tools() == ("tool_1",)
        assert await home.answer("tool_1") == "tool_1 {}"
        assert await home.tools() == ("tool_2",)
        assert "There is no tool 'tool_1'" in await home.complaint("tool_1")
        assert await home.answer("tool_2") == "tool_2 {}"
        await house.clock.timer_is_set(10)  # it looks no more often than that
        assert home.untaken(ToolsChanged) == []
        house.clock.advance(seconds=10)
        assert await home.tools() == ("tool_3",)


async def test_chatter_is_not_listened_to(house: House) -> None:
    home = house.home(house=house.raw("chatters"))
    async with home.running():
        await home.tools()
        assert await home.answer("one") == "one {}"
        assert not any("chatter" in str(line) for line in house.log)


async def test_what_it_writes_to_standard_error_is_for_debugging_and_bounded(house: House) -> None:
    home = house.home(house=house.raw("writes errors"))
    async with home.running():
        await home.tools()
        assert await home.answer("one") == "one {}"
        await house.until(lambda: any(line.get("text") == "secret error" for line in house.log))
        written = [line for line in house.log if line.get("text") == "secret error"]
        assert {line["log_level"] for line in written} == {"debug"}
        assert len(written) < 1000


@pytest.mark.real_time
async def test_a_program_that_ignores_its_end_is_killed_with_all_that_it_started(house: House) -> None:
    home = house.home(house=house.raw("stays"))
    async with home.running():
        await home.tools()
        await house.tells("starts", 2)
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 2
    assert await house.all_gone()
    assert home.untaken(ToolsChanged) == []


async def test_a_program_ends_even_where_voiced_is_killed(house: House) -> None:
    """One that does not notice that nobody talks to it any more."""
    code = f"""
import asyncio, os, signal
from pathlib import Path
from tests.plugins.mcp.conftest import FakeClock, House

async def main():
    house = House(Path({str(house.folder)!r}), FakeClock(), [])
    async with house.home(house=house.raw("never answers")).running():
        await house.tells("starts", 1)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    voiced = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=Path(__file__).parents[3])
    assert await voiced.wait() == -signal.SIGKILL
    assert len(house.told("starts")) == 1
    assert await house.all_gone()


async def test_a_reload_starts_it_anew(house: House) -> None:
    home = house.home(house=house.raw("is good"))
    async with home.running():
        await home.tools()
        home.host.reload()
        assert await home.tools() == ()
        assert await home.tools() == ("one", "two")
        assert await home.answer("one") == "one {}"
        assert len(house.told("starts")) == 2
    assert await house.all_gone()


async def test_servers_with_the_same_tools_are_told_apart(house: House) -> None:
    home = house.home(first=house.raw("is good"), second=house.raw("is good"))
    async with home.running():
        tools: tuple[str, ...] = ()
        while len(tools) < 4:
            tools = await home.tools()
        assert tools in (("one", "two", "second_one", "second_two"), ("first_one", "first_two", "one", "two"))
        assert len(house.told("starts")) == 2


async def test_a_name_that_another_plugin_has_is_told_with_the_way_out_and_a_prefix_is_one(house: House) -> None:
    home = house.home(first=house.raw("is good"), second=house.raw("is good", prefix="my_"))
    home.plugin("mine", 'from voiced.api import tool\n@tool\nasync def one() -> str:\n    "One."\n    return "mine"\n')
    async with home.running():
        tools: tuple[str, ...] = ()
        while len(tools) < 4:
            tools = await home.tools()
        assert sorted(tools) == ["my_one", "my_two", "one", "two"]
        assert await home.answer("one") == "mine"
        [problem] = home.status("mcp").problems
        assert "the name one is taken by" in problem
        assert problem.endswith("or the prefix of an MCP server")
