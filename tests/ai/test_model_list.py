"""Which models there are, until when, and how one of yours is deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest

from voiced.ai.model_list import ModelInfo
from voiced.ai.settings import ProviderSettings
from voiced.errors import AnswerUnusable, ApiDenied, ApiUnreachable, ModelUnknown, RequestRejected
from voiced.testing.http import MODELS, Answer, Drop, Fault, HttpLoopback
from voiced.testing.http.catalogue import CREATED

from .desk import Desk, desk

MINE = "ft:gpt-4.1-mini-2025-04-14:acme:lamps:A1b2C3"


@pytest.fixture
async def server() -> AsyncIterator[HttpLoopback]:
    async with HttpLoopback(models=(*MODELS, MINE)) as server:
        yield server


async def test_all_models_are_listed_by_name(here: Desk) -> None:
    listed = await here.ai.models.list()
    assert [info.id for info in listed] == sorted((*MODELS, MINE))
    assert here.spent == []


async def test_one_model_is_described(here: Desk) -> None:
    created = datetime.fromtimestamp(CREATED, UTC)
    assert await here.ai.models.get("gpt-4o") == ModelInfo("gpt-4o", "system", created, date(2027, 1, 14), "gpt-5.4")
    assert await here.ai.models.get("gpt-5.4") == ModelInfo("gpt-5.4", "system", created)
    with pytest.raises(ModelUnknown):
        await here.ai.models.get("gpt-9")


async def test_the_server_knows_later_news_than_we_do(here: Desk, server: HttpLoopback) -> None:
    body = {"id": "gpt-4o", "object": "model", "created": 0, "owned_by": "system", "shutdown_date": "2028-02-29"}
    server.add_fault(Fault(Answer(200, body), "models"))
    server.add_fault(Fault(Answer(200, {**body, "shutdown_date": None}), "models", nth=2))
    assert await here.ai.models.get("gpt-4o") == ModelInfo("gpt-4o", "system", None, date(2028, 2, 29), "gpt-5.4")
    assert (await here.ai.models.get("gpt-4o")).shutdown == date(2027, 1, 14)


async def test_elsewhere_models_retire_on_other_days(server: HttpLoopback) -> None:
    body = {"object": "list", "data": [{"id": "gpt-4o"}]}
    server.add_fault(Fault(Answer(200, body), "models"))
    async with desk(server, order=("mine",), providers={"mine": ProviderSettings(base_url=server.base_url)}) as here:
        assert await here.ai.models.list() == [ModelInfo("gpt-4o")]


async def test_a_model_of_yours_is_deleted(here: Desk, server: HttpLoopback) -> None:
    await here.ai.models.delete(MINE)
    assert [entry.line for entry in server.of("models")] == [f"DELETE models/{MINE}"]
    with pytest.raises(ModelUnknown):
        await here.ai.models.get(MINE)
    with pytest.raises(ModelUnknown):
        await here.ai.models.delete(MINE)


async def test_a_model_of_everybody_is_not(here: Desk) -> None:
    with pytest.raises(ApiDenied, match="Only fine-tuned models can be deleted"):
        await here.ai.models.delete("gpt-4o")


async def test_what_may_be_deleted_is_not_deleted_again(here: Desk, server: HttpLoopback) -> None:
    server.add_fault(Fault(Drop(after=1), "models"))
    with pytest.raises(ApiUnreachable):
        await here.ai.models.delete(MINE)
    assert len(server.of("models")) == 1


async def test_a_model_that_stays(here: Desk, server: HttpLoopback) -> None:
    server.add_fault(Fault(Answer(200, {"id": MINE, "object": "model", "deleted": False}), "models"))
    with pytest.raises(AnswerUnusable, match="is still there"):
        await here.ai.models.delete(MINE)


@pytest.mark.parametrize("name", ["", " "])
async def test_a_model_without_a_name(here: Desk, server: HttpLoopback, name: str) -> None:
    for wait in (here.ai.models.get(name), here.ai.models.delete(name)):
        with pytest.raises(RequestRejected, match="name a model"):
            await wait
    assert server.requests == ()


@pytest.mark.parametrize("body", [{"object": "list"}, {"data": [{}]}, {"data": [7]}, {"data": "none"}])
async def test_a_list_that_is_none(here: Desk, server: HttpLoopback, body: dict[str, object]) -> None:
    server.add_fault(Fault(Answer(200, body), "models"))
    with pytest.raises(AnswerUnusable):
        await here.ai.models.list()
