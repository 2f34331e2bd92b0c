"""What was remembered, on disk."""

from __future__ import annotations

import math
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.api import ToolError
from voiced.plugins.builtin.memory_store import NAME, Entry, MemoryStore, fused, words_of

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEY = "The spare key is at Anna's."
MILK = "Paul drinks his coffee with oat milk."
BIKES = "The bicycles are in the cellar"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MemoryStore]:
    with closing(MemoryStore(tmp_path)) as store:
        yield store


def told(store: MemoryStore, *texts: str) -> list[Entry]:
    return [store.add(text, NOW) for text in texts]


def found(store: MemoryStore, about: str, *vector: float, model: str = "m", count: int = 5) -> list[str]:
    return [entry.text for entry in store.search(about, count, vector, model if vector else "")]


def without_fts5(path: Path, **options: Any) -> sqlite3.Connection:
    """A connection of a SQLite that was built without it: it can't say that it has it, and makes no such table."""
    connection: sqlite3.Connection = sqlite3.connect(path, **options)
    forbidden = (sqlite3.SQLITE_CREATE_VTABLE, sqlite3.SQLITE_PRAGMA)

    def judge(action: int, name: str | None, *_: str | None) -> int:
        denied = action == forbidden[0] or (action == forbidden[1] and name == "module_list") or name == "words"
        return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK

    connection.set_authorizer(judge)
    return connection


def small(path: Path, **options: Any) -> sqlite3.Connection:
    """A connection to a disk that is full after 24 pages."""
    connection: sqlite3.Connection = sqlite3.connect(path, **options)
    connection.execute("PRAGMA max_page_count = 24")
    return connection


def impatient(path: Path, **options: Any) -> sqlite3.Connection:
    """A connection that does not wait for others."""
    connection: sqlite3.Connection = sqlite3.connect(path, **{**options, "timeout": 0.0})
    return connection


def test_it_is_there_after_a_restart(tmp_path: Path, store: MemoryStore) -> None:
    (entry,) = told(store, KEY)
    store.close()
    with closing(MemoryStore(tmp_path)) as again:
        assert again.latest(5) == [Entry(entry.id, KEY, NOW)]
        assert found(again, "key") == [KEY]
        assert (again.count(), again.trouble) == (1, "")


def test_only_its_owner_can_read_it(tmp_path: Path, store: MemoryStore) -> None:
    told(store, KEY)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys([NAME, f"{NAME}-wal", f"{NAME}-shm"], 0o600)


@pytest.mark.parametrize("connect", [sqlite3.connect, without_fts5])
@pytest.mark.parametrize(
    ("about", "texts"),
    [
        ("where is the spare key?", [KEY]),
        ("KEYS", [KEY]),
        ("anna", [KEY]),
        ("bicycle", [BIKES]),
        ("coffee or key", [MILK, KEY]),  # the newest first, where both fit as well
        ("oat milk and a key", [MILK, KEY]),
        ("what about the weather", []),
        ("the", [BIKES, KEY]),  # all that was asked is such a word
        ('"spare" OR NEAR(key* -anna:', [KEY]),
        ("100%", []),
        ("_", []),
        ("", []),
        ("'; DROP TABLE entries; --", []),
    ],
)
def test_what_is_found_by_words(tmp_path: Path, connect: Any, about: str, texts: list[str]) -> None:
    with closing(MemoryStore(tmp_path, connect=connect)) as store:
        told(store, KEY, BIKES, MILK)
        found_now = found(store, about)
        assert found_now == texts or (about == "the" and set(found_now) >= set(texts))  # LIKE: "the" in "there"
        assert store.count() == 3


@given(st.text(max_size=60))
def test_any_question_is_one(tmp_path_factory: pytest.TempPathFactory, about: str) -> None:
    folder = tmp_path_factory.mktemp("memory")
    with closing(MemoryStore(folder, connect=lambda _, **options: sqlite3.connect(":memory:", **options))) as store:
        told(store, KEY)
        assert len(store.search(about, 5)) <= 1


