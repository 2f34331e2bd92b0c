"""Timers, alarms and reminders: they speak by themselves when they are due, and survive a restart."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from voiced.api import Appointment, Plugin, ToolContext, ToolError, sentence, tool
from voiced.plugins.builtin.alerts import Alert, Kind, Repeat, next_alarm, reminded_of
from voiced.plugins.builtin.keeping import kept
from voiced.plugins.builtin.spoken import listed, spoken_duration, spoken_moment

LIMIT = 100
"""More at one time is a mistake of the model."""

LONGEST_S = 30 * 24 * 3600

NAME_CHARACTERS = 60
REMINDER_CHARACTERS = 300

SNOOZABLE = dt.timedelta(hours=1)
"""So long after it rang nobody means it any more."""

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

NOTHING = "No timer, no alarm and no reminder is set."

_CANCEL = "(cancel|stop|turn off)"
"""Not "delete" or "clear" as well: a recogniser hears "delete the timer" in "tell me the time"."""


Day = dt.date | Literal["today", "tomorrow"]


class Timers(Plugin):
    """Everything that is set, by number; the file is written after each change, and when the wall clock was set."""

    permissions = ("say",)

    async def setup(self, context: ToolContext) -> None:
        self._context = context
        self._set: dict[int, tuple[Alert, Appointment]] = {}
        self._in_file: list[Alert] = []
        self._looks = False
        self._rung: tuple[Alert, dt.datetime] | None = None
        now = context.now()
        saved = await context.load_state(list[Alert], [])
        missed = [alert for alert in saved if alert.due <= now]
        for alert in saved:
            if alert in missed:
                self._rung = (alert, now)
                self._repeat(alert, now)
            else:
                self._wait_until_due(alert)
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
        alert = self._count_down("timer", _short(name), duration_s)
        title = f"{alert.name} timer".strip()
        return f"The {title} is set for {spoken_duration(duration_s)}.{await self._saved()}"

    @tool(
        sentences=[
            "set (an|the|my) alarm (for|at) {time} [{day}]",
            "set (an|the|my) alarm for {day} at {time}",
            "wake me [up] [{day}] at {time}",
            "wake me [up] at {time} {day}",
            sentence("wake me [up] every day at {time}", repeat="daily"),
            sentence("wake me [up] on weekdays at {time}", repeat="weekdays"),
        ],
    )
    async def set_alarm(
        self, time: dt.time, day: Day | None = None, name: str | None = None, repeat: Repeat | None = None
    ) -> str:
        """Set an alarm for a time of day. It speaks by itself when the time has come.

        Args:
            time: Local time on the 24-hour clock, such as 07:00.
            day: Date of the alarm; null for the next time that it is this time of day.
            name: What it is for, in one or two words; null if the user does not say.
            repeat: On which days it rings again, until it is cancelled; null for once.
        """
        now = self._context.now()
        alert = self._at("alarm", _short(name), time, day, repeat)
        return f"The {alert.title()} is set for {_when(alert, now)}.{await self._saved()}"

    @tool(
        sentences=[
            "remind me in {duration:after_s}",
            "remind me [{day}] at {time}",
            "remind me at {time} {day}",
        ],
    )
    async def set_reminder(
        self,
        what: str | None = None,
        after_s: Annotated[int, Field(ge=1, le=LONGEST_S)] | None = None,
        time: dt.time | None = None,
        day: Day | None = None,
        repeat: Repeat | None = None,
    ) -> str:
        """Set a reminder. It speaks by itself: after some time, or at a time of day.

        Args:
            what: What to remind the user of, as it follows "remind me": "to call mum", "of the meeting"; null if the
                user does not say.
            after_s: Seconds from now; twenty minutes are 1200. Null where time is given.
            time: Local time on the 24-hour clock, such as 08:00. Null where after_s is given.
            day: Date of the reminder; null for the next time that it is this time of day.
            repeat: On which days it comes again, until it is cancelled; null for once. With time only.
        """
        now = self._context.now()
        words = reminded_of(what or "")[:REMINDER_CHARACTERS]
        match (after_s, time):
            case (int(), None) if not (day or repeat):
                alert = self._count_down("reminder", words, after_s)
                when = f"in {spoken_duration(after_s)}"
            case (None, dt.time()):
                alert = self._at("reminder", words, time, day, repeat)
                when = _when(alert, now)
            case (None, None):
                raise ToolError("When? Give after_s, or time.")
            case _:
                raise ToolError("Give after_s alone, or time with day and repeat.")
        return f"I will remind you {f'{words} {when}'.strip()}.{await self._saved()}"

    @tool(sentences=["snooze [it|the alarm]", "snooze for {1..60:minutes} minutes"])
    async def snooze(self, minutes: Annotated[int, Field(ge=1, le=120)] = 9) -> str:
        """Let the timer, alarm or reminder that rang last come again in some minutes.

        Args:
            minutes: How many.
        """
        if self._rung is None or self._context.now() - self._rung[1] > SNOOZABLE:
            raise ToolError("Nothing rang in the last hour.")
        rung, _ = self._rung
        self._count_down(rung.kind, rung.name, minutes * 60)
        self._rung = None
        return f"Your {rung.title()} comes again in {spoken_duration(minutes * 60)}.{await self._saved()}"

    @tool(
        sentences=[
            "(what|which) (timers|alarms|reminders) are (set|running|on)",
            "(what|which) (timers|alarms|reminders) do I have",
            "list (the|my|all) (timers|alarms|reminders)",
            "how (long|much time) is left [on (the|my) (timer|timers)]",
        ],
    )
    async def list_timers(self) -> str:
        """List the timers, alarms and reminders that are set, with the time that is left."""
        return self._told()

    @tool(
        sentences=[
            sentence(f"{_CANCEL} [the|my] timer", which="timer"),
            sentence(f"{_CANCEL} [the|my] alarm", which="alarm"),
            sentence(f"{_CANCEL} [the|my] reminder", which="reminder"),
            sentence(f"{_CANCEL} all [the|my] timers", which="all timers"),
            sentence(f"{_CANCEL} all [the|my] alarms", which="all alarms"),
            sentence(f"{_CANCEL} all [the|my] reminders", which="all reminders"),
            sentence(f"{_CANCEL} all [the|my] timers and alarms", which="all"),
            f"{_CANCEL} (the|my) {{name:which}} timer",
            f"{_CANCEL} (number|timer|alarm|timer number|alarm number) {{which_number:which}}",
        ],
        lists={"name": NAMES, "which_number": NUMBERS},
    )
    async def cancel_timer(self, which: str) -> str:
        """Cancel a timer, an alarm or a reminder, with all its repetitions.

        Args:
            which: Its number or its name, as list_timers tells them; "timer", "alarm" or "reminder" where only one is
                set; or "all timers", "all alarms", "all reminders" or "all".
        """
        chosen = self._choose(which.strip().lower())
        for alert in chosen:
            _, appointment = self._set.pop(alert.number)
            appointment.cancel()
            self._context.hide(_card(alert))
        titles = listed(_titles(chosen))
        cancelled = f"{titles[0].upper()}{titles[1:]} {'is' if len(chosen) == 1 else 'are'} cancelled."
        return cancelled + await self._saved()

    def _count_down(self, kind: Kind, name: str, length_s: int) -> Alert:
        """Set one that counts elapsed time. Raises ToolError."""
        length = dt.timedelta(seconds=length_s)
        alert = Alert(self._number(), kind, name, self._context.now().astimezone(dt.UTC) + length, length_s)
        self._set[alert.number] = (alert, self._context.call_after(length, partial(self._ring, alert)))
        self._show(alert)
        self._look_again()
        return alert

    def _at(self, kind: Kind, name: str, time: dt.time, day: Day | None, repeat: Repeat | None) -> Alert:
        """Set one that follows the clock on the wall. Raises ToolError."""
        now = self._context.now()
        match day:
            case "today":
                day = now.date()
            case "tomorrow":
                day = now.date() + dt.timedelta(days=1)
        due = next_alarm(now, time, day, repeat)
        alert = Alert(self._number(), kind, name, due, repeat=repeat, at=time if repeat else None)
        self._wait_until_due(alert)
        return alert

    def _repeat(self, alert: Alert, now: dt.datetime) -> None:
        """Set it again, under its number, if it is to come again."""
        if due := alert.next_due(now):
            self._wait_until_due(replace(alert, due=due))

    def _wait_until_due(self, alert: Alert) -> None:
        self._set[alert.number] = (alert, self._context.call_at(alert.due, partial(self._ring, alert)))
        self._show(alert)

    def _show(self, alert: Alert) -> None:
        """Count down to it where there is a screen; of what people are reminded, whoever looks need not know."""
        if alert.kind != "reminder":
            title, text = alert.title(), "" if alert.counts_down else alert.clock_time(self._context.now())
            self._context.show(_card(alert), title=f"{title[0].upper()}{title[1:]}", text=text, ends_at=alert.due)

    def _number(self) -> int:
        if len(self._set) >= LIMIT:
            raise ToolError(f"{LIMIT} timers, alarms and reminders are set already; cancel some first.")
        return max(self._set, default=0) + 1

    def _choose(self, which: str) -> list[Alert]:
        """What is meant by it. Raises ToolError, which asks, where that is nothing, or not clear."""
        everything = [alert for alert, _ in self._set.values()]
        if which in ("all", "all timers", "all alarms", "all reminders"):
            chosen = [alert for alert in everything if which in ("all", f"all {alert.kind}s")]
            if chosen:
                return chosen
        chosen = [alert for alert in everything if alert.is_called(which)]
        if len(chosen) == 1:
            return chosen
        if chosen:
            number = chosen[0].number
            raise ToolError(f"Nothing is cancelled yet. {self._told()} Which one? Say: cancel number {number}.")
        raise ToolError(f"Nothing is cancelled. {self._told()}")

    def _told(self) -> str:
        now = self._context.now()
        return " ".join(self._line(*entry, now) for _, entry in sorted(self._set.items())) or NOTHING

    def _line(self, alert: Alert, appointment: Appointment, now: dt.datetime) -> str:
        left = f"{spoken_duration(round(appointment.remaining.total_seconds()))} left"
        when = left if alert.counts_down else f"{_when(alert, now)}, {left}"
        return f"Number {alert.number}: {alert.title()}, {when}."

    async def _ring(self, alert: Alert) -> None:
        """Its time has come. It is announced before it is forgotten: better twice than never."""
        if self._set.pop(alert.number, None):
            now = self._context.now()
            self._context.announce(alert.announcement(now), earcon=EARCON)
            self._rung = (alert, now)
            self._context.hide(_card(alert))
            self._repeat(alert, now)
            await self._saved()

    async def _saved(self) -> str:
        """Save; a warning for the user where that failed."""
        self._in_file = self._current()
        return await kept(self._context, self._in_file)

    def _current(self) -> list[Alert]:
        """What is set, each with the moment that the wall clock will show when it is due."""
        now = self._context.now().astimezone(dt.UTC)
        return [
            replace(alert, due=now + appointment.remaining) if alert.counts_down else alert
            for alert, appointment in self._set.values()
        ]

    def _look_again(self) -> None:
        if not self._looks and any(alert.counts_down for alert, _ in self._set.values()):
            self._looks = True
            self._context.call_after(LOOK_EVERY, self._look)

    async def _look(self) -> None:
        """Write the file anew if somebody set the wall clock: by the old one a restart would find timers long over.

        Countdowns on a screen go by it too.
        """
        self._looks = False
        self._look_again()
        in_file = {alert.number: alert.due for alert in self._in_file}
        moved = [alert for alert in self._current() if abs(alert.due - in_file[alert.number]) > TOLERANCE]
        if moved:
            for alert in moved:
                self._show(alert)
            await self._saved()


def _card(alert: Alert) -> str:
    return str(alert.number)


def _titles(alerts: list[Alert]) -> list[str]:
    """The pasta timer, 2 alarms: what has only its kind for a name is counted."""
    titles = [alert.title() for alert in alerts]
    plain = [kind for kind in ("alarm", "reminder") if titles.count(kind) > 1]
    return [f"the {title}" for title in titles if title not in plain] + [
        f"{titles.count(kind)} {kind}s" for kind in plain
    ]


def _short(name: str | None) -> str:
    return (name or "").strip()[:NAME_CHARACTERS]


def _when(alert: Alert, now: dt.datetime) -> str:
    """As one says it: tomorrow at 7 o'clock in the morning, and then every day."""
    moment = spoken_moment(alert.due, now)
    return f"{moment}, and then {alert.repetition(now)}" if alert.repeat else moment


def _while_off(missed: list[Alert], now: dt.datetime) -> str:
    each = [
        f"your {alert.title()} was due {spoken_duration(round((now - alert.due).total_seconds()))} ago"
        for alert in missed
    ]
    return f"While I was off: {listed(each)}."
