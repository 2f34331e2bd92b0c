"""Facts that reach the conversation: past tense, frozen, the only way in.

An event of a brain carries the number of the session that it came from, so that stragglers of an old socket are
dropped in one place (`Conversation.handle`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NewType

from voiced.audio import Frame, Samples
from voiced.usage import Usage as Usage  # an event has it

SessionId = NewType("SessionId", int)
"""One connection of one brain; the conversation hands the numbers out, rising."""

BY_THE_DEVICE = SessionId(0)
"""The session of what no brain made: a local command's tool call, a sound of a plugin."""

BrainName = Literal["realtime", "cascade", "offline"]

ReplyId = NewType("ReplyId", str)
ItemId = NewType("ItemId", str)
CallId = NewType("CallId", str)


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for the brain: `data` is a whole PNG or JPEG file."""

    media_type: Literal["image/png", "image/jpeg"]
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A way to ask for a tool with no cloud: a hassil template, such as "set [a] timer for {duration:duration_s}".

    `{list:argument}` puts what was said into an argument: `duration` (seconds), `time` ("HH:MM"), `number`, or a list
    of the tool's own. `arguments` are the ones that the sentence itself decides: "louder" means `by=15`.
    """

    template: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


OnBargeIn = Literal["cancel", "finish", "keep"]
"""What becomes of a tool that runs when the floor is taken: it is cancelled; its result is only remembered; or it is
said in the next silence."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a brain is told about a tool. `parameters` is a strict JSON schema of an object.

    `sentences`: how it is asked for offline. `lists`: what its own lists accept, as spoken, and what each means.
    `local`: its sentences are obeyed on the device at once, whatever brain is in use. `idempotent`: another brain that
    asks for the same gets it run again.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    sentences: tuple[Sentence, ...] = ()
    lists: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    local: bool = False
    on_barge_in: OnBargeIn = "finish"
    idempotent: bool = False


Thrift = Literal["none", "short", "small", "cascade", "offline"]
"""How far spending has stepped down: all as configured, a shorter context, a smaller model, the cascade, no cloud."""


# The microphone.


@dataclass(frozen=True, slots=True)
class FrameCaptured:
    """The microphone heard `frame`."""

    frame: Frame


@dataclass(frozen=True, slots=True)
class MicrophoneLost:
    """No frames come; the edge is trying to reopen it. `reason` is one line for a person."""

    reason: str


@dataclass(frozen=True, slots=True)
class MicrophoneReady:
    """The microphone delivers frames."""

    device: str


# The brain.


@dataclass(frozen=True, slots=True)
class BrainReady:
    """The session is configured and its history replayed: it takes commands."""

    session: SessionId


Cause = Literal["", "key", "credit", "access", "settings"]
"""What somebody must mend before a brain works again: there is no (good) key, the account has no credit, the key may
not use the model, a model or address is wrong. Empty: nothing, or it is not known."""


@dataclass(frozen=True, slots=True)
class BrainLost:
    """The session is over, or never came up.

    `fatal`: trying again can't help until somebody mends a key, a bill or a setting, and `cause` says which.
    `retry_after_s`: the server's own wish. `reason` is one line for a person, with no secret in it.
    """

    session: SessionId
    reason: str
    fatal: bool = False
    retry_after_s: float = 0.0
    cause: Cause = ""


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The server began a response, asked for or not (idle timeout)."""

    session: SessionId
    reply: ReplyId


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """A chunk of an item's sound: PCM16 at 24 kHz, whole samples."""

    session: SessionId
    reply: ReplyId
    item: ItemId
    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A piece of what an item says: the transcript of its sound (`spoken`), or text with no sound."""

    session: SessionId
    reply: ReplyId
    item: ItemId
    text: str = field(repr=False)
    spoken: bool = True


@dataclass(frozen=True, slots=True)
class ReplyItemDone:
    """The item is complete: no more sound or text of it will come."""

    session: SessionId
    reply: ReplyId
    item: ItemId


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The brain wants a tool run; `arguments` is the JSON text as the model wrote it."""

    session: SessionId
    reply: ReplyId
    item: ItemId
    call: CallId
    name: str
    arguments: str = field(repr=False)


