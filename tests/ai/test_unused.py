"""A daemon whose plugins ask nothing of the API has loaded nothing of it but what says where it is."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from voiced.testing.loopback import LoopbackServer

CHECKOUT = Path(__file__).parents[2]
SHARED = {
    *("client", "directory", "endpoint", "failures", "models", "presets", "providers", "rate_limits", "service"),
    *("settings", "tries"),
    # of plugins' tools too:
    *("docstrings", "own_thread", "parameters", "signature", "strict_schema", "tool_calls", "tool_text"),
}


async def test_after_the_start_no_helper_is_loaded_and_no_library() -> None:
    async with LoopbackServer() as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.ai.idle_daemon", server.base_url),
            cwd=CHECKOUT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        told, _ = await process.communicate()
    assert process.returncode == 0
    loaded = json.loads(told)
    assert {name.removeprefix("voiced.ai.") for name in loaded if name.startswith("voiced.ai.")} <= SHARED
    assert {name for name in loaded if name.split(".")[0] in ("openai", "httpx2", "anyio", "aiohttp", "cv2")} == set()
