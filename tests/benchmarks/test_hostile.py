"""The benchmark of hostile plugins measures what it says; how fast is no matter here."""

from __future__ import annotations

import pytest

from tests.benchmarks import hostile
from tests.benchmarks.hostile_trial import DEEDS, Deed, plugin


@pytest.mark.parametrize("deed", DEEDS)
def test_each_deed_is_a_plugin(deed: Deed) -> None:
    compile(plugin(deed), deed, "exec")
    assert (deed == "nothing") == (plugin(deed) == plugin("nothing"))


def test_the_ratios_are_to_the_plugin_that_does_nothing() -> None:
    found = hostile.Found({"nothing": [100.0, 200.0, 300.0], "prints": [200.0, 400.0, 900.0]})
    lines = [" ".join(line.split()) for line in hostile.text(found).splitlines()]
    assert lines[1:] == ["nothing 3 200 280 300 1.00x 1.00x", "prints 3 400 800 900 2.00x 3.00x"]


async def test_a_conversation_beside_a_hostile_plugin_comes_to_its_end() -> None:
    [latency] = await hostile.trial("prints", questions=1)
    assert 0 < latency < 20_000
