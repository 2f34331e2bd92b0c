"""`voiced api models` and `client-secret`: what the server has, and a key that a browser may have."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, TextIO

from voiced.cli.api import reading
from voiced.cli.api.printing import listed, plain, result, shown
from voiced.cli.api.session import session

if TYPE_CHECKING:
    from voiced.ai.model_list import ModelInfo


def models(arguments: Namespace, out: TextIO) -> int:
    with session(arguments) as api, result(arguments, out) as to:
        if arguments.id:
            shown(arguments, to, api.run(api.ai.models.get(arguments.id, **api.server)))
        else:
            found = api.run(api.ai.models.list(**api.server))
            listed(arguments, to, found, _row)
    return 0


def client_secret(arguments: Namespace, out: TextIO) -> int:
    settings = reading.json_object(arguments.session, "--session") if arguments.session else None
    with session(arguments) as api, result(arguments, out) as to:
        made = api.run(api.ai.realtime.client_secret(seconds=arguments.seconds, session=settings, **api.model))
        if arguments.json:
            to.json(plain(made))
        else:
            to.line(made.value)
    return 0


def _row(model: ModelInfo) -> tuple[str, ...]:
    created = f"{model.created:%Y-%m-%d}" if model.created else "-"
    until = f"until {model.shutdown}" if model.shutdown else ""
    return model.id, model.owned_by, created, f"{until}, then {model.successor}" if model.successor else until
