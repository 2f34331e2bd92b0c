"""Who may come in: a verdict on a request by its Host, its Origin and its token, before anything is done for it."""

from __future__ import annotations

import hmac
import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import SecretStr

from voiced.errors import ConfigError
from voiced.kiosk.settings import KioskSettings

PROTOCOL: Final = "voiced.v1"
"""The subprotocol that a page must offer: one of another version is refused, and loads itself anew."""

TOKEN_PREFIX: Final = "token."  # noqa: S105  # what stands before one
"""A browser can send no header of its own with a WebSocket: a second subprotocol carries the token, percent-encoded,
since few characters may stand there."""

SHORTEST_TOKEN: Final = 16
"""Characters. Nobody guesses so many within WRONG_TRIES."""

WRONG_TRIES: Final = 10
WITHIN_S: Final = 60.0
"""So many wrong tokens from one address in so long, and no more are looked at until that time is over."""

ADDRESSES_KEPT: Final = 256
"""Addresses with wrong tokens that are remembered; the oldest are forgotten."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a request gets instead. `text` is one line for a person and says what to do."""

    status: HTTPStatus
    text: str


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request says of where it comes from. `host` and `origin`: of the headers, None where there is none.

    `path` is as requested, with its query; `protocols` are the subprotocols that it offers.
    """

    address: str
    host: str | None
    origin: str | None
    path: str
    protocols: Sequence[str] = ()


class Door:
    """Judges callers. `own_names`: of this machine; they count where other machines may come. `clock`: seconds.

    Raises ConfigError where the settings would let in everybody.
    """

    def __init__(
        self, settings: KioskSettings, token: SecretStr, own_names: Iterable[str], clock: Callable[[], float]
    ) -> None:
        if settings.remote:
            _must_be_meant(settings, token)
        self._token = token
        self._remote = settings.remote
        names = {"localhost", *settings.names, *(own_names if settings.remote else ())}
        self._names = {name.lower().rstrip(".") for name in names}
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def needs_token(self) -> bool:
        return bool(self._token.get_secret_value())

    def to_look(self, caller: Caller) -> Refusal | None:
        """Whether it may have the page itself, which holds nothing that is secret."""
        host = _hostname(caller.host)
        if host is None or not self._is_ours(host):
            return Refusal(
                HTTPStatus.FORBIDDEN,
                "This page is not known by that name; open it by the address in voiced's log, or add the name to "
                "kiosk.names in the settings.",
            )
        return None

    def to_talk(self, caller: Caller) -> Refusal | None:
        """Whether it may open the WebSocket, which hears and says everything."""
        if refusal := self.to_look(caller):
            return refusal
        if caller.origin is not None and not _same_place(caller.origin, caller.host or ""):
            return Refusal(
                HTTPStatus.FORBIDDEN, "Another site may not talk to voiced; open voiced's own page in the browser."
            )
        return self._without_token(caller)

    def _is_ours(self, host: str) -> bool:
        """A foreign site can have its name lead here; an address it can't forge, since it needs a name for that."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host in self._names
        return self._remote or address.is_loopback

    def _without_token(self, caller: Caller) -> Refusal | None:
        if not self.needs_token:
            return None
        now, wrong = self._clock(), self._wrong.get(_network(caller.address), deque())
        while wrong and now - wrong[0] > WITHIN_S:
            wrong.popleft()
        if len(wrong) >= WRONG_TRIES:
            return Refusal(HTTPStatus.TOO_MANY_REQUESTS, f"Too many wrong tokens; wait {WITHIN_S:.0f} s and try again.")
        given = _token_of(caller)
        if given is None:
            return Refusal(HTTPStatus.UNAUTHORIZED, "A token is needed: it is in kiosk.token_file of the settings.")
        if hmac.compare_digest(given.encode(errors="replace"), self._token.get_secret_value().encode()):
            return None
        self._remember(caller.address, wrong, now)
        return Refusal(HTTPStatus.UNAUTHORIZED, "This token is wrong; the right one is in kiosk.token_file.")

    def _remember(self, address: str, wrong: deque[float], now: float) -> None:
        wrong.append(now)
        self._wrong[_network(address)] = wrong
        self._wrong.move_to_end(_network(address))
        while len(self._wrong) > ADDRESSES_KEPT:
            self._wrong.popitem(last=False)


def _must_be_meant(settings: KioskSettings, token: SecretStr) -> None:
    if not settings.allow_remote:
        raise ConfigError(
            f"kiosk.host {settings.host} lets other machines see the page; if you want that, set "
            'kiosk.allow_remote = true and give it a token in kiosk.token_file, else kiosk.host = "127.0.0.1"'
        )
    if not token.get_secret_value():
        raise ConfigError(
            f"kiosk.host {settings.host} lets other machines see the page, and there is no token: set KIOSK_TOKEN, "
            "or name a file with one in kiosk.token_file"
        )
    if len(token.get_secret_value()) < SHORTEST_TOKEN:
        raise ConfigError(
            f"the token of the kiosk page is shorter than {SHORTEST_TOKEN} characters; make one: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe())'"
        )


def _token_of(caller: Caller) -> str | None:
    """From the subprotocols, else from `?token=`."""
    for offered in caller.protocols:
        if offered.startswith(TOKEN_PREFIX):
            return unquote(offered.removeprefix(TOKEN_PREFIX))
    return next(iter(parse_qs(caller.path.partition("?")[2]).get("token", [])), None)


def _hostname(header: str | None) -> str | None:
    """Of a Host header, without its port: a tunnel may have changed that."""
    parts = _split(f"//{header}") if header else None
    return parts.hostname.rstrip(".") if parts is not None and parts.hostname else None


def _same_place(origin: str, host: str) -> bool:
    """Browsers leave out the port that the scheme implies, in both headers."""
    parts = _split(origin)
    return parts is not None and parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:  # [ without ]
        return None


def _network(address: str) -> str:
    """Who has one IPv6 address has the 2^64 beside it too."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
