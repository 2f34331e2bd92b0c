"""Runs programs that somebody listed in the settings, and no others.

    [plugin.shell.commands.backup]
    run = ["/usr/local/bin/backup", "--to", "{where}"]
    description = "Back up the documents."
    sentences = ["back up [the] documents [to [the] {where}]"]
    arguments.where = { description = "Where to.", choices = ["nas", "usb"], default = "nas" }
    confirm = true

There is no shell between: what somebody says becomes one argument of the program, whatever is in it. A value that
begins with - is refused unless it is one of the choices.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from voiced.api import DynamicTool, NotConfigured, Plugin, Result, ToolContext, ToolError, ToolOptions
from voiced.plugins.builtin import child_process
from voiced.plugins.builtin.child_process import Ended
from voiced.plugins.builtin.shell_settings import Command, ShellSettings, spoken_name

LONGEST_SPOKEN: Final = 300
"""Characters of what a program prints that are read aloud."""

_MARGIN_S: Final = 2.0
"""A program is ended in its time, before the tool is given up."""


class Shell(Plugin):
    """Each command is a tool. One that runs is not begun again before it is over."""

    permissions = ("files",)
    settings: ShellSettings

    async def setup(self, context: ToolContext) -> None:
        if not self.settings.commands:
            raise NotConfigured(
                'no program may be run: list one below [plugin.shell.commands.NAME], with run = ["/path/to/program"] '
                "and a description"
            )
        self._running: set[str] = set()
        for problem in await context.in_thread(lambda: list(_missing(self.settings.commands))):
            context.report(problem)

    def dynamic_tools(self) -> Sequence[DynamicTool]:
        return [self._tool(name, command) for name, command in self.settings.commands.items()]

    def _tool(self, name: str, command: Command) -> DynamicTool:
        return DynamicTool(
            name,
            command.description,
            command.parameters(),
            partial(self._run, name, command),
            ToolOptions(
                sentences=command.sentences,
                timeout_s=command.timeout_s + _MARGIN_S,
                confirm=command.question(name),
                background=command.background,
            ),
        )

    async def _run(self, name: str, command: Command, arguments: Mapping[str, Any], context: ToolContext) -> Result:
        try:
            argv = command.argv(arguments)
        except ValueError as error:
            raise ToolError(f"Nothing is run: {error}.") from error
        if name in self._running:
            raise ToolError(f"{_title(name)} is running already; wait until it is over.")
        self._running.add(name)
        try:
            ended = await child_process.run(argv, command.timeout_s)
        except TimeoutError as error:
            raise ToolError(f"{_title(name)} took longer than {command.timeout_s:g} seconds and was ended.") from error
        except OSError as error:
            raise ToolError(f"{_title(name)} can't be run: {_why(argv[0], error)}.") from error
        finally:
            self._running.discard(name)
        context.log.info("a program ended", command=name, code=ended.code)
        return _told(name, command, ended)


def _told(name: str, command: Command, ended: Ended) -> Result:
    """What is said of it. What it printed is told only where the settings want it. Raises ToolError if it failed."""
    printed = command.speak_output and ended.output
    if ended.code:
        text = f"{_title(name)} {_exit(ended.code)}."
        raise ToolError(f"{text} It printed: {_short(ended.output)}" if printed else text)
    if not command.speak_output:
        return Result(f"{_title(name)} is done.")
    if not printed:
        return Result(f"{_title(name)} is done. It printed nothing.")
    more = f"\n[{ended.dropped} bytes more are left out.]" if ended.dropped else ""
    return Result(f"{_title(name)} is done. It printed:\n{ended.output}{more}", spoken=_short(ended.output))


def _exit(code: int) -> str:
    if code > 0:
        return f"failed with the exit code {code}"
    try:
        return f"was ended by the signal {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by the signal {-code}"


def _why(program: str, error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return f"there is no program {program}"
        case PermissionError():
            return f"voiced may not run {program}"
        case _:
            return f"{program}: {error.strerror}"


def _missing(commands: Mapping[str, Command]) -> Iterator[str]:
    for name, command in commands.items():
        program = command.run[0]
        if not os.path.exists(program):
            yield f"{name}: there is no program {program}; install it, or mend plugin.shell.commands.{name}.run"
        elif not os.path.isfile(program) or not os.access(program, os.X_OK):
            yield f"{name}: {program} is no program that voiced may run; chmod +x it, or name another one"


def _title(name: str) -> str:
    spoken = spoken_name(name)
    return f"{spoken[:1].upper()}{spoken[1:]}"


def _short(output: str) -> str:
    """As much as is read aloud, on one line."""
    line = " ".join(output.split())
    return line if len(line) <= LONGEST_SPOKEN else f"{line[:LONGEST_SPOKEN]} …"
