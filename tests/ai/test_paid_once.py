"""What is paid for once is counted once."""

from __future__ import annotations

import asyncio
import contextlib

from voiced.ai.paid_once import PaidOnce
from voiced.ai.providers import Providers, Terms
from voiced.ai.settings import AiSettings
from voiced.usage import Usage

BILL = Usage("gpt-5.4:batch", text_in=5)


async def test_it_is_counted_also_where_nobody_waits_for_it() -> None:
    """Its name is written down before it is counted; cancelled between the two, it would never be."""
    spent: list[Usage] = []
    asked, known = asyncio.Event(), asyncio.Event()

    async def first_time(_: str) -> bool:
        asked.set()
        await known.wait()
        return True

    paid = PaidOnce(Providers(Terms(AiSettings, lambda _: "", spent=spent.append, first_time=first_time)))
    spending = asyncio.create_task(paid.spend("batch batch_1", [BILL]))
    await asked.wait()
    spending.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await spending
    known.set()
    await paid.spend("batch batch_2", [BILL])
    await paid.spend("batch batch_1", [BILL])
    assert spent == [BILL, BILL]