ReplyStatus = Literal["completed", "cancelled", "incomplete", "failed"]


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """The response is over on the server. `code` and `reason` say why, where it did not complete.

    Status "completed" with the code "no_speech": the utterance was none, so that there is nothing to answer.
    """

    session: SessionId
    reply: ReplyId
    status: ReplyStatus = "completed"
    code: str = ""
    reason: str = ""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class UtteranceCommitted:
    """The server took the sound sent so far as one user item (by our commit, by its VAD, or on idle timeout)."""

    session: SessionId
    item: ItemId


@dataclass(frozen=True, slots=True)
class ServerHeard:
    """The server's VAD: speech began (`True`) or ended, which is no barge-in: that is decided here."""

    session: SessionId
    speaking: bool


@dataclass(frozen=True, slots=True)
class UserTranscribed:
    """What the user said in `item`, as text; may come long after the reply. `text` is None where it failed."""

    session: SessionId
    item: ItemId
    text: str | None = field(repr=False)


Refusable = Literal["session", "audio", "commit", "reply", "cancel", "truncate", "delete", "text", "tool_result"]


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """The server answered one of our requests with an error and goes on.

    `request` is None where the server did not say which. A refused "session" never comes here: it is a BrainLost.
    """

    session: SessionId
    request: Refusable | None
    code: str
    message: str


# The loudspeaker.


@dataclass(frozen=True, slots=True)
class ItemPlayed:
    """`played` samples of the item have left the loudspeaker in all, by the device's clock."""

    item: ItemId
    played: Samples


@dataclass(frozen=True, slots=True)
class PlayoutFlushed:
    """The loudspeaker dropped what it had of the item; `played` samples of it went out. Comes even with 0."""

    item: ItemId
    played: Samples


@dataclass(frozen=True, slots=True)
class PlayoutDrained:
    """The item was finished (`FinishItem`) and its last sample left the loudspeaker."""

    item: ItemId
    played: Samples


@dataclass(frozen=True, slots=True)
class SpeakerLost:
    """The loudspeaker stopped; the edge is trying to reopen it and keeps what is buffered (bounded)."""

    reason: str


@dataclass(frozen=True, slots=True)
class SpeakerReady:
    """The loudspeaker plays."""

    device: str


# Tools.


@dataclass(frozen=True, slots=True)
class ToolReturned:
    """The tool ended; `output` is for the model: its result, or (`ok` False) what went wrong and how to mend it.

    `spoken`: the same in words, where no model words it; empty: the output will do. `images`: pictures for the model.
    """

    call: CallId
    output: str = field(repr=False)
    ok: bool = True
    spoken: str = field(default="", repr=False)
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolsChanged:
    """These are the tools from now on (a plugin came, went or broke)."""

    tools: tuple[ToolSpec, ...]


# The spotter, which listens for commands that need no brain.


@dataclass(frozen=True, slots=True)
class CommandSpotted:
    """The utterance asks for a local tool; `arguments` is JSON text, `text` the words."""

    utterance: int
    name: str
    arguments: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoCommand:
    """The utterance is for the brain."""

    utterance: int


# Money.


