"""Everything that `ai.files` asks, for a server that judges it."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

from voiced.ai.service import AiService
from voiced.errors import ApiError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


async def everything(ai: AiService) -> None:
    """What the server answers is of the right form, and makes no sense."""
    for file, purpose in (
        (("notes.txt", b"notes"), "assistants"),
        (("calls.jsonl", b"{}\n"), "batch"),
        (("talk.jsonl", b"{}\n"), "fine-tune"),
        (("cat.png", PNG), "vision"),
        (("notes.txt", b"notes"), "user_data"),
        (("evals.jsonl", b"{}\n"), "evals"),
    ):
        with contextlib.suppress(ApiError):
            await ai.files.upload(file, purpose)
    with contextlib.suppress(ApiError):
        await ai.files.upload(("notes.txt", b"notes"), "user_data", expires_after_s=3600)
    for life_s in (None, 3600):
        with contextlib.suppress(ApiError):
            await ai.files.upload(
                ("notes.md", b"n" * 100), "assistants", in_parts_over=10, part_bytes=50, expires_after_s=life_s
            )
    with contextlib.suppress(ApiError):
        await ai.files.list()
    with contextlib.suppress(ApiError):
        await ai.files.list("batch", most=5)
    with contextlib.suppress(ApiError):
        await ai.files.get("file-1")
    with contextlib.suppress(ApiError):
        await ai.files.wait("file-1", within_s=1.0, poll_s=0)
    with contextlib.suppress(ApiError):
        await ai.files.read("file-1")
    with contextlib.suppress(ApiError), tempfile.TemporaryDirectory() as folder:
        await ai.files.save("file-1", Path(folder) / "file")
    with contextlib.suppress(ApiError):
        await ai.files.delete("file-1")
    await _broken_off(ai)


async def _broken_off(ai: AiService) -> None:
    """The file is gone before its second part, and the upload is cancelled."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "notes.md"
        path.write_bytes(b"n" * 100)
        with contextlib.suppress(ApiError):
            await ai.files.upload(
                path, "assistants", in_parts_over=10, part_bytes=50, progress=lambda *_: path.unlink(missing_ok=True)
            )
