"""Every endpoint that has a module of its own, beside the five that a conversation needs."""

from __future__ import annotations

from typing import Final

from voiced.testing.http import (
    assistants,
    batches,
    completions,
    files,
    fine_tuning,
    images,
    models,
    moderations,
    realtime_secrets,
    responses,
    threads,
    translation,
    uploads,
    vector_stores,
)
from voiced.testing.http.route import Route

ROUTES: Final[tuple[Route, ...]] = (
    *assistants.ROUTES,
    *batches.ROUTES,
    *completions.ROUTES,
    *files.ROUTES,
    *fine_tuning.ROUTES,
    *images.ROUTES,
    *models.ROUTES,
    *moderations.ROUTES,
    *realtime_secrets.ROUTES,
    *responses.ROUTES,
    *threads.ROUTES,
    *translation.ROUTES,
    *uploads.ROUTES,
    *vector_stores.ROUTES,
)
