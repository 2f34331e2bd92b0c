"""Which models there are, and until when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from voiced.ai.models import PROVIDER, SHUTDOWN, SUCCESSOR, day_of
from voiced.ai.providers import Providers, Server
from voiced.errors import AnswerUnusable, RequestRejected

if TYPE_CHECKING:
    from openai.types import Model


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model. `created`: aware, None where that is not told.

    `shutdown`: the day on which it is gone, None where none is known. `successor`: what then takes its place, or empty.
    """

    id: str
    owned_by: str = ""
    created: datetime | None = None
    shutdown: date | None = None
    successor: str = ""


class ModelList:
    """`ai.models`."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def list(self, provider: str = "", *, within_s: float | None = None) -> list[ModelInfo]:
        """All models of the first provider that tells, or of `provider`, by name. Raises ApiError."""

        async def request(server: Server) -> Any:
            return await server.openai.models.list()

        def read(page: Any, server: Server) -> list[ModelInfo]:
            return sorted((_info(model, server) for model in page.data), key=lambda info: info.id)

        return await self._providers.ask(
            "models", request, read, provider=provider, within_s=within_s, needs_model=False
        )

    async def get(self, id: str, *, provider: str = "", within_s: float | None = None) -> ModelInfo:
        """One model. Raises ModelUnknown, and ApiError."""
        _judge_id(id)

        async def request(server: Server) -> Any:
            return await server.openai.models.retrieve(id)

        return await self._providers.ask(
            "models", request, _info, provider=provider, within_s=within_s, needs_model=False
        )

    async def delete(self, id: str, *, provider: str = "", within_s: float | None = None) -> None:
        """Delete a fine-tuned model of yours, for ever. Raises ApiError."""
        _judge_id(id)

        async def request(server: Server) -> Any:
            return await server.openai.models.delete(id)

        def read(answer: Any, server: Server) -> bool:
            return bool(answer.deleted)

        deleted = await self._providers.ask(
            "models", request, read, provider=provider, within_s=within_s, once=True, stays=True, needs_model=False
        )
        if not deleted:
            raise AnswerUnusable(f"models: {id} is still there: the server deleted nothing")


def _info(model: Model, server: Server) -> ModelInfo:
    """Raises AttributeError, TypeError or ValueError where it is none."""
    if not isinstance(model.id, str) or not model.id:
        raise ValueError("no model")
    ours = server.provider.name == PROVIDER
    shutdown = day_of(getattr(model, "shutdown_date", None)) or (SHUTDOWN.get(model.id) if ours else None)
    return ModelInfo(
        model.id,
        str(getattr(model, "owned_by", None) or ""),
        _moment(getattr(model, "created", None)),
        shutdown,
        SUCCESSOR.get(model.id, "") if ours and shutdown else "",
    )


def _moment(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) and seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _judge_id(id: str) -> None:
    if not isinstance(id, str) or not id.strip():
        raise RequestRejected("models: name a model, such as gpt-5.4-mini")
