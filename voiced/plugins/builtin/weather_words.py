"""A forecast in words that every voice reads well."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from voiced.api import ToolError
from voiced.plugins.builtin.open_meteo import Forecast, Units
from voiced.plugins.builtin.spoken import spoken_day, spoken_time

SKY = {
    0: "a clear sky",
    1: "a mostly clear sky",
    2: "some clouds",
    3: "an overcast sky",
    45: "fog",
    48: "freezing fog",
    51: "light drizzle",
    53: "drizzle",
    55: "heavy drizzle",
    56: "light freezing drizzle",
    57: "freezing drizzle",
    61: "light rain",
    63: "rain",
    65: "heavy rain",
    66: "light freezing rain",
    67: "freezing rain",
    71: "light snow",
    73: "snow",
    75: "heavy snow",
    77: "snow grains",
    80: "light showers",
    81: "showers",
    82: "violent showers",
    85: "light snow showers",
    86: "heavy snow showers",
    95: "a thunderstorm",
    96: "a thunderstorm with hail",
    99: "a thunderstorm with heavy hail",
}
"""By the WMO's code, of which Open-Meteo uses these."""

WET = 51
"""From this code on, something falls from the sky."""

SNOW = frozenset({71, 73, 75, 77, 85, 86})

LIKELY = 50
"""Percent from which one says yes; people take an umbrella."""

POSSIBLE = 25

FELT = 3
"""Degrees by which it must feel otherwise to be worth a word."""

STRONG_WIND = {"metric": 40, "imperial": 25}

_SPEED = {"metric": "kilometres an hour", "imperial": "miles an hour"}


@dataclass(frozen=True, slots=True)
class _Hour:
    time: dt.datetime
    chance: float
    code: int | None


def weather_now(forecast: Forecast, name: str, units: Units, now: dt.datetime) -> str:
    """The weather now and what is to come today. `now`: aware. Raises ToolError."""
    current = forecast.current
    if current.temperature_2m is None:
        raise ToolError("The weather service does not know the weather there now.")
    felt = current.apparent_temperature
    otherwise = felt is not None and abs(felt - current.temperature_2m) >= FELT
    feels = f" and feels like {_number(felt)}" if felt is not None and otherwise else ""
    sky = f", with {SKY[current.weather_code]}" if current.weather_code in SKY else ""
    wind = current.wind_speed_10m
    blows = f" The wind blows at {_number(wind)} {_SPEED[units]}." if wind is not None else ""
    here = f"In {name} it is" if name else "It is"
    today = weather_on(forecast, "", units, _there(forecast, now).date(), now)
    return f"{here} {_degrees(current.temperature_2m)}{feels}{sky}.{blows} {today}"


def weather_on(forecast: Forecast, name: str, units: Units, day: dt.date, now: dt.datetime) -> str:
    """The weather of a day of the forecast. Raises ToolError."""
    daily, index = forecast.daily, _index(forecast, day)
    low, high = daily.temperature_2m_min[index], daily.temperature_2m_max[index]
    if low is None or high is None:
        raise ToolError("The weather service does not know the weather of that day.")
    code, chance, wind = (
        daily.weather_code[index],
        daily.precipitation_probability_max[index],
        daily.wind_speed_10m_max[index],
    )
    warmth = f"around {_degrees(low)}" if round(low) == round(high) else f"between {_number(low)} and {_degrees(high)}"
    sky = f", with {SKY[code]}" if code in SKY else ""
    what = "snow" if code in SNOW else "rain"
    wet = f"; the chance of {what} is {_number(chance)} percent" if chance is not None and chance >= POSSIBLE else ""
    windy = wind is not None and wind >= STRONG_WIND[units]
    blows = f" The wind reaches {_number(wind)} {_SPEED[units]}." if wind is not None and windy else ""
    when = _day(day, _there(forecast, now).date())
    there = f" in {name}" if name else ""
    return f"{when[0].upper()}{when[1:]}{there} it will be {warmth}{sky}{wet}.{blows}"


def rain_on(forecast: Forecast, name: str, day: dt.date, now: dt.datetime) -> str:
    """Whether it rains or snows on a day of the forecast, from now on. Raises ToolError."""
    _index(forecast, day)
    local = _there(forecast, now)
    hours = [hour for hour in _hours(forecast, day) if hour.time >= local.replace(minute=0, second=0, microsecond=0)]
    if not hours:
        raise ToolError("The weather service does not know whether it rains that day.")
    there = f" in {name}" if name else ""
    when = _day(day, local.date())
    falling = forecast.current.weather_code
    if day == local.date() and falling in SKY and falling >= WET:
        dry = next((hour for hour in hours[1:] if hour.chance < POSSIBLE), None)
        until = f" It may go on until {spoken_time(dry.time)}." if dry else " It may go on for the rest of the day."
        return f"Yes, there is {SKY[falling]}{there} now.{until}"
    most = max(hour.chance for hour in hours)
    likely = [hour for hour in hours if hour.chance >= LIKELY]
    if likely:
        first, what = likely[0], _what_falls(likely)
        begins = f" from {spoken_time(first.time)} on" if first is not hours[0] else ""
        return f"Yes, {what} is likely{there} {when}{begins}. The chance is {_number(most)} percent."
    if most >= POSSIBLE:
        possible = [hour for hour in hours if hour.chance >= POSSIBLE]
        return f"Perhaps: the chance of {_what_falls(possible)}{there} {when} is {_number(most)} percent."
    return f"No, it should stay dry{there} {when}."


def days_known(forecast: Forecast, now: dt.datetime) -> list[dt.date]:
    """From today on, by the calendar of the place."""
    today = _there(forecast, now).date()
    return [day for day in forecast.daily.time if day >= today]


def _there(forecast: Forecast, now: dt.datetime) -> dt.datetime:
    """The time of day at the place, with no zone, as in the forecast."""
    return now.astimezone(dt.timezone(dt.timedelta(seconds=forecast.utc_offset_seconds))).replace(tzinfo=None)


def _index(forecast: Forecast, day: dt.date) -> int:
    """Raises ToolError where the day is not in the forecast."""
    known = forecast.daily.time
    if not known:
        raise ToolError("The weather service knows no day there.")
    if day not in known:
        raise ToolError(f"The forecast goes from {spoken_day(known[0])}, to {spoken_day(known[-1])}.")
    return known.index(day)


def _hours(forecast: Forecast, day: dt.date) -> Iterator[_Hour]:
    """Those of which something is known; where the chance is not, the amount tells."""
    hourly = forecast.hourly
    for time, chance, amount, code in zip(
        hourly.time, hourly.precipitation_probability, hourly.precipitation, hourly.weather_code, strict=True
    ):
        if time.date() == day and (chance is not None or amount is not None):
            yield _Hour(time, (100.0 if amount else 0.0) if chance is None else chance, code)


def _what_falls(hours: list[_Hour]) -> str:
    kinds = {hour.code in SNOW for hour in hours if hour.code is not None and hour.code >= WET}
    return {frozenset((True,)): "snow", frozenset((True, False)): "rain or snow"}.get(frozenset(kinds), "rain")


def _day(day: dt.date, today: dt.date) -> str:
    match (day - today).days:
        case 0:
            return "today"
        case 1:
            return "tomorrow"
        case _:
            return f"on {day:%A}"


def _number(value: float) -> str:
    whole = round(value)
    return f"minus {-whole}" if whole < 0 else str(whole)


def _degrees(value: float) -> str:
    return f"{_number(value)} degree{'' if abs(round(value)) == 1 else 's'}"
