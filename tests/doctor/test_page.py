"""docs/troubleshooting.md tells of each area, and of nothing that is not there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from voiced.cli.parser import parser
from voiced.doctor.finding import AREAS

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def test_each_area_is_told_of_in_its_order() -> None:
    told = re.findall(r"^\*\*([a-z]+)\*\*", PAGE.read_text(), re.MULTILINE)
    assert tuple(told) == AREAS


@pytest.mark.parametrize(
    "line", [line.strip() for line in PAGE.read_text().splitlines() if line.startswith("    voiced ")]
)
def test_commands_are_commands(line: str) -> None:
    command = re.split(r" {2,}", line)[0]
    assert parser().parse_args(shlex.split(command)[1:]).command
