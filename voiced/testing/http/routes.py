"""Every endpoint that has a module of its own, beside the five that a conversation needs."""

from __future__ import annotations

from typing import Final

from voiced.testing.http import files, uploads
from voiced.testing.http.route import Route

ROUTES: Final[tuple[Route, ...]] = (
    *files.ROUTES,
    *uploads.ROUTES,
)
