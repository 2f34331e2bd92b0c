"""All that a plugin may import: `tool`, `Plugin`, and what running plugin code may ask of the assistant."""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, TypeVar, overload

from voiced.errors import (
    AnswerUnusable,
    ApiBusy,
    ApiDenied,
    ApiError,
    ApiUnreachable,
    ContextTooLong,
    ModelUnknown,
    RequestRejected,
    StreamCut,
    ToolError,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from structlog.typing import FilteringBoundLogger

    from voiced.ai.assistants import Assistants
    from voiced.ai.audio import Audio
    from voiced.ai.batches import Batches
    from voiced.ai.chat import Chat
    from voiced.ai.completions import Completions
    from voiced.ai.embeddings import Embeddings
    from voiced.ai.files import Files
    from voiced.ai.fine_tuning import FineTuning
    from voiced.ai.images import Images
    from voiced.ai.model_list import ModelList
    from voiced.ai.moderations import Moderations
    from voiced.ai.realtime import Realtime
    from voiced.ai.responses import Responses
    from voiced.ai.vector_stores import VectorStores
    from voiced.ai.video import Video
    from voiced.plugin_settings import PluginSettings

__all__ = [
    "PERMISSIONS",
    "Ai",
    "AnswerUnusable",
    "ApiBusy",
    "ApiDenied",
    "ApiError",
    "ApiUnreachable",
    "Appointment",
    "ContextTooLong",
    "DynamicTool",
    "Image",
    "ModelUnknown",
    "NoAnswer",
    "NotConfigured",
    "NotPermitted",
    "OnBargeIn",
    "Permission",
    "Plugin",
    "PluginSettings",
    "Progress",
    "RequestRejected",
    "Result",
    "Sentence",
    "StateChanged",
    "StateError",
    "StreamCut",
    "Subscription",
    "ToolContext",
    "ToolError",
    "ToolOptions",
    "Transcript",
    "Wake",
    "options_of",
    "sentence",
    "tool",
]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
E = TypeVar("E", bound="Wake | Transcript | StateChanged")

_MARK = "__voiced_tool__"

Permission = Literal["network", "say", "listen", "files", "api"]
"""`network`: connect to other machines. `say`: speak and sound by itself, not only as the answer to a call. `listen`:
hear what people say: ask, listen, transcripts. `files`: change files outside its own folder, and run programs.
`api`: spend money at the API."""

PERMISSIONS: Final[tuple[Permission, ...]] = ("network", "say", "listen", "files", "api")

OnBargeIn = Literal["cancel", "finish", "keep"]
"""What becomes of a tool that still runs when the user takes the floor. `cancel`: it is cancelled. `finish`: it runs
on, and its result is known to the conversation but not spoken. `keep`: it runs on, and its result is spoken in the
next silence."""


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
    spoken: str = ""
    on_barge_in: OnBargeIn = "finish"
    filler: str = ""
    filler_after_s: float = 2.0
    confirm: str = ""
    idempotent: bool = False
    background: bool = False
    permissions: Iterable[Permission] = ()
    when: Callable[[], bool] | str | None = None


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
    spoken: str = "",
    on_barge_in: OnBargeIn = "finish",
    filler: str = "",
    filler_after_s: float = 2.0,
    confirm: str = "",
    idempotent: bool = False,
    background: bool = False,
    permissions: Iterable[Permission] = (),
    when: Callable[[], bool] | str | None = None,
) -> Callable[[F], F]: ...
def tool(function: F | None = None, /, **options: Any) -> F | Callable[[F], F]:
    """Offer a function, or a method of a `Plugin`, to the model. The function itself stays as it is.

    The model is told the function's docstring, and of each argument its type hint and its line under "Args:".
    `async def` runs on voiced's event loop and must not block it; plain `def` runs in a thread of its own. Either may
    `yield Progress("...")` on the way; an async one yields its result last, a plain one returns it.

    `name`: what the model calls it, where that is not the function's name. `timeout_s`: after so many seconds the
    model is told that it took too long, where the default of the settings does not fit.

    `sentences`: how people ask for it when there is no cloud. `(a|b)` is one of these, `[a]` may be left out, and
    `{list:argument}` puts what was said into an argument; `sentence` makes one with fixed arguments. Each argument
    without a default must be given by every way to say the sentence. What the function returns is then spoken as it
    is, or as `spoken` says. A list is `duration` (whole seconds), `time` ("HH:MM"), `number` (within the argument's
    limits, else 0 to 100), one of `lists`, or, for an argument that is an Enum or Literal, the argument's name: its
    values.

    `lists`: by name, the words of a list, or a mapping from the words as they are spoken to what they mean.
    `local`: the sentences are obeyed on the device at once, even while a model in the cloud is in use. For what must
    not wait, and does no harm when it was misheard.

    `spoken`: the answer in words where no model words it, as a template for `str.format` of the arguments and
    `result`: "In {city} it is {result.degrees} degrees."
    `on_barge_in`: what becomes of a call when the user takes the floor, see `OnBargeIn`.
    `filler`: said when the call takes longer than `filler_after_s` and nothing else is being said.
    `confirm`: asked aloud before each call, as a template of the arguments: "Shall I unlock the {door}?"; only after
    a yes the tool runs.
    `idempotent`: to run it twice does no harm: one that crashes is run once more, and where another brain takes over
    it is asked anew. Of any other tool a second call with the same arguments in one turn gets the first one's result.
    `background`: it takes minutes. The model is told at once that it was begun; the result is announced in a silence.
    `permissions`: what it needs beside those of its plugin, see `Permission`.
    `when`: the tool is offered only while this is true: a function, or the name of an attribute or method of its
    plugin. It is asked when the plugin is loaded, after each of its calls, and at `ToolContext.tools_changed`.
    """

    known = [option.name for option in fields(ToolOptions)]
    for name in options.keys() - known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        raise TypeError(f"@tool has no option {name!r}; {f'did you mean {near[0]}?' if near else f'it has {known}'}")

    def mark(marked: F) -> F:
        setattr(marked, _MARK, ToolOptions(**options))
        return marked

    return mark if function is None else mark(function)


