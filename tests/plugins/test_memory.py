"""Remembering, finding again and forgetting."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, cast

import pytest

from tests.plugins.fakes import NOON, FakeClock, Home, all_but
from tests.unannounced import until
from voiced.ai.settings import AiSettings, ProviderSettings
from voiced.api import Ai, ToolError
from voiced.conversation.commands import RequestEnded
from voiced.conversation.events import AnnouncementAsked, CallId, UsageReported
from voiced.plugins.ai import HostAi
from voiced.plugins.builtin.memory import ASKED_WITHIN_S, BATCH, EMBEDDED_WITHIN_S, SOONEST
from voiced.plugins.builtin.memory_store import LOCKED_S, NAME
from voiced.testing.http import Fault, HttpLoopback, Stall

OTHERS = all_but("memory")
KEY = "The spare key is at Anna's"
CAR = "The Volvo is in the garage."

MEANING: Mapping[str, Sequence[float]] = {
    KEY: [1.0, 0.0, 0.0],
    CAR: [0.0, 1.0, 0.0],
    "where is the car": [0.1, 0.9, 0.0],
    "weather": [0.0, 0.0, 1.0],
}


class FakeAi:
    """What the plugin uses of `voiced.api.Ai`. `failing`: with these words."""

    def __init__(self) -> None:
        self.available = True
        self.embedding_model = "one"
        self.failing = ""
        self.asked: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked.append(list(texts))
        if self.failing:
            raise ToolError(self.failing)
        return [list(MEANING.get(text, [0.0, 0.0, 1.0])) for text in texts]


@pytest.fixture
def make(tmp_path: Path, clock: FakeClock) -> Callable[..., Home]:
    def make(**settings: Any) -> Home:
        return Home(tmp_path, clock, disabled=OTHERS, plugin_settings={"memory": settings} if settings else {})

    return make


@pytest.fixture
async def home(make: Callable[..., Home]) -> Home:
    return make()


def file_of(home: Home) -> Path:
    (found,) = home.state_folder.rglob(NAME)
    return found


async def embedded(home: Home, *models: str) -> None:
    """Wait until the file has vectors of these models, one for each entry."""
    async with asyncio.timeout(20):
        while True:
            with closing(sqlite3.connect(file_of(home))) as file:
                found = [row[0] for row in file.execute("SELECT model FROM vectors ORDER BY entry")]
            if found == list(models):
                return
            await asyncio.sleep(0)


async def answered(home: Home, call: CallId, answer: str) -> AnnouncementAsked:
    """The question that the call asks aloud, once somebody answered it."""
    question = await home.next(AnnouncementAsked, lambda asked: asked.call == call)
    assert question.answer
    home.host.report(RequestEnded(question.request, answer))
    return question


async def test_what_was_remembered_is_found_with_its_day(home: Home) -> None:
    async with home.running() as tools:
        assert set(tools) == {"remember", "recall", "forget"}
        assert await home.answer("remember", text=f" {KEY} ") == "I will remember that."
        home.clock.set_wall_clock(NOON.replace(hour=17))
        assert await home.answer("recall", about="what did I say about the key") == (
            "Today at noon you told me: The spare key is at Anna's."
        )
        home.clock.set_wall_clock(NOON.replace(day=21))
        assert await home.answer("recall", about="anna") == (
            "Yesterday at noon you told me: The spare key is at Anna's."
        )
        home.clock.set_wall_clock(NOON.replace(month=12))
        assert await home.answer("recall", about="keys") == (
            "On Friday, the 20th of November you told me: The spare key is at Anna's."
        )
        home.clock.set_wall_clock(NOON.replace(year=2028))
        assert await home.answer("recall", about="keys") == (
            "On Friday, the 20th of November 2026 you told me: The spare key is at Anna's."
        )
        home.clock.set_wall_clock(NOON.replace(year=1970))
        assert "On Friday, the 20th of November 2026" in await home.answer("recall", about="keys")


async def test_it_outlasts_a_restart_and_only_its_owner_can_read_it(home: Home) -> None:
    async with home.running():
        await home.answer("remember", text=KEY)
        assert stat.S_IMODE(file_of(home).stat().st_mode) == 0o600
    async with home.running():
        assert "Anna" in await home.answer("recall", about="key")


async def test_the_latest_first(home: Home) -> None:
    async with home.running():
        assert await home.answer("recall") == "I was told to remember nothing."
        assert await home.answer("recall", about="key") == "I was told to remember nothing."
        for number in range(7):
            await home.answer("remember", text=f"Fact {number}")
        told = await home.answer("recall")
        assert [word for word in told.split() if word.rstrip(".").isdigit()] == ["6.", "5.", "4.", "3.", "2."]
        assert await home.answer("recall", about="the weather") == "I remember nothing about the weather."


async def test_what_is_no_fact(home: Home) -> None:
    async with home.running():
        assert await home.complaint("remember", text="  ") == "What shall I remember?"
        assert "at least 1" in await home.complaint("remember", text="")
        assert "at most 2000" in await home.complaint("remember", text="x" * 2001)
        assert await home.answer("remember", text="x" * 2000)


async def test_one_is_asked_before_it_is_forgotten(home: Home) -> None:
    async with home.running():
        await home.answer("remember", text=KEY)
        await home.answer("remember", text=CAR)
        call = home.start("forget", about="the key")
        question = await answered(home, call, "no, leave it")
        assert question.text == "Shall I forget this? The spare key is at Anna's."
        assert (await home.returned(call)).output == "I keep it."
        call = home.start("forget", about="the key")
        await answered(home, call, "Yes, please.")
        assert (await home.returned(call)).output == "I have forgotten it."
        call = home.start("forget")
        question = await answered(home, call, "yes")
        assert question.text == "Shall I forget this? The Volvo is in the garage."
        await home.returned(call)
        assert await home.complaint("forget") == "I was told to remember nothing."
        assert await home.answer("recall") == "I was told to remember nothing."


async def test_no_answer_forgets_nothing(home: Home) -> None:
    async with home.running():
        await home.answer("remember", text=KEY)
        assert await home.complaint("forget", about="the weather") == "I remember nothing about the weather."
        call = home.start("forget", about="key")
        asked = await home.next(AnnouncementAsked)
        home.host.report(RequestEnded(asked.request, error="nobody answered"))
        assert (await home.returned(call)).output == "I keep it."
        assert "Anna" in await home.answer("recall")


# What goes wrong.


async def test_a_damaged_file_is_reported_and_said_once(home: Home) -> None:
    async with home.running():
        await home.answer("remember", text=KEY)
    file_of(home).write_bytes(b"no database" * 1000)
    async with home.running():
        lost = "What I was told before is lost: the file was damaged. It is kept as memory.corrupt."
        assert home.status("memory").problems == (lost,)
        assert home.status("memory").state == "on"
        assert await home.answer("remember", text=CAR) == f"I will remember that. {lost}"
        assert await home.answer("recall") == "Today at noon you told me: The Volvo is in the garage."
    assert file_of(home).with_suffix(".corrupt").exists()


async def test_a_file_that_another_program_holds(home: Home) -> None:
    async with home.running():
        await home.answer("remember", text=KEY)
        with closing(sqlite3.connect(file_of(home))) as other:
            other.execute("BEGIN IMMEDIATE")
            busy = "Another program is busy with my memory; try again in a moment."
            assert await home.complaint("remember", text=CAR) == busy
            assert "Anna" in await home.answer("recall")
            other.rollback()
        assert await home.answer("remember", text=CAR) == "I will remember that."


@pytest.mark.real_time
async def test_a_disk_that_is_slow_holds_up_no_end(home: Home) -> None:
    with ExitStack() as held:
        async with home.running():
            await home.answer("remember", text=KEY)
            held.enter_context(closing(sqlite3.connect(file_of(home)))).execute("BEGIN IMMEDIATE")
            home.start("remember", text=CAR)
            await until(lambda: any(thread.name == "thread of memory" for thread in threading.enumerate()))
            begun = time.monotonic()
        assert time.monotonic() - begun < LOCKED_S / 2


async def test_a_file_that_can_not_be_opened_at_first(home: Home) -> None:
    async with home.running():
        await home.answer("remember", text=KEY)
    path = file_of(home)
    path.rename(path.with_name("elsewhere"))
    path.mkdir()
    async with home.running():
        (problem,) = home.status("memory").problems
        assert problem == "My memory can't be used: Is a directory."
        assert await home.complaint("recall") == problem
        path.rmdir()
        path.with_name("elsewhere").rename(path)
        assert "Anna" in await home.answer("recall")


# Embeddings.


async def test_nothing_leaves_the_device_where_that_is_not_wanted(make: Callable[..., Home]) -> None:
    home = make(embeddings=False)
    home.ai = cast(Ai, ai := FakeAi())
    async with home.running():
        await home.answer("remember", text=CAR)
        home.clock.advance(hours=2)
        assert await home.answer("recall", about="where is the car") == "I remember nothing about where is the car."
        assert await home.answer("recall", about="volvo")
        assert ai.asked == []


async def test_what_means_alike_is_found(make: Callable[..., Home]) -> None:
    home = make(embeddings=True)
    home.ai = cast(Ai, ai := FakeAi())
    async with home.running():
        await home.answer("remember", text=KEY)
        await home.answer("remember", text=CAR)
        home.clock.advance(seconds=SOONEST.total_seconds())
        await embedded(home, "one", "one")
        assert await home.answer("recall", about="where is the car") == (
            "Today at noon you told me: The Volvo is in the garage."
        )
        assert await home.answer("recall", about="weather") == "I remember nothing about weather."
        assert await home.answer("recall", about="anna")  # by its words
        assert ai.asked == [[CAR, KEY], ["where is the car"], ["weather"], ["anna"]]


async def test_what_can_not_be_embedded_is_kept_and_embedded_later(make: Callable[..., Home]) -> None:
    home = make(embeddings=True)
    home.ai = cast(Ai, ai := FakeAi())
    ai.failing = "The API can't be used now."
    async with home.running():
        await home.answer("remember", text=CAR)
        home.clock.advance(seconds=SOONEST.total_seconds())
        await home.clock.timer_is_set(2 * SOONEST.total_seconds())
        assert await home.answer("recall", about="volvo") == "Today at noon you told me: The Volvo is in the garage."
        home.clock.advance(seconds=2 * SOONEST.total_seconds())
        await home.clock.timer_is_set(4 * SOONEST.total_seconds())
        ai.failing = ""
        home.clock.advance(seconds=4 * SOONEST.total_seconds())
        await embedded(home, "one")
        assert "Volvo" in await home.answer("recall", about="where is the car")
        assert home.status("memory").problems == ()


async def test_another_model_embeds_everything_anew(make: Callable[..., Home]) -> None:
    home = make(embeddings=True)
    home.ai = cast(Ai, ai := FakeAi())
    async with home.running():
        for number in range(BATCH + 1):
            await home.answer("remember", text=f"Fact {number}")
        for _ in range(2):
            await home.clock.timer_is_set(SOONEST.total_seconds())
            home.clock.advance(seconds=SOONEST.total_seconds())
        await embedded(home, *["one"] * (BATCH + 1))
    assert [len(texts) for texts in ai.asked] == [BATCH, 1]
    ai.embedding_model = "two"
    async with home.running():
        assert await home.answer("recall", about="weather") == "I remember nothing about weather."  # not yet comparable
        for _ in range(2):
            await home.clock.timer_is_set(SOONEST.total_seconds())
            home.clock.advance(seconds=SOONEST.total_seconds())
        await embedded(home, *["two"] * (BATCH + 1))
        assert "Fact" in await home.answer("recall", about="weather")


async def test_without_the_api_words_must_do(make: Callable[..., Home]) -> None:
    home = make(embeddings=True)
    home.ai = cast(Ai, ai := FakeAi())
    ai.available = False
    async with home.running():
        await home.answer("remember", text=CAR)
        assert await home.answer("recall", about="where is the volvo")
        assert ai.asked == []


@pytest.mark.parametrize("embeddings", [False, True])
async def test_whoever_denies_the_api_has_a_memory_that_needs_none(
    tmp_path: Path, clock: FakeClock, embeddings: bool
) -> None:
    settings = {"memory": {"embeddings": embeddings}}
    home = Home(tmp_path, clock, disabled=OTHERS, denied=("api",), plugin_settings=settings)
    async with home.running() as tools:
        assert bool(tools) is not embeddings
        assert home.status("memory").why == (
            'it needs the permission "api", and plugins.denied in the settings has "api"' if embeddings else ""
        )


async def test_over_the_official_client_and_a_socket(make: Callable[..., Home]) -> None:
    home = make(embeddings=True)
    async with HttpLoopback(valid_key="sk-test-0123456789") as server:
        settings = AiSettings(providers={"openai": ProviderSettings(base_url=server.base_url)})
        home.ai = ai = HostAi(lambda: settings, lambda _: "sk-test-0123456789", thrift=lambda: "none", post=home._post)
        async with home.running():
            await home.answer("remember", text=CAR)
            home.clock.advance(seconds=SOONEST.total_seconds())
            await embedded(home, "text-embedding-3-small")
            assert "Volvo" in await home.answer("recall", about="the Volvo")
            server.add_fault(Fault(Stall(), "embeddings"))
            recalling = home.start("recall", about="garage")
            await server.wait_for("embeddings", count=3, outcome="faulted")
            await server.refuse_connections()
            assert "Volvo" in (await home.returned(recalling)).output  # by its words
        await ai.aclose()
        assert server.violations == ()
    assert len(home.untaken(UsageReported)) == 3  # the answer that got lost costs too


def test_nobody_waits_longer_for_the_api_than_for_the_tool() -> None:
    assert ASKED_WITHIN_S < EMBEDDED_WITHIN_S < 15