@dataclass(frozen=True, slots=True)
class UsageReported:
    """A request beside a response (transcription, speech) cost this. Of no session: it is spent, whoever asked."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class ThriftChanged:
    """Spending came near a cap, or a new day began. `notice` is to be said once, in the next silence."""

    thrift: Thrift
    notice: str = ""


# People and plugins beside the microphone.


@dataclass(frozen=True, slots=True)
class TextAsked:
    """Somebody typed to the assistant; it answers aloud. `request` names it in reports."""

    request: str
    text: str = field(repr=False)
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerWanted:
    """The next utterance is the answer. `choices`: what may be said, for a recogniser that must know; none: yes or no.

    `within_s`: from the end of the question until somebody begins to answer.
    """

    choices: tuple[str, ...] = ()
    within_s: float = 8.0


@dataclass(frozen=True, slots=True)
class AnnouncementAsked:
    """Something to be said when nobody holds the floor. `earcon` sounds at once, brain or no brain.

    `call`: it is said at once, in the turn that waits for this tool call; where none does any more, in the next
    silence. `filler`: only while the call runs and nothing else sounds. `sound`: PCM16, 24 kHz, played instead of the
    text; with `more`, the rest comes in `SoundCame` once `SoundBegun` was reported. `answer`: a question (with no text:
    just listen); the words of the answer come in RequestEnded.
    """

    request: str
    text: str = field(repr=False)
    earcon: str = ""
    call: CallId | None = None
    filler: bool = False
    sound: bytes = field(default=b"", repr=False)
    more: bool = False
    answer: AnswerWanted | None = None


@dataclass(frozen=True, slots=True)
class SoundCame:
    """The next piece of a sound that has begun (`AnnouncementAsked.more`): PCM16, 24 kHz. `last`: that was all."""

    request: str
    sound: bytes = field(default=b"", repr=False)
    last: bool = False


@dataclass(frozen=True, slots=True)
class AnnouncementWithdrawn:
    """Nobody waits for it any more: a question whose tool is gone, a phrase that came too late."""

    request: str


@dataclass(frozen=True, slots=True)
class EarconAsked:
    """A short sound over whatever plays."""

    name: str


@dataclass(frozen=True, slots=True)
class StopAsked:
    """ "Stop": whatever is being said or about to be said is not wanted any more."""


@dataclass(frozen=True, slots=True)
class MuteAsked:
    """The microphone shall (not) be listened to."""

    muted: bool


KeyAction = Literal["down", "up", "toggle"]


@dataclass(frozen=True, slots=True)
class TalkKeyMoved:
    """The key to talk: pressed, let go, or pressed to begin or end (whichever it is not). A repeat changes nothing."""

    action: KeyAction


@dataclass(frozen=True, slots=True)
class WakeWordHeard:
    """The microphone heard `word` just now."""

    word: str


@dataclass(frozen=True, slots=True)
class Card:
    """Something to look at, where there is a screen: any of a text, a picture, and a countdown to `ends_at`.

    `ends_at`: seconds since the epoch. A card with the `id` of one that is shown takes its place.
    """

    id: str
    title: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    image: Image | None = None
    ends_at: float | None = None


@dataclass(frozen=True, slots=True)
class CardAsked:
    """Show it to who looks."""

    card: Card


@dataclass(frozen=True, slots=True)
class CardWithdrawn:
    """The card `id` is of no interest any more."""

    id: str


@dataclass(frozen=True, slots=True)
class VolumeAsked:
    """Loudness of the assistant, 0 to 100."""

    percent: int


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing happened until the deadline that the conversation had asked for."""


BrainEvent = (
    BrainReady
    | BrainLost
    | ReplyStarted
    | ReplyAudio
    | ReplyText
    | ReplyItemDone
    | ToolCalled
    | ReplyDone
    | UtteranceCommitted
    | ServerHeard
    | UserTranscribed
    | RequestRefused
)

Event = (
    FrameCaptured
    | MicrophoneLost
    | MicrophoneReady
    | BrainEvent
    | ItemPlayed
    | PlayoutFlushed
    | PlayoutDrained
    | SpeakerLost
    | SpeakerReady
    | ToolReturned
    | ToolsChanged
    | CommandSpotted
    | NoCommand
    | UsageReported
    | ThriftChanged
    | TextAsked
    | AnnouncementAsked
    | SoundCame
    | AnnouncementWithdrawn
    | EarconAsked
    | StopAsked
    | MuteAsked
    | TalkKeyMoved
    | WakeWordHeard
    | CardAsked
    | CardWithdrawn
    | VolumeAsked
    | TimePassed
)
