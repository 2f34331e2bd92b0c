"""The model of a scripted conversation: it calls and says what a test wrote, one after the other."""

from __future__ import annotations

import difflib
import json
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from voiced.testing.loopback import CallTool, Fail, Say, Turn, sweep

MS_PER_CHARACTER: Final = 10
"""Faster than anybody speaks: tests wait for what they hear."""

SHORTEST_MS: Final = 200
SAMPLES_PER_MS: Final = 24


class ScriptedModel:
    """Answers as `voiced.testing.loopback.Script` wants it.

    What voiced has it say word for word is `told`; it needs no script. `complain` is called with what is wrong with
    the script, once somebody asked for what is not in it.
    """

    def __init__(self, complain: Callable[[str], None]) -> None:
        self.told: list[str] = []
        self._complain = complain
        self._script: deque[CallTool | Say] = deque()
        self._done: list[str] = []

    def will_call(self, tool: str, arguments: Mapping[str, Any] | str) -> None:
        """`arguments`: a text is written as it is."""
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)
        self._script.append(CallTool(tool, text))

    def will_say(self, text: str) -> None:
        self._script.append(said(text))

    @property
    def left(self) -> list[str]:
        """What it was not asked for yet."""
        return [_shown(output) for output in self._script]

    def reply(self, turn: Turn) -> CallTool | Say | Fail:
        """The next one."""
        if instructions := turn.params.get("instructions"):
            self.told.append(str(instructions).partition("\n")[2])
            return said(self.told[-1])
        if not self._script:
            return self._refuse(f"the model was asked for an answer, and the script has none left: {_asked(turn)}")
        output = self._script.popleft()
        if isinstance(output, CallTool):
            offered = [str(tool["name"]) for tool in turn.session["tools"]]
            if output.name not in offered:
                return self._refuse(_no_tool(output.name, offered))
        self._done.append(_shown(output))
        return output

    def _refuse(self, complaint: str) -> Fail:
        done = ", then ".join(self._done) or "nothing"
        advice = "Write model_calls(...) or model_says(...) for each answer."
        self._complain(f"{complaint}\nSo far it did: {done}.\n{advice}")
        return Fail()


def said(text: str) -> Say:
    """It is said in a fraction of a second."""
    return Say(text, sweep(max(SHORTEST_MS, MS_PER_CHARACTER * len(text)) * SAMPLES_PER_MS))


def _asked(turn: Turn) -> str:
    if turn.tool_outputs:
        return f"a tool returned {', '.join(turn.tool_outputs.values())}"
    return f"the user said {turn.transcript!r}"


def _no_tool(name: str, offered: list[str]) -> str:
    if not offered:
        return f"there is no tool {name!r}: no tool is offered; name your plugin with assistant.plugin(...)"
    near = difflib.get_close_matches(name, offered, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"offered are {', '.join(offered)}"
    return f"there is no tool {name!r}; {hint}"


def _shown(output: CallTool | Say) -> str:
    return f"call {output.name}({output.arguments})" if isinstance(output, CallTool) else f"say {output.text!r}"
