"""Usage times prices; what has no price is rather too dear than too cheap."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.ai.presets import PRESETS
from voiced.brains.cascade.settings import CascadeSettings
from voiced.brains.realtime.settings import RealtimeSettings
from voiced.conversation.events import Usage
from voiced.spending.ledger import added
from voiced.spending.prices import OTHERS, Cost, PriceTable, plausible
from voiced.spending.settings import DEFAULT_PRICES, BudgetSettings, Prices

M = 1_000_000

TABLE = PriceTable(
    {
        "big": Prices(text_in=4, text_cached=1, text_out=16, audio_in=32, audio_cached=2, audio_out=64, image_in=5),
        "small": Prices(text_in=0.5, text_out=2),
        "scribe": Prices(minute=0.006),
        "voice": Prices(characters=15),
        "pupil": Prices(text_in=1, training=5),
        "ft:pupil": Prices(text_in=2),
    }
)


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage("big"), 0.0),
        (Usage("big", text_in=M, audio_in=M, image_in=M, text_out=M, audio_out=M), 4 + 32 + 5 + 16 + 64),
        (Usage("big", text_in=M, cached_text_in=M // 2, audio_in=M, cached_audio_in=M), 2 + 0.5 + 2),
        (Usage("big", image_in=M, cached_image_in=M), 5.0),  # no price of its own when cached
        (Usage("big", text_in=M, cached_text_in=9 * M), 1.0),  # more cached than there was: nothing is paid back
        (Usage("big-2026-08-28", text_out=M), 16.0),
        (Usage("scribe", seconds=90), 0.009),
        (Usage("scribe", audio_in=900, text_out=40), 0.009),  # 90 seconds, counted in tokens
        (Usage("voice", characters=2000), 0.03),
        (Usage("pupil:training", text_in=M), 5.0),
        (Usage("pupil-2026-08-28:training", text_in=M), 5.0),
        (Usage("ft:pupil-2026-08-28:somebody:lamps:1", text_in=M), 2.0),
        (Usage("ft:pupil:somebody::1:batch", text_in=M), 1.0),
    ],
)
def test_usage_is_priced_by_the_table(usage: Usage, usd: float) -> None:
    cost = TABLE.cost(usage)
    assert cost.usd == pytest.approx(usd)
    assert not cost.guessed


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage("unheard-of", text_in=M, text_out=M), 4.0 + 16.0),
        (Usage("unheard-of", audio_out=M, seconds=60, characters=M), 64 + 0.006 + 15),
        (Usage("unheard-of", audio_in=M, cached_audio_in=M), 32.0),  # not even the cache is counted on
        (Usage("", text_in=M), 4.0),
        (Usage("big:training", text_in=M), 5.0),
        (Usage("ft:big:somebody::1", text_in=M), 4.0),
        (Usage("small", text_in=M, audio_out=M), 0.5 + 64),  # nobody said that it speaks
    ],
)
def test_what_has_no_price_costs_as_much_as_with_the_dearest(usage: Usage, usd: float) -> None:
    cost = TABLE.cost(usage)
    assert cost.usd == pytest.approx(usd)
    assert cost.guessed


def test_the_star_is_every_other_model() -> None:
    free = PriceTable({**DEFAULT_PRICES, OTHERS: Prices(text_in=0, text_out=0)})
    assert free.cost(Usage("llama3", text_in=M, text_out=M)) == Cost(0.0, guessed=False)
    assert free.cost(Usage("gpt-4.1", text_in=M)) == Cost(2.0, guessed=False)


def test_a_table_that_is_empty_prices_nothing() -> None:
    assert PriceTable({}).cost(Usage("big", text_in=M)) == Cost(0.0, guessed=True)


def test_the_models_that_voiced_asks_for_have_prices() -> None:
    table, realtime, cascade = PriceTable(BudgetSettings().prices), RealtimeSettings(), CascadeSettings()
    asked = [
        *(Usage(model, 9, 9, 9, 5, 5, 5, 9, 9) for model in (realtime.model, realtime.thrifty_model)),
        *(Usage(model, audio_in=9, text_out=9) for model in (realtime.transcription_model, *cascade.stt_models)),
        *(Usage(model, 9, cached_text_in=5, text_out=9) for model in cascade.chat_models + cascade.chat_models_small),
        *(Usage(model, characters=9) for model in cascade.tts_models),
        *(Usage(model, text_in=9) for model in (PRESETS["openai"].models["embeddings"], "text-embedding-3-large")),
    ]
    assert [usage.model for usage in asked if table.cost(usage).guessed] == []


counts = st.integers(0, 10**9)
usages = st.builds(
    Usage,
    st.sampled_from(["big", "small", "unheard-of"]),
    *[counts] * 8,
    seconds=st.floats(0, 1e6),
    characters=counts,
)


@given(usages)
def test_no_model_of_the_table_would_have_cost_more_than_an_unknown_one(usage: Usage) -> None:
    unknown = TABLE.cost(dataclasses.replace(usage, model="unheard-of"))
    assert TABLE.cost(usage).usd <= unknown.usd * (1 + 1e-12)


@given(usages.map(plausible), usages.map(plausible))
def test_usage_can_be_priced_whole_or_in_parts(one: Usage, other: Usage) -> None:
    other = dataclasses.replace(other, model=one.model)
    whole, parts = TABLE.cost(added(one, other)), (TABLE.cost(one), TABLE.cost(other))
    assert whole.usd == pytest.approx(sum(part.usd for part in parts), rel=1e-9)
    assert whole.guessed == any(part.guessed for part in parts)
