"""Remembers what people want remembered, and finds it again.

It is kept on the device, in a file that voiced's user alone can read. Where the API can be used, the texts and what is
asked about them go there too, and what means alike is found: "where is the car" finds "the Volvo is in the garage".
With no key, with the offline brain alone in brain.order, or with `embeddings = false` below [plugin.memory], nothing
leaves the device, and what has words in common is found.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Callable, Iterable
from functools import partial
from typing import Annotated, Final, TypeVar

from pydantic import Field

from voiced.api import Appointment, Permission, Plugin, PluginSettings, ToolContext, ToolError, tool
from voiced.plugins.builtin.memory_store import LONGEST, Entry, MemoryStore
from voiced.plugins.builtin.spoken import spoken_date, spoken_day, spoken_moment

T = TypeVar("T")

FOUND: Final = 5
"""More are tiresome to listen to."""

ASKED_WITHIN_S: Final = 4.0
"""Somebody waits: the words alone must do when the API takes longer."""

EMBEDDED_WITHIN_S: Final = 12.0
"""Nobody waits for that."""

CLOSED_WITHIN_S: Final = 0.25
"""A plugin has half a second for its end."""

BATCH: Final = 32
"""Entries that are embedded at one time."""

SOONEST: Final = dt.timedelta(seconds=5)
LATEST: Final = dt.timedelta(hours=1)
"""From one try to embed what is not embedded yet to the next."""


class MemorySettings(PluginSettings):
    """`embeddings`: what is remembered is found by its meaning too, where there is a key; the API is told of it."""

    embeddings: bool = True


class Memory(Plugin):
    """An entry is kept at once, and embedded when that can be done."""

    settings: MemorySettings

    @property
    def permissions(self) -> Iterable[Permission]:  # type: ignore[override]  # of a class variable
        """Whoever denies the API still has a memory."""
        return ("say", "listen", "api") if self.settings.embeddings else ("say", "listen")

    async def setup(self, context: ToolContext) -> None:
        self._context = context
        self._store = MemoryStore(await context.data_folder())
        self._embeds: Appointment | None = None
        self._patience = SOONEST
        try:
            await context.in_thread(self._store.open)
        except ToolError as error:  # it may be better when somebody asks
            context.report(str(error))
        if self._store.trouble:
            context.report(self._store.trouble)
        self._embed_soon()

    async def teardown(self) -> None:
        """All is on disk by now; where the disk is slow, the thread tidies its file up alone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSED_WITHIN_S):
                await self._context.in_thread(self._store.close)

    @tool
    async def remember(self, text: Annotated[str, Field(min_length=1, max_length=LONGEST)]) -> str:
        """Remember a fact for months: where something is, what somebody likes. Only when the user asks for it.

        Args:
            text: One whole sentence that says who and what, with dates instead of "tomorrow": The spare key is at
                Anna's.
        """
        if not text.strip():
            raise ToolError("What shall I remember?")
        await self._stored(partial(self._store.add, text.strip(), self._context.now()))
        self._embed_soon()
        return self._with_trouble("I will remember that.")

    @tool(
        sentences=[
            "what do you remember",
            "what did I (tell|ask) you to remember",
            "what have I told you to remember",
        ],
        idempotent=True,
    )
    async def recall(self, about: str = "") -> str:
        """Find what the user wanted remembered, with the day on which it was said.

        Args:
            about: Words that it may have, or a question; empty for the latest.
        """
        found = await self._found(about, FOUND)
        if found:
            now = self._context.now()
            return self._with_trouble(" ".join(_line(entry, now) for entry in found))
        known = await self._stored(self._store.count)
        return self._with_trouble(f"I remember nothing about {about}." if known else "I was told to remember nothing.")

    @tool(
        sentences=[
            "forget (the last thing|what) I told you [to remember]",
            "forget the last thing you remember",
        ]
    )
    async def forget(self, context: ToolContext, about: str = "") -> str:
        """Forget something that was remembered. The user hears which, and is asked before it is gone.

        Args:
            about: Words that it has; empty for the latest.
        """
        found = await self._found(about, 1)
        if not found:
            known = await self._stored(self._store.count)
            raise ToolError(f"I remember nothing about {about}." if known else "I was told to remember nothing.")
        (entry,) = found
        if not await context.confirm(f"Shall I forget this? {_sentence(entry.text)}"):
            return "I keep it."
        await self._stored(partial(self._store.remove, entry))
        return "I have forgotten it."

    async def _found(self, about: str, count: int) -> list[Entry]:
        if not about.strip():
            return await self._stored(partial(self._store.latest, count))
        vector, model = await self._vector_of(about)
        return await self._stored(partial(self._store.search, about, count, vector, model))

    async def _stored(self, work: Callable[[], T]) -> T:
        return await self._context.in_thread(work)

    def _with_trouble(self, answer: str) -> str:
        """Once after something was lost, that it was."""
        trouble, self._store.trouble = self._store.trouble, ""
        return f"{answer} {trouble}".rstrip()

    # Embeddings.

    async def _vector_of(self, text: str) -> tuple[list[float], str]:
        """The vector and its model; nothing where words must do."""
        if self.settings.embeddings:
            try:
                ai = self._context.ai
                if ai.available:
                    model = ai.embedding_model
                    async with asyncio.timeout(ASKED_WITHIN_S):
                        return (await ai.embed([text]))[0], model
            except (ToolError, TimeoutError) as error:
                self._context.log.info("searched by words alone", reason=str(error) or "the API took too long")
        return [], ""

    def _embed_soon(self) -> None:
        """Something may be without a vector. After failures it is tried less and less often."""
        if self.settings.embeddings and self._embeds is None:
            self._embeds = self._context.call_after(self._patience, self._embed)

    async def _embed(self) -> None:
        self._embeds = None
        try:
            async with asyncio.timeout(EMBEDDED_WITHIN_S):
                rest = await self._embed_some()
        except (ToolError, TimeoutError) as error:
            self._context.log.info("embedded later", reason=str(error) or "the API took too long")
            self._patience = min(self._patience * 2, LATEST)
            self._embed_soon()
        else:
            self._patience = SOONEST
            if rest:
                self._embed_soon()

    async def _embed_some(self) -> bool:
        """Embed what the model in use made no vector for; whether there may be more of it. Raises ToolError."""
        ai = self._context.ai
        model = ai.embedding_model
        entries = await self._stored(partial(self._store.without_vector, model, BATCH))
        if entries:
            vectors = await ai.embed([entry.text for entry in entries])
            by_entry = {entry.id: vector for entry, vector in zip(entries, vectors, strict=True)}
            await self._stored(partial(self._store.add_vectors, model, by_entry))
        return len(entries) == BATCH


def _line(entry: Entry, now: dt.datetime) -> str:
    said = f"{_when(entry.said_at, now)} you told me: {_sentence(entry.text)}"
    return f"{said[0].upper()}{said[1:]}"


def _when(moment: dt.datetime, now: dt.datetime) -> str:
    """The time of day matters for two days, and the year when it is another one."""
    local = moment.astimezone(now.tzinfo)
    if (now.date() - local.date()).days in (0, 1):
        return spoken_moment(local, now)
    return f"on {spoken_date(local) if local.year != now.year else spoken_day(local)}"


def _sentence(text: str) -> str:
    return text if text[-1] in ".!?" else f"{text}."
