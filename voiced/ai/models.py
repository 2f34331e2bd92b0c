"""Names of models, tried in order, and what is known about their retirement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

PROVIDER: Final = "openai"
"""Whose models retire as OpenAI announced it, wherever it is."""

SOON: Final = timedelta(days=60)
"""Before its shutdown a model is warned about from so long."""

SHUTDOWN: Final[Mapping[str, date]] = {
    name: day
    for day, names in (
        (date(2026, 5, 12), ("dall-e-2", "dall-e-3")),
        (date(2026, 7, 23), ("gpt-5.1-chat-latest", "gpt-5-chat-latest")),
        (date(2026, 8, 10), ("gpt-5.3-chat-latest", "gpt-5.2-chat-latest")),
        (
            date(2026, 10, 23),
            (
                "gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", "o4-mini", "o4-mini-2025-04-16", "o3-mini",
                "o3-mini-2025-01-31", "o1", "o1-2024-12-17", "gpt-4o-2024-05-13", "gpt-4-turbo",
                "gpt-4-turbo-2024-04-09", "gpt-4-1106-preview", "gpt-4", "gpt-4-0613", "gpt-3.5-turbo",
                "gpt-3.5-turbo-0125", "gpt-image-1",
            ),
        ),
        (
            date(2026, 12, 1),
            ("gpt-image-1-mini", "gpt-image-1.5", "gpt-image-1.5-2025-12-16", "chatgpt-image-latest"),
        ),
        (
            date(2026, 12, 11),
            (
                "gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5-2025-08-07", "gpt-5-mini-2025-08-07",
                "gpt-5-nano-2025-08-07", "o3", "o3-2025-04-16",
            ),
        ),
        (date(2027, 1, 6), ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")),
        (
            date(2027, 1, 14),
            (
                "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-2025-04-14", "gpt-4.1-mini-2025-04-14", "gpt-4o",
                "gpt-4o-2024-11-20", "gpt-4o-2024-08-06", "gpt-4o-mini", "gpt-4o-mini-2024-07-18",
            ),
        ),
        (
            date(2027, 1, 20),
            (
                "gpt-realtime", "gpt-realtime-2025-08-28", "gpt-realtime-mini", "gpt-realtime-mini-2025-12-15",
                "gpt-audio-mini", "gpt-audio-mini-2025-12-15",
            ),
        ),
        (
            date(2027, 2, 26),
            (
                "whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15",
                "gpt-4o-transcribe-diarize",
            ),
        ),
        (date(2027, 4, 1), ("gpt-5.4-nano", "gpt-5.4-nano-2026-03-17", "gpt-5.1", "gpt-5.1-2025-11-13")),
    )
    for name in names
}  # fmt: skip
"""Announced by OpenAI as of November 2026; `GET /models` knows later news (`learn`)."""

SUCCESSOR: Final[Mapping[str, str]] = {
    "whisper-1": "gpt-transcribe",
    "gpt-4o-transcribe": "gpt-transcribe",
    "gpt-4o-mini-transcribe": "gpt-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15": "gpt-transcribe",
    "gpt-4o-transcribe-diarize": "gpt-transcribe",
    "gpt-3.5-turbo": "gpt-5.4-mini",
    "gpt-4": "gpt-5.4",
    "gpt-4-turbo": "gpt-5.4",
    "gpt-4o": "gpt-5.4",
    "gpt-4o-mini": "gpt-5.4-mini",
    "gpt-4.1": "gpt-5.4",
    "gpt-4.1-mini": "gpt-5.4-mini",
    "gpt-4.1-nano": "gpt-5.4-mini",
    "gpt-5": "gpt-5.5",
    "gpt-5-mini": "gpt-5.4-mini",
    "gpt-5-nano": "gpt-5.4-mini",
    "gpt-5.4-nano": "gpt-5.4-mini",
    "gpt-image-1": "gpt-image-2",
    "gpt-image-1-mini": "gpt-image-2",
    "gpt-image-1.5": "gpt-image-2",
    "chatgpt-image-latest": "gpt-image-2",
    "gpt-realtime": "gpt-realtime-2.1",
    "gpt-realtime-2025-08-28": "gpt-realtime-2.1",
    "gpt-realtime-mini": "gpt-realtime-2.1-mini",
    "gpt-realtime-mini-2025-12-15": "gpt-realtime-2.1-mini",
}
"""What takes the place of a model. Nothing was announced for speech (tts-1 and gpt-4o-mini-tts)."""


def last_day(model: str) -> str:
    """When a model of OpenAI's is switched off, and what to do, for an error; empty where that is not known."""
    if (day := SHUTDOWN.get(model)) is None:
        return ""
    return f"the last day of {model} at OpenAI is {day:%Y-%m-%d}: use {SUCCESSOR.get(model, 'another model')}"


class Models:
    """Names tried in order. One that the server does not know is passed over from then on, with one warning.

    `openai`: the names are OpenAI's own, so that successors of the last ones are tried too and dates of retirement
    count. `warn` gets each warning, once. `setting` names the list in them: "cascade.stt_models".
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        setting: str,
        openai: bool = True,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        if not names:
            raise ValueError("no model")
        self._names = _with_successors(names) if openai else tuple(dict.fromkeys(names))
        self.setting = setting
        self._openai = openai
        self._warn = warn
        self._at = 0
        self._told: set[str] = set()
        self._shutdown = dict(SHUTDOWN)

    @property
    def current(self) -> str:
        """The model to ask."""
        return self._names[self._at]

    def refused(self, reason: str) -> bool:
        """The server does not know `current`: move to the next. False where none is left; all may be tried anew."""
        refused = self.current
        self._at = (self._at + 1) % len(self._names)
        if not self._at:
            return False
        self._once(refused, f"{refused} is refused ({reason}): using {self.current}; mend {self.setting}")
        return True

    def learn(self, listed: Iterable[Mapping[str, Any]]) -> None:
        """Take shutdown dates from the entries of `GET /models`."""
        for model in listed:
            if isinstance(model, Mapping) and (day := day_of(model.get("shutdown_date"))):
                self._shutdown[str(model.get("id"))] = day

    def look_ahead(self, today: date) -> None:
        """Warn about the model in use if it retires within `SOON`, or should have."""
        day = self._shutdown.get(self.current) if self._openai else None
        if day is None or day - today > SOON:
            return
        after = self._names[self._at + 1 : self._at + 2]
        then = f"then {after[0]} is used" if after else "and no other is named"
        verb = "retires" if day > today else "retired"
        self._once(f"{self.current} {day}", f"{self.current} {verb} on {day:%Y-%m-%d}, {then}; mend {self.setting}")

    def _once(self, about: str, text: str) -> None:
        if about not in self._told:
            self._told.add(about)
            self._warn(text)


def _with_successors(names: Sequence[str]) -> tuple[str, ...]:
    found = dict.fromkeys(names)
    for name in names:
        after = SUCCESSOR.get(name)
        while after is not None and after not in found:
            found[after] = None
            after = SUCCESSOR.get(after)
    return tuple(found)


def day_of(value: object) -> date | None:
    """A date as a server writes it: "2027-02-26", with a time behind it, or Unix seconds."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).date()
        if isinstance(value, str):
            return date.fromisoformat(value[:10])
    except (ValueError, OverflowError, OSError):
        pass
    return None
