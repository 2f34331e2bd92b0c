"""Short-lived keys for a Realtime session of a browser's own."""

from __future__ import annotations

import time
from typing import Any, Final

from voiced.testing.http.emission import Emission, whole
from voiced.testing.http.refusal import Refusal
from voiced.testing.http.route import Request, Route, World
from voiced.testing.loopback.checks import Check, anything, integer, obj, one_of, tagged
from voiced.testing.loopback.rejection import Rejection
from voiced.testing.loopback.shapes import AUDIO_INPUT_GA, INCLUDE, SESSION_GA

_SESSION: Final = tagged(
    "type",
    {
        "realtime": SESSION_GA,
        "transcription": obj({"type": anything, "audio": obj({"input": AUDIO_INPUT_GA}), "include": INCLUDE}),
    },
)
_SHAPES: Final[dict[str, Check]] = {
    "expires_after": obj({"anchor": one_of("created_at"), "seconds": integer(10, 7200)}),
    "session": _SESSION,
}
PARAMETERS: Final = frozenset(_SHAPES)
"""All that a request may have."""

DEFAULT_S: Final = 600
DEFAULT_MODEL: Final = "gpt-realtime-2.1"


def _create(request: Request, world: World) -> Emission:
    body = request.body
    try:
        obj(_SHAPES)(body, "")
    except Rejection as why:
        raise Refusal(400, why) from None
    asked: dict[str, Any] = body.get("session", {"type": "realtime"})
    session: dict[str, Any] = {"id": world.new_id("sess_"), **asked, "expires_at": 0}
    if asked["type"] == "realtime":
        model = asked.get("model", DEFAULT_MODEL)
        world.catalogue.judge(model, "realtime")
        session |= {"object": "realtime.session", "model": model}
    else:
        session |= {"object": "realtime.transcription_session"}
    seconds = body.get("expires_after", {}).get("seconds", DEFAULT_S)
    value = world.new_id("ek_")
    return whole({"value": value, "expires_at": int(time.time()) + seconds, "session": session})


ROUTES: Final = (Route("POST", "realtime/client_secrets", "realtime", _create, takes="json"),)