def options_of(candidate: object) -> ToolOptions | None:
    """The options of a function that is marked with `@tool`, or None."""
    options = getattr(candidate, _MARK, None)
    return options if isinstance(options, ToolOptions) else None


# What a tool gives.


@dataclass(frozen=True, slots=True)
class Progress:
    """Yield it from a tool that takes long: said while the user waits, where nothing else is being said."""

    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for the model: the bytes of a whole PNG or JPEG file, at most 5 MB."""

    data: bytes = field(repr=False)

    @classmethod
    def from_file(cls, path: Path | str) -> Image:
        """Read it, in a plain tool or with `ToolContext.in_thread`. Raises OSError."""
        return cls(Path(path).read_bytes())


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool returns where a value is not enough. `spoken`: in words, where no model words it."""

    value: object
    spoken: str = ""
    images: Sequence[Image] = ()


@dataclass(frozen=True, slots=True)
class DynamicTool:
    """A tool that is known at run time alone, given by `Plugin.dynamic_tools`.

    `parameters`: a JSON schema of an object; the model is held to it as far as it can be, and `call` gets what the
    model wrote once it fits. `call` is async.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    call: Callable[[Mapping[str, Any], ToolContext], Awaitable[object]]
    options: ToolOptions = field(default_factory=ToolOptions)


class StateError(ToolError):
    """The plugin's state could not be saved: the disk is full, or the value is too large or has no JSON form."""


class NoAnswer(ToolError):
    """Nobody answered the question, the answer was not understood, or it could not be asked."""


class NotPermitted(ToolError):
    """The plugin did what it has no permission for."""


class NotConfigured(Exception):
    """Raise it in `Plugin.setup`: the plugin is off, and its text says what to configure. It is not a mistake."""


# What may be subscribed to.


