"""What the commands of the command line are made of: help, the options of the settings, and when code is imported."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

Command = Callable[[argparse.Namespace, TextIO], int]

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]

FORM: Final[Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}


class Parser(argparse.ArgumentParser):
    """Its `grows`, where it has one, adds the rest of its grammar once it is to parse something: most never are."""

    grows: Callable[[Parser], None] | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As any parser does."""
        if (grow := self.grows) is not None:
            self.grows = None
            grow(self)
        return super().parse_known_args(args, namespace)


def command(
    commands: Commands, name: str, text: str, run: Command | None, *, settings: bool = True, epilog: str | None = None
) -> Parser:
    """One command with its help, and the options that every command with settings has."""
    made = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog, **FORM)
    made.set_defaults(command=run or shows_help(made))
    if settings:
        made.add_argument("--config", type=Path, metavar="FILE", help="read this file of settings and no other")
        made.add_argument(
            "--set",
            action="append",
            default=[],
            dest="overrides",
            metavar="SECTION.NAME=VALUE",
            help="set one setting, over files and environment; may be repeated",
        )
    return made


def lazily(module: str, name: str) -> Command:
    """The command `name` of a module that is imported when the command runs: `voiced --version` needs none of them."""

    def command(arguments: argparse.Namespace, out: TextIO) -> int:
        chosen: Command = getattr(importlib.import_module(f"voiced.cli.{module}"), name)
        return chosen(arguments, out)

    return command


def shows_help(of: argparse.ArgumentParser) -> Command:
    """Without a command: the help, and exit code 2, since nothing was done."""

    def command(_arguments: argparse.Namespace, out: TextIO) -> int:
        of.print_help(out)
        return 2

    return command
