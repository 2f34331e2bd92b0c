"""One request that costs nothing, GET /models, and what came of it: an answer, or why there is none."""

from __future__ import annotations

import datetime as dt
import errno
import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from voiced.ai.failures import one_line
from voiced.ai.models import day_of
from voiced.doctor.servers import Server
from voiced.errors import ConfigError

CONNECT_S: Final = 4.0
ANSWER_S: Final = 6.0
WITHIN_S: Final = 9.0
"""For all of it, with the name, which is looked up with no deadline of its own."""

MOST_BYTES: Final = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Answered:
    """`status` of HTTP. `code`, `message`: of the server's complaint. `at`: when it came, by the clock of this machine.

    `date`: the server's own, None where it tells none. `models`: ids, with the day of their end; None: no such list.
    """

    status: int
    took_s: float
    at: datetime
    date: datetime | None = None
    code: str = ""
    message: str = ""
    location: str = ""
    models: Mapping[str, dt.date | None] | None = None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Nobody knows the name."""

    host: str


@dataclass(frozen=True, slots=True)
class NoConnection:
    """`reason`: of the operating system; `refused`: a machine is there, and no server on it."""

    reason: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class TimedOut:
    """`connected`: there was a connection, and no answer on it."""

    connected: bool


@dataclass(frozen=True, slots=True)
class Untrusted:
    """The certificate was not believed. `code`: OpenSSL's, X509_V_ERR_…. `date`: the time that it tells still."""

    code: int
    reason: str
    at: datetime
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class NotTls:
    """Something answers, and it is no TLS."""


@dataclass(frozen=True, slots=True)
class ProxyTrouble:
    reason: str


@dataclass(frozen=True, slots=True)
class Impossible:
    """The request can't even be made: a proxy without its library, no such file of certificates."""

    reason: str


Answer = Answered | Unresolved | NoConnection | TimedOut | Untrusted | NotTls | ProxyTrouble | Impossible


@dataclass(slots=True)
class _Body:
    """Of an error, or a list of models; empty where it is something else."""

    fields: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, raw: bytes) -> _Body:
        try:
            parsed = json.loads(raw)
        except (ValueError, RecursionError):
            return cls()
        return cls(parsed) if isinstance(parsed, dict) else cls()

    @property
    def error(self) -> Mapping[str, Any]:
        error = self.fields.get("error")
        return error if isinstance(error, dict) else {}

    @property
    def models(self) -> dict[str, dt.date | None] | None:
        listed = self.fields.get("data")
        if not isinstance(listed, list):
            return None
        entries = [each for each in listed if isinstance(each, dict) and isinstance(each.get("id"), str)]
        return {each["id"]: day_of(each.get("shutdown_date")) for each in entries}


def ask(server: Server) -> Answer:
    """As the conversation would: with the key, through the proxy, and with the certificates of this machine."""
    import httpx2  # here, since it takes a while

    try:
        endpoint = server.endpoint
        headers, url = endpoint.authorization, f"{endpoint.root}/models"
    except ConfigError:  # without its key a server tells nonetheless that it is there, and what time it is
        headers, url = {}, f"{server.url.rstrip('/')}/models"
    started = time.monotonic()
    try:
        timeout = httpx2.Timeout(ANSWER_S, connect=CONNECT_S)
        with (
            httpx2.Client(timeout=timeout, follow_redirects=False) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            raw = b""
            for piece in response.iter_bytes():
                raw += piece
                if len(raw) > MOST_BYTES or time.monotonic() - started > WITHIN_S:
                    break
            return _answered(response.status_code, dict(response.headers), raw, time.monotonic() - started)
    except httpx2.TimeoutException as error:
        return TimedOut(connected=not isinstance(error, httpx2.ConnectTimeout))
    except httpx2.ProxyError as error:
        return ProxyTrouble(one_line(str(error)))
    except httpx2.TransportError as error:
        return _failed(error, server)
    except (httpx2.HTTPError, httpx2.InvalidURL, ImportError, ValueError, OSError) as error:
        return Impossible(one_line(str(error)))


def _answered(status: int, headers: Mapping[str, str], raw: bytes, took_s: float) -> Answered:
    headers, body = {name.lower(): value for name, value in headers.items()}, _Body.of(raw)
    return Answered(
        status,
        took_s,
        datetime.now(UTC),
        moment(headers.get("date")),
        code=str(body.error.get("code") or ""),
        message=one_line(str(body.error.get("message") or "")),
        location=one_line(headers.get("location", "")),
        models=body.models if status == 200 else None,
    )


def moment(text: str | None) -> datetime | None:
    """What a Date header says, aware."""
    try:
        said = parsedate_to_datetime(text or "")
    except (TypeError, ValueError):
        return None
    return said if said.tzinfo is not None else said.replace(tzinfo=UTC)


def _failed(error: BaseException, server: Server) -> Answer:
    """Why there was no answer, by what is at the root of it."""
    root = error
    while root.__cause__ is not None or root.__context__ is not None:
        root = root.__cause__ or root.__context__ or root
    if isinstance(root, ssl.SSLCertVerificationError):
        return Untrusted(root.verify_code, one_line(root.verify_message), datetime.now(UTC), _date_nonetheless(server))
    if isinstance(root, ssl.SSLError):
        plain = root.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST")
        return NotTls() if plain else NoConnection(one_line(str(root)))
    if isinstance(root, socket.gaierror):
        return Unresolved(server.host)
    refused = isinstance(root, OSError) and root.errno == errno.ECONNREFUSED
    return NoConnection(one_line(str(root)) or type(root).__name__, refused)


def _date_nonetheless(server: Server) -> datetime | None:
    """The time by a server that was not believed: it tells whether the clock is why. It is told nothing at all."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    port = urlsplit(server.url).port or 443
    connection = http.client.HTTPSConnection(server.host, port, timeout=CONNECT_S / 2, context=trusting)
    try:
        connection.request("HEAD", "/")
        return moment(connection.getresponse().getheader("Date"))
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
