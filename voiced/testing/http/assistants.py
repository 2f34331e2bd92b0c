"""Assistants: models with instructions and tools that are kept at the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from voiced.testing.http.assistant_shapes import asked, no_such, offered
from voiced.testing.http.catalogue import CREATED
from voiced.testing.http.emission import Emission, whole
from voiced.testing.http.paging import page
from voiced.testing.http.route import Request, Route, World

_USUAL: Final[dict[str, Any]] = {
    "name": None,
    "description": None,
    "instructions": None,
    "tools": [],
    "tool_resources": {},
    "metadata": {},
    "temperature": 1.0,
    "top_p": 1.0,
    "response_format": "auto",
}


class Assistants:
    """The assistants of a server, oldest first."""

    def __init__(self) -> None:
        self._assistants: dict[str, dict[str, Any]] = {}
        self._made = 0

    @property
    def all(self) -> Sequence[dict[str, Any]]:
        return [dict(assistant) for assistant in self._assistants.values()]

    def create(self, body: dict[str, Any], assistant_id: str) -> dict[str, Any]:
        self._made += 1
        made = {"id": assistant_id, "object": "assistant", "created_at": CREATED + self._made}
        self._assistants[assistant_id] = made | _USUAL
        return self.change(assistant_id, body)

    def get(self, assistant_id: str) -> dict[str, Any]:
        """Raises `Refusal`."""
        if assistant_id not in self._assistants:
            raise no_such("assistant", assistant_id)
        return dict(self._assistants[assistant_id])

    def change(self, assistant_id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Raises `Refusal`."""
        self.get(assistant_id)
        new = {name: _USUAL.get(name) if value is None else value for name, value in body.items()}
        self._assistants[assistant_id] |= new
        return self.get(assistant_id)

    def remove(self, assistant_id: str) -> None:
        """Raises `Refusal`."""
        self.get(assistant_id)
        del self._assistants[assistant_id]


def _create(request: Request, world: World) -> Emission:
    body = asked(request, "CreateAssistantRequest", needed=("model",))
    world.catalogue.judge(body["model"], "chat")
    return whole(world.of(Assistants).create(body, world.new_id("asst_")))


def _list(request: Request, world: World) -> Emission:
    return whole(page(request.query, world.of(Assistants).all))


def _get(request: Request, world: World) -> Emission:
    return whole(world.of(Assistants).get(request.ids["assistant_id"]))


def _change(request: Request, world: World) -> Emission:
    body = asked(request, "ModifyAssistantRequest")
    if "model" in body:
        world.catalogue.judge(body["model"], "chat")
    return whole(world.of(Assistants).change(request.ids["assistant_id"], body))


def _delete(request: Request, world: World) -> Emission:
    world.of(Assistants).remove(request.ids["assistant_id"])
    return whole({"id": request.ids["assistant_id"], "object": "assistant.deleted", "deleted": True})


ROUTES: Final = offered(
    Route("POST", "assistants", "assistants", _create, "json"),
    Route("GET", "assistants", "assistants", _list),
    Route("GET", "assistants/{assistant_id}", "assistants", _get),
    Route("POST", "assistants/{assistant_id}", "assistants", _change, "json"),
    Route("DELETE", "assistants/{assistant_id}", "assistants", _delete),
)
