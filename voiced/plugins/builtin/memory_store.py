"""What was remembered, on disk: one SQLite file, searched by words and by vectors.

    entries   what was said, and when
    words     the full-text index of it, where this SQLite has FTS5; else LIKE finds what it can
    vectors   of an entry, with the model that made it: vectors of different models are never compared

Every method may wait for the disk: call it in a thread. What goes wrong is a ToolError in plain words.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from voiced.api import ToolError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME: Final = "memory.sqlite"

MOST: Final = 10_000
"""Entries. Nothing is forgotten by itself: the next one is refused."""

LONGEST: Final = 2000
"""Characters of an entry."""

LOCKED_S: Final = 2.0
"""So long another program may write before somebody is told."""

LEAST_ALIKE: Final = 0.2
"""Cosine; sentences that have nothing to do with each other are below, with the models that OpenAI has."""

_AGREED: Final = 60
"""Of reciprocal rank fusion: the larger, the less the first of a ranking counts before the second."""

_SCANNED: Final = 256
"""Vectors in memory at one time: some 3 MB."""

_MOST_WORDS: Final = 32

_STOP: Final = frozenset(
    {
        "a", "about", "an", "and", "are", "at", "did", "do", "for", "have", "i", "in", "is", "it", "me", "my", "of",
        "on", "s", "said", "say", "t", "tell", "that", "the", "there", "this", "to", "told", "was", "what", "when",
        "where", "which", "who", "with", "you", "your",
    }
)  # fmt: skip
"""Words of questions. In an index with few entries one of them would weigh as much as the word that is meant."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS entries (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL, said_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS vectors (
    entry INTEGER PRIMARY KEY REFERENCES entries ON DELETE CASCADE, model TEXT NOT NULL, vector BLOB NOT NULL
);
"""
_INDEX: Final = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5"
    "(text, content='entries', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2')"
)
_STALE: Final = 1
"""`user_version` of a file that a SQLite without FTS5 wrote to: its index must be made anew."""

_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True, slots=True)
class Entry:
    """`said_at` is aware."""

    id: int
    text: str = field(repr=False)
    said_at: datetime


class MemoryStore:
    """Methods may be called from any thread, one after the other.

    `most`: entries. `connect`: as `sqlite3.connect`. `trouble`: for a person, where what was remembered before is lost.
    """

    def __init__(
        self, folder: Path, *, most: int = MOST, connect: Callable[..., sqlite3.Connection] = sqlite3.connect
    ) -> None:
        self.path = folder / NAME
        self.trouble = ""
        self._most = most
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._full_text = False
        self._lock = threading.Lock()

    def open(self) -> None:
        """Look whether it can be read, and set it aside where it is damaged."""
        with self._opened():
            pass

    def close(self) -> None:
        """Let go of the file; the next method opens it again."""
        with self._lock:
            self._hang_up()

    def count(self) -> int:
        with self._opened() as connection:
            return _number(connection, "SELECT count(*) FROM entries")

    def add(self, text: str, said_at: datetime) -> Entry:
        """Keep it. `text` has 1 to `LONGEST` characters."""
        with self._opened() as connection:
            if _number(connection, "SELECT count(*) FROM entries") >= self._most:
                raise ToolError(f"It is not remembered: I know {self._most} things already. Have me forget some first.")
            cursor = connection.execute(
                "INSERT INTO entries (text, said_at) VALUES (?, ?)", (text, said_at.isoformat())
            )
            assert cursor.lastrowid is not None
            self._index(connection, "INSERT INTO words (rowid, text) VALUES (?, ?)", cursor.lastrowid, text)
            return Entry(cursor.lastrowid, text, said_at)

    def remove(self, entry: Entry) -> None:
        """Forget it. It is overwritten on disk as well."""
        with self._opened() as connection:
            gone = connection.execute("DELETE FROM entries WHERE id = ?", (entry.id,)).rowcount
            if gone:
                forget = "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)"
                self._index(connection, forget, entry.id, entry.text)
                self._index(connection, "INSERT INTO words (words) VALUES ('optimize')")
            connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def latest(self, count: int) -> list[Entry]:
        """The newest first."""
        with self._opened() as connection:
            return _entries(connection.execute("SELECT * FROM entries ORDER BY id DESC LIMIT ?", (count,)))

    def search(self, about: str, count: int, vector: Sequence[float] = (), model: str = "") -> list[Entry]:
        """What fits best first: by words, and where there is a `vector` that `model` made, by that as well."""
        with self._opened() as connection:
            rankings = [self._by_words(connection, words_of(about), count)]
            if vector:
                rankings.append(_by_vector(connection, vector, model, count))
            return _entries(
                row
                for found in fused(rankings)[:count]
                for row in connection.execute("SELECT * FROM entries WHERE id = ?", (found,))
            )

    def without_vector(self, model: str, count: int) -> list[Entry]:
        """Entries that `model` made no vector for, the newest first."""
        with self._opened() as connection:
            return _entries(
                connection.execute(
                    "SELECT id, text, said_at FROM entries LEFT JOIN vectors ON entry = id "
                    "WHERE model IS NOT ? ORDER BY id DESC LIMIT ?",
                    (model, count),
                )
            )

    def add_vectors(self, model: str, vectors: Mapping[int, Sequence[float]]) -> None:
        """Keep them, by the ids of their entries, of which some may be gone."""
        with self._opened() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO vectors SELECT id, ?, ? FROM entries WHERE id = ?",
                [(model, _packed(vector), entry) for entry, vector in vectors.items()],
            )

    # The file.

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The connection; all that is done with it is done, or nothing."""
        with self._lock:
            try:
                if self._connection is None:
                    self._open_anew()
                assert self._connection is not None
                with self._connection:
                    yield self._connection
            except (sqlite3.Error, OSError) as error:
                raise ToolError(self._told(error)) from error

    def _open_anew(self) -> None:
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self._hang_up()
            if _code(error) not in _DAMAGED:
                raise
            self._set_aside()
            self.trouble = f"What I was told before is lost: the file was damaged. It is kept as {self._aside.name}."
            self._open()

    def _open(self) -> None:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))  # its companions get the same mode
        connection = self._connection = self._connect(
            self.path, timeout=LOCKED_S, check_same_thread=False, isolation_level="IMMEDIATE"
        )
        if (found := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise _damaged(found)
        for pragma in ("journal_mode = WAL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.executescript(_SCHEMA)
        self._full_text = _has_full_text(connection)
        if self._full_text:
            made = not _number(connection, "SELECT count(*) FROM sqlite_master WHERE name = 'words'")
            connection.execute(_INDEX)
            if made or _number(connection, "PRAGMA user_version") == _STALE:
                connection.execute("INSERT INTO words (words) VALUES ('rebuild')")
                connection.execute("PRAGMA user_version = 0")
            connection.commit()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    @property
    def _aside(self) -> Path:
        return self.path.with_suffix(".corrupt")

    def _set_aside(self) -> None:
        for companion in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self.path}{companion}", f"{self._aside}{companion}")

    def _told(self, error: sqlite3.Error | OSError) -> str:
        """What went wrong, for people. A damaged file is set aside."""
        match _code(error):
            case sqlite3.SQLITE_FULL:
                return "There is no room for it on the disk; make some."
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return "Another program is busy with my memory; try again in a moment."
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                self._hang_up()
                try:
                    self._set_aside()
                except OSError:
                    return "My memory is damaged, and the file can't be set aside."
                return f"My memory is damaged. I begin anew; the file is kept as {self._aside.name}."
            case _:
                self._hang_up()  # the folder may have been moved, or the disk be back
                return f"My memory can't be used: {getattr(error, 'strerror', None) or error}."

    # The indexes.

    def _index(self, connection: sqlite3.Connection, statement: str, *values: Any) -> None:
        if self._full_text:
            connection.execute(statement, values)
        else:
            connection.execute(f"PRAGMA user_version = {_STALE}")

    def _by_words(self, connection: sqlite3.Connection, words: Sequence[str], count: int) -> list[int]:
        if not words:
            return []
        if self._full_text:
            rows = connection.execute(
                "SELECT rowid FROM words WHERE words MATCH ? ORDER BY bm25(words), rowid DESC LIMIT ?",
                (" OR ".join(f'"{word}"' for word in words), count),
            )
        else:
            hits = " + ".join(["(text LIKE ?)"] * len(words))
            patterns = [f"%{word.rstrip('s') or word}%" for word in words]
            rows = connection.execute(
                f"SELECT id FROM (SELECT id, {hits} AS hits FROM entries) WHERE hits "  # noqa: S608 marks alone
                "ORDER BY hits DESC, id DESC LIMIT ?",
                (*patterns, count),
            )
        return [row[0] for row in rows]


def words_of(about: str) -> list[str]:
    """The words to look for; all of them where they are nothing but words of questions.

    >>> words_of('what did I say about Anna\\'s "key"?'), words_of("what is it")
    (['anna', 'key'], ['what', 'is', 'it'])
    """
    words = list(dict.fromkeys(re.findall(r"[^\W_]+", about.lower())))
    return ([word for word in words if word not in _STOP] or words)[:_MOST_WORDS]


def fused(rankings: Sequence[Sequence[int]]) -> list[int]:
    """One ranking out of several: what is high in any of them is high, and what is in several is higher.

    >>> fused([[1, 2, 3], [3, 4]])
    [3, 1, 2, 4]
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for place, found in enumerate(ranking):
            scores[found] = scores.get(found, 0.0) + 1 / (_AGREED + place)
    return sorted(scores, key=lambda found: -scores[found])


def _by_vector(connection: sqlite3.Connection, vector: Sequence[float], model: str, count: int) -> list[int]:
    """By cosine; rows that are none of this model's, whatever they are, are passed over."""
    import numpy as np

    wanted = _unit(np.asarray(vector, np.float32))
    best: list[tuple[float, int]] = []
    cursor = connection.execute("SELECT entry, vector FROM vectors WHERE model = ?", (model,))
    while rows := cursor.fetchmany(_SCANNED):
        fitting = [row for row in rows if len(row[1]) == 2 * len(wanted)]
        table = np.frombuffer(b"".join(row[1] for row in fitting), "<f2").reshape(len(fitting), len(wanted))
        alike = table.astype(np.float32) @ wanted
        found = zip(alike.tolist(), (row[0] for row in fitting), strict=True)
        best = heapq.nlargest(count, [*best, *(each for each in found if each[0] >= LEAST_ALIKE)])
    return [entry for _, entry in best]


def _packed(vector: Sequence[float]) -> bytes:
    """Of length 1, in half precision: that ranks the same, and spares the disk."""
    import numpy as np

    return _unit(np.asarray(vector, np.float32)).astype("<f2").tobytes()


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np

    length = np.linalg.norm(vector)
    return vector / length if length else vector


def _has_full_text(connection: sqlite3.Connection) -> bool:
    try:
        return bool(_number(connection, "SELECT count(*) FROM pragma_module_list WHERE name = 'fts5'"))
    except sqlite3.DatabaseError:  # too old to tell
        return False


def _number(connection: sqlite3.Connection, query: str) -> int:
    found: int = connection.execute(query).fetchone()[0]
    return found


def _entries(rows: Iterable[tuple[int, str, str]]) -> list[Entry]:
    return [Entry(id, text, datetime.fromisoformat(said_at)) for id, text, said_at in rows]


def _code(error: Exception) -> int:
    """SQLite's own, without what it says in detail; 0 where it has none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _damaged(found: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(found)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
