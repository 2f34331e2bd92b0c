"""The guard on what is heard and said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.plugins.fakes import NOON, FakeClock, Home, all_but
from voiced.ai.settings import AiSettings, ProviderSettings
from voiced.audio import Ms
from voiced.conversation.commands import ReplyHeard, UserHeard
from voiced.conversation.events import AnnouncementAsked, StopAsked
from voiced.plugins.ai import HostAi
from voiced.plugins.builtin.moderation import AGAIN_AFTER, UNCHECKED, WAITING
from voiced.testing.http import Fault, HttpLoopback, Stall, server_error

OTHERS = all_but("moderation")
SENTENCE = "I would rather not talk about that."
HARMFUL = "I will kill you, idiot."


class Guarded:
    """A home in which the plugin runs, before a server."""

    def __init__(self, home: Home, server: HttpLoopback) -> None:
        self.home = home
        self.server = server

    def user(self, text: str) -> None:
        self.home.host.report(UserHeard(1, text))

    def assistant(self, text: str) -> None:
        self.home.host.report(ReplyHeard(1, text, Ms(900), Ms(900), cut=False))

    async def judged(self, count: int) -> list[str]:
        """What was sent to be judged, once it is so much and the answers are there."""
        await self.server.wait_for("moderations", count=count, ended=True)
        return [entry.body["input"] for entry in self.server.of("moderations")]

    async def stopped(self) -> str:
        """Wait until the assistant is stopped; what is said then."""
        await self.home.next(StopAsked)
        return await self.home.announcement()

    def untaken(self) -> int:
        return len(self.home.untaken(StopAsked)) + len(self.home.untaken(AnnouncementAsked))


@asynccontextmanager
async def guarded(root: Path, clock: FakeClock, *faults: Fault, **settings: Any) -> AsyncIterator[Guarded]:
    async with HttpLoopback(faults=faults) as server:
        home = Home(root, clock, disabled=OTHERS, plugin_settings={"moderation": {"enabled": True, **settings}})
        openai = ProviderSettings(base_url=server.base_url)
        home.ai = ai = HostAi(
            lambda: AiSettings(providers={"openai": openai}, retries=0),
            lambda _: "sk-test",
            thrift=lambda: "none",
            post=lambda _: None,
        )
        try:
            async with home.running() as tools:
                assert tools == ()
                yield Guarded(home, server)
        finally:
            await ai.aclose()


async def test_it_is_off_until_somebody_switches_it_on(tmp_path: Path, clock: FakeClock) -> None:
    home = Home(tmp_path, clock, disabled=OTHERS)
    async with home.running():
        status = home.status("moderation")
        assert status.state == "off"
        assert "write enabled = true below [plugin.moderation]; then all that is heard and said is sent" in status.why


async def test_the_assistant_is_stopped_where_somebody_says_something_harmful(tmp_path: Path, clock: FakeClock) -> None:
    async with guarded(tmp_path, clock) as here:
        with capture_logs() as logs:
            here.user(HARMFUL)
            assert await here.stopped() == SENTENCE
            problem = await here.home.problem("moderation")
        assert problem == "the user's words were found harmful (harassment, violence)"
        assert await here.judged(1) == [HARMFUL]
        told = [log for log in logs if log["event"] == "harmful"]
        assert [(log["speaker"], sorted(log["categories"])) for log in told] == [("user", ["harassment", "violence"])]
        assert HARMFUL not in repr([log for log in logs if log["log_level"] != "debug"])


async def test_it_is_stopped_where_it_says_something_harmful_itself(tmp_path: Path, clock: FakeClock) -> None:
    async with guarded(tmp_path, clock, sentence="Let us change the subject.") as here:
        here.assistant(HARMFUL)
        assert await here.stopped() == "Let us change the subject."
        assert (await here.home.problem("moderation")).startswith("the assistant's words were found harmful")


async def test_what_is_harmless_passes(tmp_path: Path, clock: FakeClock) -> None:
    async with guarded(tmp_path, clock) as here:
        here.user("What time is it?")
        here.assistant("It is noon.")
        assert sorted(await here.judged(2)) == ["It is noon.", "What time is it?"]
        here.user(HARMFUL)
        await here.stopped()
        assert here.untaken() == 0


async def test_its_own_sentence_is_not_judged(tmp_path: Path, clock: FakeClock) -> None:
    async with guarded(tmp_path, clock) as here:
        here.assistant(SENTENCE)
        here.assistant(UNCHECKED)
        here.user("Hello.")
        assert await here.judged(1) == ["Hello."]


async def test_one_of_both_may_be_judged_alone(tmp_path: Path, clock: FakeClock) -> None:
    async with guarded(tmp_path, clock, speakers=["assistant"]) as here:
        here.user(HARMFUL)
        here.assistant("Good morning.")
        assert await here.judged(1) == ["Good morning."]
        assert here.untaken() == 0


async def test_only_what_counts_stops_it(tmp_path: Path, clock: FakeClock) -> None:
    async with guarded(tmp_path, clock, categories=["sexual", "harassment"]) as here:
        here.user("There was violence.")
        await here.judged(1)
        here.user("You idiot.")
        await here.stopped()
        assert await here.home.problem("moderation") == "the user's words were found harmful (harassment)"


async def test_a_threshold_of_ones_own(tmp_path: Path, clock: FakeClock) -> None:
    async with guarded(tmp_path, clock, threshold=0.99) as here:
        here.user(HARMFUL)  # 0.98
        here.user("Hello.")
        await here.judged(2)
        assert here.untaken() == 0


async def test_it_says_so_once_for_a_question_and_its_answer(tmp_path: Path, clock: FakeClock) -> None:
    async with guarded(tmp_path, clock) as here:
        here.user(HARMFUL)
        await here.home.next(StopAsked)
        sentence = await here.home.asked()
        here.assistant(HARMFUL)  # as much of the answer as was heard until it was stopped
        await here.judged(2)
        here.user("Hello.")
        await here.judged(3)
        assert here.untaken() == 0, "its own sentence was stopped"
        here.home.was_said(sentence)
        here.assistant(HARMFUL)
        await here.home.next(StopAsked)
        assert here.untaken() == 0
        clock.set_wall_clock(NOON + AGAIN_AFTER + timedelta(seconds=1))
        here.user(HARMFUL)
        assert await here.stopped() == SENTENCE


async def test_a_sentence_that_is_cut_short_by_something_harmful_is_said_again(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with guarded(tmp_path, clock) as here:
        for _ in range(2):
            here.user(HARMFUL)
            assert await here.stopped() == SENTENCE


async def test_words_of_spaces_are_not_judged(tmp_path: Path, clock: FakeClock) -> None:
    async with guarded(tmp_path, clock, when_unchecked="stop") as here:
        here.assistant(" ")
        here.user("Hello.")
        assert await here.judged(1) == ["Hello."]
        assert here.untaken() == 0


async def test_nothing_may_be_said_at_all(tmp_path: Path, clock: FakeClock) -> None:
    async with guarded(tmp_path, clock, sentence="") as here:
        here.user(HARMFUL)
        await here.home.next(StopAsked)
        assert here.untaken() == 0


async def test_while_it_is_slow_the_newest_is_judged_first_and_the_oldest_not_at_all(
    tmp_path: Path, clock: FakeClock
) -> None:
    async with guarded(tmp_path, clock, Fault(Stall(), "moderations")) as here:
        here.user("first")
        await here.server.wait_for("moderations", outcome="faulted")
        with capture_logs() as logs:
            for number in range(WAITING + 3):
                here.user(f"number {number}")
            async with asyncio.timeout(5):
                while len(logs) < 3:  # noqa: ASYNC110 a log tells nobody
                    await asyncio.sleep(0)
        assert {log["event"] for log in logs} == {"not judged: others came faster"}
        assert len(here.server.of("moderations")) == 1
        await here.server.refuse_connections()
        await here.server.accept_connections()
        judged = (await here.judged(1 + WAITING))[1:]
        assert judged == [f"number {number}" for number in range(WAITING + 2, 2, -1)]


@pytest.mark.parametrize("policy", ["pass", "stop"])
async def test_while_the_api_is_down_it_says_so_and_everything_passes_or_nothing(
    tmp_path: Path, clock: FakeClock, policy: str
) -> None:
    fault = Fault(server_error(), "moderations", every=True)
    async with guarded(tmp_path, clock, fault, when_unchecked=policy) as here:
        with capture_logs() as logs:
            here.user("Hello.")
            assert (await here.home.problem("moderation")).startswith("something was not judged: moderations:")
            if policy == "stop":
                assert await here.stopped() == UNCHECKED
            here.user("Are you there?")
            await here.judged(2)
        assert [log["event"] for log in logs].count("what is said is not judged") == 1
        if policy == "pass":
            assert here.untaken() == 0


async def test_what_is_unloaded_says_nothing_any_more(tmp_path: Path, clock: FakeClock) -> None:
    async with guarded(tmp_path, clock, Fault(Stall(), "moderations")) as here:
        here.user(HARMFUL)
        await here.server.wait_for("moderations", outcome="faulted")
    assert here.untaken() == 0


@pytest.mark.parametrize(
    "wrong", [{"categories": ["rudeness"]}, {"threshold": 2}, {"speakers": []}, {"when_unchecked": "guess"}]
)
async def test_settings_that_are_wrong_are_told(tmp_path: Path, clock: FakeClock, wrong: dict[str, Any]) -> None:
    home = Home(tmp_path, clock, disabled=OTHERS, plugin_settings={"moderation": {"enabled": True, **wrong}})
    async with home.running():
        status = home.status("moderation")
        assert status.state == "broken"
        assert f"plugin.moderation.{next(iter(wrong))}" in status.why
