"""The helpers for a command, which is no coroutine, on the terms of the settings."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from voiced.ai.directory import is_known
from voiced.ai.providers import Terms
from voiced.ai.service import AiService
from voiced.cli.api.printing import warn
from voiced.cli.api.reading import check_name, checked
from voiced.cli.settings import load
from voiced.config import Loaded
from voiced.errors import ApiDenied, ApiError, ConfigError, RequestRejected
from voiced.plugins.wall_clock import SystemClock
from voiced.spending.first_times import FirstTimes
from voiced.spending.till import Till
from voiced.state_folder import state_folder

T = TypeVar("T")

_NAMES: Final = ("file", "files", "image", "also", "mask", "validation")
"""Arguments that name files, which the server is told."""


class Session:
    """`ai`, and what the arguments of the command have for nearly every call of it."""

    def __init__(self, ai: AiService, arguments: Namespace, runner: asyncio.Runner) -> None:
        self.ai = ai
        self._arguments = arguments
        self._runner = runner

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        """What it gives. Between two of these Ctrl-C ends whatever it finds, in them it is a CancelledError."""
        return self._runner.run(what)

    @property
    def server(self) -> dict[str, Any]:
        """Which one to ask, and how long to wait for it."""
        return {"provider": self._arguments.provider, "within_s": self._arguments.within}

    @property
    def model(self) -> dict[str, Any]:
        """The same, and which model."""
        return {"model": self._arguments.model, **self.server}


@contextmanager
def session(arguments: Namespace) -> Iterator[Session]:
    """Open for one command. Raises ConfigError where somebody must mend the settings first, ApiError otherwise."""
    _check_words(arguments)
    loaded = load(arguments)
    if set(loaded.config.brain.order) == {"offline"}:
        raise ConfigError(
            "nothing may leave this device: brain.order in the settings has the offline brain alone; to use the API "
            "all the same: --set 'brain.order=[\"realtime\"]'"
        )
    folder = state_folder(loaded.places.environ)
    till = Till(loaded.config.budget, folder, now=SystemClock().now)
    names = FirstTimes(folder)
    try:
        with asyncio.Runner() as runner:
            ai = AiService(_terms(loaded, till, names))
            try:
                yield Session(ai, arguments, runner)
            finally:
                runner.run(ai.aclose())
    except ApiError as error:
        if _is_of_the_settings(error, arguments, loaded) and not till.refusal():
            raise ConfigError(str(error)) from error
        raise
    finally:
        for trouble in filter(None, (till.trouble, names.trouble)):
            warn(trouble)


def _check_words(arguments: Namespace) -> None:
    """What no server can be sent is told here. Raises ConfigError."""
    for name, value in vars(arguments).items():
        for word in value if isinstance(value, list) else [value]:
            if name in _NAMES:
                check_name(word)
            elif isinstance(word, str):
                checked(word, name.replace("_", " "))


def _terms(loaded: Loaded, till: Till, names: FirstTimes) -> Terms:
    async def first_time(name: str) -> bool:
        return await asyncio.to_thread(names.is_first, name)

    return Terms(
        lambda: loaded.config.ai,
        lambda provider: loaded.secrets.provider_key(provider).get_secret_value(),
        headers=lambda: loaded.config.account,
        overspent=till.refusal,
        spent=till.spent,
        first_time=first_time,
    )


def _is_of_the_settings(error: ApiError, arguments: Namespace, loaded: Loaded) -> bool:
    """Whether no server was asked, since a key, a model, an address or such a provider is missing."""
    if isinstance(error, ApiDenied):
        return not error.status and error.cause in ("key", "settings")
    if isinstance(error, RequestRejected) and arguments.provider:
        return not is_known(loaded.config.ai, arguments.provider)
    return False
