"""docs/mcp.md tells the truth."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from mcp.types import Tool, ToolAnnotations

from voiced.plugins.builtin.mcp import inflow, offers, process, server, settings

PAGE = (Path(__file__).parents[3] / "docs" / "mcp.md").read_text()
EXAMPLES = [tomllib.loads(block)["plugin"]["mcp"] for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_right(example: dict[str, Any]) -> None:
    assert settings.McpSettings.model_validate(example).servers


def test_all_settings_are_told_with_their_defaults() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| (.*?) ?\| ", PAGE, re.MULTILINE))
    fields = settings.ServerSettings.model_fields
    assert told.keys() == fields.keys()
    for name, default in told.items():
        if default:
            written = tomllib.loads(f"x = {default.strip('`')}")["x"]
            assert (tuple(written) if isinstance(written, list) else written) == fields[name].default


def test_the_question_is_worded_so() -> None:
    tool = Tool(
        name="delete_file",
        title="Delete file",
        input_schema={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
        annotations=ToolAnnotations(destructive_hint=True),
    )
    example = settings.ServerSettings(command=("server",), allow=("*",))
    question = offers.choose([tool], example).offers[0].options.confirm
    assert f'"{question.format(path="recipes/soup.txt")}"' in " ".join(PAGE.split())


@pytest.mark.parametrize(
    "words",
    [
        f"{settings.McpSettings.model_fields['servers'].metadata[0].max_length} servers and {offers.MOST_TOOLS} tools",
        f"cut at {offers.DESCRIPTION_LIMIT} characters",
        f"more than {offers.SCHEMA_LIMIT // 1024} KiB to describe",
        f"One message may have {inflow.MESSAGE_BYTES // 1024**2} MiB",
        f"send {inflow.WINDOW_BYTES // 1024**2} MiB, {inflow.WINDOW_LINES} lines and {inflow.WINDOW_ITEMS:,} items",
        f"{process.EOF_GRACE_S:g} s later comes SIGTERM, and {process.TERM_GRACE_S:g} s after that SIGKILL",
        f"up to {server.LONGEST_PAUSE_S / 60:.0f} minutes".replace("2", "two"),
    ],
)
def test_the_limits_are_those(words: str) -> None:
    assert words in " ".join(PAGE.split())
