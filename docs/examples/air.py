"""Watches the air outside: it looks by itself, warns, waits for better air, and draws how the week was."""

import asyncio
import json
import struct
import urllib.error
import urllib.request
import zlib
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from typing import Any

from voiced.api import Image, Plugin, PluginSettings, Progress, Result, ToolContext, ToolError, Wake, tool

LONGEST_ANSWER = 1_000_000
LOOK_EVERY = timedelta(minutes=30)
DAYS = 7


class Settings(PluginSettings):
    """The table [plugin.air]."""

    latitude: float
    longitude: float
    warn_above: float = 25
    """Micrograms of fine dust in a cubic metre."""

    server: str = "https://air-quality-api.open-meteo.com"


class Air(Plugin):
    permissions = ("network", "say")
    settings: Settings

    async def setup(self, context: ToolContext) -> None:
        self.context = context
        self.dust: float | None = None
        self.bad = False
        self.looking = asyncio.Lock()
        self.clean = asyncio.Event()
        context.call_every(LOOK_EVERY, self.look)
        context.subscribe(Wake, self.somebody_speaks)

    async def somebody_speaks(self, event: Wake) -> None:
        """They may be about to ask; the first time there is nothing to tell yet."""
        if self.dust is None:
            await self.look()

    async def look(self) -> None:
        async with self.looking:
            try:
                found = await self._ask("current=pm2_5")
                self.dust = float(found["current"]["pm2_5"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                self.context.log.warning("air was not read", error=type(error).__name__)
                self.dust = None
        self.context.tools_changed()  # `known` may be different now
        was_bad, self.bad = self.bad, self.dust is not None and self.dust > self.settings.warn_above
        if self.bad and not was_bad:
            self.context.announce("The air outside is bad. Better keep the windows closed.")
        if self.known() and not self.bad:
            self.clean.set()
        else:
            self.clean.clear()

    def known(self) -> bool:
        return self.dust is not None

    @tool(when="known", sentences=["how is the air [outside]"], spoken="There are {result} micrograms of fine dust.")
    async def fine_dust(self) -> float:
        """Tell how much fine dust (PM2.5, micrograms per cubic metre) is in the air outside."""
        if self.dust is None:
            raise ToolError("It is not known just now.")
        return self.dust

    @tool(background=True, timeout_s=3600, spoken="The air is clean again. You can open the windows.")
    async def wait_for_clean_air(self) -> None:
        """Tell the user once the air outside is clean again, within the hour."""
        await self.clean.wait()

    @tool(timeout_s=90, filler="Let me look at the last days.")
    async def air_of_the_week(self) -> AsyncIterator[Progress | Result]:
        """Compare the air of the last seven days, and draw it."""
        means: dict[date, float] = {}
        today = self.context.now().date()
        for ago in range(DAYS, 0, -1):
            day = today - timedelta(days=ago)
            try:
                found = await self._ask(f"hourly=pm2_5&start_date={day}&end_date={day}")
                hours = [float(each) for each in found["hourly"]["pm2_5"] if each is not None]
                means[day] = sum(hours) / len(hours)
            except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
                raise ToolError("The air of the last days is not to be had just now.") from error
            if ago == DAYS // 2:
                yield Progress("I have half of the week.")
        worst = max(means, key=lambda day: means[day])
        chart = bar_chart(list(means.values()))
        self.context.show("week", title="Fine dust of the last seven days", image=chart)
        yield Result(
            means,
            spoken=f"The worst air was on {worst:%A}, with {means[worst]:.0f} micrograms of fine dust.",
            images=[Image(chart)],
        )

    async def _ask(self, what: str) -> Any:
        place = f"latitude={self.settings.latitude}&longitude={self.settings.longitude}"
        address = f"{self.settings.server}/v1/air-quality?{place}&timezone=auto&{what}"

        return await self.context.in_thread(lambda: fetch(address))


def fetch(address: str) -> Any:
    """What the server answers, from JSON. Raises OSError, ValueError."""
    try:
        with urllib.request.urlopen(address, timeout=10) as response:
            return json.loads(response.read(LONGEST_ANSWER))
    except urllib.error.HTTPError as error:
        error.close()
        raise


def bar_chart(values: Sequence[float], width: int = 20, height: int = 100) -> bytes:
    """A PNG with a bar for each value, black on white."""
    highest = max([*values, 1.0])
    bars = [round(value / highest * height) for value in values]
    rows = [
        b"\0" + b"".join(bytes([0 if bar >= row else 255]) * width + b"\xff" * 2 for bar in bars)
        for row in range(height, 0, -1)
    ]
    header = struct.pack(">IIBBBBB", (width + 2) * len(bars), height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
