"""A plugin is tried in a conversation: what is typed or spoken reaches its tools, and what is saved counts at once."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.speech import read_wav
from voiced.audio import RATE
from voiced.plugin_dev.workbench import Settings, Workbench
from voiced.plugins.working_copy import working_copy
from voiced.scaffold import PluginName, make
from voiced.sound_card import SoundCard
from voiced.testing.sound_card import VirtualCard

PATIENCE_S = 30.0
"""Only reached by a test that fails."""

LAMP = '''
from voiced.api import Plugin, PluginSettings, ToolContext, ToolError, tool

class LampSettings(PluginSettings):
    place: str = "hall"

class Lamp(Plugin):
    permissions = ("say", "listen")
    settings: LampSettings

    @tool(sentences=["lamp on"])
    async def lamp(self) -> str:
        "Switch the lamp on."
        return f"The lamp in the {self.settings.place} is on."

    @tool
    async def dim(self, percent: int) -> str:
        """Dim the lamp.

        Args:
            percent: How bright.
        """
        if percent > 100:
            raise ToolError("That is too bright.")
        return f"It is at {percent} percent."

    @tool(sentences=["which colour"])
    async def colour(self, context: ToolContext) -> str:
        "Choose a colour."
        colour = await context.ask("Which colour, red or blue?", choices=["red", "blue"])
        return f"It is {colour}."

    @tool(sentences=["unlock the door"], confirm="Shall I unlock the door?")
    async def unlock(self) -> str:
        "Unlock the door."
        return "It is open."

    @tool(sentences=["warn me"])
    async def warn(self, context: ToolContext) -> str:
        "Warn."
        context.show("step", text="Mind the step!")
        context.announce("Mind the step!", earcon="alarm")
        return "I will."
'''


POEM = '''
from voiced.api import ToolContext, tool

@tool(permissions=["api"])
async def poem(provider: str, context: ToolContext) -> str:
    """Write a poem.

    Args:
        provider: Who writes it.
    """
    answer = await context.ai.chat.ask("Roses", provider=provider, model="llama" if provider == "kimi" else "")
    return f"{answer.provider}: {answer.text}"
'''


class Terminal(io.StringIO):
    """What is printed, and what somebody types."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._printed = asyncio.Event()
        self._seen = 0

    def write(self, text: str) -> int:
        self._printed.set()
        return super().write(text)

    def type(self, *lines: str) -> None:
        for line in lines:
            self._lines.put_nowait(line)

    def end(self) -> None:
        self._lines.put_nowait(None)

    async def typed(self) -> AsyncIterator[str]:
        while (line := await self._lines.get()) is not None:
            yield line

    async def shows(self, text: str) -> None:
        """Wait until it is printed, after what was waited for before."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while (found := self.getvalue().find(text, self._seen)) < 0:
                    self._printed.clear()
                    await self._printed.wait()
        except TimeoutError:
            raise AssertionError(f"{text!r} was not printed after {self.getvalue()[: self._seen]!r}, but:\n"
                                 f"{self.getvalue()[self._seen :]}") from None  # fmt: skip
        self._seen = found + len(text)


@asynccontextmanager
async def bench(
    path: Path, home: Path, *overrides: str, at_once: bool = True, card: SoundCard | None = None
) -> AsyncIterator[Terminal]:
    """The plugin at `path` is tried by somebody at the terminal, who ends it after the block."""
    terminal = Terminal()
    (home / "voiced.toml").touch()
    settings = Settings(home, home / "voiced.toml", overrides, sound=card is not None)
    work = Workbench(working_copy(path), settings, card, terminal, every_s=0.01)
    running = asyncio.create_task(work.run(terminal.typed(), at_once=at_once))
    try:
        yield terminal
    finally:
        terminal.end()
        async with asyncio.timeout(PATIENCE_S):
            await running


@pytest.fixture
def lamp(tmp_path: Path) -> Path:
    path = tmp_path / "lamp.py"
    path.write_text(LAMP)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


async def test_a_sentence_calls_its_tool_and_the_answer_is_said(lamp: Path, home: Path) -> None:
    async with bench(lamp, home) as terminal:
        await terminal.shows("plugin    lamp: lamp, dim, colour, unlock, warn\n")
        terminal.type("Lamp on, please!")
        await terminal.shows("tool      lamp()\n")
        await terminal.shows("          → The lamp in the hall is on.\n")
        await terminal.shows("voiced    The lamp in the hall is on.\n")


async def test_a_tool_is_called_with_arguments(lamp: Path, home: Path) -> None:
    async with bench(lamp, home) as terminal:
        terminal.type('/call dim {"percent": 40}')
        await terminal.shows("tool      dim(percent=40)\n")
        await terminal.shows("voiced    It is at 40 percent.\n")
        terminal.type('/call dim {"percent": 400}')
        await terminal.shows("          failed: That is too bright.\n")
        await terminal.shows("voiced    That is too bright.\n")


async def test_a_question_is_answered_by_typing(lamp: Path, home: Path) -> None:
    async with bench(lamp, home) as terminal:
        terminal.type("Which colour?")
        await terminal.shows("voiced    Which colour, red or blue?\n")
        await terminal.shows("(answer: red, blue)\n")
        terminal.type("blue")
        await terminal.shows("voiced    It is blue.\n")
        terminal.type("Unlock the door.")
        await terminal.shows("Shall I unlock the door?\n")
        await terminal.shows("(type the answer)\n")
        terminal.type("no")
        await terminal.shows("failed:")


async def test_a_plugin_that_asks_the_api_asks_a_stand_in_whatever_the_settings_say(tmp_path: Path, home: Path) -> None:
    (path := tmp_path / "poem.py").write_text(POEM)
    attic = 'ai.providers.attic={base_url = "http://127.0.0.1:9/v1", models = {chat = "llama"}}'
    async with bench(path, home, attic, 'ai.order=["attic", "openai"]') as terminal:
        terminal.type(
            '/call poem {"provider": ""}', '/call poem {"provider": "openai"}', '/call poem {"provider": "kimi"}'
        )
        await terminal.shows("→ attic: You said: Roses\n")
        await terminal.shows("→ openai: You said: Roses\n")
        await terminal.shows("→ kimi: You said: Roses\n")


async def test_what_it_says_by_itself_is_told(lamp: Path, home: Path) -> None:
    async with bench(lamp, home) as terminal:
        terminal.type("warn me")
        await terminal.shows("(shows: Mind the step!)\n")
        await terminal.shows("♪ alarm\n")
        await terminal.shows("voiced    Mind the step!\n")


async def test_a_plugin_is_loaded_anew_when_it_is_saved_and_mistakes_are_told_with_their_line(
    lamp: Path, home: Path
) -> None:
    async with bench(lamp, home) as terminal:
        terminal.type("lamp on")
        await terminal.shows("voiced    The lamp in the hall is on.\n")
        lamp.write_text(LAMP.replace("is on.", "is burning."))
        await terminal.shows("saved     lamp.py\n")
        await terminal.shows("plugin    lamp: lamp, dim, colour, unlock, warn\n")
        terminal.type("lamp on")
        await terminal.shows("voiced    The lamp in the hall is burning.\n")
        lamp.write_text(LAMP.replace("percent: int", "percent: dict"))
        await terminal.shows("plugin    lamp: lamp, colour, unlock, warn\n")
        line = LAMP.splitlines().index("    async def dim(self, percent: int) -> str:")
        await terminal.shows(f"problem   {lamp}:{line} ")
        lamp.write_text("1 +\n")
        await terminal.shows("plugin    lamp: no tools\n")
        await terminal.shows(f"problem   it does not load: {lamp}:1: invalid syntax\n")
        lamp.write_text("\n\n1 / 0\n")
        await terminal.shows(f"problem   it does not load: ZeroDivisionError: division by zero ({lamp}:3)\n")
        terminal.type("lamp on")
        await terminal.shows("voiced    No tool has a sentence.")
        lamp.write_text(LAMP)
        await terminal.shows("plugin    lamp: lamp, dim, colour, unlock, warn\n")
        terminal.type("lamp on")
        await terminal.shows("voiced    The lamp in the hall is on.\n")


async def test_what_is_loaded_later_is_told_when_it_is_known(lamp: Path, home: Path) -> None:
    async with bench(lamp, home) as terminal:
        await terminal.shows("plugin    lamp: lamp, dim, colour, unlock, warn\n")
        slow = f"""
    async def setup(self, context):
        import asyncio, pathlib
        while not pathlib.Path({str(home / "go")!r}).exists():
            await asyncio.sleep(0)
        raise ValueError("no lamp")
