"""Answers in the fields of a pydantic model."""

from __future__ import annotations

import enum
import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from voiced.errors import AnswerUnusable, RequestRejected
from voiced.testing.http import Finish, HttpLoopback, Output, Say
from voiced.testing.http.responses_outputs import Refuse

from .desk import desk


class Kind(enum.Enum):
    SOUP = "soup"
    CAKE = "cake"


class Step(BaseModel):
    what: str = Field(description="One sentence")
    minutes: int = Field(ge=0, le=600)


class Recipe(BaseModel):
    """A dish."""

    kind: Kind
    steps: list[Step]
    oven: Literal["fan", "gas"] | None = None
    tags: list[str] = []


class Loop(BaseModel):
    inner: list[Loop]


class Free(BaseModel):
    table: dict[str, int]


SOUP: dict[str, Any] = {"kind": "soup", "steps": [{"what": "Boil", "minutes": 5}], "oven": None, "tags": ["hot"]}


async def test_an_answer_comes_as_a_model_with_enums_lists_and_models_in_it() -> None:
    async with HttpLoopback([json.dumps(SOUP)]) as server, desk(server) as at:
        recipe = await at.ai.chat.parse(Recipe, "Cook", instructions="Be brief.", temperature=0)
        assert server.violations == ()
        wanted = server.of("chat")[0].body["response_format"]
    assert recipe == Recipe(kind=Kind.SOUP, steps=[Step(what="Boil", minutes=5)], tags=["hot"])
    assert (wanted["type"], wanted["json_schema"]["name"], wanted["json_schema"]["strict"]) == (
        "json_schema",
        "Recipe",
        True,
    )
    step = {
        "type": "object",
        "properties": {
            "what": {"type": "string", "description": "One sentence."},
            "minutes": {"type": "integer", "description": "At least 0, at most 600."},
        },
        "required": ["what", "minutes"],
        "additionalProperties": False,
    }
    assert wanted["json_schema"]["schema"] == {
        "type": "object",
        "description": "A dish.",
        "properties": {
            "kind": {"type": "string", "enum": ["soup", "cake"]},
            "steps": {"type": "array", "items": step},
            "oven": {"anyOf": [{"type": "string", "enum": ["fan", "gas"]}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}, "description": "Default []."},
        },
        "required": ["kind", "steps", "oven", "tags"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("reply", "code", "says"),
    [
        (Refuse("I will not cook."), "refusal", "chat: the model refuses to answer this"),
        ([Say('{"kind": "so'), Finish("length")], "length", "chat: the answer was cut off before its end"),
        ([Say('{"kind": "so'), Finish("content_filter")], "content_filter", "chat: the server's filter stopped"),
        ("Boil it.", "", "chat: the answer does not fit Recipe: all of it: Invalid JSON"),
        (
            json.dumps(SOUP | {"kind": "stew", "steps": [{"what": "Boil", "minutes": 700}]}),
            "",
            "kind: Input should be 'soup' or 'cake'; steps.0.minutes: Input should be less than or equal to 600",
        ),
        (json.dumps(SOUP | {"steps": [{}] * 4}), "", "and 3 more"),
    ],
)
async def test_an_answer_that_is_none_says_why_and_not_what(reply: Any, code: str, says: str) -> None:
    async with HttpLoopback([reply]) as server, desk(server) as at:
        with pytest.raises(AnswerUnusable) as caught:
            await at.ai.chat.parse(Recipe, "Cook")
    assert says in str(caught.value)
    assert caught.value.code == code
    assert not any(word in str(caught.value) for word in ("Boil", "stew", "700", "will not"))
    assert len(at.spent) == 1


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Loop, "chat: Loop has no strict schema: Loop contains itself"),
        (Free, "chat: Free has no strict schema: a dict with free keys has no strict schema"),
        (list[int], "chat: list is no object: put it into a field of a pydantic model"),
        (Kind, "chat: Kind is no object"),
        (object, "chat: object has no strict schema"),
    ],
)
async def test_a_kind_that_can_not_be_asked_for(kind: Any, says: str) -> None:
    async with HttpLoopback() as server, desk(server) as at:
        with pytest.raises(RequestRejected) as caught:
            await at.ai.chat.parse(kind, "Cook")
        assert says in str(caught.value)
        assert server.requests == ()


async def test_pictures_and_other_models_are_asked_alike() -> None:
    async with HttpLoopback([json.dumps(SOUP)]) as server, desk(server) as at:
        await at.ai.chat.parse(
            Recipe, "What is it?", images=["https://example.org/a.jpg"], detail="low", model="gpt-4o", max_tokens=99
        )
        body = server.of("chat")[0].body
        assert server.violations == ()
    assert (body["model"], body["max_tokens"]) == ("gpt-4o", 99)
    assert body["messages"][0]["content"][1]["image_url"] == {"url": "https://example.org/a.jpg", "detail": "low"}


async def test_what_the_form_decides_is_not_asked_for_otherwise() -> None:
    async with HttpLoopback() as server, desk(server) as at:
        for options in ({"response_format": {"type": "text"}}, {"json": True}, {"n": 2}):
            with pytest.raises(RequestRejected, match=r"chat: parse\(\): there is no option"):
                await at.ai.chat.parse(Recipe, "Cook", **options)
        assert server.requests == ()


async def test_a_model_of_any_name() -> None:
    named: Any = type("Rezept für Suppe", (BaseModel,), {"__annotations__": {"name": str}})
    reply: list[Output] = [Say('{"name": "Suppe"}')]
    async with HttpLoopback([reply]) as server, desk(server) as at:
        assert (await at.ai.chat.parse(named, "Cook")).name == "Suppe"
        assert server.violations == ()
