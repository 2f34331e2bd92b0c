"""What is harmful, and in which way."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from voiced.ai.moderations import BATCH, Moderation
from voiced.ai.settings import ProviderSettings
from voiced.api import Image
from voiced.errors import AnswerUnusable, ApiDenied, RequestRejected
from voiced.testing.http import Answer, Fault, HttpLoopback
from voiced.testing.http.moderations import WORDS
from voiced.testing.http.pictures import png
from voiced.usage import Usage

from .desk import Desk, desk

CAT = png(16, 16)


@pytest.fixture
async def here(server: HttpLoopback) -> AsyncIterator[Desk]:
    async with desk(server) as here:
        yield here
        assert server.violations == ()


async def test_a_text_is_judged(here: Desk, server: HttpLoopback) -> None:
    harmful = await here.ai.moderations.check("I will kill you, idiot.")
    assert harmful.flagged
    assert set(harmful.categories) == {"violence", "harassment"}
    assert harmful.scores["violence"] == 0.98
    assert set(harmful.scores) == set(WORDS)
    assert harmful.model == "omni-moderation-latest"
    harmless = await here.ai.moderations.check("Good morning.")
    assert (harmless.flagged, harmless.categories) == (False, ())
    assert server.of("moderations")[0].body == {
        "model": "omni-moderation-latest", "input": "I will kill you, idiot."
    }  # fmt: skip
    assert here.spent == [Usage("omni-moderation-latest", text_in=23), Usage("omni-moderation-latest", text_in=13)]


async def test_what_costs_nothing_is_judged_at_the_cap_too(here: Desk) -> None:
    here.overspent = "the budget is spent"
    assert (await here.ai.moderations.check("You idiot.")).flagged
    with pytest.raises(ApiDenied, match=r"^moderations: the budget is spent$"):
        await here.ai.moderations.check("You idiot.", model="dear-moderation")


async def test_a_provider_without_a_model_is_in_nobodys_way() -> None:
    async with HttpLoopback() as server:
        elsewhere = ProviderSettings(base_url=server.base_url)
        providers = {"openai": elsewhere, "attic": elsewhere}
        async with desk(server, providers=providers, order=("openai", "attic")) as here:
            assert (await here.ai.moderations.check("You idiot.")).flagged


async def test_many_texts_are_judged_each_by_itself_in_their_order(here: Desk, server: HttpLoopback) -> None:
    texts = [f"Number {number}{', idiot' * (number % 3 == 0)}." for number in range(2 * BATCH + 1)]
    found = await here.ai.moderations.check_all(text for text in texts)
    assert [each.flagged for each in found] == [number % 3 == 0 for number in range(len(texts))]
    assert sorted(len(entry.body["input"]) for entry in server.of("moderations")) == [1, BATCH, BATCH]
    assert await here.ai.moderations.check_all([]) == []


async def test_a_picture_is_judged_with_a_text(here: Desk, server: HttpLoopback) -> None:
    assert not (await here.ai.moderations.check("Look!", images=[Image(CAT)])).flagged
    url = f"data:image/png;base64,{base64.b64encode(CAT).decode()}"
    assert server.of("moderations")[0].body["input"] == [
        {"type": "text", "text": "Look!"},
        {"type": "image_url", "image_url": {"url": url}},
    ]


async def test_of_several_pictures_the_worst_counts(here: Desk, server: HttpLoopback) -> None:
    found = await here.ai.moderations.check(
        "idiot", images=[CAT, "https://example.org/violence.png", "https://example.org/naked.png"]
    )
    assert found.flagged
    assert set(found.categories) == {"violence", "sexual", "harassment"}
    assert {name for name, score in found.scores.items() if score > 0.5} == set(found.categories)
    inputs = [entry.body["input"] for entry in server.of("moderations")]
    assert sorted(len(each) for each in inputs) == [1, 1, 2]


async def test_one_picture_needs_no_list_and_no_text(here: Desk) -> None:
    assert not (await here.ai.moderations.check(images=CAT)).flagged  # type: ignore[arg-type]  # as people do
    assert (await here.ai.moderations.check(images="https://example.org/naked.png")).categories == ("sexual",)


@pytest.mark.parametrize(
    ("text", "images", "why"),
    [
        ("", [], "there is nothing to judge: give a text, or a picture"),
        (" \n", [], "there is nothing to judge"),
        ("Look!", ["gone.png"], "gone.png: there is no such file"),
        ("Look!", [b"no picture"], "is no picture that a model can see"),
        ("Look!", [CAT + bytes(21 * 1024 * 1024)], "has 21.0 MiB; at most 20 MiB are taken"),
    ],
)
async def test_what_can_not_be_judged_is_not_sent(
    here: Desk, server: HttpLoopback, text: str, images: Any, why: str
) -> None:
    with pytest.raises(RequestRejected, match=why):
        await here.ai.moderations.check(text, images=images)
    assert server.requests == ()


@pytest.mark.parametrize("texts", ["Hello.", [""], ["Hello.", " "], [7]])
async def test_what_is_no_list_of_texts_is_not_sent(here: Desk, server: HttpLoopback, texts: Any) -> None:
    with pytest.raises(RequestRejected, match="a list of texts that are not empty"):
        await here.ai.moderations.check_all(texts)
    assert server.requests == ()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"results": []},
        {"results": "none"},
        {"results": [{"flagged": True}]},
        {"results": [{"flagged": "yes", "categories": {}, "category_scores": {}}]},
        {"results": [{"flagged": True, "categories": {}, "category_scores": {"hate": "much"}}]},
        {"results": [{"flagged": True, "categories": {}, "category_scores": {"hate": 7}}]},
    ],
)
async def test_an_answer_that_is_no_judgement(here: Desk, server: HttpLoopback, body: dict[str, Any]) -> None:
    server.add_fault(Fault(Answer(200, {"id": "modr-1", "model": "m", **body}), "moderations"))
    with pytest.raises(AnswerUnusable):
        await here.ai.moderations.check("Hello.")


def test_a_threshold_of_ones_own() -> None:
    found = Moderation(False, (), {"hate": 0.4, "violence": 0.6, "sexual": 0.1})
    assert found.above(0.3) == ("violence", "hate")
    assert found.above(0.3, ["hate", "sexual"]) == ("hate",)
    assert found.above(0.9) == ()
