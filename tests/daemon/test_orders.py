"""The key to talk, the history and the end, as the command line and other programs ask the daemon for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.daemon.household import Household
from tests.daemon.process import NO_DEVICES, Process
from voiced.control.protocol import Ask, History
from voiced.testing.loopback import LoopbackServer, Say

TEA = Say("Tea comes from the leaves of a bush.")


@pytest.mark.real_time
async def test_a_daemon_is_talked_to_and_ended_by_commands(
    tmp_path: Path, loopback: Callable[..., LoopbackServer]
) -> None:
    settings = (*NO_DEVICES, 'listen.modes=["ptt"]')
    async with (
        loopback() as server,
        Process(tmp_path, f'realtime.base_url="{server.base_url}"', *settings) as home,
    ):
        await home.logged("brain.ready")
        assert await home.command("ptt", "down") == (0, "lean\n", "")
        _, status, _ = await home.command("status")
        assert "listens      now, since the key to talk is held\n" in status
        assert await home.command("ptt", "toggle") == (0, "lean\n", "")
        assert await home.command("history") == (0, "nothing was said yet\nlean\n", "")
        assert await home.command("quit") == (0, "lean\n", "")
        code, seconds = await home.ended()
        assert code == 0
        assert seconds < 1.0  # the command came back when it had ended
        assert (await home.command("quit"))[0] == 3
        assert not (tmp_path / "voiced" / "control.sock").exists()


async def test_the_history_has_both_sides(household: Callable[..., Household]) -> None:
    async with household([TEA]) as home:
        await home.ready()
        await home.control(Ask(text="Tell me about tea."))
        assert await home.control(History()) == [
            {"history": [{"who": "user", "text": "Tell me about tea."}, {"who": "assistant", "text": TEA.text}]}
        ]
