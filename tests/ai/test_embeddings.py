"""Texts as vectors: many, short, near and far."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.ai.abreast import ABREAST
from voiced.ai.embeddings import BATCH, Embeddings, Match
from voiced.errors import AnswerUnusable, ApiUnreachable, RequestRejected
from voiced.testing.http import Answer, Fault, HttpLoopback, Pace, Script, server_error
from voiced.usage import Usage

from .desk import Desk, desk


@pytest.fixture
async def here(server: HttpLoopback) -> AsyncIterator[Desk]:
    async with desk(server) as here:
        yield here
        assert server.violations == ()


async def test_one_text_and_a_list_of_one_are_the_same(here: Desk, server: HttpLoopback) -> None:
    (one,) = await here.ai.embeddings.embed("Where is the key?")
    assert [one] == await here.ai.embeddings.embed(["Where is the key?"])
    assert len(one) == 1536
    assert math.hypot(*one) == pytest.approx(1.0)
    assert here.spent == [Usage("text-embedding-3-small", text_in=5)] * 2
    assert [entry.body for entry in server.of("embeddings")] == [
        {"model": "text-embedding-3-small", "input": ["Where is the key?"], "encoding_format": "base64"}
    ] * 2


async def test_fewer_dimensions(here: Desk, server: HttpLoopback) -> None:
    (vector,) = await here.ai.embeddings.embed(
        "Hello.", dimensions=256, user="somebody", model="text-embedding-3-large"
    )
    assert len(vector) == 256
    assert server.of("embeddings")[0].body["user"] == "somebody"


async def test_a_server_may_write_numbers_out(here: Desk, server: HttpLoopback) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}]
    body = {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
    server.add_fault(Fault(Answer(200, body), "embeddings"))
    assert await here.ai.embeddings.embed("Hello.") == [[0.5, -0.25]]


async def test_a_server_that_forgets_the_dimensions(here: Desk, server: HttpLoopback) -> None:
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}]
    server.add_fault(Fault(Answer(200, {"object": "list", "data": data, "model": "m"}), "embeddings"))
    with pytest.raises(AnswerUnusable):
        await here.ai.embeddings.embed("Hello.", dimensions=3)


async def test_very_many_are_asked_for_some_at_a_time_and_come_in_their_order() -> None:
    texts = [f"text {number}" for number in range(10 * BATCH + 1)]
    numbers = {text: [1.0 + number, 1.0] for number, text in enumerate(texts)}
    told: list[tuple[int, int]] = []
    script = Script(embedding=numbers.__getitem__)
    async with HttpLoopback(script, pace=Pace(embeddings_s=0.01)) as server, desk(server) as here:
        vectors = await here.ai.embeddings.embed(texts, dimensions=2, progress=lambda *now: told.append(now))
        assert [round(one / other) for one, other in vectors] == [1 + number for number in range(len(texts))]
        entries = server.of("embeddings")
        assert len(entries) == 11
        spans = [(entry.at, entry.ended_at or math.inf) for entry in entries]
        assert max(sum(at <= moment < end for at, end in spans) for moment, _ in spans) <= ABREAST
        assert len({entry.connection for entry in entries}) > 1
        assert sorted(told) == told
        assert told[-1] == (len(texts), len(texts))
        assert sum(usage.text_in for usage in here.spent) == sum(-(-len(text) // 4) for text in texts)


async def test_the_first_that_fails_ends_the_others() -> None:
    faults = [Fault(server_error(), "embeddings", nth=2, every=True)]
    async with HttpLoopback(faults=faults) as server, desk(server, retries=0) as here:
        with pytest.raises(ApiUnreachable):
            await here.ai.embeddings.embed(["text"] * (20 * BATCH))
        assert len(server.of("embeddings")) <= ABREAST + 1
        assert len(here.spent) <= ABREAST  # what was under way then is paid, too


async def test_texts_may_come_one_by_one(here: Desk) -> None:
    assert len(await here.ai.embeddings.embed(f"note {number}" for number in range(3))) == 3


async def test_nothing_is_asked_for_nothing(here: Desk, server: HttpLoopback) -> None:
    assert await here.ai.embeddings.embed([]) == []
    assert server.requests == ()


@pytest.mark.parametrize(
    ("texts", "options", "why"),
    [
        ("", {}, "texts that are not empty"),
        ([""], {}, "texts that are not empty"),
        (["Hello.", ""], {}, "texts that are not empty"),
        ([7], {}, "texts that are not empty"),
        ("Hello.", {"dimensions": 0}, "text-embedding-3-small makes 1 to 1536"),
        ("Hello.", {"dimensions": 1537}, "text-embedding-3-small makes 1 to 1536"),
        ("Hello.", {"dimensions": 9, "model": "text-embedding-ada-002"}, "takes no dimensions: leave them out"),
    ],
)
async def test_what_can_not_be_embedded_is_not_sent(
    here: Desk, server: HttpLoopback, texts: Any, options: dict[str, Any], why: str
) -> None:
    with pytest.raises(RequestRejected, match=why):
        await here.ai.embeddings.embed(texts, **options)
    assert server.requests == ()


async def test_ctx_ai_embed_takes_not_more_than_somebody_waits_for(here: Desk, server: HttpLoopback) -> None:
    with pytest.raises(RequestRejected, match="513 texts are too many to be embedded at once; 512 are allowed"):
        await here.ai.embed(["Hello."] * 513)
    assert server.requests == ()


# What is near.


async def test_what_means_alike_is_near(here: Desk) -> None:
    texts = ["Buy milk", "The spare key is at Anna's", "A key of some shed"]
    (query,) = await here.ai.embeddings.embed("the spare key")
    vectors = await here.ai.embeddings.embed(texts)
    matches = here.ai.embeddings.nearest(query, vectors, 2)
    assert [match.index for match in matches] == [1, 2]
    assert matches[0].similarity > 0.6 > matches[1].similarity > 0
    assert here.ai.embeddings.similarity(query, vectors[0]) == 0


def test_how_alike_vectors_are() -> None:
    assert Embeddings.similarity([1, 0], [5, 0]) == 1
    assert Embeddings.similarity([1, 0], [0, 2]) == 0
    assert Embeddings.similarity([1, 0], [-3, 0]) == -1
    *best, third = Embeddings.nearest([1, 0], [[0, 1], [1, 1], [2, 0], [3, 0]], 3)
    assert best == [Match(2, 1.0), Match(3, 1.0)]
    assert third.index == 1
    assert third.similarity == pytest.approx(math.sqrt(0.5))
    assert Embeddings.nearest([1, 0], []) == []


@pytest.mark.parametrize(
    ("query", "vectors", "count", "why"),
    [
        ([1.0, 0.0], [[1.0, 0.0], [1.0]], 5, "vector 2 has 1 numbers, and the query 2: embed both with one model"),
        ([1.0, 0.0], [[1.0, 0.0], [0.0, 0.0]], 5, "vector 2 has no direction"),
        ([1.0, 0.0], [[math.nan, 0.0]], 5, "vector 1 has no direction"),
        ([0.0, 0.0], [[1.0, 0.0]], 5, "the query has no direction"),
        ([], [[]], 5, "the query has no direction"),
        ([1.0], [[1.0]], 0, "ask for at least one"),
    ],
)
def test_what_can_not_be_compared(query: Any, vectors: Any, count: int, why: str) -> None:
    with pytest.raises(RequestRejected, match=why):
        Embeddings.nearest(query, vectors, count)


numbers = st.floats(-1e3, 1e3, width=32)
directions = st.lists(numbers, min_size=3, max_size=3).filter(lambda vector: math.hypot(*vector) > 1e-3)


@given(directions, st.lists(directions, min_size=1, max_size=6))
def test_the_nearest_come_first_and_none_is_more_like_it_than_itself(
    query: list[float], vectors: list[list[float]]
) -> None:
    matches = Embeddings.nearest(query, [*vectors, query], 7)
    found = [match.similarity for match in matches]
    assert found == sorted(found, reverse=True)
    assert all(-1 <= each <= 1 for each in found)
    assert found[0] == pytest.approx(1.0, abs=1e-5)
    assert sorted(match.index for match in matches) == list(range(len(vectors) + 1))
