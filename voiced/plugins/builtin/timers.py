"""Timers and alarms: they speak by themselves when they are due, and survive a restart."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from voiced.api import Appointment, Plugin, StateError, ToolContext, ToolError, sentence, tool
from voiced.plugins.builtin.spoken import listed, spoken_date, spoken_duration, spoken_moment, spoken_time

LIMIT = 100
"""More at one time is a mistake of the model."""

LONGEST_S = 30 * 24 * 3600

EARCON = "alarm"

LOOK_EVERY = dt.timedelta(minutes=1)
"""How soon after somebody set the wall clock the file is right again."""

TOLERANCE = dt.timedelta(seconds=2)

NAMES = {
    "bread": "bread",
    "break": "break",
    "cake": "cake",
    "chicken": "chicken",
    "coffee": "coffee",
    "cookie": "cookie",
    "cookies": "cookie",
    "dinner": "dinner",
    "dryer": "dryer",
    "egg": "egg",
    "eggs": "egg",
    "homework": "homework",
    "kitchen": "kitchen",
    "laundry": "laundry",
    "lunch": "lunch",
    "nap": "nap",
    "oven": "oven",
    "pasta": "pasta",
    "pizza": "pizza",
    "potato": "potato",
    "potatoes": "potato",
    "rice": "rice",
    "soup": "soup",
    "spaghetti": "spaghetti",
    "tea": "tea",
    "washing": "washing",
    "workout": "workout",
}
"""What a timer may be for when there is no cloud: a model takes any name."""

NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], start=1
    )
}

_CANCEL = "(cancel|stop|turn off)"
"""Not "delete" or "clear" as well: a recogniser hears "delete the timer" in "tell me the time"."""


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

    def is_called(self, which: str) -> bool:
        """By its number, its name (egg, where it is eggs) or its kind; in lower case."""
        name = self.name.lower()
        return which in (str(self.number), self.kind, self.title().lower()) or name in (
            which,
            f"{which}s",
            f"{which}es",
        )

    def announcement(self, now: dt.datetime) -> str:
        if self.kind == "timer":
            return f"Your {self.title()} is done."
        return f"It is {spoken_time(self.due.astimezone(now.tzinfo))}. This is your {self.title()}."


class Timers(Plugin):
    """Everything that is set, by number; the file is written after each change, and when the wall clock was set."""

    permissions = ("say",)

    async def setup(self, context: ToolContext) -> None:
        self._context = context
        self._set: dict[int, tuple[Reminder, Appointment]] = {}
        self._in_file: list[Reminder] = []
        self._looks = False
        now = context.now()
        saved = await context.load_state(list[Reminder], [])
        missed = [reminder for reminder in saved if reminder.due <= now]
        for reminder in saved:
            if reminder not in missed:
                self._wait(reminder, context.call_at(reminder.due, partial(self._ring, reminder)))
        if missed:
            context.announce(_while_off(missed, now), earcon=EARCON)
            await self._saved()

    @tool(
        sentences=[
            "(set|start) (a|the) timer for {duration:duration_s}",
            "(set|start) a {duration:duration_s} timer",
            "timer for {duration:duration_s}",
            "(set|start) (a|an|the) {name} timer for {duration:duration_s}",
            "(set|start) a timer for {duration:duration_s} for the {name}",
        ],
        lists={"name": NAMES},
    )
    async def set_timer(self, duration_s: Annotated[int, Field(ge=1, le=LONGEST_S)], name: str | None = None) -> str:
        """Set a timer. It speaks by itself when the time is over.

        Args:
            duration_s: Length in seconds; ten minutes are 600.
            name: What it is for, in one or two words, such as pasta; null if the user does not say.
        """
        length = dt.timedelta(seconds=duration_s)
        reminder = self._new("timer", name, self._context.now().astimezone(dt.UTC) + length, duration_s)
        self._wait(reminder, self._context.call_after(length, partial(self._ring, reminder)))
        self._look_again()
        title = f"{reminder.name} timer".strip()
        return f"The {title} is set for {spoken_duration(duration_s)}.{await self._saved()}"

    @tool(
        sentences=[
            "set (an|the|my) alarm (for|at) {time} [{day}]",
            "set (an|the|my) alarm for {day} at {time}",
            "wake me [up] [{day}] at {time}",
            "wake me [up] at {time} {day}",
        ],
    )
    async def set_alarm(
        self, time: dt.time, day: dt.date | Literal["today", "tomorrow"] | None = None, name: str | None = None
    ) -> str:
        """Set an alarm for a time of day. It speaks by itself when the time has come.

        Args:
            time: Local time on the 24-hour clock, such as 07:00.
            day: Date of the alarm; null for the next time that it is this time of day.
            name: What it is for, in one or two words; null if the user does not say.
        """
        now = self._context.now()
        match day:
            case "today":
                day = now.date()
            case "tomorrow":
                day = now.date() + dt.timedelta(days=1)
        reminder = self._new("alarm", name, next_alarm(now, time, day), 0)
        self._wait(reminder, self._context.call_at(reminder.due, partial(self._ring, reminder)))
        return f"The {reminder.title()} is set for {spoken_moment(reminder.due, now)}.{await self._saved()}"

    @tool(
        sentences=[
            "(what|which) (timers|alarms) are (set|running|on)",
            "(what|which) (timers|alarms) do I have",
            "list (the|my|all) (timers|alarms)",
            "how (long|much time) is left [on (the|my) (timer|timers)]",
        ],
    )
    async def list_timers(self) -> str:
        """List the timers and alarms that are set, with the time that is left."""
        return self._told()

    @tool(
        sentences=[
            sentence(f"{_CANCEL} [the|my] timer", which="timer"),
            sentence(f"{_CANCEL} [the|my] alarm", which="alarm"),
            sentence(f"{_CANCEL} all [the|my] timers", which="all timers"),
            sentence(f"{_CANCEL} all [the|my] alarms", which="all alarms"),
            sentence(f"{_CANCEL} all [the|my] timers and alarms", which="all"),
            f"{_CANCEL} (the|my) {{name:which}} timer",
            f"{_CANCEL} (number|timer|alarm|timer number|alarm number) {{which_number:which}}",
        ],
        lists={"name": NAMES, "which_number": NUMBERS},
    )
    async def cancel_timer(self, which: str) -> str:
        """Cancel a timer or an alarm.

        Args:
            which: Its number or its name, as list_timers tells them; "timer" or "alarm" where only one is set; or
                "all timers", "all alarms" or "all".
        """
        chosen = self._choose(which.strip().lower())
        for reminder in chosen:
            _, appointment = self._set.pop(reminder.number)
            appointment.cancel()
        titles = listed([f"the {reminder.title()}" for reminder in chosen])
        cancelled = f"{titles[0].upper()}{titles[1:]} {'is' if len(chosen) == 1 else 'are'} cancelled."
        return cancelled + await self._saved()

    def _new(self, kind: Literal["timer", "alarm"], name: str | None, due: dt.datetime, length_s: int) -> Reminder:
        if len(self._set) >= LIMIT:
            raise ToolError(f"{LIMIT} timers and alarms are set already; cancel some first.")
        return Reminder(max(self._set, default=0) + 1, kind, (name or "").strip()[:60], due, length_s)

    def _wait(self, reminder: Reminder, appointment: Appointment) -> None:
        self._set[reminder.number] = (reminder, appointment)

    def _choose(self, which: str) -> list[Reminder]:
        """What is meant by it. Raises ToolError, which asks, where that is nothing, or not clear."""
        everything = [reminder for reminder, _ in self._set.values()]
        if which in ("all", "all timers", "all alarms"):
            chosen = [reminder for reminder in everything if which in ("all", f"all {reminder.kind}s")]
            if chosen:
                return chosen
        chosen = [reminder for reminder in everything if reminder.is_called(which)]
        if len(chosen) == 1:
            return chosen
        if chosen:
            number = chosen[0].number
            raise ToolError(f"Nothing is cancelled yet. {self._told()} Which one? Say: cancel number {number}.")
        raise ToolError(f"Nothing is cancelled. {self._told()}")

    def _told(self) -> str:
        now = self._context.now()
        return " ".join(self._line(*entry, now) for entry in self._set.values()) or "No timer and no alarm is set."

    def _line(self, reminder: Reminder, appointment: Appointment, now: dt.datetime) -> str:
        left = f"{spoken_duration(round(appointment.remaining.total_seconds()))} left"
        when = f"{spoken_moment(reminder.due, now)}, {left}" if reminder.kind == "alarm" else left
        return f"Number {reminder.number}: {reminder.title()}, {when}."

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
            return f" If voiced restarts, this is lost. {error}"
        return ""

    async def _save(self) -> None:
        self._in_file = self._current()
        await self._context.save_state(self._in_file)

    def _current(self) -> list[Reminder]:
        """What is set, each with the moment that the wall clock will show when it is due."""
        now = self._context.now().astimezone(dt.UTC)
        return [
            replace(reminder, due=now + appointment.remaining) if reminder.kind == "timer" else reminder
            for reminder, appointment in self._set.values()
        ]

    def _look_again(self) -> None:
        if not self._looks and any(reminder.kind == "timer" for reminder, _ in self._set.values()):
            self._looks = True
            self._context.call_after(LOOK_EVERY, self._look)

    async def _look(self) -> None:
        """Write the file anew if somebody set the wall clock: by the old one a restart would find timers long over."""
        self._looks = False
        self._look_again()
        in_file = {reminder.number: reminder.due for reminder in self._in_file}
        if any(abs(reminder.due - in_file[reminder.number]) > TOLERANCE for reminder in self._current()):
            await self._saved()


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
    raise ToolError(f"That is over already: it is {spoken_time(now)} on {spoken_date(now)}.")


def _while_off(missed: list[Reminder], now: dt.datetime) -> str:
    each = [
        f"your {reminder.title()} was due {spoken_duration(round((now - reminder.due).total_seconds()))} ago"
        for reminder in missed
    ]
    return f"While I was off: {listed(each)}."
