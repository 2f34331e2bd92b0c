"""Timers and alarms: they speak by themselves when they are due, and survive a restart."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from voiced.api import Appointment, Plugin, StateError, ToolContext, ToolError, tool

LIMIT = 100
"""More at one time is a mistake of the model."""

LONGEST_S = 30 * 24 * 3600

EARCON = "alarm"


@dataclass(frozen=True, slots=True)
class Reminder:
    """One timer or alarm. `due` is right as long as nobody sets the wall clock; a timer itself counts elapsed time."""

    number: int
    kind: Literal["timer", "alarm"]
    name: str
    due: AwareDatetime
    length_s: int = 0

    def title(self) -> str:
        """What is said after "your": pasta timer, timer of 10 minutes, alarm."""
        if self.name:
            return f"{self.name} {self.kind}"
        return f"timer of {spoken_duration(self.length_s)}" if self.kind == "timer" else "alarm"

    def announcement(self, now: dt.datetime) -> str:
        if self.kind == "timer":
            return f"Your {self.title()} is done."
        return f"It is {self.due.astimezone(now.tzinfo):%H:%M}. This is your {self.title()}."


class Timers(Plugin):
    """Everything that is set, by number; the file is written after each change."""

    async def setup(self, context: ToolContext) -> None:
        self._context = context
        self._set: dict[int, tuple[Reminder, Appointment]] = {}
        now = context.now()
        saved = await context.load_state(list[Reminder], [])
        missed = [reminder for reminder in saved if reminder.due <= now]
        for reminder in saved:
            if reminder not in missed:
                self._wait(reminder, context.call_at(reminder.due, partial(self._ring, reminder)))
        if missed:
            context.announce(_while_off(missed, now), earcon=EARCON)
            await self._saved()

    @tool
    async def set_timer(self, duration_s: Annotated[int, Field(ge=1, le=LONGEST_S)], name: str | None = None) -> str:
        """Set a timer. It speaks by itself when the time is over.

        Args:
            duration_s: Length in seconds; ten minutes are 600.
            name: What it is for, in one or two words, such as pasta; null if the user does not say.
        """
        length = dt.timedelta(seconds=duration_s)
        reminder = self._new("timer", name, self._context.now().astimezone(dt.UTC) + length, duration_s)
        self._wait(reminder, self._context.call_after(length, partial(self._ring, reminder)))
        return f"The {reminder.title()} is set: {spoken_duration(duration_s)}.{await self._saved()}"

    @tool
    async def set_alarm(self, time: dt.time, day: dt.date | None = None, name: str | None = None) -> str:
        """Set an alarm for a time of day. It speaks by itself when the time has come.

        Args:
            time: Local time on the 24-hour clock, such as 07:00.
            day: Date of the alarm; null for the next time that it is this time of day.
            name: What it is for, in one or two words; null if the user does not say.
        """
        now = self._context.now()
        reminder = self._new("alarm", name, next_alarm(now, time, day), 0)
        self._wait(reminder, self._context.call_at(reminder.due, partial(self._ring, reminder)))
        return f"The {reminder.title()} is set for {spoken_moment(reminder.due, now)}.{await self._saved()}"

    @tool
    async def list_timers(self) -> str:
        """List the timers and alarms that are set, with the time that is left."""
        now = self._context.now()
        return "\n".join(self._line(*entry, now) for entry in self._set.values()) or "No timer and no alarm is set."

    @tool
    async def cancel_timer(self, which: str) -> str:
        """Cancel a timer or an alarm.

        Args:
            which: Its number or its name, as list_timers tells them, or all.
        """
        chosen = self._choose(which.strip().lower())
        for reminder in chosen:
            _, appointment = self._set.pop(reminder.number)
            appointment.cancel()
        return f"Cancelled: {', '.join(reminder.title() for reminder in chosen)}.{await self._saved()}"

    def _new(self, kind: Literal["timer", "alarm"], name: str | None, due: dt.datetime, length_s: int) -> Reminder:
        if len(self._set) >= LIMIT:
            raise ToolError(f"{LIMIT} timers and alarms are set already; cancel some first.")
        return Reminder(max(self._set, default=0) + 1, kind, (name or "").strip()[:60], due, length_s)

    def _wait(self, reminder: Reminder, appointment: Appointment) -> None:
        self._set[reminder.number] = (reminder, appointment)

    def _choose(self, which: str) -> list[Reminder]:
        everything = [reminder for reminder, _ in self._set.values()]
        if which == "all" and everything:
            return everything
        chosen = [r for r in everything if which in (str(r.number), r.name.lower(), r.title().lower())]
        if len(chosen) == 1:
            return chosen
        now = self._context.now()
        known = "; ".join(self._line(*entry, now) for entry in self._set.values()) or "none is set"
        raise ToolError(f"{'Several are' if chosen else 'None is'} called {which!r}; give a number. There are: {known}")

    def _line(self, reminder: Reminder, appointment: Appointment, now: dt.datetime) -> str:
        left = f"{spoken_duration(round(appointment.remaining.total_seconds()))} left"
        when = f"{spoken_moment(reminder.due, now)}, {left}" if reminder.kind == "alarm" else left
        return f"Number {reminder.number}: {reminder.title()}, {when}"

    async def _ring(self, reminder: Reminder) -> None:
        """Its time has come. It is announced before it is forgotten: better twice than never."""
        if self._set.pop(reminder.number, None):
            self._context.announce(reminder.announcement(self._context.now()), earcon=EARCON)
            await self._saved()

    async def _saved(self) -> str:
        """Save; a warning for the user where that failed."""
        try:
            await self._save()
        except StateError as error:
            self._context.log.error("timers are not saved", reason=str(error))
            return f" Tell the user: {error} It is lost if voiced restarts."
        return ""

    async def _save(self) -> None:
        now = self._context.now().astimezone(dt.UTC)
        await self._context.save_state(
            [
                replace(reminder, due=now + appointment.remaining) if reminder.kind == "timer" else reminder
                for reminder, appointment in self._set.values()
            ]
        )


def next_alarm(now: dt.datetime, time: dt.time, day: dt.date | None) -> dt.datetime:
    """The first moment after `now` (aware, in the local zone) that the clock shows `time`, on `day` if given; in UTC.

    A time that the clock skips in spring counts as if it did not: 02:30 rings at 03:30. One that it shows twice in
    autumn is the first that is still to come. Raises ToolError where the moment is over.
    """
    if time.tzinfo:
        raise ToolError("Give the time as local time, with no zone.")
    for date in [day] if day else [now.date(), now.date() + dt.timedelta(days=1)]:
        for fold in (0, 1):
            moment = dt.datetime.combine(date, time, now.tzinfo).replace(fold=fold).astimezone(dt.UTC)
            if moment > now.astimezone(dt.UTC):
                return moment
    raise ToolError(f"That is over already: now it is {now:%H:%M} on {now:%Y-%m-%d}.")


def spoken_duration(seconds: int) -> str:
    """As one says it: 1 hour and 5 minutes."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "day"), (hours, "hour"), (minutes, "minute"), (seconds, "second")]
    parts = [f"{amount} {unit}{'' if amount == 1 else 's'}" for amount, unit in units if amount]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts) or "0 seconds"


def spoken_moment(moment: dt.datetime, now: dt.datetime) -> str:
    """As one says it today: 07:00 tomorrow."""
    local = moment.astimezone(now.tzinfo)
    match (local.date() - now.date()).days:
        case 0:
            return f"{local:%H:%M} today"
        case 1:
            return f"{local:%H:%M} tomorrow"
        case _:
            return f"{local:%H:%M on %A}, {local.day} {local:%B}"


def _while_off(missed: list[Reminder], now: dt.datetime) -> str:
    each = [
        f"your {reminder.title()} was due {spoken_duration(round((now - reminder.due).total_seconds()))} ago"
        for reminder in missed
    ]
    return f"While I was off: {', '.join(each)}."
