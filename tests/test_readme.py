"""The README says nothing that is not so: its commands parse, its settings and files exist, its plugin works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from voiced.cli.parser import parser
from voiced.config import Config
from voiced.config.sources import leaves
from voiced.testing.tool_bench import ToolBench

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def commands() -> list[str]:
    """Every `voiced …` in the README, in blocks and in the text."""
    shell = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]
    found = [part.strip() for line in shell for part in re.split("&&| [|] ", line.split("#")[0])]
    found += [" ".join(code.split()) for code in re.findall(r"`(voiced [^`]+)`", README)]
    words = (command.removeprefix(".venv/bin/").split(">")[0].strip() for command in found)
    return sorted({command for command in words if command.startswith("voiced ")})


@pytest.mark.parametrize("command", commands())
def test_a_command_in_the_readme_exists(command: str) -> None:
    chosen = parser().parse_args(shlex.split(command)[1:])
    assert chosen.command


def test_the_two_commands_of_the_readme_are_what_ci_runs() -> None:
    ci = (ROOT / ".ci/run").read_text()
    first_two = [block.strip() for kind, block in BLOCKS if kind == "sh"][:2]
    assert [command in ci for command in first_two] == [True, True]


def test_the_settings_in_the_readme_exist() -> None:
    sections = "|".join(Config.model_fields)
    named = set(re.findall(rf"`((?:{sections})\.[a-z_]+)", README))
    assert named
    assert named <= {key for key, _ in leaves(Config)}


def test_the_files_and_links_in_the_readme_exist() -> None:
    named = set(re.findall(r"\]\(([^)#:]+)\)", README)) | set(
        re.findall(r"`((?:voiced|systemd|config)/[\w/.]+)`", README)
    )
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


async def test_the_plugin_in_the_readme_works_with_no_key_too(tmp_path: Path) -> None:
    (source,) = (block for kind, block in BLOCKS if kind == "python")
    (tmp_path / "dice.py").write_text(source)
    bench = ToolBench(tmp_path, [tmp_path])
    bench.plugin("dice.py")
    async with bench.running():
        assert {await bench.call("roll_dice", sides=2) for _ in range(64)} == {1, 2}
        assert bench.offline("Roll a die.") == ("roll_dice", {})
