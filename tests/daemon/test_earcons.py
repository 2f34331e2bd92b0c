"""The short sounds of a running voiced are those that the settings name, also after a reload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.daemon.household import Household
from voiced.audio import RATE, Ms
from voiced.conversation.events import MuteAsked
from voiced.errors import ConfigError
from voiced.playout.earcons import NOTES, tone


async def sounded_s(home: Household, muted: bool) -> float:
    """For how long it sounds when the microphone is closed or opened."""
    start = home.card.time()
    home.daemon.post(MuteAsked(muted))
    await home.run(1.5)
    places = np.flatnonzero(home.loudspeaker(start))
    return float((places[-1] - places[0] + 1) / RATE) if places.size else 0.0


MADE_S = pytest.approx(sum(length for _, length in NOTES["muted"]) / 1000, abs=0.01)


async def test_other_sounds_come_with_a_reload_and_a_bad_one_changes_nothing(
    household: Callable[..., Household],
) -> None:
    async with household([]) as home:
        (home.folder / "long.pcm").write_bytes(tone(500, Ms(900)))
        await home.ready()
        assert await sounded_s(home, True) == MADE_S
        home.write_settings(earcons__muted=str(home.folder / "long.pcm"), earcons__unmuted="off")
        home.daemon.reload()
        await home.until(lambda: any(line["event"] == "earcons.read" for line in home.log))
        assert await sounded_s(home, False) == 0.0
        assert await sounded_s(home, True) == pytest.approx(0.9, abs=0.01)
        home.write_settings(earcons__muted=str(home.folder / "gone.pcm"))
        with pytest.raises(ConfigError, match=r"earcons.muted: .*gone.pcm is not there"):
            home.daemon.reload()
        await sounded_s(home, False)
        assert await sounded_s(home, True) == pytest.approx(0.9, abs=0.01)


async def test_a_sound_that_is_not_there_is_told_at_the_start(household: Callable[..., Household]) -> None:
    settings: dict[str, Any] = {"earcons.alarm": "/nowhere/gong.wav"}
    async with household([], settings=settings) as home:
        home.start()
        with pytest.raises(ConfigError, match=r"earcons.alarm: /nowhere/gong.wav is not there"):
            await home.stop()