def test_an_index_that_was_not_kept_is_made_anew(tmp_path: Path) -> None:
    with closing(MemoryStore(tmp_path)) as store:
        told(store, KEY)
    with closing(MemoryStore(tmp_path, connect=without_fts5)) as old:
        told(old, MILK)
        old.remove(old.search("key", 1)[0])
        assert found(old, "coffee") == [MILK]
    with closing(MemoryStore(tmp_path)) as store:
        assert (found(store, "coffee"), found(store, "key")) == ([MILK], [])


@pytest.mark.parametrize("connect", [sqlite3.connect, without_fts5])
def test_what_is_forgotten_is_gone_from_the_disk(tmp_path: Path, connect: Any) -> None:
    with closing(MemoryStore(tmp_path, connect=connect)) as store:
        told(store, KEY)
        (secret,) = told(store, "The safe opens with swordfish.")
        store.add_vectors("m", {secret.id: [1.0, 0.0]})
        assert found(store, "safe", 1.0, 0.0) == [secret.text]
        store.remove(secret)
        store.remove(secret)  # somebody was quicker
        assert found(store, "safe", 1.0, 0.0) == []
        assert store.count() == 1
        assert [path.name for path in tmp_path.iterdir() if b"swordfish" in path.read_bytes()] == []


def test_no_more_than_its_limit(tmp_path: Path) -> None:
    with closing(MemoryStore(tmp_path, most=2)) as store:
        told(store, KEY, MILK)
        with pytest.raises(ToolError, match="I know 2 things already"):
            told(store, BIKES)
        store.remove(store.latest(1)[0])
        told(store, BIKES)
        assert [entry.text for entry in store.latest(5)] == [BIKES, KEY]


# Vectors.


def test_what_means_alike_is_found_first(store: MemoryStore) -> None:
    key, bikes, milk = told(store, KEY, BIKES, MILK)
    store.add_vectors("m", {key.id: [1, 0, 0], bikes.id: [0, 1, 0], milk.id: [0, 0, 1]})
    assert found(store, "what opens the door", 0.9, 0.3, 0) == [KEY, BIKES]
    assert found(store, "what opens the cellar", 0.9, 0, 0) == [BIKES, KEY]  # one by its words, one by its meaning
    assert found(store, "the key to what is in the cellar", 0, 0.9, 0.3) == [BIKES, KEY, MILK]  # the first by both
    assert found(store, "what opens the door", 0.9, 0.3, 0, count=1) == [KEY]
    assert found(store, "what opens the door", -1, -1, -1) == []


def test_vectors_of_another_model_are_not_compared(store: MemoryStore) -> None:
    key, milk = told(store, KEY, MILK)
    store.add_vectors("old", {key.id: [1, 0], milk.id: [0, 1]})
    store.add_vectors("new", {milk.id: [1, 0]})
    assert found(store, "door", 1, 0, model="new") == [MILK]
    assert found(store, "door", 1, 0, model="old") == [KEY]
    assert found(store, "door", 1, 0, 0, model="old") == []  # the model has another length now
    assert store.without_vector("new", 5) == [key]
    assert store.without_vector("old", 5) == [milk]
    assert store.without_vector("newer", 1) == [milk]


def test_a_vector_for_what_is_forgotten_is_dropped(store: MemoryStore) -> None:
    (key,) = told(store, KEY)
    store.remove(key)
    store.add_vectors("m", {key.id: [1, 0]})
    assert found(store, "door", 1, 0) == []


def test_more_vectors_than_are_held_at_one_time(store: MemoryStore) -> None:
    entries = told(store, *(f"Fact{number}" for number in range(600)))
    angles = {entry.id: abs(number - 400) / 100 for number, entry in enumerate(entries)}
    store.add_vectors("m", {each: [math.cos(angle), math.sin(angle)] for each, angle in angles.items()})
    nearest = found(store, "door", 1, 0, count=9)
    assert {f"Fact{number}" for number in range(397, 404)} < set(nearest)


def test_a_vector_of_nothing_is_like_nothing(store: MemoryStore) -> None:
    (key,) = told(store, KEY)
    store.add_vectors("m", {key.id: [0, 0]})
    assert found(store, "door", 1, 0) == []


