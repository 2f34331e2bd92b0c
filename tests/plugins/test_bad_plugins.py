"""A plugin that does not load disables itself alone, and is named."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from tests.plugins.fakes import FakeClock, Home, all_but
from voiced.plugins.host import FIRST_BATCH_S
from voiced.plugins.loading import SETUP_S, TEARDOWN_S

GOOD = 'from voiced.api import tool\n\n@tool\nasync def good():\n    """Works."""\n    return "fine"\n'


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("def broken(:\n", "bad.py:1: invalid syntax"),
        ("\x00", "it does not load: "),
        ("import no_such_module", "it does not load: ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('first\\nsecond')", "it does not load: RuntimeError: first second"),
        ("import sys; sys.exit('gone')", "it does not load: SystemExit: gone"),
        ("from voiced.api import tool", "it has no function marked with @tool and no Plugin"),
        (
            "from voiced.api import Plugin\nclass Bad(Plugin):\n    def __init__(self): raise OSError('no lamp')",
            "it does not load: OSError: no lamp",
        ),
        (
            "from voiced.api import Plugin\n"
            "class Bad(Plugin):\n    async def setup(self, context): raise OSError('no lamp')",
            "its setup failed: OSError: no lamp",
        ),
        (
            "from voiced.api import Plugin\n"
            "class Odd(Exception):\n    def __str__(self): 1 / 0\n"
            "class Bad(Plugin):\n    async def setup(self, context): raise Odd",
            "its setup failed: voiced_plugin_bad.Odd: <exception str() failed>",
        ),
        (
            "import sys\nfrom voiced.api import Plugin\n"
            "class Bad(Plugin):\n    async def setup(self, context): sys.exit(3)",
            "its setup failed: SystemExit: 3",
        ),
        (
            "import asyncio\nfrom voiced.api import Plugin\n"
            "class Bad(Plugin):\n    async def setup(self, context): raise asyncio.CancelledError",
            "its setup failed: asyncio.exceptions.CancelledError",
        ),
        (
            "from voiced.api import Plugin\nclass Bad(Plugin):\n    def setup(self, context): pass",
            "its setup failed: TypeError",
        ),
        (
            "from voiced.api import tool\n@tool\ndef bad(x: 'int or ('):\n 'X.'",
            "bad.py:2 bad: the type hints can't be read",
        ),
        ("from voiced.api import tool\n@tool\ndef bad(): pass", "bad.py:2 bad: write a docstring"),
        ("from voiced.api import tool\n@tool\ndef bad(x):\n 'X.'", "bad.py:2 bad: x: give it a type hint"),
    ],
)
async def test_a_bad_plugin_is_named_and_the_others_go_on(home: Home, source: str, problem: str) -> None:
    home.plugin("bad", source)
    home.plugin("good", GOOD)
    async with home.running() as tools:
        assert tools == ("good",)
        [named] = home.status("bad").problems
        assert problem in named
        assert "\n" not in named
        assert home.status("bad").tools == ()
        assert home.status("good").problems == ()
        assert await home.answer("good") == "fine"


async def test_tools_of_a_plugin_whose_setup_crashed_are_not_offered(home: Home) -> None:
    home.plugin(
        "bad",
        "from voiced.api import Plugin, tool\n"
        "class Bad(Plugin):\n"
        "    async def setup(self, context): 1 / 0\n"
        "    @tool\n"
        "    async def lamp(self):\n        'Switch the lamp.'\n",
    )
    async with home.running() as tools:
        assert tools == ()
        assert await home.complaint("lamp") == "Not done: no tool is loaded at the moment."


async def test_one_bad_tool_does_not_take_the_others_of_its_plugin_along(home: Home) -> None:
    home.plugin("mixed", f"{GOOD}@tool\nasync def bad(): pass\n")
    async with home.running() as tools:
        assert tools == ("good",)
        assert "write a docstring" in home.status("mixed").problems[0]


async def test_an_import_that_never_ends_is_given_up(home: Home) -> None:
    home.plugin("bad", "import threading\nthreading.Event().wait()")
    home.plugin("good", GOOD)
    loading = home.running()

    async def watch_the_clock() -> None:
        await home.clock.timer_is_set(FIRST_BATCH_S)
        while home.status("good").why:  # noqa: ASYNC110 a status tells nobody
            await asyncio.sleep(0)
        home.clock.advance(seconds=FIRST_BATCH_S)

    async with asyncio.TaskGroup() as group:
        group.create_task(watch_the_clock())
        async with loading as tools:
            assert tools == ("good",)
            assert await home.answer("good") == "fine"
            assert home.status("bad").problems == ()
            home.clock.advance(seconds=SETUP_S)
            await home.problem("bad")
            assert home.status("bad").problems == ("it does not load: its import took longer than 10 s",)
            assert home.status("bad").state == "broken"


async def test_a_system_that_gives_no_threads_is_named(home: Home) -> None:
    home.plugin("plain", GOOD.replace("async ", ""))
    async with home.running():
        threading.stack_size(2**46)  # more than any machine has
        try:
            assert "good failed (BlockingIOError)" in await home.complaint("good")
            home.host.reload()
            assert await home.tools() == ()
        finally:
            threading.stack_size(0)
        assert "can't start new thread" in home.status("plain").problems[0]
        home.host.reload()
        assert await home.tools() == ("good",)
        assert await home.answer("good") == "fine"


async def test_two_tools_with_one_name_the_second_plugin_is_refused_with_both_files(home: Home) -> None:
    first = home.plugin("a", GOOD)
    second = home.plugin("b", GOOD)
    async with home.running() as tools:
        assert tools == ("good",)
        assert home.status("a").problems == ()
        assert home.status("b").problems == (
            f"{second}:3 good: the name good is taken by {first}:3 good; give it another: @tool(name=...), or the "
            "prefix of an MCP server",
        )


async def test_two_tools_with_one_name_in_one_plugin(home: Home) -> None:
    home.plugin("a", GOOD + '@tool(name="good")\nasync def other():\n    """Other."""\n')
    async with home.running() as tools:
        assert tools == ("good",)
        assert "the name good is taken by" in home.status("a").problems[0]


async def test_two_plugins_with_one_name_the_installed_one_wins(tmp_path: Path, clock: FakeClock) -> None:
    home = Home(tmp_path, clock, disabled=all_but("clock"))
    home.plugin("clock", GOOD)
    async with home.running() as tools:
        assert tools == ("get_time",)
        [installed, mine] = [status for status in home.host.status() if status.name == "clock"]
        assert installed.problems == ()
        assert mine.problems == ("a plugin with the name clock is loaded already; rename this one",)


async def test_an_installed_package_that_crashes_is_named(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site-packages"
    info = installed / "voiced_lamps-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: voiced-lamps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[voiced.plugins]\nlamps = voiced_lamps_crash\ngood = voiced_lamps_good\ngone = voiced_lamps_gone\n"
    )
    (installed / "voiced_lamps_crash.py").write_text("1 / 0")
    (installed / "voiced_lamps_good.py").write_text(GOOD)
    monkeypatch.syspath_prepend(installed)
    async with home.running() as tools:
        assert tools == ("good",)
        assert home.status("lamps").problems[0].startswith("it does not load: ZeroDivisionError: division by zero")
        assert home.status("lamps").place == "voiced_lamps_crash of voiced-lamps"
        assert "No module named 'voiced_lamps_gone'" in home.status("gone").problems[0]


async def test_a_folder_that_is_a_file_is_left_out(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").write_text("")
    home = Home(tmp_path, clock, disabled=all_but("clock"), folder=str(tmp_path / "file"))
    async with home.running() as tools:
        assert tools == ("get_time",)


async def test_files_that_begin_with_an_underscore_are_no_plugins(home: Home) -> None:
    home.plugin("_helper", "1 / 0")
    home.plugin(".hidden", "1 / 0")
    async with home.running() as tools:
        assert tools == ()
        assert home.mine() == []


async def test_a_teardown_that_crashes_or_hangs_holds_nobody_up(home: Home) -> None:
    home.plugin(
        "crashes",
        "from voiced.api import Plugin\nclass Bad(Plugin):\n    async def teardown(self): raise OSError('no lamp')",
    )
    home.plugin(
        "hangs",
        "import asyncio\nfrom voiced.api import Plugin\n"
        "class Bad(Plugin):\n    async def teardown(self): await asyncio.Event().wait()",
    )
    home.plugin("good", GOOD)
    async with home.running() as tools:
        assert tools == ("good",)
        home.host.reload()
        await home.clock.timer_is_set(TEARDOWN_S)
        home.clock.advance(seconds=TEARDOWN_S)
        assert await home.tools() == ("good",)
        assert await home.answer("good") == "fine"
        for path in home.folder.iterdir():
            path.unlink()
        home.host.reload()
        await home.clock.timer_is_set(TEARDOWN_S)
        home.clock.advance(seconds=TEARDOWN_S)
        assert await home.tools() == ()


async def test_what_was_not_set_up_is_not_torn_down(home: Home) -> None:
    home.plugin(
        "half",
        "from voiced.api import Plugin\nclass Half(Plugin):\n"
        "    async def setup(self, context):\n        raise OSError('no lamp')\n"
        "    async def teardown(self): self.lamp.close()",
    )
    async with home.running():
        assert len(home.status("half").problems) == 1
