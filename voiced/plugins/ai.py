"""The API for plugins: the helpers, on the terms of a daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from voiced.ai.directory import Provider
from voiced.ai.providers import Terms
from voiced.ai.service import AiService
from voiced.ai.settings import AiSettings
from voiced.conversation.events import Thrift, UsageReported
from voiced.plugins.acting import ourselves
from voiced.ports import Post


class HostAi(AiService):
    """Implements `api.Ai`. Use it on the event loop's thread, and close it; `available` works from any.

    `settings`, `headers` and `key` (of a provider, empty for none, may raise ConfigError) are asked anew for each use,
    so that a reload or a new key needs nothing else. `headers` go to OpenAI alone. `cloud`: whether anything may leave
    the device. `post`: the hub's inbox. `first_time`: whether this name was not given before, also before a restart.
    """

    def __init__(
        self,
        settings: Callable[[], AiSettings],
        key: Callable[[Provider], str],
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        thrift: Callable[[], Thrift],
        cloud: Callable[[], bool] = lambda: True,
        post: Post,
        first_time: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        def refusal() -> str:
            return "" if cloud() else "the API is not used: brain.order in the settings has the offline brain alone"

        def overspent() -> str:
            return "the API is not used: the budget is spent" if thrift() == "offline" else ""

        super().__init__(
            Terms(
                settings,
                key,
                headers=headers,
                refusal=refusal,
                overspent=overspent,
                spent=lambda usage: post(UsageReported(usage)),
                around=ourselves,  # whoever may use the API needs no network of its own
                first_time=first_time,
            )
        )