# What goes wrong.


def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path) -> None:
    with closing(MemoryStore(tmp_path, connect=small)) as store:
        told(store, KEY)
        with pytest.raises(ToolError, match=r"^There is no room for it on the disk; make some\.$"):
            told(store, *["x" * 2000] * 100)
        assert found(store, "key") == [KEY]
        for entry in store.latest(3):
            store.remove(entry)
        told(store, BIKES)
        assert found(store, "bicycles") == [BIKES]


@pytest.mark.parametrize("garbage", [b"SQLite format 3\0" + b"\xff" * 5000, b"no database" * 500])
def test_a_file_that_is_damaged_is_set_aside(tmp_path: Path, garbage: bytes) -> None:
    (tmp_path / NAME).write_bytes(garbage)
    with closing(MemoryStore(tmp_path)) as store:
        store.open()
        assert store.trouble == ("What I was told before is lost: the file was damaged. It is kept as memory.corrupt.")
        told(store, KEY)
        assert found(store, "key") == [KEY]
    assert (tmp_path / "memory.corrupt").read_bytes() == garbage


def test_a_file_that_is_damaged_in_the_middle(tmp_path: Path) -> None:
    with closing(MemoryStore(tmp_path)) as store:
        told(store, *(f"{KEY} {number}" for number in range(200)))
    data = bytearray((tmp_path / NAME).read_bytes())
    data[4096:] = b"\x7f" * (len(data) - 4096)
    (tmp_path / NAME).write_bytes(data)
    with closing(MemoryStore(tmp_path)) as store:
        assert store.latest(5) == []
        assert store.trouble
        told(store, MILK)
    with closing(MemoryStore(tmp_path)) as store:
        assert [entry.text for entry in store.latest(5)] == [MILK]
        assert store.trouble == ""


def test_damage_while_it_is_open_is_said_and_it_begins_anew(tmp_path: Path, store: MemoryStore) -> None:
    told(store, *(f"{KEY} {number}" for number in range(200)))
    with closing(sqlite3.connect(tmp_path / NAME)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray((tmp_path / NAME).read_bytes())
    data[4096:] = b"\x7f" * (len(data) - 4096)
    with (tmp_path / NAME).open("r+b") as file:
        file.write(data)
    with closing(sqlite3.connect(tmp_path / NAME)) as other:  # whose change makes the store read the file again
        other.execute("PRAGMA user_version = 0")
    with pytest.raises(
        ToolError, match=r"^My memory is damaged\. I begin anew; the file is kept as memory\.corrupt\.$"
    ):
        store.latest(200)
    told(store, MILK)
    assert [entry.text for entry in store.latest(5)] == [MILK]


def test_a_memory_that_another_program_writes_to(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path, connect=impatient)
    with closing(store), closing(sqlite3.connect(tmp_path / NAME)) as other:
        told(store, KEY)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ToolError, match=r"^Another program is busy with my memory; try again in a moment\.$"):
            told(store, MILK)
        assert found(store, "key") == [KEY]  # to read is no harm
        other.rollback()
        told(store, MILK)
        assert store.count() == 2


def test_a_folder_that_went_away_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "memory"
    with closing(MemoryStore(folder)) as store:
        with pytest.raises(ToolError, match=r"^My memory can't be used: No such file or directory\.$"):
            store.open()
        folder.mkdir()
        told(store, KEY)


# Pure.


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ("What did I say about Anna's key?", ["anna", "key"]),
        ("key, KEY and key", ["key"]),
        ("where is it", ["where", "is", "it"]),
        ("Übergröße 42", ["übergröße", "42"]),
        ("", []),
    ],
)
def test_the_words_of_a_question(about: str, words: list[str]) -> None:
    assert words_of(about) == words


def test_a_question_that_never_ends_has_32_words() -> None:
    assert len(words_of(" ".join(f"word{number}" for number in range(1000)))) == 32


def test_rankings_are_fused() -> None:
    assert fused([]) == []
    assert fused([[1, 2, 3]]) == [1, 2, 3]
    assert fused([[1, 2, 3], [3, 4]]) == [3, 1, 2, 4]