@dataclass(frozen=True, slots=True)
class Wake:
    """Somebody began to speak to the assistant, which was idle."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said: by the user as it was understood or typed, by the assistant as far as it was heard."""

    speaker: Literal["user", "assistant"]
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Who has the floor."""

    state: Literal["idle", "listening", "thinking", "speaking", "overlap"]


class Subscription(Protocol):
    """Calls that go on until they are cancelled, or the plugin is unloaded."""

    def cancel(self) -> None:
        """No more calls. Harmless when it was cancelled already."""


class Appointment(Protocol):
    """Something that will be called later."""

    @property
    def remaining(self) -> timedelta:
        """Time until it is due; never below zero."""

    def cancel(self) -> None:
        """Do not call it. Harmless when it was called already."""


class Ai(Protocol):
    """The API, for plugins with the permission `api`. What is used is counted in the budget.

    Each helper raises `ApiError`, which is a ToolError: where a tool does not catch it, the model is told. Helpers that
    name no model ask the one that the settings have. The guide is `docs/api.md`.
    """

    @property
    def available(self) -> bool:
        """Whether there is a key, and the budget allows the cloud. What is asked for may fail all the same."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text. Vectors of different `embedding_model` can't be compared. Raises ApiError."""

    @property
    def embedding_model(self) -> str:
        """The name of the model that `embed` uses. Raises ApiError where none is configured."""

    async def client(self, provider: str = "") -> AsyncOpenAI:
        """The official client of a provider, for what no helper does; what it spends is not counted. Raises ApiError.

        Do not close it.
        """

    @property
    def chat(self) -> Chat:
        """Chat completions: ask, stream, parse into a model, run with tools."""

    @property
    def responses(self) -> Responses:
        """Responses: the same with the tools that the server has (web search, code, pictures, files)."""

    @property
    def completions(self) -> Completions:
        """Completions of a prompt, for servers that still have them."""

    @property
    def images(self) -> Images:
        """Draw pictures, and change them."""

    @property
    def audio(self) -> Audio:
        """Write down, translate and speak."""

    @property
    def embeddings(self) -> Embeddings:
        """Texts as vectors, and what is near."""

    @property
    def moderations(self) -> Moderations:
        """Whether a text or a picture is harmful."""

    @property
    def files(self) -> Files:
        """Files at the server."""

    @property
    def vector_stores(self) -> VectorStores:
        """Files that can be searched."""

    @property
    def batches(self) -> Batches:
        """Many requests at half the price, within a day."""

    @property
    def fine_tuning(self) -> FineTuning:
        """Models of your own."""

    @property
    def assistants(self) -> Assistants:
        """Assistants, threads and runs, for servers that still have them."""

    @property
    def models(self) -> ModelList:
        """Which models there are, and until when."""

    @property
    def realtime(self) -> Realtime:
        """Short-lived keys for a browser's own Realtime session."""

    @property
    def video(self) -> Video:
        """Pictures out of a film."""


