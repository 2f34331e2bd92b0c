"""A request as the model that is asked takes it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeVar

from voiced.ai.failures import failure
from voiced.ai.presets import Helper
from voiced.ai.providers import Server
from voiced.errors import ApiError, RequestRejected

T = TypeVar("T")

_BY_COMPLETION: Final = re.compile(r"(ft:)?(o\d|gpt-[5-9]|chatgpt-)")
"""Models of OpenAI that refuse `max_tokens`, which counts no thoughts."""

Change = Literal["max_completion_tokens", "max_tokens", "no stream_options", "no strict"]

_OPPOSITE: Final[Mapping[Change, Change]] = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}
_UNSUPPORTED: Final = re.compile(
    r"(?i)(unsupported|unknown|unrecogni[sz]ed|unexpected|extra)|not (supported|permitted|allowed|known)"
)


class Fit:
    """What each model does not take, as its name tells or its server said once."""

    def __init__(self, helper: Helper) -> None:
        self._helper = helper
        self._learned: dict[tuple[str, str], set[Change]] = {}

    async def sent(
        self, body: Mapping[str, Any], server: Server, create: Callable[[dict[str, Any]], Awaitable[T]]
    ) -> T:
        """What `create` gives for the fitted body: once more where the server refuses a parameter that can go."""
        from openai import APIStatusError

        while True:
            fitted = self._fitted(body, server)
            try:
                return await create(fitted)
            except APIStatusError as error:
                if not self._learn(fitted, server, failure(error, self._helper, server.client.endpoint)):
                    raise

    def _fitted(self, body: Mapping[str, Any], server: Server) -> dict[str, Any]:
        """`body` for this server's model."""
        changes = self._of(server)
        fitted = dict(body)
        if "max_tokens" in body and (_BY_COMPLETION.match(server.model) or "max_completion_tokens" in changes):
            fitted["max_completion_tokens"] = fitted.pop("max_tokens")
        elif "max_completion_tokens" in body and "max_tokens" in changes:
            fitted["max_tokens"] = fitted.pop("max_completion_tokens")
        if "no stream_options" in changes:
            fitted.pop("stream_options", None)
        if "no strict" in changes and "tools" in fitted:
            fitted["tools"] = [_not_strict(tool) for tool in fitted["tools"]]
        return fitted

    def _learn(self, sent: Mapping[str, Any], server: Server, error: ApiError | None) -> bool:
        """Whether the refusal of what was `sent` is one that `_fitted` heeds from now on."""
        if not isinstance(error, RequestRejected):
            return False
        if not _UNSUPPORTED.search(f"{error.code} {error}"):
            return False
        about = error.param or str(error)
        change: Change | None = None
        if "max_tokens" in about and "max_tokens" in sent:
            change = "max_completion_tokens"
        elif "max_completion_tokens" in about and "max_completion_tokens" in sent:
            change = "max_tokens"
        elif "stream_options" in about and "stream_options" in sent:
            change = "no stream_options"
        elif "strict" in about and any("strict" in tool.get("function", {}) for tool in sent.get("tools", ())):
            change = "no strict"
        if change is None or self._of(server) & {change, _OPPOSITE.get(change)}:
            return False
        self._learned.setdefault((server.provider.name, server.model), set()).add(change)
        return True

    def _of(self, server: Server) -> set[Change]:
        return self._learned.get((server.provider.name, server.model), set())


def takes_max_tokens(model: str) -> bool:
    """Whether a model takes `max_tokens`, as far as its name tells."""
    return _BY_COMPLETION.match(model) is None


def _not_strict(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = {name: value for name, value in tool.get("function", {}).items() if name != "strict"}
    return {**tool, "function": function} if "function" in tool else dict(tool)
