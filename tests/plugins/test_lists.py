"""The shopping list and other lists."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.plugins.fakes import FakeClock, Home, all_but
from voiced.plugins.builtin.lists import GROCERIES, ITEM_LIMIT, LIST_LIMIT, READ_ALOUD


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock) -> Home:
    return Home(tmp_path, clock, disabled=all_but("lists"))


async def test_things_are_put_on_the_shopping_list_and_read(home: Home) -> None:
    async with home.running() as tools:
        assert sorted(tools) == ["add_to_list", "clear_list", "name_lists", "read_list", "remove_from_list"]
        assert await home.answer("read_list") == "The shopping list is empty."
        said = await home.answer("add_to_list", items=["milk", " 6  eggs.", "bread"])
        assert said == "I put milk, 6 eggs and bread on the shopping list."
        said = await home.answer("read_list")
        assert said == "3 things are on the shopping list: milk, 6 eggs and bread."


async def test_what_is_there_already_is_not_added_again(home: Home) -> None:
    async with home.running():
        await home.answer("add_to_list", items=["Milk", "potato"])
        said = await home.answer("add_to_list", items=["milk", "tea", "potatoes", "Tea"])
        assert said == "I put tea on the shopping list. Already on it: milk, potatoes and Tea."
        assert await home.answer("add_to_list", items=["tea"]) == "Already on the shopping list: tea."
        assert await home.answer("read_list") == "3 things are on the shopping list: Milk, potato and tea."


@pytest.mark.parametrize("items", [[], [" ", "."]])
async def test_nothing_can_not_be_added(home: Home, items: list[str]) -> None:
    async with home.running():
        assert await home.complaint("add_to_list", items=items) == "What shall I put on the shopping list?"


async def test_things_are_taken_off(home: Home) -> None:
    async with home.running():
        await home.answer("add_to_list", items=["2 litres of milk", "eggs", "oat biscuits", "oat flakes", "tea"])
        said = await home.answer("remove_from_list", items=["Milk", "egg", "butter"])
        assert said == "I took 2 litres of milk and eggs off the shopping list. Not on it: butter."
        assert await home.complaint("remove_from_list", items=["tea", "oat"]) == (
            "Nothing is taken off. On the shopping list are oat biscuits and oat flakes. Which oat?"
        )
        assert await home.complaint("remove_from_list", items=["wine"]) == (
            "Not on the shopping list: wine. 3 things are on the shopping list: oat biscuits, oat flakes and tea."
        )
        await home.answer("remove_from_list", items=["oat biscuits", "oat flakes", "tea"])
        assert await home.complaint("remove_from_list", items=["tea"]) == (
            "Not on the shopping list: tea. The shopping list is empty."
        )


async def test_there_are_other_lists(home: Home) -> None:
    async with home.running():
        assert await home.answer("name_lists") == "All lists are empty."
        said = await home.answer("add_to_list", items=["tent"], name="My packing list")
        assert said == "I put tent on the packing list."
        await home.answer("add_to_list", items=["milk", "tea"], name="groceries")
        assert await home.answer("name_lists") == (
            "There are the packing list with 1 thing and the shopping list with 2 things."
        )
        assert await home.answer("read_list", name="packing") == "1 thing is on the packing list: tent."
        assert await home.answer("read_list", name="the list") == "2 things are on the shopping list: milk and tea."
        assert await home.complaint("read_list", name="party list") == (
            "There is no party list. There are the packing list with 1 thing and the shopping list with 2 things."
        )
        await home.answer("remove_from_list", items=["tent"], name="packing list")
        assert await home.answer("name_lists") == "There is the shopping list with 2 things."


async def test_lists_survive_a_restart(home: Home) -> None:
    async with home.running():
        await home.answer("add_to_list", items=["milk", "äpfel"])
    async with home.running():
        assert await home.answer("read_list") == "2 things are on the shopping list: milk and äpfel."


async def test_a_long_list_is_read_for_as_long_as_somebody_listens(home: Home) -> None:
    async with home.running():
        await home.answer("add_to_list", items=[f"thing number {n}" for n in range(READ_ALOUD + 2)])
        said = await home.answer("read_list")
        assert said.startswith("42 things are on the shopping list: thing number 0, ")
        assert said.endswith(", thing number 39 and 2 more.")


async def test_there_are_limits(home: Home) -> None:
    async with home.running():
        assert "longer than 200 characters" in await home.complaint("add_to_list", items=["tea", "x" * 201])
        assert await home.answer("read_list") == "The shopping list is empty."
        assert "at most 60 characters" in await home.complaint("add_to_list", items=["tea"], name="x" * 61)
        for n in range(LIST_LIMIT):
            await home.answer("add_to_list", items=["tea"], name=f"number {n}")
        assert "50 lists already" in await home.complaint("add_to_list", items=["tea"], name="one more")
        await home.answer("add_to_list", items=[f"thing {n}" for n in range(ITEM_LIMIT - LIST_LIMIT)], name="number 0")
        assert "500 things fit" in await home.complaint("add_to_list", items=["tent"], name="number 1")
        assert await home.answer("read_list", name="number 1") == "1 thing is on the number 1 list: tea."


async def test_a_disk_that_takes_nothing_is_told(home: Home) -> None:
    home.state_folder.write_text("no folder")
    async with home.running():
        assert await home.answer("add_to_list", items=["milk"]) == (
            "I put milk on the shopping list. If voiced restarts, this is lost. "
            "It could not be written to disk (File exists)."
        )
        assert await home.answer("read_list") == "1 thing is on the shopping list: milk."
        home.state_folder.unlink()
        assert await home.answer("add_to_list", items=["tea"]) == "I put tea on the shopping list."
    assert json.loads((home.state_folder / "lists.json").read_text()) == {"shopping": ["milk", "tea"]}
    shutil.rmtree(home.state_folder)


async def test_all_that_fits_on_the_lists_can_be_saved(home: Home) -> None:
    async with home.running():
        for n in range(ITEM_LIMIT // 100):
            items = [f"{n * 100 + index:03}" + "é" * 197 for index in range(100)]
            assert "lost" not in await home.answer("add_to_list", items=items)


@pytest.mark.parametrize("content", ["{", '["milk"]', '{"shopping": "milk"}'])
async def test_a_corrupt_file_is_set_aside_and_lists_work(home: Home, content: str) -> None:
    home.state_folder.mkdir()
    (home.state_folder / "lists.json").write_text(content)
    async with home.running():
        assert "is not what was saved; it is set aside" in home.status("lists").problems[0]
        assert await home.answer("add_to_list", items=["milk"]) == "I put milk on the shopping list."


def test_a_grocery_is_named_once() -> None:
    assert len(set(GROCERIES)) == len(GROCERIES)


async def test_a_list_is_cleared_after_a_yes(home: Home) -> None:
    async with home.running():
        await home.answer("add_to_list", items=["milk", "tea"])
        for answer, told in (
            ("no", "Not done: the user said no."),
            ("yes", "I took 2 things off the shopping list; it is empty now."),
        ):
            call = home.start("clear_list", name="shopping list")
            question = await home.user_answers(answer)
            assert question.text == "Shall I clear the shopping list?"
            assert told in (await home.returned(call)).output
        assert await home.answer("read_list") == "The shopping list is empty."
        call = home.start("clear_list", name="shopping list")
        await home.user_answers("yes")
        assert (await home.returned(call)).output == "The shopping list is empty already."
