"""What a request cost: its usage times the prices of its model."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from voiced.conversation.events import Usage
from voiced.spending.settings import Prices

OTHERS: Final = "*"
"""In the table: the prices of every model that is not in it."""

BATCH: Final = ":batch"
"""Behind the name of a model: what it did in a batch, at half price."""

TRAINING: Final = ":training"
"""Behind the name of a model: tokens that it learned from."""

FINE_TUNED: Final = "ft:"
"""Before the name of a model that others were made of: "ft:gpt-4.1-2025-04-14:somebody:lamps:abc"."""

_MILLION: Final = 1_000_000

TOKENS_A_MINUTE: Final = 600
"""Of sound that is heard: one for 100 ms (developers.openai.com/api/docs/guides/realtime-costs)."""

_DATE: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True, slots=True)
class Cost:
    """In USD. `guessed`: the model, or something of what it did, has no price in the table."""

    usd: float
    guessed: bool


class PriceTable:
    """The prices of models, by name. A dated snapshot costs what the model does, "MODEL:batch" half of it.

    "MODEL:training" is paid by the token that is learned from; "ft:MODEL" has the prices of all that were made of it.
    """

    def __init__(self, prices: Mapping[str, Prices]) -> None:
        self._prices = {model: _in_tokens_too(each) for model, each in prices.items()}
        self._dearest = {
            name: max((price for each in prices.values() if (price := getattr(each, name)) is not None), default=0.0)
            for name in Prices.model_fields
        }

    def knows(self, model: str) -> bool:
        """Whether this model, or all that are not named, have prices."""
        return self._of(model.removesuffix(BATCH).removesuffix(TRAINING)) is not None

    def cost(self, usage: Usage) -> Cost:
        """What has no price costs as much as with the dearest model that has one: rather too much than too little.

        The cost of a sum is the sum of costs, so that `plausible` usage can be priced whole or in parts.
        """
        usage = plausible(usage)
        if usage.model.endswith(BATCH):
            whole = self.cost(dataclasses.replace(usage, model=usage.model.removesuffix(BATCH)))
            return Cost(whole.usd / 2, whole.guessed)
        if usage.model.endswith(TRAINING):
            return self._training(usage)
        prices, usd, guessed = self._of(usage.model), 0.0, False
        for amount, names in _quantities(usage):
            if amount > 0:
                price = _first(prices, names) if prices is not None else None
                guessed = guessed or price is None
                usd += amount * (self._dearest[names[-1]] if price is None else price)
        return Cost(usd, guessed)

    def _training(self, usage: Usage) -> Cost:
        prices = self._of(usage.model.removesuffix(TRAINING))
        price = prices.training if prices is not None else None
        usd = usage.text_in / _MILLION * (self._dearest["training"] if price is None else price)
        return Cost(usd, price is None and usage.text_in > 0)

    def _of(self, model: str) -> Prices | None:
        if model.startswith(FINE_TUNED) and model not in self._prices:
            model = FINE_TUNED + model.split(":")[1]
        for name in (model, _DATE.sub("", model), OTHERS):
            if (found := self._prices.get(name)) is not None:
                return found
        return None


def plausible(usage: Usage) -> Usage:
    """`usage` with no more cached than was read: what a server counts beyond that was of another modality."""
    return dataclasses.replace(
        usage,
        cached_text_in=min(usage.cached_text_in, usage.text_in),
        cached_audio_in=min(usage.cached_audio_in, usage.audio_in),
        cached_image_in=min(usage.cached_image_in, usage.image_in),
    )


def _in_tokens_too(prices: Prices) -> Prices:
    """What is paid by the minute costs the same where a server counts tokens of it; its text is in the price."""
    if prices.minute is None or (prices.text_in, prices.audio_in, prices.text_out) != (None, None, None):
        return prices
    audio_in = prices.minute / TOKENS_A_MINUTE * _MILLION
    return prices.model_copy(update={"audio_in": audio_in, "text_in": 0.0, "text_out": 0.0})


def _quantities(usage: Usage) -> Iterator[tuple[float, tuple[str, ...]]]:
    """Each amount, in the unit of its price, with the names that its price may have, best first."""
    for kind, whole, cached in (
        ("text", usage.text_in, usage.cached_text_in),
        ("audio", usage.audio_in, usage.cached_audio_in),
        ("image", usage.image_in, usage.cached_image_in),
    ):
        yield (whole - cached) / _MILLION, (f"{kind}_in",)
        yield cached / _MILLION, (f"{kind}_cached", f"{kind}_in")
    yield usage.text_out / _MILLION, ("text_out",)
    yield usage.audio_out / _MILLION, ("audio_out",)
    yield usage.seconds / 60, ("minute",)
    yield usage.characters / _MILLION, ("characters",)
    yield usage.image_out / _MILLION, ("image_out",)
    yield float(usage.calls), ("call",)


def _first(prices: Prices, names: tuple[str, ...]) -> float | None:
    found = (getattr(prices, name) for name in names)
    return next((price for price in found if price is not None), None)
