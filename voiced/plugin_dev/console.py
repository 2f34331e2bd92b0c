"""What somebody types: texts for the assistant, and commands that begin with a slash."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Final

from voiced.conversation.events import Event, StopAsked, TextAsked, ToolSpec
from voiced.plugin_dev.account import Account
from voiced.plugin_dev.model import CALL

HELP: Final = f"""\
Type what you would say. A sentence of a tool calls it; a question of a tool is answered by what you type next.
{CALL} TOOL {{"city": "Oslo"}}   call a tool, as the model would
/tools      list the tools, with their arguments and sentences
/reload     load the plugin anew; saving one of its files does it too
/stop       be quiet
/quit       end; so does Ctrl-D
"""


class Console:
    """Takes one line after the other. `post`: to the conversation. `tools`: those of now.

    `at_once`: where people type they may interrupt; where lines come from a pipe each waits for the answer to the last.
    """

    def __init__(
        self,
        account: Account,
        post: Callable[[Event], None],
        tools: Callable[[], tuple[ToolSpec, ...]],
        reload: Callable[[], None],
        *,
        at_once: bool,
    ) -> None:
        self._account = account
        self._post = post
        self._tools = tools
        self._reload = reload
        self._at_once = at_once
        self._requests = itertools.count(1)

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Until there are no more, or /quit."""
        await self._account.until(lambda: self._account.ready)
        async for line in lines:
            text = line.strip()
            if text == "/quit":
                return
            if text:
                self._do(text)
            if not self._at_once:
                await self._account.until(lambda: self._account.asks or not self._account.busy)
        if not self._at_once:
            await self._account.until(lambda: not self._account.busy)

    def _do(self, text: str) -> None:
        command, _, rest = text.partition(" ")
        match command:
            case "/help":
                self._account.line("", HELP.rstrip())
            case "/tools":
                self._list()
            case "/reload":
                self._reload()
            case "/stop":
                self._post(StopAsked())
            case "/call":
                if complaint := self._complaint(rest.strip()):
                    self._account.line("", complaint, "31")
                else:
                    self._ask(text)
            case _ if command.startswith("/"):
                known = (CALL, "/tools", "/reload", "/stop", "/quit", "/help")
                near = difflib.get_close_matches(command, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                self._account.line("", f"there is no command {command}; {hint}", "31")
            case _:
                self._ask(text)

    def _ask(self, text: str) -> None:
        request = f"typed-{next(self._requests)}"
        self._account.expects(request)
        self._post(TextAsked(request, text))

    def _list(self) -> None:
        for tool in self._tools():
            arguments = ", ".join(tool.parameters["properties"])
            self._account.line("", f"{tool.name}({arguments})  {tool.description.splitlines()[0]}")
            for sentence in tool.sentences:
                self._account.line("", f'    "{sentence.template}"')
        if not self._tools():
            self._account.line("", "there is no tool")

    def _complaint(self, call: str) -> str:
        """What is wrong with it that no model would do, for the next to be typed better."""
        name, _, arguments = call.partition(" ")
        names = [tool.name for tool in self._tools()]
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            return f"there is no tool {name!r}; {f'did you mean {near[0]}?' if near else 'see /tools'}"
        try:
            json.loads(arguments or "{}")
        except ValueError as error:
            return f'these arguments are not JSON ({error}); write for example {CALL} {name} {{"name": "value"}}'
        return ""
