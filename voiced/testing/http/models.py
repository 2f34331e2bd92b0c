"""Models that somebody made, and does not want any more."""

from __future__ import annotations

from typing import Final

from voiced.testing.http.emission import Emission, whole
from voiced.testing.http.route import Request, Route, World


def _delete(request: Request, world: World) -> Emission:
    model = request.ids["model"]
    world.catalogue.remove(model)
    return whole({"id": model, "object": "model", "deleted": True})


ROUTES: Final = (Route("DELETE", "models/{model}", "models", _delete),)
