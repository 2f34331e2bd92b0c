"""A thousand turns in which everything fails that can: each utterance has one answer, or its failure was told."""

from __future__ import annotations

import os

import pytest

from tests.chaos.life import live

SEEDS = range(int(os.environ.get("VOICED_CHAOS_SEEDS", "2")))
TURNS = int(os.environ.get("VOICED_CHAOS_TURNS", "1000"))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_utterance_is_answered_once_or_its_failure_is_told(seed: int) -> None:
    lived = live(seed, TURNS)
    # Much went wrong, and much went well: or this proves nothing.
    assert lived.outcomes["answered"] > TURNS / 4
    assert lived.seen["TurnFailed"] > TURNS / 50
    assert all(opened > TURNS / 20 for opened in lived.opened.values())
    outcomes = {"no speech", "the device obeyed", "the user took the floor", "stopped", "an answer"}
    assert outcomes <= set(lived.outcomes)
    assert {"question: well", "question: nobody answered", "sound: well", "text: well", "CancelTool"} <= set(lived.seen)
