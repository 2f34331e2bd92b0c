"""Notes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.fakes import FakeClock, Home, all_but
from voiced.plugins.builtin.notes import CHARACTERS, LIMIT


@pytest.fixture
async def home(tmp_path: Path, clock: FakeClock) -> Home:
    """On Friday, the 20th of November, at noon."""
    return Home(tmp_path, clock, disabled=all_but("notes"))


async def test_a_note_is_taken_and_read(home: Home) -> None:
    async with home.running() as tools:
        assert sorted(tools) == ["delete_note", "read_notes", "take_note"]
        assert await home.answer("read_notes") == "There is no note."
        assert await home.answer("take_note", text=" The key is under the mat ") == "I wrote it down."
        assert await home.answer("read_notes") == (
            "There is 1 note. Number 1, from today at noon: The key is under the mat."
        )


async def test_the_latest_notes_are_read_first(home: Home) -> None:
    async with home.running():
        for text in ("one", "two!", "three", "four"):
            await home.answer("take_note", text=text)
            home.clock.advance(hours=8)
        assert await home.answer("read_notes") == (
            "There are 4 notes. Number 1, from today at noon: four. "
            "Number 2, from today at 4 o'clock in the morning: three. "
            "Number 3, from yesterday at 8 o'clock in the evening: two!"
        )
        assert (await home.answer("read_notes", count=1)).endswith("four.")
        assert "count" in await home.complaint("read_notes", count=21)


async def test_notes_survive_a_restart(home: Home) -> None:
    async with home.running():
        await home.answer("take_note", text="one\ntwo")
    home.clock.advance(days=3)
    async with home.running():
        assert await home.answer("read_notes") == (
            "There is 1 note. Number 1, from Friday, the 20th of November at noon: one\ntwo."
        )


async def test_there_are_limits(home: Home) -> None:
    async with home.running():
        assert await home.complaint("take_note", text=" ") == "What shall I write down?"
        assert "at most 1000 characters, and this one has 1001" in await home.complaint("take_note", text="x" * 1001)
        for _ in range(LIMIT):
            assert await home.answer("take_note", text="x" * CHARACTERS) == "I wrote it down."
        assert "there are 200 notes already" in await home.complaint("take_note", text="one more")


async def test_a_disk_that_takes_nothing_is_told(home: Home) -> None:
    home.state_folder.write_text("no folder")
    async with home.running():
        assert await home.answer("take_note", text="one") == (
            "I wrote it down. If voiced restarts, this is lost. It could not be written to disk (File exists)."
        )
    home.state_folder.unlink()


async def test_a_note_is_deleted_after_a_yes(home: Home) -> None:
    async with home.running():
        for text in ("one", "two", "three"):
            await home.answer("take_note", text=text)
        for number, answer, told in (
            (2, "no", "Not done: the user said no."),
            (2, "yes", "It is deleted: two."),
            (3, "yes", "Nothing is deleted: there are 2 notes."),
        ):
            call = home.start("delete_note", number=number)
            question = await home.user_answers(answer)
            assert question.text == f"Shall I delete note number {number}?"
            assert told in (await home.returned(call)).output
        assert (await home.answer("read_notes")).startswith("There are 2 notes. Number 1, from today at noon: three.")
