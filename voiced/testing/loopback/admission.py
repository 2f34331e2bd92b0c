"""Who may open a session: path, key, model and the beta header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from voiced.testing.loopback.dialect import DialectName
from voiced.testing.loopback.rejection import Rejection

PATH: Final = "/v1/realtime"
AZURE_PATH: Final = "/openai/v1/realtime"
OTHER_PROTOCOL: Final = "gpt-live-"
"""Models that speak GPT-Live, which is not this protocol."""

CLOSE_CODE: Final = 4000


@dataclass(frozen=True, slots=True)
class Refused:
    """The upgrade is answered with this HTTP `status`."""

    status: int
    why: Rejection

    @property
    def body(self) -> str:
        shown = {key: value for key, value in self.why.event()["error"].items() if key != "event_id"}
        return json.dumps({"error": shown})


@dataclass(frozen=True, slots=True)
class Admitted:
    """The WebSocket opens; `objection` is then sent and closes it with `CLOSE_CODE`."""

    model: str
    azure: bool
    objection: Rejection | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """`valid_key`: None takes any. `needs_beta_header`: a beta server wants `OpenAI-Beta: realtime=v1`."""

    dialect: DialectName
    valid_key: str | None = None
    needs_beta_header: bool = True

    def admit(self, target: str, headers: Mapping[str, str]) -> Admitted | Refused:
        """Judge an upgrade request; `target` is its path and query."""
        url = urlsplit(target)
        azure = url.path == AZURE_PATH
        if url.path not in (PATH, AZURE_PATH):
            return Refused(404, Rejection(f"Invalid URL (GET {url.path}); use {PATH} or {AZURE_PATH}."))
        key = _key(headers, azure)
        if not key:
            return Refused(401, Rejection("Missing bearer authentication in header."))
        if self.valid_key is not None and key != self.valid_key:
            return Refused(401, Rejection("Incorrect API key provided.", "invalid_api_key"))
        model = "".join(parse_qs(url.query).get("model", []))
        if not model:
            return Refused(400, Rejection("You must provide a model parameter.", "missing_model", "model"))
        return Admitted(model, azure, self._objection(model, headers))

    def _objection(self, model: str, headers: Mapping[str, str]) -> Rejection | None:
        beta = headers.get("OpenAI-Beta") == "realtime=v1"
        if self.dialect == "ga" and beta:
            return Rejection(
                "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
                "beta_api_shape_disabled",
            )
        if self.dialect == "beta" and self.needs_beta_header and not beta:
            return Rejection("You must provide the 'OpenAI-Beta: realtime=v1' header.", "missing_beta_header")
        if model.startswith(OTHER_PROTOCOL):
            return Rejection(f"Model '{model}' is not supported in realtime mode.", "invalid_model", "model")
        return None


def _key(headers: Mapping[str, str], azure: bool) -> str:
    if azure and headers.get("api-key"):
        return headers["api-key"]
    scheme, _, key = headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
