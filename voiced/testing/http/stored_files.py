"""What vector stores keep: files that are taken in over a while, and found by words in common with a query."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from voiced.testing.http.catalogue import CREATED
from voiced.testing.http.files import Files
from voiced.testing.http.refusal import Refusal, bad_request
from voiced.testing.loopback.rejection import Rejection

SEARCHABLE: Final = (
    "c", "cpp", "cs", "css", "doc", "docx", "go", "html", "java", "js", "json", "md", "pdf", "php", "pptx", "py", "rb",
    "sh", "tex", "ts", "txt",
)  # fmt: skip
STATUSES: Final = ("in_progress", "completed", "failed", "cancelled")

_DAY_S: Final = 86_400
_BYTES_PER_WORD: Final = 8
"""Of what is kept of a file, for no better reason than that the real server tells a number too."""


@dataclass
class _Kept:
    """A file in a store. `left`: how often it is still looked at before it is taken in."""

    file_id: str
    attributes: dict[str, Any]
    chunking: dict[str, Any]
    created_at: int
    left: int
    reason: dict[str, str] | None
    cancelled: bool = False

    @property
    def status(self) -> str:
        if self.cancelled:
            return "cancelled"
        if self.left:
            return "in_progress"
        return "completed" if self.reason is None else "failed"


@dataclass
class _Store:
    store: dict[str, Any]
    files: dict[str, _Kept] = field(default_factory=dict)
    batches: dict[str, list[str]] = field(default_factory=dict)
    expired: bool = False


class VectorStores:
    """The stores of a server. `polls`: how often a file is "in_progress" before it is taken in.

    `failing`: names of files that fail, with the reason; those that can't be searched fail by themselves.
    """

    def __init__(self) -> None:
        self.polls = 1
        self.failing: dict[str, str] = {}
        self._stores: dict[str, _Store] = {}
        self._made = 0

    def expire(self, store_id: str) -> None:
        """It was not used for too long."""
        self._known(store_id).expired = True

    def attributes(self, store_id: str, file_id: str) -> dict[str, Any]:
        """Of a file in a store."""
        return dict(self._in(store_id, file_id).attributes)

    def all(self, files: Files) -> Sequence[dict[str, Any]]:
        return [self.seen(store_id, files) for store_id in self._stores]

    def create(self, asked: dict[str, Any], store_id: str, files: Files) -> dict[str, Any]:
        """Raises `Refusal`."""
        self._made += 1
        store = {
            "id": store_id,
            "object": "vector_store",
            "created_at": CREATED + self._made,
            "name": asked.get("name", ""),
            "last_active_at": CREATED + self._made,
            "metadata": asked.get("metadata") or {},
            **({"expires_after": asked["expires_after"]} if "expires_after" in asked else {}),
        }
        self._stores[store_id] = _Store(store)
        try:
            for file_id in asked.get("file_ids", []):
                self.add(store_id, {"file_id": file_id, "chunking_strategy": asked.get("chunking_strategy")}, files)
        except Refusal:
            del self._stores[store_id]
            raise
        return self.seen(store_id, files)

    def change(self, store_id: str, asked: dict[str, Any], files: Files) -> dict[str, Any]:
        """Raises `Refusal`."""
        store = self._known(store_id).store
        store |= asked
        store["name"], store["metadata"] = store["name"] or "", store["metadata"] or {}
        if store.get("expires_after", ...) is None:
            del store["expires_after"]
        return self.seen(store_id, files)

    def remove(self, store_id: str) -> None:
        """Raises `Refusal`."""
        self._known(store_id)
        del self._stores[store_id]

    def seen(self, store_id: str, files: Files) -> dict[str, Any]:
        """The store as it is described. Raises `Refusal`."""
        kept = self._known(store_id)
        members = self._members(store_id, files)
        counts = _counts(members)
        found = {
            **kept.store,
            "usage_bytes": sum(_used(member, files) for member in members),
            "file_counts": counts,
            "status": "expired" if kept.expired else "in_progress" if counts["in_progress"] else "completed",
            "expires_at": None,
        }
        if "expires_after" in found:
            found["expires_at"] = found["last_active_at"] + found["expires_after"]["days"] * _DAY_S
        return found

    def look(self, store_id: str, files: Files, among: Iterable[str] | None = None) -> None:
        """Somebody waits for the files of a store: they are a step further the next time."""
        chosen = None if among is None else set(among)
        for member in self._members(store_id, files):
            if chosen is None or member.file_id in chosen:
                member.left = max(0, member.left - 1)

    # Files of a store.

    def add(self, store_id: str, asked: dict[str, Any], files: Files) -> dict[str, Any]:
        """Raises `Refusal`."""
        kept = self._known(store_id)
        file = files.get(asked["file_id"])
        self._made += 1
        kept.files[file["id"]] = _Kept(
            file["id"],
            asked.get("attributes") or {},
            _told_chunking(asked.get("chunking_strategy")),
            CREATED + self._made,
            self.polls,
            self._reason(file, files.content(file["id"])),
        )
        return self.file(store_id, file["id"], files)

    def listed(self, store_id: str, files: Files) -> list[dict[str, Any]]:
        """Raises `Refusal`."""
        return [self.file(store_id, member.file_id, files) for member in self._members(store_id, files)]

    def file(self, store_id: str, file_id: str, files: Files) -> dict[str, Any]:
        """Raises `Refusal`."""
        kept = self._in(store_id, file_id)
        status = kept.status
        return {
            "id": file_id,
            "object": "vector_store.file",
            "usage_bytes": _used(kept, files),
            "created_at": kept.created_at,
            "vector_store_id": store_id,
            "status": status,
            "last_error": kept.reason if status == "failed" else None,
            "chunking_strategy": kept.chunking,
            "attributes": dict(kept.attributes),
        }

    def set_attributes(self, store_id: str, file_id: str, attributes: dict[str, Any] | None) -> None:
        """Raises `Refusal`."""
        self._in(store_id, file_id).attributes = attributes or {}

    def take_out(self, store_id: str, file_id: str) -> None:
        """Raises `Refusal`."""
        self._in(store_id, file_id)
        del self._stores[store_id].files[file_id]

    # Batches of files.

    def create_batch(self, store_id: str, members: Sequence[dict[str, Any]], batch_id: str, files: Files) -> None:
        """Raises `Refusal`."""
        kept = self._known(store_id)
        for member in members:
            files.get(member["file_id"])
        for member in members:
            self.add(store_id, member, files)
        kept.batches[batch_id] = [member["file_id"] for member in members]

    def batch(self, store_id: str, batch_id: str, files: Files) -> dict[str, Any]:
        """Raises `Refusal`."""
        members = self.in_batch(store_id, batch_id)
        counts = _counts([member for member in self._members(store_id, files) if member.file_id in members])
        return {
            "id": batch_id,
            "object": "vector_store.files_batch",
            "created_at": CREATED,
            "vector_store_id": store_id,
            "status": "in_progress" if counts["in_progress"] else "cancelled" if counts["cancelled"] else "completed",
            "file_counts": counts,
        }

    def in_batch(self, store_id: str, batch_id: str) -> Sequence[str]:
        """The files of a batch. Raises `Refusal`."""
        batches = self._known(store_id).batches
        if batch_id not in batches:
            raise Refusal(404, Rejection(f"No file batch found with id '{batch_id}'."))
        return batches[batch_id]

    def cancel_batch(self, store_id: str, batch_id: str) -> None:
        """Raises `Refusal`."""
        for file_id in self.in_batch(store_id, batch_id):
            kept = self._known(store_id).files.get(file_id)
            if kept is not None and kept.left:
                kept.cancelled = True

    # Search.

    def find(
        self,
        store_id: str,
        queries: Sequence[str],
        files: Files,
        *,
        most: int = 10,
        filters: dict[str, Any] | None = None,
        threshold: float = 0.0,
    ) -> list[dict[str, Any]]:
        """The pieces that have words of the queries, the best first. Raises `Refusal`."""
        kept = self._known(store_id)
        if kept.expired:
            raise bad_request(f"Vector store {store_id} is expired.", "vector_store_id", "vector_store_expired")
        wanted = _words(" ".join(queries))
        found = []
        for member in self._members(store_id, files):
            if member.status != "completed" or not (filters is None or _passes(member.attributes, filters)):
                continue
            for text in pieces(files.content(member.file_id)):
                score = len(wanted & _words(text)) / len(wanted) if wanted else 0.0
                if score > 0 and score >= threshold:
                    found.append(_hit(member, files.get(member.file_id)["filename"], text, score))
        return sorted(found, key=lambda hit: -float(hit["score"]))[:most]

    def _members(self, store_id: str, files: Files) -> list[_Kept]:
        """The files of a store that were not deleted since."""
        there = {file["id"] for file in files.all}
        kept = self._known(store_id)
        kept.files = {file_id: member for file_id, member in kept.files.items() if file_id in there}
        return list(kept.files.values())

    def _known(self, store_id: str) -> _Store:
        if store_id not in self._stores:
            raise Refusal(404, Rejection(f"Vector store with id '{store_id}' not found."))
        return self._stores[store_id]

    def _in(self, store_id: str, file_id: str) -> _Kept:
        kept = self._known(store_id)
        if file_id not in kept.files:
            raise Refusal(404, Rejection(f"No file found with id '{file_id}' in vector store '{store_id}'."))
        return kept.files[file_id]

    def _reason(self, file: dict[str, Any], data: bytes) -> dict[str, str] | None:
        """Why it can't be taken in."""
        name = file["filename"]
        if name in self.failing:
            return {"code": "server_error", "message": self.failing[name]}
        suffix = PurePosixPath(name).suffix.lower().removeprefix(".")
        if suffix not in SEARCHABLE:
            message = f"Files with extensions [.{suffix}] are not supported for retrieval."
            return {"code": "unsupported_file", "message": message}
        try:
            data.decode()
        except UnicodeDecodeError:
            return {"code": "invalid_file", "message": "The file could not be parsed because it is no text."}
        return None


