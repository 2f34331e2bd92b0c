"""What requests to each model cost, and how much may be spent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import field_validator

from voiced.settings import Settings, setting

PRICES_AS_OF: Final = "November 2026"


def _price(doc: str, unit: str) -> Any:
    return setting(None, doc, unit=unit, ge=0, allow_inf_nan=False)


_TOKENS: Final = "USD per million tokens"


class Prices(Settings):
    """What one model costs. What it has no price for costs as much as with the dearest model that has one."""

    text_in: float | None = _price("Text that it reads.", _TOKENS)
    text_cached: float | None = _price("Text that it read before; without it as text_in.", _TOKENS)
    text_out: float | None = _price("Text that it writes, the transcript of what it says and its thoughts.", _TOKENS)
    audio_in: float | None = _price("Sound that it hears.", _TOKENS)
    audio_cached: float | None = _price("Sound that it heard before; without it as audio_in.", _TOKENS)
    audio_out: float | None = _price("Sound that it makes.", _TOKENS)
    image_in: float | None = _price("Pictures that it sees.", _TOKENS)
    image_cached: float | None = _price("Pictures that it saw before; without it as image_in.", _TOKENS)
    minute: float | None = _price("A minute of sound that it writes down.", "USD")
    characters: float | None = _price("Characters that it speaks.", "USD per million")
    image_out: float | None = _price("Pictures that it draws.", _TOKENS)
    call: float | None = _price("One use of it: a picture, a search.", "USD")
    training: float | None = _price("Text that it learns from.", _TOKENS)


def _realtime(text_out: float) -> Prices:
    return Prices(
        text_in=4.0,
        text_cached=0.4,
        text_out=text_out,
        audio_in=32.0,
        audio_cached=0.4,
        audio_out=64.0,
        image_in=5.0,
        image_cached=0.5,
    )


def _chat(text_in: float, cached: float, text_out: float, training: float | None = None) -> Prices:
    """Pictures count as text."""
    return Prices(
        text_in=text_in,
        text_cached=cached,
        text_out=text_out,
        image_in=text_in,
        image_cached=cached,
        training=training,
    )


def _image(image_in: float, cached: float, image_out: float) -> Prices:
    return Prices(text_in=5.0, text_cached=1.25, image_in=image_in, image_cached=cached, image_out=image_out)


DEFAULT_PRICES: Final[Mapping[str, Prices]] = {
    # developers.openai.com/api/docs/models/MODEL, each as it stood in the month of PRICES_AS_OF.
    "gpt-realtime-2.1": _realtime(24.0),
    "gpt-realtime-2.1-mini": Prices(
        text_in=0.6,
        text_cached=0.06,
        text_out=2.4,
        audio_in=10.0,
        audio_cached=0.3,
        audio_out=20.0,
        image_in=0.8,
        image_cached=0.08,
    ),
    "gpt-realtime-2": _realtime(24.0),
    "gpt-realtime-1.5": _realtime(16.0),
    "gpt-realtime": _realtime(16.0),
    "gpt-realtime-mini": Prices(text_in=0.6, text_out=2.4, audio_in=10.0, audio_cached=0.3, audio_out=20.0),
    "gpt-transcribe": Prices(minute=0.0045),
    "gpt-live-transcribe": Prices(minute=0.017),
    "gpt-realtime-whisper": Prices(minute=0.017),
    "gpt-4o-transcribe": Prices(text_in=2.5, audio_in=2.5, text_out=10.0),
    "gpt-4o-mini-transcribe": Prices(text_in=1.25, audio_in=1.25, text_out=5.0),
    "whisper-1": Prices(minute=0.006),
    "tts-1": Prices(characters=15.0),
    "tts-1-hd": Prices(characters=30.0),
    # Its answer does not tell tokens: 0.015 USD a minute, as OpenAI estimates, at some 950 characters a minute.
    "gpt-4o-mini-tts": Prices(text_in=0.6, audio_out=12.0, characters=16.0),
    "gpt-6-sol": _chat(2.0, 0.2, 10.0),
    "gpt-6-luna": _chat(0.1, 0.01, 0.5),
    "gpt-5.6-luna": _chat(0.2, 0.02, 1.2),
    "gpt-5.5": _chat(5.0, 0.5, 30.0),
    "gpt-5.4": _chat(2.5, 0.25, 15.0),
    "gpt-5.4-mini": _chat(0.75, 0.075, 4.5),
    "gpt-5.4-nano": _chat(0.2, 0.02, 1.25),
    "gpt-5.2": _chat(1.75, 0.175, 14.0),
    "gpt-5.1": _chat(1.25, 0.125, 10.0),
    "gpt-5": _chat(1.25, 0.125, 10.0),
    "gpt-5-mini": _chat(0.25, 0.025, 2.0),
    "gpt-5-nano": _chat(0.05, 0.005, 0.4),
    "gpt-4.1": _chat(2.0, 0.5, 8.0, 25.0),
    "gpt-4.1-mini": _chat(0.4, 0.1, 1.6, 5.0),
    "gpt-4.1-nano": _chat(0.1, 0.025, 0.4, 1.5),
    "gpt-4o": _chat(2.5, 1.25, 10.0, 25.0),
    "gpt-4o-mini": _chat(0.15, 0.075, 0.6, 3.0),
    # Models of one's own cost more than what they were made of; "ft:MODEL" stands for all that were.
    "ft:gpt-4.1": _chat(3.0, 0.75, 12.0),
    "ft:gpt-4.1-mini": _chat(0.8, 0.2, 3.2),
    "ft:gpt-4.1-nano": _chat(0.2, 0.05, 0.8),
    "ft:gpt-4o": _chat(3.75, 1.875, 15.0),
    "ft:gpt-4o-mini": _chat(0.3, 0.15, 1.2),
    "gpt-3.5-turbo-instruct": Prices(text_in=1.5, text_out=2.0),
    "davinci-002": Prices(text_in=2.0, text_out=2.0),
    "text-embedding-3-small": Prices(text_in=0.02),
    "text-embedding-3-large": Prices(text_in=0.13),
    "text-embedding-ada-002": Prices(text_in=0.1),
    "gpt-image-2": _image(8.0, 2.0, 30.0),
    "gpt-image-2.5-flare": _image(8.0, 2.0, 30.0),
    "gpt-image-2.5-sunburst": _image(8.0, 2.0, 30.0),
    "gpt-image-2.6-flare": _image(8.0, 2.0, 30.0),
    "gpt-image-2.6-sunburst": _image(8.0, 2.0, 30.0),
    "gpt-image-1.5": _image(8.0, 2.0, 32.0),
    "gpt-image-1-mini": Prices(text_in=2.0, text_cached=0.2, image_in=2.5, image_cached=0.25, image_out=8.0),
    # Where they are still offered: their dearest picture.
    "dall-e-2": Prices(call=0.02),
    "dall-e-3": Prices(call=0.12),
    "omni-moderation-latest": Prices(text_in=0.0, image_in=0.0),
    # What a response's own tools cost beside the tokens: a search, a search, a container.
    "web_search": Prices(call=0.01),
    "file_search": Prices(call=0.0025),
    "code_interpreter": Prices(call=0.03),
}


class BudgetSettings(Settings):
    """The budget: how much the assistant may spend.

    It steps down as a cap comes near: from 60 % of it on the context is shorter, from 75 % the model smaller, from
    90 % the cascade answers, at 100 % the offline brain, which says so. `voiced usage` shows what was spent.
    """

    daily_usd: float = setting(0.0, "Cap for one day, midnight to midnight; 0: none.", unit="USD", ge=0)
    monthly_usd: float = setting(0.0, "Cap for one month; 0: none.", unit="USD", ge=0)
    prices: dict[str, Prices] = setting(
        dict(DEFAULT_PRICES),
        f"What each model costs. These prices are OpenAI's as of {PRICES_AS_OF}, and prices change: check them at "
        "https://developers.openai.com/api/docs/pricing. What you write here changes single prices and adds models, "
        'such as a deployment on Azure. The model "*" stands for all that are not named; without it they cost as much '
        "as the dearest that is. For a server of your own write 0.",
    )

    @field_validator("prices", mode="before")
    @classmethod
    def _over_the_defaults(cls, given: Any) -> Any:
        """A price that is not written stays what it is."""
        if not isinstance(given, Mapping):
            return given
        merged: dict[Any, Any] = dict(DEFAULT_PRICES)
        for model, prices in given.items():
            known = DEFAULT_PRICES.get(model)
            if known is not None and isinstance(prices, Mapping):
                prices = {**known.model_dump(exclude_none=True), **prices}
            merged[model] = prices
        return merged
