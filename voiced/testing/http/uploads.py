"""Uploads: a large file in parts, that become one file at the end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from voiced.testing.http.catalogue import CREATED
from voiced.testing.http.emission import Emission, whole
from voiced.testing.http.files import EXPIRES_AFTER, Files, check
from voiced.testing.http.refusal import Refusal, bad_request, file_too_large
from voiced.testing.http.route import Request, Route, World
from voiced.testing.http.shape import judged
from voiced.testing.loopback import rejection
from voiced.testing.loopback.checks import Check, array, integer, obj, one_of, string
from voiced.testing.loopback.rejection import Rejection

MOST_BYTES: Final = 8 * 1024**3
MOST_PART_BYTES: Final = 64 * 1024 * 1024
LIVES_S: Final = 3_600
"""From its creation; then it takes no more parts."""

_PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision")
_SHAPES: Final[Mapping[str, Check]] = {
    "filename": string(),
    "purpose": one_of(*_PURPOSES),
    "bytes": integer(1, MOST_BYTES),
    "mime_type": string(),
    "expires_after": EXPIRES_AFTER,
}
_CREATE: Final = obj(_SHAPES, "filename", "purpose", "bytes", "mime_type")
_COMPLETION: Final[Mapping[str, Check]] = {"part_ids": array(string()), "md5": string()}
_COMPLETE: Final = obj(_COMPLETION, "part_ids")

PARAMETERS: Final = {"CreateUploadRequest": frozenset(_SHAPES), "CompleteUploadRequest": frozenset(_COMPLETION)}
"""All that a request may have, by its name in the description."""


class Uploads:
    """The uploads of a server. A test may let one expire."""

    def __init__(self) -> None:
        self._uploads: dict[str, dict[str, Any]] = {}
        self._asked: dict[str, dict[str, Any]] = {}
        self._parts: dict[str, dict[str, bytes]] = {}

    @property
    def all(self) -> Sequence[dict[str, Any]]:
        return [dict(upload) for upload in self._uploads.values()]

    def expire(self, upload_id: str) -> None:
        self._uploads[upload_id]["status"] = "expired"
        self._parts[upload_id].clear()

    def create(self, asked: dict[str, Any], upload_id: str) -> dict[str, Any]:
        upload = {
            "id": upload_id,
            "object": "upload",
            "bytes": asked["bytes"],
            "created_at": CREATED,
            "filename": asked["filename"],
            "purpose": asked["purpose"],
            "status": "pending",
            "expires_at": CREATED + LIVES_S,
            "file": None,
        }
        self._uploads[upload_id], self._asked[upload_id], self._parts[upload_id] = upload, asked, {}
        return dict(upload)

    def add(self, upload_id: str, data: bytes, part_id: str) -> dict[str, Any]:
        """Raises `Refusal`."""
        self._pending(upload_id)
        self._parts[upload_id][part_id] = data
        return {"id": part_id, "object": "upload.part", "created_at": CREATED, "upload_id": upload_id}

    def complete(self, upload_id: str, part_ids: Sequence[str], md5: str | None, files: Files) -> dict[str, Any]:
        """Raises `Refusal`."""
        upload, parts, asked = self._pending(upload_id), self._parts[upload_id], self._asked[upload_id]
        for place, part_id in enumerate(part_ids):
            if part_id not in parts:
                message = f"Part {part_id} was not found in upload {upload_id}."
                raise bad_request(message, f"part_ids[{place}]", "invalid_value")
        data = b"".join(parts[part_id] for part_id in part_ids)
        if len(data) != upload["bytes"]:
            message = f"Upload expected {upload['bytes']} bytes but its parts have {len(data)}."
            raise bad_request(message, "part_ids", "invalid_upload")
        if md5 is not None and md5.lower() != hashlib.md5(data, usedforsecurity=False).hexdigest():
            raise bad_request("The md5 of the uploaded bytes does not match.", "md5", "invalid_upload")
        check(upload["filename"], data, upload["purpose"], most_bytes=MOST_BYTES)
        life_s = asked.get("expires_after", {}).get("seconds")
        file = files.add(upload["filename"], data, upload["purpose"], expires_after_s=life_s)
        upload["status"], upload["file"] = "completed", file
        parts.clear()
        return dict(upload)

    def cancel(self, upload_id: str) -> dict[str, Any]:
        """Raises `Refusal`."""
        upload = self._pending(upload_id)
        upload["status"] = "cancelled"
        self._parts[upload_id].clear()
        return dict(upload)

    def _pending(self, upload_id: str) -> dict[str, Any]:
        if upload_id not in self._uploads:
            raise Refusal(404, Rejection(f"No such Upload object: {upload_id}", None, "upload_id"))
        upload = self._uploads[upload_id]
        if upload["status"] != "pending":
            raise bad_request(f"Upload {upload_id} is {upload['status']}.", "upload_id", "invalid_upload_status")
        return upload


def _create(request: Request, world: World) -> Emission:
    body = judged(_CREATE, request.body)
    if body["purpose"] == "vision" and not body["mime_type"].startswith("image/"):
        raise bad_request(f"Invalid mime_type {body['mime_type']} for purpose vision.", "mime_type", "invalid_value")
    check(body["filename"], None, body["purpose"])
    return whole(world.of(Uploads).create(body, world.new_id("upload_")))


def _add(request: Request, world: World) -> Emission:
    for part in request.form:
        if part.name != "data":
            raise Refusal(400, rejection.unknown(part.name))
        if part.filename is None:
            raise Refusal(400, rejection.wrong_type("data", "a file", ""))
    if len(request.form) != 1:
        raise Refusal(400, rejection.missing("data"))
    data = request.form[0].data
    if not data:
        raise bad_request("The part is empty.", "data", "invalid_value")
    if len(data) > MOST_PART_BYTES:
        raise file_too_large(len(data))
    return whole(world.of(Uploads).add(request.ids["upload_id"], data, world.new_id("part_")))


def _complete(request: Request, world: World) -> Emission:
    body = judged(_COMPLETE, request.body)
    if not body["part_ids"]:
        raise bad_request("Invalid 'part_ids': empty array.", "part_ids", "empty_array")
    uploads, files = world.of(Uploads), world.of(Files)
    return whole(uploads.complete(request.ids["upload_id"], body["part_ids"], body.get("md5"), files))


def _cancel(request: Request, world: World) -> Emission:
    return whole(world.of(Uploads).cancel(request.ids["upload_id"]))


ROUTES: Final = (
    Route("POST", "uploads", "uploads", _create, "json"),
    Route("POST", "uploads/{upload_id}/parts", "uploads", _add, "form", MOST_PART_BYTES),
    Route("POST", "uploads/{upload_id}/complete", "uploads", _complete, "json"),
    Route("POST", "uploads/{upload_id}/cancel", "uploads", _cancel, "maybe json"),
)