def _counts(members: Sequence[_Kept]) -> dict[str, int]:
    statuses = [member.status for member in members]
    return {**{status: statuses.count(status) for status in STATUSES}, "total": len(members)}


def _used(member: _Kept, files: Files) -> int:
    if member.status != "completed":
        return 0
    return _BYTES_PER_WORD * len(files.content(member.file_id).split())


def pieces(data: bytes) -> list[str]:
    return [piece.strip() for piece in re.split(r"\n\s*\n", data.decode()) if piece.strip()]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _hit(member: _Kept, name: str, text: str, score: float) -> dict[str, Any]:
    return {
        "file_id": member.file_id,
        "filename": name,
        "score": score,
        "attributes": dict(member.attributes),
        "content": [{"type": "text", "text": text}],
    }


COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda value, given: value in given,
    "nin": lambda value, given: value not in given,
}


def _passes(attributes: Mapping[str, Any], asked: dict[str, Any]) -> bool:
    match asked["type"]:
        case "and":
            return all(_passes(attributes, each) for each in asked["filters"])
        case "or":
            return any(_passes(attributes, each) for each in asked["filters"])
        case kind:
            if asked["key"] not in attributes:
                return kind in ("ne", "nin")
            try:
                return COMPARISONS[kind](attributes[asked["key"]], asked["value"])
            except TypeError:  # a text and a number
                return False


def _told_chunking(asked: dict[str, Any] | None) -> dict[str, Any]:
    if asked is not None and asked["type"] == "static":
        return asked
    return {"type": "static", "static": {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}}
