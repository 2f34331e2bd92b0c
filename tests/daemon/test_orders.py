"""Orders of the command line to `voiced run`, each a process of its own: the key to talk, the history, the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.daemon.process import NO_DEVICES, Process
from voiced.testing.loopback import LoopbackServer, Say

TEA = Say("Tea comes from the leaves of a bush.")


async def test_a_daemon_is_asked_talked_to_and_ended(tmp_path: Path, loopback: Callable[..., LoopbackServer]) -> None:
    settings = (*NO_DEVICES, 'listen.modes=["ptt"]')
    async with (
        loopback([TEA]) as server,
        Process(tmp_path, f'realtime.base_url="{server.base_url}"', *settings) as home,
    ):
        await home.logged("brain.ready")
        assert await home.command("ptt", "down") == (0, "lean\n", "")
        _, status, _ = await home.command("status")
        assert "listens      now, since the key to talk is held; else while the key to talk is held\n" in status
        assert await home.command("ptt", "toggle") == (0, "lean\n", "")
        assert await home.command("ask", "Tell me about tea.") == (0, f"{TEA.text}\nlean\n", "")
        code, out, error = await home.command("history")
        assert (code, out.splitlines()[0], error) == (0, "you        Tell me about tea.", "")
        assert await home.command("quit") == (0, "lean\n", "")
        code, seconds = await home.ended()
        assert code == 0
        assert seconds < 1.0  # the command came back when it had ended
        assert (await home.command("quit"))[0] == 3
        assert not (tmp_path / "voiced" / "control.sock").exists()