class ToolContext(Protocol):
    """What a plugin may ask of the assistant; a tool gets it by a parameter with this type hint.

    What is not `async` returns at once and may be used from any thread. A method that needs a permission which the
    plugin does not have raises NotPermitted.
    """

    @property
    def log(self) -> FilteringBoundLogger:
        """The log, bound with the plugin's name. What people said belongs to DEBUG."""

    def now(self) -> datetime:
        """The time of day, aware, in the zone of this machine."""

    # Speech.

    def announce(self, text: str, *, earcon: str = "") -> None:
        """Say `text` when nobody holds the floor. The `earcon` ("alarm") sounds at once. Needs `say`."""

    async def say(self, text: str) -> bool:
        """Say `text`: in a tool call at once, else when nobody holds the floor. Whether all of it was heard.

        Needs `say`. The time that this takes does not count as the tool's.
        """

    async def ask(self, question: str, *, choices: Sequence[str] = (), within_s: float = 8.0) -> str:
        """Ask aloud, and give the words of the next utterance, or of what somebody types instead.

        Needs `say` and `listen`. `choices`: what may be answered; with no cloud nothing else is understood, and
        without them only yes and no. `within_s`: from the end of the question until somebody begins to answer.
        Raises NoAnswer. The time that this takes does not count as the tool's.
        """

    async def confirm(self, question: str) -> bool:
        """Ask a question for a yes; once more where neither yes nor no came. True for yes alone. Needs as `ask`."""

    async def listen(self, *, choices: Sequence[str] = (), within_s: float = 8.0) -> str:
        """As `ask`, with no question. Needs `listen`."""

    async def play(self, sound: bytes | AsyncIterable[bytes]) -> bool:
        """Play a sound, like `say`: people can interrupt it. Needs `say`.

        `sound`: a WAV file (PCM, at most 60 s), or what gives PCM16 at 24 kHz, mono, piece by piece, ten minutes at
        most, such as `ai.audio.stream_speech`: it plays while the rest is still to come, and is read no faster than it
        plays. Whether all of it was heard. Raises ToolError for what is no such file, and what the pieces raise.
        """

    def earcon(self, name: str) -> None:
        """Mix one of voiced's short sounds into whatever plays: "done", "failed", "alarm" …. Needs `say`."""

    def stop(self) -> None:
        """Stop talking."""

    def mute(self, muted: bool) -> None:
        """Stop listening to the microphone, or listen again."""

    @property
    def volume(self) -> int:
        """Loudness of the assistant, 0 to 100."""

    def set_volume(self, percent: int) -> None:
        """Set the loudness. Raises ToolError where it is not 0 to 100."""

    # Where there is a screen.

    def show(
        self,
        id: str,
        *,
        title: str = "",
        text: str = "",
        image: bytes | Path | None = None,
        ends_at: datetime | float | None = None,
    ) -> None:
        """Show a card to whoever looks: any of a title, a text, a picture, and a countdown.

        `id`: of the plugin's own choice, up to 64 characters; a card with the `id` of one that is shown takes its
        place. `image`: a whole PNG or JPEG file, or where one is, up to 4 MB, and 8 MB of all cards of the plugin.
        `ends_at`: what is counted down to, an aware moment, or seconds since the epoch. A card goes at `hide`, and with
        its plugin. Of a title 200 characters are shown, of a text 4000. Raises ToolError for what can't be shown.
        """

    def hide(self, id: str) -> None:
        """Take the card away. Harmless when it is gone already."""

    # Time.

    def call_at(self, moment: datetime, callback: Callable[[], Awaitable[None]]) -> Appointment:
        """Call when the wall clock shows `moment` (aware), at most 30 s late after somebody set the clock."""

    def call_after(self, delay: timedelta, callback: Callable[[], Awaitable[None]]) -> Appointment:
        """Call when `delay` has passed, whatever happens to the wall clock; time asleep counts."""

    def call_every(self, interval: timedelta, callback: Callable[[], Awaitable[None]]) -> Appointment:
        """Call again and again, the first time after `interval`; never twice at one time."""

    # What it keeps.

    async def load_state(self, kind: type[T], default: T) -> T:
        """What `save_state` wrote last, as a `kind` (any type that pydantic knows), or `default`.

        A file that is not a `kind` is set aside and reported.
        """

    async def save_state(self, value: object) -> None:
        """Write the plugin's state, at most 256 KiB of JSON, whole or not at all. Raises StateError."""

    async def data_folder(self) -> Path:
        """A folder of the plugin's own for what is more than state, made if it is not there. Raises StateError."""

    async def secret(self, name: str) -> str:
        """A password or token: `$VOICED_SECRET_PLUGIN_NAME`, or the systemd credential `voiced-PLUGIN-NAME`, or the
        file that the plugin's setting `NAME_file` names. Raises NotConfigured, which says so."""

    # Beside speech.

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Run blocking code in a thread, and wait for it. A cancelled call leaves the thread alone."""

    def subscribe(self, kind: type[E], callback: Callable[[E], Awaitable[None]]) -> Subscription:
        """Call with each Wake, Transcript or StateChanged from now on, in order. Transcripts need `listen`.

        Of a callback that is slower than what happens, the oldest waiting events are dropped.
        """

    def report(self, problem: str) -> None:
        """Tell in `voiced status`, and once in the log, in one line what somebody must mend. The plugin goes on."""

    def tools_changed(self) -> None:
        """Ask each `when`, and `dynamic_tools`, again."""

    @property
    def ai(self) -> Ai:
        """The API. Needs `api`."""


class Plugin:
    """Base of a plugin that must do something when it is loaded, or that keeps something between calls.

    voiced makes one, with no arguments, and offers its methods that are marked with `@tool`. `permissions` is what
    all of it may do. A class with the annotation `settings: X`, where X is a `PluginSettings`, finds the validated
    table [plugin.NAME] there, before `setup` and after each reload.
    """

    permissions: ClassVar[Iterable[Permission]] = ()

    async def setup(self, context: ToolContext) -> None:
        """Called once, before any tool. A crash here disables the plugin, and nothing else."""

    async def teardown(self) -> None:
        """Called once after a `setup` that succeeded, when it is unloaded or voiced stops; it has half a second."""

    def dynamic_tools(self) -> Sequence[DynamicTool]:
        """Tools beside the methods; asked for after `setup` and at `ToolContext.tools_changed`. Must not block."""
        return ()


def __getattr__(name: str) -> object:
    """`PluginSettings`, when somebody wants it: pydantic takes longer to import than all the rest."""
    if name == "PluginSettings":
        from voiced.plugin_settings import PluginSettings

        return PluginSettings
    raise AttributeError(f"module 'voiced.api' has no attribute {name!r}")
