"""What plugins get of the API, over the official client and a real socket."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from voiced.ai.directory import Provider
from voiced.ai.embeddings import BATCH, MOST_TEXTS
from voiced.ai.settings import AiSettings, ProviderSettings
from voiced.api import Ai, ToolError
from voiced.conversation.events import Event, Thrift, Usage, UsageReported
from voiced.errors import BadKey
from voiced.plugins.ai import HostAi
from voiced.testing.http import (
    Answer,
    Drop,
    Fault,
    HttpLoopback,
    Instead,
    Stall,
    context_too_long,
    html_page,
    no_credit,
    no_such_model,
    rate_limited,
    server_error,
    wrong_key,
)
from voiced.testing.http.faults import Action

KEY = "sk-test-0123456789"


class Office:
    """The API as plugins have it, with what the daemon would tell it, and what it posts."""

    def __init__(self, server: HttpLoopback, **settings: Any) -> None:
        openai = ProviderSettings(base_url=server.base_url)
        self.settings = AiSettings(**{"providers": {"openai": openai}, "longest_wait_s": 2.0, "retries": 1, **settings})
        self.key = KEY
        self.thrift: Thrift = "none"
        self.posted: list[Event] = []
        self.ai = HostAi(
            lambda: self.settings,
            lambda _: self.key,
            headers=lambda: {"OpenAI-Project": "proj_home"},
            thrift=lambda: self.thrift,
            post=self.posted.append,
        )

    async def complaint(self, *texts: str) -> str:
        with pytest.raises(ToolError) as raised:
            await self.ai.embed(texts or ("Hello.",))
        return str(raised.value)


@asynccontextmanager
async def office(*actions: Action, every: bool = False, **settings: Any) -> AsyncIterator[tuple[Office, HttpLoopback]]:
    faults = [Fault(action, "embeddings", nth, every=every) for nth, action in enumerate(actions, 1)]
    async with HttpLoopback(faults=faults, valid_key=KEY) as server:
        office = Office(server, **settings)
        try:
            yield office, server
        finally:
            await office.ai.aclose()


def made_of(change: Callable[[dict[str, Any]], object]) -> Instead:
    """The answer, but for what `change` does to it."""

    def how(data: bytes) -> bytes:
        body = json.loads(data)
        change(body)
        return json.dumps(body).encode()

    return Instead(how)


async def test_texts_become_vectors_and_their_cost_is_counted() -> None:
    async with office() as (home, server):
        ai: Ai = home.ai
        assert ai.available
        assert ai.embedding_model == "text-embedding-3-small"
        key, milk, question = await ai.embed(["The key is at Anna's", "Buy milk", "the key"])
        assert home.posted == [UsageReported(Usage("text-embedding-3-small", text_in=5 + 2 + 2))]
        assert server.violations == ()
        (entry,) = server.of("embeddings")
        assert "openai-project" not in entry.headers  # this server is not OpenAI's
    assert len(key) == 1536
    assert math.hypot(*key) == pytest.approx(1.0, abs=1e-3)
    assert sum(a * b for a, b in zip(key, question, strict=True)) > sum(a * b for a, b in zip(key, milk, strict=True))


async def test_many_texts_are_several_requests_and_keep_their_order() -> None:
    async with office() as (home, server):
        texts = [f"number{number}" for number in range(BATCH + 1)]
        vectors = await home.ai.embed(texts)
        assert sorted(len(entry.body["input"]) for entry in server.of("embeddings")) == [1, BATCH]
        assert all(one != other for one, other in pairwise(vectors))
        assert vectors[BATCH] == (await home.ai.embed(texts[BATCH:]))[0]
        assert await home.ai.embed([]) == []
        assert {entry.connection for entry in server.of("embeddings")} <= {1, 2}


async def test_long_texts_are_several_requests() -> None:
    async with office() as (home, server):
        await home.ai.embed(["ä" * 30_000] * 6)  # 60,000 bytes each
        assert sorted(len(entry.body["input"]) for entry in server.of("embeddings")) == [1, 5]
        assert server.violations == ()


async def test_what_can_not_be_embedded() -> None:
    async with office() as (home, server):
        assert await home.complaint("Hello.", "") == "Only a list of texts that are not empty can be embedded."
        assert await home.complaint(*["x"] * (MOST_TEXTS + 1)) == (
            "513 texts are too many to be embedded at once; 512 are allowed."
        )
        with pytest.raises(ToolError, match="Only a list"):
            await home.ai.embed("Hello.")
        assert server.of("embeddings") == ()


async def test_without_a_key_nothing_is_sent() -> None:
    async with HttpLoopback() as server:
        home = Office(server, providers={})
        home.key = ""
        assert not home.ai.available
        assert await home.complaint() == (
            "no API key for openai: set OPENAI_API_KEY, or name a file with it in ai.providers.openai.key_file"
        )


async def test_a_key_that_can_not_be_read_is_none() -> None:
    def unreadable(_provider: Provider) -> str:
        raise BadKey("the file is gone")

    ai = HostAi(AiSettings, unreadable, thrift=lambda: "none", post=lambda _: None)
    assert not ai.available
    with pytest.raises(ToolError, match=r"^the file is gone$"):
        await ai.embed(["Hello."])


async def test_a_spent_budget_ends_its_use_and_a_new_day_brings_it_back() -> None:
    async with office() as (home, server):
        home.thrift = "offline"
        offered = [home.ai.available]
        assert await home.complaint() == "embeddings: the API is not used: the budget is spent"
        assert server.of("embeddings") == ()
        home.thrift = "cascade"
        assert [*offered, home.ai.available] == [False, True]
        assert len(await home.ai.embed(["Hello."])) == 1


async def test_nothing_leaves_a_device_whose_only_brain_is_its_own() -> None:
    ai = HostAi(AiSettings, lambda _: KEY, thrift=lambda: "none", cloud=lambda: False, post=lambda _: None)
    assert not ai.available
    with pytest.raises(ToolError, match=r"^embeddings: the API is not used: brain\.order in the settings has the"):
        await ai.embed(["Hello."])


async def test_a_new_key_and_a_new_model_need_no_restart() -> None:
    async with office() as (home, server):
        home.key = "sk-old-0123456789"
        assert "does not accept the API key" in await home.complaint()
        home.key = KEY
        large = ProviderSettings(base_url=server.base_url, models={"embeddings": "text-embedding-3-large"})
        home.settings = home.settings.model_copy(update={"providers": {"openai": large}})
        assert len((await home.ai.embed(["Hello."]))[0]) == 3072
        assert [entry.connection for entry in server.of("embeddings")] == [1, 2]
        assert home.ai.embedding_model == "text-embedding-3-large"


@pytest.mark.parametrize("action", [Drop(), Drop(after=1), server_error(), rate_limited(0.01)])
async def test_what_passes_is_tried_once_more(action: Action) -> None:
    async with office(action) as (home, server):
        assert len(await home.ai.embed(["Hello."])) == 1
        assert len(server.of("embeddings")) == 2
        assert len(home.posted) == 1 + isinstance(action, Drop)  # an answer that got lost is paid, too


@pytest.mark.parametrize(
    ("action", "complaint", "requests"),
    [
        (wrong_key(), "the server does not accept the API key: replace it", 1),
        (no_credit(), "the account has no quota left", 1),
        (no_such_model(), "does not exist or you do not have access to it", 1),
        (context_too_long(), "maximum context length", 1),
        (rate_limited(60), "Rate limit", 1),
        (server_error(), "the server is in trouble", 2),
        (html_page(), "127.0.0.1 answered with a web page", 1),
        (Drop(), "the connection to openai at 127.0.0.1 broke", 2),
        (Answer(301, headers={"Location": "https://example.org"}), "redirects to https://example.org", 1),
    ],
)  # fmt: skip
async def test_what_fails_is_said_in_plain_words(action: Action, complaint: str, requests: int) -> None:
    async with office(action, every=True) as (home, server):
        told = await home.complaint()
        assert told.startswith("embeddings: ")
        assert complaint in told
        assert KEY not in told
        assert len(server.of("embeddings")) == requests
        assert len(home.posted) == (requests if isinstance(action, Drop) else 0)


async def test_a_server_that_does_not_answer_is_given_up() -> None:
    async with office(Stall(), every=True, timeout_s=0.2, retries=0) as (home, _):
        assert "did not answer in time" in await home.complaint()


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["data"].pop(),
        lambda body: body["data"].append(body["data"][0]),
        lambda body: body["data"][0].update(index=7),
        lambda body: body["data"][0].update(embedding=[0.5]),
        lambda body: body["data"][0].update(embedding=[]),
        lambda body: body["data"][0].update(embedding=["x"] * 1536),
        lambda body: body["data"][0].update(embedding=[math.nan] * 1536),
        lambda body: body.pop("data"),
        lambda body: body.update(data="none"),
    ],
)
async def test_an_answer_that_is_none(change: Callable[[dict[str, Any]], object]) -> None:
    async with office(made_of(change)) as (home, _):
        told = await home.complaint("Hello.", "Bye.")
        assert told.startswith("embeddings: ")


async def test_a_server_that_does_not_count_costs_rather_too_much() -> None:
    async with office(made_of(lambda body: body.pop("usage"))) as (home, _):
        await home.ai.embed(["Grüße"])
        assert home.posted == [UsageReported(Usage("text-embedding-3-small", text_in=7))]


async def test_vectors_that_come_in_another_order_are_put_right() -> None:
    async with office(made_of(lambda body: body["data"].reverse())) as (home, _):
        key, milk = await home.ai.embed(["key", "milk"])
        assert [key, milk] == await home.ai.embed(["key", "milk"])


async def test_what_is_cancelled_hangs_up() -> None:
    async with office(Stall()) as (home, server):
        embedding = asyncio.create_task(home.ai.embed(["Hello."]))
        await server.wait_for("embeddings", outcome="faulted")
        embedding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await embedding
        await server.wait_for("embeddings", ended=True)
        assert len(await home.ai.embed(["Hello."])) == 1
