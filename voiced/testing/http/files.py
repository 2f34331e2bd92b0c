"""Files: what may be uploaded for which purpose, and what is kept of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from voiced.testing.http.catalogue import CREATED
from voiced.testing.http.emission import Emission, of_bytes, whole
from voiced.testing.http.form import Part
from voiced.testing.http.paging import page
from voiced.testing.http.refusal import Refusal, bad_request
from voiced.testing.http.route import Request, Route, World
from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import integer, obj, one_of
from voiced.testing.loopback.rejection import Rejection

MOST_BYTES: Final = 512 * 1024 * 1024
MOST_BATCH_BYTES: Final = 200 * 1024 * 1024

PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")

PARAMETERS: Final = frozenset({"file", "purpose", "expires_after"})
"""All that an upload may have."""

OF_ASSISTANTS: Final = (
    "c", "cpp", "cs", "css", "csv", "doc", "docx", "gif", "go", "html", "java", "jpeg", "jpg", "js", "json", "md",
    "pdf", "php", "pkl", "png", "pptx", "py", "rb", "sh", "tar", "tex", "ts", "txt", "webp", "xlsx", "xml", "zip",
)  # fmt: skip
OF_VISION: Final = ("png", "jpg", "jpeg", "gif", "webp")

_NOT_GIVEN_BACK: Final = ("assistants", "user_data", "vision")
"""What was uploaded for these stays there; what the server made itself can be had."""

_DAY_S: Final = 86_400
_EXPIRY: Final = ("expires_after[anchor]", "expires_after[seconds]")

EXPIRES_AFTER: Final = obj({"anchor": one_of("created_at"), "seconds": integer(3600, 30 * _DAY_S)}, "anchor", "seconds")


class Files:
    """The files of a server, oldest first. `polls`: how often a file says "uploaded" before it is "processed".

    `failing`: names of files that end as "error", with the reason.
    """

    def __init__(self) -> None:
        self.polls = 0
        self.failing: dict[str, str] = {}
        self._made = 0
        self._files: dict[str, dict[str, Any]] = {}
        self._data: dict[str, bytes] = {}
        self._left: dict[str, int] = {}

    @property
    def all(self) -> Sequence[dict[str, Any]]:
        return [self._seen(file_id) for file_id in self._files]

    def add(self, name: str, data: bytes, purpose: str, *, expires_after_s: int | None = None) -> dict[str, Any]:
        """One more, with its description."""
        self._made += 1
        file_id = f"file-{self._made:012d}"
        file: dict[str, Any] = {
            "id": file_id,
            "object": "file",
            "bytes": len(data),
            "created_at": CREATED + self._made,
            "filename": name,
            "purpose": purpose,
            "status": "processed",
        }
        if expires_after_s is None and purpose == "batch":
            expires_after_s = 30 * _DAY_S
        if expires_after_s is not None:
            file["expires_at"] = file["created_at"] + expires_after_s
        if name in self.failing:
            file["status"], file["status_details"] = "error", self.failing[name]
        self._files[file_id], self._data[file_id], self._left[file_id] = file, data, self.polls
        return self._seen(file_id)

    def get(self, file_id: str) -> dict[str, Any]:
        """Its description. Raises `Refusal`."""
        return self._seen(self._known(file_id))

    def poll(self, file_id: str) -> dict[str, Any]:
        """The same for one who waits for it: its status may be another the next time. Raises `Refusal`."""
        found = self.get(file_id)
        self._left[file_id] = max(0, self._left[file_id] - 1)
        return found

    def content(self, file_id: str) -> bytes:
        """Raises `Refusal`."""
        return self._data[self._known(file_id)]

    def remove(self, file_id: str) -> None:
        """Raises `Refusal`."""
        del self._files[self._known(file_id)], self._data[file_id], self._left[file_id]

    def _known(self, file_id: str) -> str:
        if file_id not in self._files:
            raise Refusal(404, Rejection(f"No such File object: {file_id}", None, "id"))
        return file_id

    def _seen(self, file_id: str) -> dict[str, Any]:
        file = self._files[file_id]
        if self._left[file_id]:
            return {key: value for key, value in file.items() if key != "status_details"} | {"status": "uploaded"}
        return dict(file)


def check(name: str, data: bytes | None, purpose: str, most_bytes: int = MOST_BYTES) -> None:
    """Raises `Refusal` where such a file is not taken for this purpose. `data`: None where it is still to come."""
    suffix = PurePosixPath(name).suffix.lower().removeprefix(".")
    if purpose in ("batch", "fine-tune") and suffix != "jsonl":
        api = "Batch" if purpose == "batch" else "Fine-Tuning"
        raise bad_request(f"Invalid file format for {api} API. Must be .jsonl")
    taken = {"assistants": OF_ASSISTANTS, "vision": OF_VISION}.get(purpose)
    if taken is not None and suffix not in taken:
        listed = ", ".join(f'"{each}"' for each in taken)
        raise bad_request(f"Invalid extension {suffix}. Supported formats: {listed}", None, "unsupported_file")
    if data is not None:
        _content_is_right(data, purpose, MOST_BATCH_BYTES if purpose == "batch" else most_bytes)


def _content_is_right(data: bytes, purpose: str, most_bytes: int) -> None:
    if not data:
        raise bad_request("File is empty.", "file", "invalid_value")
    if len(data) > most_bytes:
        raise Refusal(413, Rejection(f"413: Maximum content size limit ({most_bytes}) exceeded", kind="server_error"))
    if purpose == "fine-tune":
        _is_jsonl(data)


def _is_jsonl(data: bytes) -> None:
    for number, line in enumerate(data.splitlines(), 1):
        try:
            if line.strip() and isinstance(json.loads(line), dict):
                continue
        except ValueError:
            pass
        raise bad_request(
            "Expected file to have JSONL format, where every line is a valid JSON dictionary. "
            f"Line {number} is not a dictionary.",
            None,
            "invalid_jsonl",
        )


def _upload(request: Request, world: World) -> Emission:
    fields: dict[str, str] = {}
    file: Part | None = None
    for part in request.form:
        if part.name == "file":
            if part.filename is None:
                raise Refusal(400, rejection.wrong_type("file", "a file", ""))
            file = part
        elif part.name not in ("purpose", *_EXPIRY):
            raise Refusal(400, rejection.unknown(part.name))
        elif part.name in fields:
            raise bad_request(f"Duplicate parameter: '{part.name}'.", part.name, "duplicate_parameter")
        else:
            fields[part.name] = part.text()
    for name, value in (("file", file), ("purpose", fields.get("purpose"))):
        if value is None:
            raise Refusal(400, rejection.missing(name))
    assert file is not None
    assert file.filename is not None
    if fields["purpose"] not in PURPOSES:
        raise Refusal(400, rejection.wrong_value("purpose", fields["purpose"], PURPOSES))
    expires_after_s = _expiry(fields)
    check(file.filename, file.data, fields["purpose"])
    made = world.of(Files).add(file.filename, file.data, fields["purpose"], expires_after_s=expires_after_s)
    return whole(made)


def _expiry(fields: dict[str, str]) -> int | None:
    given: dict[str, Any] = {name[len("expires_after[") : -1]: fields[name] for name in _EXPIRY if name in fields}
    if not given:
        return None
    if given.get("seconds", "").isdecimal():
        given["seconds"] = int(given["seconds"])
    try:
        EXPIRES_AFTER(given, "expires_after")
    except Rejection as why:
        raise Refusal(400, why) from None
    seconds: int = given["seconds"]
    return seconds


def _list(request: Request, world: World) -> Emission:
    filters = {"purpose": lambda file, purpose: bool(file["purpose"] == purpose)}
    return whole(page(request.query, world.of(Files).all, filters=filters, before=False, most=10_000, usual=10_000))


def _get(request: Request, world: World) -> Emission:
    return whole(world.of(Files).poll(request.ids["file_id"]))


def _delete(request: Request, world: World) -> Emission:
    world.of(Files).remove(request.ids["file_id"])
    return whole({"id": request.ids["file_id"], "object": "file", "deleted": True})


def _content(request: Request, world: World) -> Emission:
    files = world.of(Files)
    data, purpose = files.content(request.ids["file_id"]), files.get(request.ids["file_id"])["purpose"]
    if purpose in _NOT_GIVEN_BACK:
        raise bad_request(f"Not allowed to download files of purpose: {purpose}")
    return of_bytes(data, "application/octet-stream")


ROUTES: Final = (
    Route("POST", "files", "files", _upload, "form", MOST_BYTES),
    Route("GET", "files", "files", _list),
    Route("GET", "files/{file_id}", "files", _get),
    Route("DELETE", "files/{file_id}", "files", _delete),
    Route("GET", "files/{file_id}/content", "files", _content),
)
