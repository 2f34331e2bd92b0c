"""Open-Meteo: where a place is, and its weather; free for private use, with no key."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from voiced.api import ToolError

if TYPE_CHECKING:
    import httpx2

M = TypeVar("M", bound=BaseModel)

Units = Literal["metric", "imperial"]

WITHIN_S = 6.0
"""For one request; a tool makes two of them at most, and has 15 s."""

CONNECT_S = 4.0

MAX_BYTES = 256 * 1024
"""A forecast has about 15 KB."""

LONGEST_REASON = 200

FORECAST_DAYS = 8

RIVAL = 0.1
"""A place with the same name and so large a part of the inhabitants may be meant as well: Cambridge, but not Paris."""

_MADE_FOR = {
    "metric": {"temperature_unit": "celsius", "wind_speed_unit": "kmh", "precipitation_unit": "mm"},
    "imperial": {"temperature_unit": "fahrenheit", "wind_speed_unit": "mph", "precipitation_unit": "inch"},
}

_ASKED = {
    "current": "temperature_2m,apparent_temperature,weather_code,wind_speed_10m",
    "hourly": "precipitation_probability,precipitation,weather_code",
    "daily": "weather_code,temperature_2m_max,temperature_2m_min,precipitation_probability_max,wind_speed_10m_max",
    "timezone": "auto",
    "forecast_days": str(FORECAST_DAYS),
}
"""Of every place the same, so that one answer does for all questions of the next minutes."""


@dataclass(frozen=True, slots=True)
class Place:
    """`name` as it is said, with its region where that is needed; "" for one that has only coordinates."""

    name: str
    latitude: float
    longitude: float


class Current(BaseModel):
    temperature_2m: float | None = None
    apparent_temperature: float | None = None
    weather_code: int | None = None
    wind_speed_10m: float | None = None


class Columns(BaseModel):
    """All of one length."""

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        if len({len(column) for _, column in self}) > 1:
            raise ValueError("its columns differ in length")
        return self


class Hourly(Columns):
    """By the local hour of the place."""

    time: list[dt.datetime]
    precipitation_probability: list[float | None]
    precipitation: list[float | None]
    weather_code: list[int | None]


class Daily(Columns):
    """By the local day of the place."""

    time: list[dt.date]
    weather_code: list[int | None]
    temperature_2m_max: list[float | None]
    temperature_2m_min: list[float | None]
    precipitation_probability_max: list[float | None]
    wind_speed_10m_max: list[float | None]


class Forecast(BaseModel):
    """The weather now and of the next days, in the units that were asked for."""

    utc_offset_seconds: int
    current: Current
    hourly: Hourly
    daily: Daily


class OpenMeteo:
    """One client for all requests."""

    def __init__(self, http: httpx2.AsyncClient, forecast_url: str, geocoding_url: str, language: str) -> None:
        self._http = http
        self._forecast_url = forecast_url.rstrip("/")
        self._geocoding_url = geocoding_url.rstrip("/")
        self._language = language

    async def place(self, name: str) -> Place:
        """The place that is meant by it: "Oslo", or "Paris, Texas". Raises ToolError."""
        asked = {"name": name, "count": "10", "language": self._language, "format": "json"}
        found = (await self._get(f"{self._geocoding_url}/v1/search", asked, _Search)).results
        if not found:
            raise ToolError(f"There is no place called {name}. Is it spelled right?")
        first = found[0]
        rivals = [
            other
            for other in found[1:]
            if other.name == first.name and other.population >= RIVAL * first.population and other.area != first.area
        ]
        with_area = first.area and ("," in name or rivals)
        return Place(f"{first.name}, {first.area}" if with_area else first.name, first.latitude, first.longitude)

    async def forecast(self, place: Place, units: Units) -> Forecast:
        """Raises ToolError."""
        where = {"latitude": f"{place.latitude:.4f}", "longitude": f"{place.longitude:.4f}"}
        return await self._get(f"{self._forecast_url}/v1/forecast", where | _ASKED | _MADE_FOR[units], Forecast)

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def _get(self, url: str, asked: Mapping[str, str], kind: type[M]) -> M:
        import httpx2

        try:
            async with asyncio.timeout(WITHIN_S):
                status, body = await self._answer(url, asked)
        except (TimeoutError, httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ToolError("The weather service can't be reached. Is there a network?") from error
        if status != 200:
            raise ToolError(_refusal(status, body))
        try:
            return kind.model_validate_json(body)
        except ValidationError as error:
            raise ToolError("The weather service gave an answer that can't be read.") from error

    async def _answer(self, url: str, asked: Mapping[str, str]) -> tuple[int, bytes]:
        body = b""
        async with self._http.stream("GET", url, params=asked) as response:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ToolError("The weather service gave an answer that is far too long.")
        return response.status_code, body


def client() -> httpx2.AsyncClient:
    """Imports the library, which blocks: to be called in a thread. Raises ToolError."""
    import httpx2

    try:
        return httpx2.AsyncClient(
            timeout=httpx2.Timeout(WITHIN_S, connect=CONNECT_S),
            limits=httpx2.Limits(max_connections=4, max_keepalive_connections=2, keepalive_expiry=60.0),
            headers={"User-Agent": "voiced"},
            follow_redirects=False,
        )
    except (ImportError, ValueError, OSError) as error:  # a proxy without its library, no such CA file
        raise ToolError(f"The weather service can't be asked from this machine: {error}.") from error


class _Found(BaseModel):
    """A place; the server leaves out what is empty or zero."""

    name: str = Field(min_length=1, max_length=200)
    latitude: float = Field(0.0, ge=-90, le=90)
    longitude: float = Field(0.0, ge=-180, le=180)
    country: str = Field("", max_length=200)
    admin1: str = Field("", max_length=200)
    population: int = 0

    @property
    def area(self) -> str:
        """What tells it apart from others of its name."""
        return self.admin1 or self.country


class _Search(BaseModel):
    """With no results the server leaves them out."""

    results: list[_Found] = []


class _Error(BaseModel):
    reason: str = ""


def _refusal(status: int, body: bytes) -> str:
    if status == 429:
        return "The weather service has answered too often; try again in an hour."
    if status >= 500:
        return f"The weather service is out of order at the moment: it answers {status}."
    try:
        reason = _Error.model_validate_json(body).reason[:LONGEST_REASON]
    except ValidationError:
        reason = ""
    return f"The weather service refused the question with {status}: {reason.rstrip('.') or 'it does not say why'}."
