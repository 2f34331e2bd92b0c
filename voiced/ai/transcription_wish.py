"""What is asked of a transcription, and what of it each model takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from voiced.ai.models import SHUTDOWN
from voiced.ai.sound_pieces import LONG, MINUTES, PHRASES, Cut
from voiced.ai.transcription import FORMATS, WITH_TIMES, Format
from voiced.errors import RequestRejected

PROMPT_TAIL: Final = 500
"""Characters of what was said so far that go with the next piece; Whisper reads some 220 tokens."""

Times = Literal["all", "speakers", "none"]

_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_WITHOUT_TIMES: Final = re.compile(r"gpt-.*transcribe")


@dataclass(frozen=True, slots=True)
class Wish:
    """`temperature`: None for the server's own. Raises RequestRejected for what no server takes.

    `what`: the service, "transcription" or "translation", for errors.
    """

    what: str
    format: Format = "json"
    language: str = ""
    languages: Sequence[str] = ()
    keywords: Sequence[str] = ()
    prompt: str = field(default="", repr=False)
    temperature: float | None = None
    words: bool = False

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise RequestRejected(f"{self.what}: {self.format!r} is no format: use one of {', '.join(FORMATS)}")
        if isinstance(self.languages, str) or isinstance(self.keywords, str):
            raise RequestRejected(f"{self.what}: languages and keywords are lists of texts")
        for language in (*([self.language] if self.language else []), *self.languages):
            if not _LANGUAGE.fullmatch(language):
                raise RequestRejected(
                    f"{self.what}: {language!r} is no language: write its code (ISO 639-1), such as en or de"
                )
        if self.temperature is not None and not 0 <= self.temperature <= 1:
            raise RequestRejected(f"{self.what}: the temperature is {self.temperature:g}; use 0 to 1")

    @property
    def wants_times(self) -> bool:
        return self.words or self.format in WITH_TIMES

    def cut(self, model: str) -> Cut:
        """How a long file is cut for `model`; one that tells no times gets phrases where they are wanted.

        Raises RequestRejected where it can't tell what is wished for.
        """
        times = times_of(model)
        if self.words and times != "all":
            raise RequestRejected(f"{self.what}: {model} tells no times of words: {_name_another()}")
        if self.format == "diarized_json" and times != "speakers":
            raise RequestRejected(f"{self.what}: {model} does not tell who speaks: name gpt-4o-transcribe-diarize")
        if times == "speakers" and self.prompt:
            raise RequestRejected(f"{self.what}: {model} takes no prompt: leave it out")
        if times == "none":
            return PHRASES if self.wants_times else MINUTES
        return LONG

    def form(self, model: str, cut: Cut, so_far: str = "") -> dict[str, Any]:
        """The fields beside file and model. `so_far`: what was said before this piece. Raises RequestRejected."""
        if self.cut(model).apart and not cut.apart:  # of a provider that took the place of the first
            raise RequestRejected(f"{self.what}: {model} tells no times: {_name_another()}")
        times = times_of(model)
        fields: dict[str, Any] = {"response_format": self._response_format(times, cut)}
        if times == "speakers":
            fields["chunking_strategy"] = "auto"  # required of what is longer than half a minute
        elif prompt := continued(self.prompt, so_far):
            fields["prompt"] = prompt
        if self.words:
            fields["timestamp_granularities"] = ["word", "segment"]
        given = {
            "language": self.language,
            "languages": list(self.languages),
            "keywords": list(self.keywords),
            "temperature": self.temperature,
        }
        return fields | {name: value for name, value in given.items() if value not in ("", [], None)}

    def _response_format(self, times: Times, cut: Cut) -> str:
        """Subtitles are made here, out of what every model with times tells beside the cost."""
        if not self.wants_times or cut.apart:
            return "json"
        return "diarized_json" if times == "speakers" else "verbose_json"


def times_of(model: str) -> Times:
    """What a model tells of when something was said. A name that says nothing of it may be a Whisper."""
    name = model.lower()
    if "diarize" in name:
        return "speakers"
    return "none" if _WITHOUT_TIMES.search(name) else "all"


def continued(prompt: str, so_far: str) -> str:
    """`prompt`, and behind it the end of what was said so far, from a whole word on."""
    tail = so_far[-PROMPT_TAIL:]
    if len(so_far) > len(tail) and (blank := tail.find(" ")) >= 0:
        tail = tail[blank + 1 :]
    return " ".join(filter(None, (prompt, tail)))


def _name_another() -> str:
    return f"name a Whisper model (at OpenAI whisper-1, until {SHUTDOWN['whisper-1']:%Y-%m-%d})"
