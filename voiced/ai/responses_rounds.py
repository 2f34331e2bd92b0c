"""How the rounds of one conversation with functions follow each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from voiced.ai.functions import FunctionOutput
from voiced.ai.responses_answer import Item, ResponseAnswer
from voiced.ai.responses_input import items_of
from voiced.errors import ModelUnknown, RequestRejected


class Rounds:
    """`body`: the next request. A server that keeps its answers is told the last one; others get all items again."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body: dict[str, Any] = dict(body)
        self._first = body
        self._items: list[Item] = items_of(body.get("input", ""))
        self._chained = False

    def go_on(self, answer: ResponseAnswer, outputs: Sequence[FunctionOutput]) -> None:
        """Its calls were made."""
        results = [{"type": "function_call_output", "call_id": each.call.id, "output": each.text} for each in outputs]
        self._items += [*_kept_by_us(answer.output), *results]
        self._chained = answer.stored
        if self._chained:
            self.body = self._with(results, previous_response_id=answer.id)
        else:
            self.body = self._with(self._items)

    def forgotten(self, error: RequestRejected | ModelUnknown) -> bool:
        """Whether `error` says that the server does not keep its answers after all; then `body` has everything."""
        if not self._chained or "previous" not in f"{error.param} {error.code} {error}".lower():
            return False
        self._chained = False
        self.body = self._with(self._items)
        return True

    def _with(self, items: Sequence[Item], **more: Any) -> dict[str, Any]:
        """After a call that was forced the model is free."""
        free = {"tool_choice": "auto"} if "tool_choice" in self._first else {}
        return {**self._first, **free, "input": list(items), **more}


def _kept_by_us(output: Sequence[Item]) -> list[Item]:
    """Thoughts that only the server can read are no use to one that did not keep them."""
    return [item for item in output if item.get("type") != "reasoning" or item.get("encrypted_content")]
