"""What a plugin may import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import voiced.api
from voiced.api import Plugin, StateError, ToolContext, ToolError, ToolOptions, options_of, tool


def test_a_marked_function_stays_the_function_that_it_was() -> None:
    def double(n: int) -> int:
        return 2 * n

    assert tool(double) is double
    assert double(3) == 6
    assert options_of(double) == ToolOptions()


def test_options_are_kept() -> None:
    @tool(name="twice", timeout_s=3.0)
    def double(n: int) -> int:
        return 2 * n

    assert options_of(double) == ToolOptions("twice", 3.0)


@pytest.mark.parametrize("candidate", [len, 5, None, lambda: None])
def test_what_is_not_marked_is_no_tool(candidate: object) -> None:
    assert options_of(candidate) is None


async def test_a_plugin_need_not_set_anything_up() -> None:
    plugin = Plugin()
    await plugin.setup(None)  # type: ignore[arg-type]
    await plugin.teardown()


def test_a_failed_save_is_told_to_the_model_if_the_plugin_does_not_catch_it() -> None:
    assert issubclass(StateError, ToolError)


def test_everything_that_is_offered_has_a_docstring() -> None:
    types = ("OnBargeIn", "Permission")  # Literals have none of their own
    offered = [getattr(voiced.api, name) for name in voiced.api.__all__ if name not in types]
    members = [member for name, member in vars(ToolContext).items() if not name.startswith("_")]
    assert all(thing.__doc__ for thing in offered + members)


def test_importing_it_is_cheap() -> None:
    heavy = "{'pydantic', 'numpy', 'structlog', 'asyncio', 'websockets'} & sys.modules.keys()"
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys, voiced.api; print({heavy})"], capture_output=True, text=True
    )
    assert (ran.stdout, ran.stderr) == ("set()\n", "")
