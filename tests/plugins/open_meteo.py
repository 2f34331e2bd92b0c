"""Open-Meteo on loopback: two places of each kind, and a refusal of what the real one refuses."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

CURRENT = {
    "temperature_2m", "relative_humidity_2m", "apparent_temperature", "is_day", "precipitation", "rain", "showers",
    "snowfall", "weather_code", "cloud_cover", "pressure_msl", "surface_pressure", "wind_speed_10m",
    "wind_direction_10m", "wind_gusts_10m",
}  # fmt: skip
HOURLY = CURRENT - {"is_day"} | {"precipitation_probability", "visibility"}
DAILY = {
    "weather_code", "temperature_2m_max", "temperature_2m_min", "apparent_temperature_max", "apparent_temperature_min",
    "sunrise", "sunset", "precipitation_sum", "precipitation_hours", "precipitation_probability_max",
    "wind_speed_10m_max", "wind_gusts_10m_max", "uv_index_max",
}  # fmt: skip
"""As https://open-meteo.com/en/docs names them, those that anybody may want here."""

CHOICES = {
    "temperature_unit": {"celsius", "fahrenheit"},
    "wind_speed_unit": {"kmh", "ms", "mph", "kn"},
    "precipitation_unit": {"mm", "inch"},
    "timeformat": {"iso8601", "unixtime"},
    "format": {"json", "csv", "xlsx", "flatbuffers"},
}
FORECAST = {"latitude", "longitude", "current", "hourly", "daily", "timezone", "forecast_days", *CHOICES}
SEARCH = {"name", "count", "language", "format", "countryCode"}

OSLO = {
    "id": 3143244, "name": "Oslo", "latitude": 59.91273, "longitude": 10.74609, "country_code": "NO",
    "country": "Norway", "admin1": "Oslo County", "population": 580000, "timezone": "Europe/Oslo",
}  # fmt: skip
PARIS = {
    "id": 2988507, "name": "Paris", "latitude": 48.85341, "longitude": 2.3488, "country": "France",
    "admin1": "Île-de-France", "population": 2138551,
}  # fmt: skip
PARIS_TEXAS = {
    "id": 4717560, "name": "Paris", "latitude": 33.66094, "longitude": -95.55551, "country": "United States",
    "admin1": "Texas", "population": 24782,
}  # fmt: skip
SPRINGFIELDS = [
    {
        "id": 4409896, "name": "Springfield", "latitude": 37.21533, "longitude": -93.29824,
        "country": "United States", "admin1": "Missouri", "population": 166810,
    },
    {
        "id": 4951788, "name": "Springfield", "latitude": 42.10148, "longitude": -72.58981,
        "country": "United States", "admin1": "Massachusetts", "population": 154341,
    },
]  # fmt: skip
NULL_ISLAND = {"id": 6295630, "name": "Null Island"}
"""What is zero or empty is left out."""


class Refused(Exception):
    """Its text is the reason."""


