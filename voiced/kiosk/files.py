"""The files of the page: read once, since a browser asks for all of them at each visit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "page"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), autoplay=(self), camera=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}
"""With every answer: nothing from elsewhere, in nobody's frame, and asked for anew after an update (with the ETag)."""


@dataclass(frozen=True, slots=True)
class File:
    """One file as it is served."""

    content_type: str
    body: bytes = field(repr=False)
    etag: str


def read_page(folder: Path = FOLDER) -> dict[str, File]:
    """The files by the path that they are served at; the page itself is at "/"."""
    files = {
        f"/{path.name}": _file(path) for path in sorted(folder.iterdir()) if path.suffix in _TYPES and path.is_file()
    }
    files["/"] = files["/index.html"]
    return files


def _file(path: Path) -> File:
    body = path.read_bytes()
    return File(_TYPES[path.suffix], body, f'"{hashlib.sha256(body).hexdigest()[:16]}"')
