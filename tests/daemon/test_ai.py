"""The API behind plugins: it is asked with the key that is there already, and what it costs is in the books."""

from __future__ import annotations

from collections.abc import Callable

from tests.daemon.household import Household
from voiced.conversation.commands import ReplyHeard, Spent
from voiced.conversation.events import Usage
from voiced.testing.http import HttpLoopback
from voiced.testing.loopback import CallTool, Say

KEY = "sk-of-the-cascade-000"

LIKENESS = """
from voiced.api import ToolContext, tool

@tool(permissions=["api"])
async def likeness(one: str, other: str, context: ToolContext) -> str:
    "Tell how alike two texts are."
    assert context.ai.available
    vectors = await context.ai.embed([one, other])
    return f"{sum(a * b for a, b in zip(*vectors)):.1f} by {context.ai.embedding_model}"
"""


async def test_what_a_plugin_asks_of_the_api_is_counted(household: Callable[..., Household]) -> None:
    calls = [CallTool("likeness", '{"one": "the key", "other": "a key"}'), Say("They are alike.")]
    async with HttpLoopback(valid_key=KEY) as api, household(calls) as home:
        (home.folder / "cascade_key").write_text(KEY)
        (home.folder / "cascade_key").chmod(0o600)
        home.write_settings(
            ai__providers__openai__base_url=api.base_url,
            ai__timeout_s=300.0,
            cascade__base_url=api.base_url,
            cascade__key_file=str(home.folder / "cascade_key"),
            plugins__timeout_s=600.0,
        )
        home.write_plugin("likeness", LIKENESS)
        await home.ready()
        home.say("timer")
        await home.next(ReplyHeard)
        (output,) = [item.output for item in home.server.conversation.items if item.type == "function_call_output"]
        assert output == "0.5 by text-embedding-3-small"
        assert Spent(Usage("text-embedding-3-small", text_in=4)) in home.of(Spent)
        assert api.violations == ()
        assert KEY not in str(home.log)
