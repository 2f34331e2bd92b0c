"""Short-lived keys with which a browser opens a Realtime session of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from voiced.ai.providers import Providers, Server
from voiced.errors import RequestRejected

if TYPE_CHECKING:
    from openai.types.realtime import ClientSecretCreateResponse

SHORTEST_S: Final = 10
LONGEST_S: Final = 7200


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """`value`: the key, which begins with ek_. `expires_at`: no session is opened with it after that; one that is open
    goes on. `session`: what the server made of the settings.
    """

    value: str = field(repr=False)
    expires_at: datetime
    session: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Realtime:
    """`ai.realtime`. What is spent with a client secret is not counted in the budget."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers

    async def client_secret(
        self,
        *,
        session: Mapping[str, Any] | None = None,
        seconds: int = 600,
        model: str = "",
        provider: str = "",
        within_s: float | None = None,
    ) -> ClientSecret:
        """A key for a browser, or whatever is not to see yours. Raises ApiError; ModelUnknown for a wrong model.

        `session`: as `session.update` of the Realtime API has it; with `"type": "transcription"` it needs no model.
        `seconds`: 10 to 7200, in which sessions can be opened.
        """
        if not isinstance(seconds, int) or not SHORTEST_S <= seconds <= LONGEST_S:
            raise RequestRejected(f"realtime: a client secret of {seconds} s: give {SHORTEST_S} to {LONGEST_S}")
        asked = {"type": "realtime", **(session or {})}
        if asked["type"] not in ("realtime", "transcription"):
            raise RequestRejected(f"realtime: a session is of type realtime or transcription, not {asked['type']}")
        talks = asked["type"] == "realtime"
        if model and not talks:
            raise RequestRejected("realtime: a transcription has its model in session.audio.input.transcription.model")

        async def request(server: Server) -> Any:
            named = {"model": server.model} if talks else {}
            return await server.openai.realtime.client_secrets.create(
                expires_after={"anchor": "created_at", "seconds": seconds}, session=_session({**asked, **named})
            )

        return await self._providers.ask(
            "realtime",
            request,
            _read,
            model=model or str(asked.get("model", "")),
            provider=provider,
            within_s=within_s,
            needs_model=talks,
            free=False,
        )


def _session(session: Mapping[str, Any]) -> Any:
    """As the library takes it, which knows less than the server."""
    return dict(session)


def _read(answer: ClientSecretCreateResponse, server: Server) -> ClientSecret:
    if not isinstance(answer.value, str) or not answer.value:
        raise ValueError("no key")
    session = answer.session.to_dict(warnings=False) if answer.session is not None else {}
    return ClientSecret(answer.value, datetime.fromtimestamp(answer.expires_at, UTC), session)
