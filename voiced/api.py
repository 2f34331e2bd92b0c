"""All that a plugin may import: `tool`, `Plugin`, and what running plugin code may ask of the assistant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = [
    "Appointment",
    "Plugin",
    "Sentence",
    "StateError",
    "ToolContext",
    "ToolError",
    "ToolOptions",
    "options_of",
    "sentence",
    "tool",
]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_MARK = "__voiced_tool__"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that decides some arguments itself; made by `sentence`."""

    template: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def sentence(template: str, /, **arguments: Any) -> Sentence:
    """A sentence for `@tool(sentences=[...])` that means fixed arguments: `sentence("louder", by=15)`."""
    return Sentence(template, arguments)


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """What `@tool(...)` was given, as it was given: it is checked when the plugin is loaded."""

    name: str = ""
    timeout_s: float | None = None
    sentences: Sequence[str | Sentence] = ()
    lists: Mapping[str, Sequence[str] | Mapping[str, Any]] = field(default_factory=dict)
    local: bool = False


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    *,
    name: str = "",
    timeout_s: float | None = None,
    sentences: Sequence[str | Sentence] = (),
    lists: Mapping[str, Sequence[str] | Mapping[str, Any]] = {},
    local: bool = False,
) -> Callable[[F], F]: ...
def tool(
    function: F | None = None,
    /,
    *,
    name: str = "",
    timeout_s: float | None = None,
    sentences: Sequence[str | Sentence] = (),
    lists: Mapping[str, Sequence[str] | Mapping[str, Any]] = {},
    local: bool = False,
) -> F | Callable[[F], F]:
    """Offer a function, or a method of a `Plugin`, to the model. The function itself stays as it is.

    The model is told the function's docstring, and of each argument its type hint and its line under "Args:".
    `async def` runs on voiced's event loop and must not block it; plain `def` runs in a thread of its own.

    `name`: what the model calls it, where that is not the function's name. `timeout_s`: after so many seconds the
    model is told that it took too long, where the default of the settings does not fit.

    `sentences`: how people ask for it when there is no cloud. `(a|b)` is one of these, `[a]` may be left out, and
    `{list:argument}` puts what was said into an argument; `sentence` makes one with fixed arguments. Each argument
    without a default must be given by every way to say the sentence. What the function returns is then spoken as it is.
    A list is `duration` (whole seconds), `time` ("HH:MM"), `number` (within the argument's limits, else 0 to 100), one
    of `lists`, or, for an argument that is an Enum or Literal, the argument's name: its values.

    `lists`: by name, the words of a list, or a mapping from the words as they are spoken to what they mean.
    `local`: the sentences are obeyed on the device at once, even while a model in the cloud is in use. For what must
    not wait, and does no harm when it was misheard.
    """

    def mark(marked: F) -> F:
        setattr(marked, _MARK, ToolOptions(name, timeout_s, sentences, lists, local))
        return marked

    return mark if function is None else mark(function)


def options_of(candidate: object) -> ToolOptions | None:
    """The options of a function that is marked with `@tool`, or None."""
    options = getattr(candidate, _MARK, None)
    return options if isinstance(options, ToolOptions) else None


class ToolError(Exception):
    """Raise it in a tool to tell the model what went wrong and how to mend it; its text goes to the model."""


class StateError(ToolError):
    """The plugin's state could not be saved: the disk is full, or the value is too large or has no JSON form."""


class Appointment(Protocol):
    """Something that will be called later."""

    @property
    def remaining(self) -> timedelta:
        """Time until it is due; never below zero."""

    def cancel(self) -> None:
        """Do not call it. Harmless when it was called already."""


class ToolContext(Protocol):
    """What a plugin may ask of the assistant; a tool gets it by a parameter with this type hint.

    Everything but `load_state` and `save_state` returns at once and may be used from any thread.
    """

    @property
    def log(self) -> FilteringBoundLogger:
        """The log, bound with the plugin's name. What people said belongs to DEBUG."""

    def now(self) -> datetime:
        """The time of day, aware, in the zone of this machine."""

    def announce(self, text: str, *, earcon: str = "") -> None:
        """Say `text` when nobody holds the floor. The `earcon` ("alarm") sounds at once."""

    def stop(self) -> None:
        """Stop talking."""

    def mute(self, muted: bool) -> None:
        """Stop listening to the microphone, or listen again."""

    @property
    def volume(self) -> int:
        """Loudness of the assistant, 0 to 100."""

    def set_volume(self, percent: int) -> None:
        """Set the loudness. Raises ToolError where it is not 0 to 100."""

    def call_at(self, moment: datetime, callback: Callable[[], Awaitable[None]]) -> Appointment:
        """Call when the wall clock shows `moment` (aware), at most 30 s late after somebody set the clock."""

    def call_after(self, delay: timedelta, callback: Callable[[], Awaitable[None]]) -> Appointment:
        """Call when `delay` has passed, whatever happens to the wall clock; time asleep counts."""

    async def load_state(self, kind: type[T], default: T) -> T:
        """What `save_state` wrote last, as a `kind` (any type that pydantic knows), or `default`.

        A file that is not a `kind` is set aside and reported.
        """

    async def save_state(self, value: object) -> None:
        """Write the plugin's state, at most 256 KiB of JSON, whole or not at all. Raises StateError."""


class Plugin:
    """Base of a plugin that must do something when it is loaded, or that keeps something between calls.

    voiced makes one, with no arguments, and offers its methods that are marked with `@tool`.
    """

    async def setup(self, context: ToolContext) -> None:
        """Called once, before any tool. A crash here disables the plugin, and nothing else."""

    async def teardown(self) -> None:
        """Called once, when the plugin is unloaded or voiced stops; it has half a second."""
