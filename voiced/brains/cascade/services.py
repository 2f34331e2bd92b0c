"""The three services: where each is, with which key, over which client, and with which models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import structlog

from voiced.ai.client import Client
from voiced.ai.endpoint import Endpoint
from voiced.ai.models import Models
from voiced.brains.cascade.settings import CascadeSettings, Service
from voiced.errors import ApiDenied, ApiError, ApiUnreachable

log = structlog.get_logger(__name__)

SERVICES: Final[tuple[Service, ...]] = ("stt", "chat", "tts")

CONNECTIONS: Final = 2
"""That a turn uses at a time, before anything is heard."""

LONGEST_LIST: Final = 2**20
"""Bytes of `GET /models` that are read for shutdown dates."""


@dataclass(frozen=True, slots=True)
class Station:
    """One service, ready to be asked."""

    client: Client
    models: Models

    @property
    def host(self) -> str:
        return self.client.endpoint.host


@dataclass(frozen=True, slots=True)
class Stations:
    stt: Station
    chat: Station
    small_chat: Station
    tts: Station


class Services:
    """Makes stations, and keeps clients and what was learned about models from one session to the next.

    `key` is asked for each service at each `open`, so that a new key needs no restart; it may raise `ConfigError`.
    `headers` go to OpenAI only. `today`: for the models that retire.
    """

    def __init__(
        self,
        settings: CascadeSettings,
        key: Callable[[Service], str],
        *,
        headers: Mapping[str, str],
        today: Callable[[], date],
    ) -> None:
        self._settings = settings
        self._key = key
        self._headers = {name: value for name, value in headers.items() if value}
        self._today = today
        self._clients: dict[Service, Client] = {}
        self._models: dict[str, Models] = {}

    async def open(self) -> Stations:
        """Clients for all three, and a first look at each server. Raises ApiError and ConfigError.

        Asking for the list of models finds out whether there is a network and a good key before anybody has spoken,
        and leaves a connection open for the first request.
        """
        endpoints = {service: self._endpoint(service) for service in SERVICES}
        for service, endpoint in endpoints.items():
            await self._client(service, endpoint)
        async with asyncio.TaskGroup() as tasks:
            looks = [tasks.create_task(self._look(client)) for client in set(self._clients.values())]
        for look in looks:
            if error := look.result():
                raise error
        stations = Stations(
            stt=self._station("stt", "stt_models", self._settings.stt_models),
            chat=self._station("chat", "chat_models", self._settings.chat_models),
            small_chat=self._station(
                "chat", "chat_models_small", self._settings.chat_models_small or self._settings.chat_models
            ),
            tts=self._station("tts", "tts_models", self._settings.tts_models),
        )
        today = self._today()
        for station in (stations.stt, stations.chat, stations.tts):
            station.models.look_ahead(today)
        return stations

    async def warm(self) -> None:
        """Somebody began to speak: have connections open when they are done. Raises nothing.

        Transcription and chat come one after the other, speech beside the chat: two for a server of all three.
        """
        async with asyncio.TaskGroup() as tasks:
            for client in set(self._clients.values()):
                tasks.create_task(client.warm(CONNECTIONS, self._settings.connect_timeout_s))

    async def close(self) -> None:
        clients, self._clients = set(self._clients.values()), {}
        for client in clients:
            await client.close()

    def _endpoint(self, service: Service) -> Endpoint:
        url = self._settings.url_of(service)
        endpoint = Endpoint(url, self._key(service), connect_timeout_s=self._settings.connect_timeout_s)
        if endpoint.is_openai and self._headers:
            return Endpoint(url, endpoint.key, self._headers, self._settings.connect_timeout_s)
        return endpoint

    async def _client(self, service: Service, endpoint: Endpoint) -> None:
        """A client for the endpoint: the one that there is, also if it is another service's."""
        old = self._clients.get(service)
        if old is not None and old.endpoint == endpoint:
            return
        for client in self._clients.values():
            if client.endpoint == endpoint:
                self._clients[service] = client
                break
        else:
            self._clients[service] = await Client.open(endpoint)
        if old is not None and old not in self._clients.values():
            await old.close()

    def _station(self, service: Service, setting: str, names: tuple[str, ...]) -> Station:
        client = self._clients[service]
        if setting not in self._models:
            self._models[setting] = Models(
                names, setting=f"cascade.{setting}", openai=client.endpoint.is_openai, warn=_warn
            )
        return Station(client, self._models[setting])

    async def _look(self, client: Client) -> ApiError | None:
        """Is anybody there, and is the key good? Servers that have no such list are no worse for that."""
        import httpx2

        try:
            async with client.request("models", self._settings.connect_timeout_s * 2):
                answer = await client.openai.get("/models", cast_to=httpx2.Response)
        except ApiError as error:
            log.debug("models not listed", host=client.endpoint.host, reason=str(error))
            return error if _is_the_end(error) else None
        if client.endpoint.is_openai and len(answer.content) <= LONGEST_LIST:
            self._learn(_listed(answer.content))
        return None

    def _learn(self, listed: list[Any]) -> None:
        for setting, names in (
            ("stt_models", self._settings.stt_models),
            ("chat_models", self._settings.chat_models),
            ("tts_models", self._settings.tts_models),
        ):
            models = self._models.setdefault(
                setting, Models(names, setting=f"cascade.{setting}", openai=True, warn=_warn)
            )
            models.learn(listed)


def _is_the_end(error: ApiError) -> bool:
    """Whether no other request would do better than the one for the list of models."""
    if isinstance(error, ApiDenied):
        return error.cause in ("key", "credit")
    return isinstance(error, ApiUnreachable) and error.status in (0, 502, 503, 504)


def _listed(body: bytes) -> list[Any]:
    try:
        data = json.loads(body)["data"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return []
    return data if isinstance(data, list) else []


def _warn(text: str) -> None:
    log.warning("model", detail=text)
