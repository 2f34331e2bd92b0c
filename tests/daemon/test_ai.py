"""The API behind plugins: it is asked with the key that is there already, and what it costs is in the books."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np

from tests.daemon.household import Household
from voiced.conversation.commands import BargedIn, ReplyHeard, SoundBegun, Spent
from voiced.conversation.events import Usage
from voiced.testing.http import HttpLoopback, Pace, Script
from voiced.testing.http.tones import spoken
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


STORY = """
from voiced.api import ToolContext, tool

@tool(permissions=["api", "say"])
async def story(context: ToolContext) -> bool:
    "Tell a story."
    async with context.ai.audio.stream_speech("Once upon a time.", format="pcm") as pieces:
        return await context.play(pieces)
"""

TALE_S = 12.0


@asynccontextmanager
async def a_story(household: Callable[..., Household], pace: Pace) -> AsyncIterator[tuple[Household, HttpLoopback]]:
    """A household in which somebody asked for a story of `TALE_S`, whose first piece plays."""
    sound = (spoken("Once upon a time.") * 40)[: int(TALE_S * 24_000) * 2]
    calls = [CallTool("story", "{}"), Say("That was it."), Say("Yes?")]
    async with HttpLoopback(Script(sound=lambda _: sound), pace=pace, valid_key=KEY) as api, household(calls) as home:
        key_file = home.folder / "api_key"
        key_file.write_text(KEY)
        key_file.chmod(0o600)
        home.write_settings(
            ai__providers__openai__base_url=api.base_url,
            ai__providers__openai__key_file=str(key_file),
            ai__timeout_s=300.0,
            plugins__timeout_s=600.0,
        )
        home.write_plugin("story", STORY)
        await home.ready()
        home.say("timer")
        await home.next(SoundBegun)
        yield home, api


async def test_what_the_api_speaks_plays_while_it_is_still_being_made(household: Callable[..., Household]) -> None:
    """It is made twice as fast as it plays."""
    async with a_story(household, Pace(speed=2.0)) as (home, api):
        (entry,) = api.of("speech")
        assert entry.ended_at is None, "it was whole before it began to play"
        began = home.card.time()
        await home.until(lambda: home.received("conversation.item.create"))
        assert TALE_S - 0.5 < home.card.time() - began < TALE_S + 1.5
        (output,) = [item.output for item in home.server.conversation.items if item.type == "function_call_output"]
        assert output == "true"
        assert api.violations == ()
        heard = home.loudspeaker(began + 0.5, began + TALE_S - 1.0)
        quiet = np.abs(heard.reshape(-1, 240).astype(np.int32)).max(axis=1) == 0
        assert not quiet.any(), "it had gaps"


async def test_who_interrupts_what_the_api_speaks_ends_it_at_the_server(household: Callable[..., Household]) -> None:
    async with a_story(household, Pace(speed=1.2)) as (home, api):
        await home.run(2.0)
        home.say("tea")
        await home.next(BargedIn)
        await home.until(lambda: api.of("speech")[0].ended_at is not None, within_s=5.0)
        assert api.of("speech")[0].outcome == "abandoned"
        assert api.of("speech")[0].sent_bytes < TALE_S * 48_000 / 2
