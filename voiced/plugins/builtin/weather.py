"""The weather now and of the next days, from Open-Meteo."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from voiced.api import Plugin, PluginSettings, Result, ToolContext, ToolError, sentence, tool
from voiced.plugins.builtin.clock import CITIES
from voiced.plugins.builtin.open_meteo import Forecast, OpenMeteo, Place, Units, client
from voiced.plugins.builtin.weather_words import days_known, rain_on, weather_now, weather_on

FRESH = dt.timedelta(minutes=10)
"""The service reckons anew every 15 minutes at best."""

KEPT_FORECASTS = 32
KEPT_PLACES = 64

SPOKEN_DAYS = 3
"""Of the next days, where no model makes them short."""

PLACE_CHARACTERS = 100

_HOME = ("", "home", "here", "at home")

_CITY = {name: name for name in CITIES}

_DAY = {"today": "today", "tomorrow": "tomorrow"}

FILLER = "Let me look."

PlaceName = Annotated[str, Field(max_length=PLACE_CHARACTERS)]
When = dt.date | Literal["now", "today", "tomorrow", "next_days"]


class WeatherSettings(PluginSettings):
    """[plugin.weather]. What leaves the device is the name of a place, or coordinates, and nothing else."""

    place: PlaceName = Field(
        "", description='Where home is: "Oslo", or "Paris, Texas". With coordinates, only what it is called.'
    )
    latitude: float | None = Field(
        None, ge=-90, le=90, description="Of home, in degrees, for a place that has no name; with longitude."
    )
    longitude: float | None = Field(None, ge=-180, le=180, description="Of home, in degrees; east is positive.")
    units: Units = Field("metric", description="metric: degrees Celsius; imperial: Fahrenheit, miles.")
    language: str = Field("en", pattern="^[a-z]{2}$", description="In which the names of places are told.")
    forecast_url: str = Field(
        "https://api.open-meteo.com",
        pattern="^https?://",
        description="Another server of Open-Meteo. It is told the coordinates of the place that is asked for.",
    )
    geocoding_url: str = Field(
        "https://geocoding-api.open-meteo.com",
        pattern="^https?://",
        description="The same for names of places. It is told the name that is asked for.",
    )

    @model_validator(mode="after")
    def _both_coordinates(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("give both latitude and longitude, or a place")
        return self


class Weather(Plugin):
    """Asks when somebody asks, and remembers an answer for some minutes."""

    permissions = ("network",)
    settings: WeatherSettings

    async def setup(self, context: ToolContext) -> None:
        self._context = context
        self._service: OpenMeteo | None = None
        self._making = asyncio.Lock()
        self._places: dict[str, Place] = {}
        self._forecasts: dict[tuple[float, float], tuple[dt.datetime, Forecast]] = {}

    async def teardown(self) -> None:
        if self._service:
            await self._service.close()

    @tool(
        sentences=[
            sentence("(what's|what is|how's|how is) the weather", when="now"),
            "(what's|what is|how's|how is) the weather {day:when}",
            "(what's|what is|how's|how is) the weather in {city:place}",
            sentence("(what's|what is) the [weather] forecast", when="next_days"),
        ],
        lists={"city": _CITY, "day": _DAY},
        filler=FILLER,
        idempotent=True,
    )
    async def get_weather(self, place: PlaceName | None = None, when: When = "now") -> str | Result:
        """Tell the weather: now, today, tomorrow, of the next days, or of a day within a week.

        Args:
            place: A town, with its region or country after a comma where that matters: "Paris, Texas"; null for home.
            when: null for now and the rest of today; else what is asked for, or a date.
        """
        found, forecast = await self._forecast(place)
        now, units = self._context.now(), self.settings.units
        days = days_known(forecast, now)
        match when:
            case "now":
                return weather_now(forecast, found.name, units, now)
            case "next_days" if len(days) > 1:
                names = [found.name, *[""] * len(days)]
                told = [weather_on(forecast, name, units, day, now) for name, day in zip(names, days[1:], strict=False)]
                return Result(" ".join(told), spoken=" ".join(told[:SPOKEN_DAYS]))
        return weather_on(forecast, found.name, units, _date(when, days), now)

    @tool(
        sentences=["will it (rain|snow) [{day}]", "do I need an umbrella [{day}]", "will it rain in {city:place}"],
        lists={"city": _CITY, "day": _DAY},
        filler=FILLER,
        idempotent=True,
    )
    async def will_it_rain(
        self, place: PlaceName | None = None, day: dt.date | Literal["today", "tomorrow"] = "today"
    ) -> str:
        """Tell whether it will rain or snow, and from when on.

        Args:
            place: A town, with its region or country after a comma where that matters: "Paris, Texas"; null for home.
            day: null for today, or a date within a week.
        """
        found, forecast = await self._forecast(place)
        now = self._context.now()
        return rain_on(forecast, found.name, _date(day, days_known(forecast, now)), now)

    async def _forecast(self, name: str | None) -> tuple[Place, Forecast]:
        """Raises ToolError."""
        service = await self._made()
        place = await self._place(service, " ".join((name or "").split()))
        where, now = (place.latitude, place.longitude), self._context.now()
        asked, forecast = self._forecasts.pop(where, (None, None))
        if asked is None or forecast is None or not dt.timedelta(0) <= now - asked < FRESH:
            asked, forecast = now, await service.forecast(place, self.settings.units)
        self._forecasts[where] = (asked, forecast)
        if len(self._forecasts) > KEPT_FORECASTS:
            del self._forecasts[next(iter(self._forecasts))]
        return place, forecast

    async def _place(self, service: OpenMeteo, name: str) -> Place:
        """Raises ToolError."""
        settings = self.settings
        if name.lower() in _HOME:
            if settings.latitude is not None and settings.longitude is not None:
                return Place(settings.place, settings.latitude, settings.longitude)
            name = settings.place
        if not name:
            raise ToolError(
                'For which place? To be told the weather at home, write place = "Oslo" below [plugin.weather] in the '
                "settings."
            )
        place = self._places.pop(name, None) or await service.place(name)
        self._places[name] = place
        if len(self._places) > KEPT_PLACES:
            del self._places[next(iter(self._places))]
        return place

    async def _made(self) -> OpenMeteo:
        async with self._making:
            if self._service is None:
                http = await self._context.in_thread(client)
                settings = self.settings
                self._service = OpenMeteo(http, settings.forecast_url, settings.geocoding_url, settings.language)
            return self._service


def _date(when: When, days: list[dt.date]) -> dt.date:
    """Raises ToolError where the forecast does not reach there."""
    match when:
        case dt.date():
            return when
        case "now" | "today" if days:
            return days[0]
        case "tomorrow" | "next_days" if len(days) > 1:
            return days[1]
    raise ToolError("The weather service does not know that day.")
