"""docs/budget.md says nothing that is not so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from voiced.cli.parser import parser
from voiced.config import load_config
from voiced.conversation.budget import SPENT_TODAY, STEPS
from voiced.conversation.events import Usage
from voiced.spending.bookkeeper import SAVE_EVERY_S
from voiced.spending.file import NAME
from voiced.spending.prices import PriceTable
from voiced.spending.settings import PRICES_AS_OF

PAGE = (Path(__file__).parents[2] / "docs" / "budget.md").read_text()
WORDS = " ".join(PAGE.split())


def test_its_settings_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "voiced.toml"
    file.write_text("\n".join(re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)))
    budget = load_config(file, (), {}).config.budget
    assert (budget.daily_usd, budget.monthly_usd) == (1.5, 20.0)
    table = PriceTable(budget.prices)
    everything = Usage("never-heard-of", 9, 9, 9, 5, 5, 5, 9, 9, 9.0, 9)
    assert (table.cost(everything).usd, table.cost(everything).guessed) == (0.0, False)
    assert table.cost(Usage("my-deployment", audio_in=1_000_000)).usd == 32.0


def test_its_commands_are_commands() -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        assert parser().parse_args(shlex.split(line, comments=True)[1:]).command


def test_its_numbers_are_those_of_the_code() -> None:
    assert [step for step, _ in reversed(STEPS)] == [0.6, 0.75, 0.9, 1.0]
    assert SPENT_TODAY in WORDS
    assert f"as of {PRICES_AS_OF}" in WORDS
    assert f"`{NAME}`" in WORDS
    assert SAVE_EVERY_S == 3.0
