"""What the HTTP server on loopback embeds, as OpenAI's own client gets it."""

from __future__ import annotations

import math

import pytest

from voiced.testing.http import HttpLoopback, Script

from .http_client import raw_of, sdk_of


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_texts_with_words_in_common_are_near() -> None:
    texts = ["The spare key is at Anna's.", "Where is the spare key?", "Buy milk tomorrow"]
    async with HttpLoopback() as server, sdk_of(server) as sdk:
        answer = await sdk.embeddings.create(model="text-embedding-3-small", input=texts)
        assert server.violations == ()
    key, question, milk = (each.embedding for each in answer.data)
    assert likeness(key, question) > 0.5 > likeness(key, milk)
    assert [each.index for each in answer.data] == [0, 1, 2]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 7 + 6 + 5


@pytest.mark.parametrize(
    ("model", "asked", "length"),
    [
        ("text-embedding-3-small", None, 1536),
        ("text-embedding-3-large", None, 3072),
        ("text-embedding-3-large", 256, 256),
        ("text-embedding-ada-002", None, 1536),
    ],
)
async def test_vectors_are_as_long_as_their_model_has_them_and_of_length_1(
    model: str, asked: int | None, length: int
) -> None:
    async with HttpLoopback() as server, raw_of(server) as raw:
        (found,) = (await raw.embed(model=model, dimensions=asked, input="Good morning to you.")).json["data"]
    assert len(found["embedding"]) == length
    assert math.hypot(*found["embedding"]) == pytest.approx(1.0)


async def test_base64_holds_the_same_numbers() -> None:
    async with HttpLoopback() as server, sdk_of(server) as sdk:
        plain = await sdk.embeddings.create(model="text-embedding-3-small", input="Hello.", encoding_format="float")
        packed = await sdk.embeddings.create(model="text-embedding-3-small", input="Hello.")
    assert packed.data[0].embedding == plain.data[0].embedding
    assert [entry.body.get("encoding_format") for entry in server.of("embeddings")] == ["float", "base64"]


async def test_a_script_says_what_means_the_same() -> None:
    meaning = {"car": [1.0, 0.0], "vehicle": [0.9, 0.1]}
    async with HttpLoopback(Script(embedding=meaning.__getitem__)) as server, sdk_of(server) as sdk:
        answer = await sdk.embeddings.create(model="text-embedding-3-small", input=["car", "vehicle"])
    assert likeness(*(each.embedding for each in answer.data)) == pytest.approx(0.9 / math.hypot(0.9, 0.1))