class OpenMeteoServer:
    """`status` and `body`, where they are set, are what it answers to everything; `hang`: nothing at all."""

    def __init__(self, today: dt.date) -> None:
        self.places: list[dict[str, Any]] = [OSLO, PARIS, PARIS_TEXAS, *SPRINGFIELDS, NULL_ISLAND]
        self.current: dict[str, Any] = {
            "temperature_2m": 4.2, "apparent_temperature": 0.4, "weather_code": 61, "wind_speed_10m": 11.6,
        }  # fmt: skip
        self.days: list[dict[str, Any]] = [
            {
                "weather_code": 63, "temperature_2m_min": 1.7, "temperature_2m_max": 7.1,
                "precipitation_probability_max": 80, "wind_speed_10m_max": 20.0,
            }
            for _ in range(16)
        ]  # fmt: skip
        self.hours: dict[tuple[int, int], dict[str, Any]] = {}
        """By day and hour, where it is not dry."""
        self.zone_offset_s = 3600
        self.today = today
        self.status: int | None = None
        self.body = b""
        self.hang = False
        self.asked: Counter[str] = Counter()
        self.queries: list[dict[str, str]] = []
        self.base_url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[OpenMeteoServer]:
        app = web.Application()
        app.router.add_get("/v1/forecast", self._forecast)
        app.router.add_get("/v1/search", self._search)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    @property
    def settings(self) -> dict[str, Any]:
        return {"forecast_url": self.base_url, "geocoding_url": self.base_url}

    def rains(self, day: int, *hours: int, chance: float | None, code: int = 61, amount: float = 1.0) -> None:
        """`day`: 0 for today."""
        for hour in hours:
            self.hours[day, hour] = {
                "precipitation_probability": chance, "precipitation": amount, "weather_code": code,
            }  # fmt: skip

    async def _forecast(self, request: web.Request) -> web.StreamResponse:
        return await self._answered(request, "forecast", self._weather)

    async def _search(self, request: web.Request) -> web.StreamResponse:
        return await self._answered(request, "search", self._found)

    async def _answered(self, request: web.Request, what: str, answer: Any) -> web.StreamResponse:
        self.asked[what] += 1
        self.queries.append(dict(request.query))
        if self.hang:
            await asyncio.Event().wait()
        if self.status is not None:
            return web.Response(status=self.status, body=self.body, content_type="application/json")
        try:
            return web.json_response(answer(request.query))
        except Refused as refusal:
            return web.json_response({"error": True, "reason": str(refusal)}, status=400)

    def _found(self, query: Mapping[str, str]) -> dict[str, Any]:
        _only(query, SEARCH)
        if "name" not in query:
            raise Refused("Value required for key 'name'.")
        if not 1 <= int(query.get("count", "10")) <= 100:
            raise Refused("Parameter count must be between 1 and 100.")
        name, _, area = (part.strip().lower() for part in query["name"].partition(","))
        results = [
            place
            for place in self.places
            if place["name"].lower() == name
            and len(name) > 1
            and area in ("", place.get("admin1", "").lower(), place.get("country", "").lower())
        ]
        return {"results": results, "generationtime_ms": 0.5} if results else {"generationtime_ms": 0.5}

    def _weather(self, query: Mapping[str, str]) -> dict[str, Any]:
        _only(query, FORECAST)
        for name, choices in CHOICES.items():
            if name in query and query[name] not in choices:
                raise Refused(f"Cannot initialize {name} from invalid String value {query[name]} for key {name}")
        latitude, longitude = float(query["latitude"]), float(query["longitude"])
        if not -90 <= latitude <= 90:
            raise Refused(f"Latitude must be in range of -90 to 90°. Given: {latitude}.")
        if not -180 <= longitude <= 180:
            raise Refused(f"Longitude must be in range of -180 to 180°. Given: {longitude}.")
        days = int(query.get("forecast_days", "7"))
        if not 0 <= days <= 16:
            raise Refused(f"Forecast days is invalid. Allowed range 0 to 16. Given {days}.")
        current, hourly, daily = (
            _variables(query, kind, known)
            for kind, known in (("current", CURRENT), ("hourly", HOURLY), ("daily", DAILY))
        )
        if daily and "timezone" not in query:
            raise Refused("Timezone is required")
        dates = [self.today + dt.timedelta(days=day) for day in range(days)]
        hours = [(day, hour) for day in range(days) for hour in range(24)]
        dry = {"precipitation_probability": 0, "precipitation": 0.0, "weather_code": 3}
        return {
            "latitude": latitude,
            "longitude": longitude,
            "utc_offset_seconds": self.zone_offset_s,
            "timezone": "Europe/Oslo",
            "current": {
                "time": f"{self.today}T12:00", "interval": 900, **{name: self.current.get(name) for name in current},
            },
            "hourly": {
                "time": [f"{dates[day]}T{hour:02}:00" for day, hour in hours],
                **{name: [self.hours.get(hour, dry).get(name) for hour in hours] for name in hourly},
            },
            "daily": {
                "time": [str(date) for date in dates],
                **{name: [day.get(name) for day in self.days[:days]] for name in daily},
            },
        }  # fmt: skip


def _only(query: Mapping[str, str], known: set[str]) -> None:
    """Stricter than the real one, which ignores what it does not know."""
    if unknown := sorted(set(query) - known):
        raise Refused(f"unknown: {unknown}")


def _variables(query: Mapping[str, str], kind: str, known: set[str]) -> list[str]:
    names = query[kind].split(",") if kind in query else []
    for name in names:
        if name not in known:
            raise Refused(f"Data corrupted at path ''. Cannot initialize variable from invalid String value {name}.")
    return names
