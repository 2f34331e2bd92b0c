"""A hostile plugin, and a conversation that goes on beside it: whatever the plugin does, each question is answered."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from tests.daemon.household import Household
from tests.daemon.tape import is_whole, passages
from voiced.control.protocol import Status
from voiced.conversation.commands import ReplyHeard, TurnFailed
from voiced.testing.loopback import CallTool, Reply, Say, Turn

PRELUDE: Final = """
import asyncio, os, sys, threading, time
from voiced.api import *

release = threading.Event()
"""


@dataclass(frozen=True, slots=True)
class Hostile:
    """`acts`: the body of its tool. `beside`: what it does by itself. `named`: in a problem or a line of the log.

    `heard`: something of it is said in the silence.
    """

    acts: str = "pass"
    beside: str = ""
    named: str = ""
    kind: str = "async def"
    heard: bool = False

    @property
    def source(self) -> str:
        body = "\n".join(f"    {line}" for line in self.acts.splitlines())
        return (
            f'{PRELUDE}{self.beside}\n@tool(permissions=["say"])\n{self.kind} act(context: ToolContext):\n'
            f'    "Act."\n{body}\n'
        )


LEAVES: Final = "async def leave():\n    os._exit(3)\n"
LINGERS: Final = "async def linger():\n    await asyncio.Event().wait()\n"

HOSTILE: Final = {
    "blocks the loop": Hostile("time.sleep(0.6)", named="plugin code blocks the event loop"),
    "sys.exit": Hostile("sys.exit(3)", named="SystemExit"),
    "os._exit": Hostile("os._exit(3)", named="os._exit, which would end voiced"),
    "os._exit in a thread": Hostile("os._exit(3)", named="os._exit, which would end voiced", kind="def"),
    "os._exit in a task": Hostile("asyncio.get_running_loop().create_task(leave())", LEAVES, "os._exit"),
    "forks": Hostile("if os.fork() == 0:\n    os._exit(0)", named="it forks"),
    "kills": Hostile("os.kill(os.getpid(), 9)", named="it sends a signal to voiced itself"),
    "prints": Hostile("for n in range(50_000):\n    print(n)", named="a plugin prints too much"),
    "leaks tasks": Hostile(
        "global tasks\ntasks = [asyncio.create_task(linger()) for _ in range(500)]", LINGERS, "100 tasks of the plugin"
    ),
    "takes long to import": Hostile(beside="release.wait()"),
    "returns 100 MB": Hostile("return 'x' * 10**8"),
    "allocates 100 MB": Hostile("bytearray(10**8)\nreturn ['x' * 1000] * 10**5", kind="def"),
    "an error that can't be shown": Hostile(
        "raise Odd", "class Odd(Exception):\n    def __str__(self):\n        os._exit(3)\n    __repr__ = __str__", "Odd"
    ),
    "recursion": Hostile("await again()", "async def again():\n    await again()\n", "RecursionError"),
    "a flood": Hostile(
        "for n in range(3000):\n    context.announce(str(n))\n    context.earcon('done')\n    context.set_volume(100)",
        named="it announces more than",
        heard=True,
    ),
    "subscribes": Hostile(
        "context.subscribe(StateChanged, heard)",
        "async def heard(event):\n    raise OSError('no lamp')\n",
        "paused after 3 crashes, last: a callback: OSError (",
        heard=True,
    ),
}


def answer(turn: Turn) -> Reply:
    """The model calls the hostile tool once, and answers all else."""
    if "instructions" in turn.params:
        return Say("Listen.")
    if not any(item.type == "function_call" for item in turn.items):
        return CallTool("act")
    return Say("The moon is round, and it is far away.")


@pytest.mark.parametrize("name", HOSTILE)
async def test_the_conversation_goes_on(
    household: Callable[..., Household], capfd: pytest.CaptureFixture[str], name: str
) -> None:
    hostile = HOSTILE[name]
    async with household(answer) as home:
        home.write_plugin("hostile", hostile.source)
        home.start()
        try:
            await home.ready()
            for question in ("moon", "tea", "rain"):
                _, end = home.say(question)
                reply = await home.next(ReplyHeard, lambda fact: fact.text != "Listen.")
                assert not reply.cut
                if not hostile.heard:
                    [(first, last)] = passages(home.loudspeaker(end))
                    assert is_whole(home.loudspeaker(end)[first:last], Say(reply.text).audio())
            assert home.of(TurnFailed) == []
            assert hostile.named in await told(home)
        finally:
            sys.modules["voiced_plugin_hostile"].release.set()
    assert capfd.readouterr().out == ""


async def told(home: Household) -> str:
    """Problems of the plugin and its lines in the log."""
    [status] = await home.control(Status())
    [plugin] = [plugin for plugin in status["status"]["plugins"] if plugin["name"] == "hostile"]
    lines: list[Any] = [line for line in home.log if line["level"] in ("warning", "error")]
    return f"{plugin} {lines}"