"""
        lamp.write_text(LAMP.replace("    settings: LampSettings\n", f"    settings: LampSettings\n{slow}"))
        await terminal.shows("plugin    lamp: no tools\n")
        await terminal.shows("on: it is being loaded\n")
        (home / "go").touch()
        await terminal.shows("problem   its setup failed: ValueError: no lamp")


async def test_settings_of_the_plugin_count(lamp: Path, home: Path) -> None:
    async with bench(lamp, home, 'plugin.lamp.place="attic"') as terminal:
        terminal.type("lamp on")
        await terminal.shows("voiced    The lamp in the attic is on.\n")


async def test_commands(lamp: Path, home: Path) -> None:
    async with bench(lamp, home) as terminal:
        terminal.type("/tools")
        await terminal.shows("dim(percent)  Dim the lamp.\n")
        terminal.type("/help")
        await terminal.shows("/quit       end; so does Ctrl-D\n")
        terminal.type("/reload")
        await terminal.shows("plugin    lamp: lamp, dim, colour, unlock, warn\n")
        terminal.type("/stop")
        for typed, complaint in (
            ("/tool", "there is no command /tool; did you mean /tools?"),
            ("/xyz", "there is no command /xyz; there are /call, /tools, /reload, /stop, /quit, /help"),
            ("/call", "there is no tool ''; see /tools"),
            ("/call dimm {}", "there is no tool 'dimm'; did you mean dim?"),
            ("/call dim {", "these arguments are not JSON"),
        ):
            terminal.type(typed)
            await terminal.shows(complaint)
        terminal.type("/quit")


async def test_lines_from_a_pipe_wait_for_each_other_and_for_the_last_answer(lamp: Path, home: Path) -> None:
    async with bench(lamp, home, at_once=False) as terminal:
        terminal.type("which colour", "red", "lamp on", "", '/call dim {"percent": 1}')
    said = [line for line in terminal.getvalue().splitlines() if line.startswith("voiced    ")]
    assert said == [
        "voiced    Which colour, red or blue?",
        "voiced    It is red.",
        "voiced    The lamp in the hall is on.",
        "voiced    It is at 1 percent.",
    ]


async def test_a_new_project_can_be_tried(tmp_path: Path, home: Path) -> None:
    make(PluginName.of("weather", {}), tmp_path)
    async with bench(tmp_path / "voiced-weather", home) as terminal:
        terminal.type("Remind me of weather in five minutes.")
        await terminal.shows("tool      remind_of_weather(minutes=5)\n")
        await terminal.shows("voiced    I will remind you in 5 minutes.\n")


async def test_one_can_speak_with_it(tmp_path: Path, home: Path) -> None:
    timer = tmp_path / "timer.py"
    timer.write_text(
        "from voiced.api import tool\n\n\n"
        '@tool(sentences=["set a {number:seconds} second timer"])\n'
        "async def set_timer(seconds: int) -> str:\n"
        '    """Set a timer.\n\n    Args:\n        seconds: How many.\n    """\n'
        '    return f"A timer of {seconds} seconds."\n'
    )
    card = VirtualCard(rate=RATE, noise_dbfs=-66.0)
    card.start()
    try:
        async with bench(timer, home, 'capture.echo="off"', card=card) as terminal:
            await terminal.shows("plugin    timer: set_timer\n")
            await card.until_open(2)
            card.say(timer_request(), at=card.time() + 0.5)
            await terminal.shows("you       set a ten second timer\n")
            await terminal.shows("tool      set_timer(seconds=10)\n")
            await terminal.shows("voiced    A timer of 10 seconds.\n")
    finally:
        await asyncio.to_thread(card.stop)


def timer_request() -> bytes:
    """ "Set a ten second timer", as it is said in the demo."""
    import voiced.demo

    return read_wav(Path(voiced.demo.__file__).parent / "voices" / "user_timer.wav")
