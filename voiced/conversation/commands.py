"""Orders that the conversation gives: imperative, frozen, the only way out.

`BrainCommand`, `SpeakerCommand`, `SpotterCommand`, `ToolCommand` and `Report` each go to one port. Carrying one out
returns at once; what comes of it returns as events.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from voiced.audio import Ms
from voiced.conversation.events import (
    BrainName,
    CallId,
    Card,
    Image,
    ItemId,
    ReplyId,
    SessionId,
    Thrift,
    ToolSpec,
    Usage,
)

# History, brain-neutral.


@dataclass(frozen=True, slots=True)
class UserSaid:
    """A user turn: its text, or where no transcript came its sound (PCM16, 24 kHz).

    `item` names the sound, for a `UserTranscribed` from a brain that writes it down. `answers`: it was said to a
    question of a tool, and asks nothing.
    """

    text: str | None = field(repr=False)
    pcm: bytes = field(default=b"", repr=False)
    images: tuple[Image, ...] = ()
    item: ItemId | None = None
    answers: bool = False


@dataclass(frozen=True, slots=True)
class AssistantSaid:
    """What the user heard of a reply."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """A finished tool call with its result; always a pair, so that nothing is run twice."""

    call: CallId
    name: str
    arguments: str = field(repr=False)
    output: str = field(repr=False)
    spoken: str = field(default="", repr=False)
    images: tuple[Image, ...] = ()


HistoryItem = UserSaid | AssistantSaid | ToolUsed

# To the brain.


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Connect (closing this brain's earlier session), configure, replay `history`, then `BrainReady` or `BrainLost`.

    `after` is the backoff; the edge adds jitter to it. `thrift`: "short" asks for a shorter context, "small" for that
    and a smaller model.
    """

    session: SessionId
    history: tuple[HistoryItem, ...]
    tools: tuple[ToolSpec, ...]
    after: Ms = Ms(0)
    brain: BrainName = "realtime"
    thrift: Thrift = "none"


@dataclass(frozen=True, slots=True)
class CloseSession:
    """Another brain takes over, or this one is not wanted any more. Nothing comes back."""

    session: SessionId


@dataclass(frozen=True, slots=True)
class AddHistory:
    """Add items to the session's conversation: what was said, heard or done while it was not told."""

    session: SessionId
    items: tuple[HistoryItem, ...]


@dataclass(frozen=True, slots=True)
class UpdateTools:
    session: SessionId
    tools: tuple[ToolSpec, ...]


@dataclass(frozen=True, slots=True)
class StreamUtterance:
    """Append sound (PCM16, 24 kHz) to the server's input buffer."""

    session: SessionId
    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CommitUtterance:
    """The user's turn is over: make an item of the input buffer."""

    session: SessionId


@dataclass(frozen=True, slots=True)
class DiscardUtterance:
    """It was no speech: empty the input buffer."""

    session: SessionId


@dataclass(frozen=True, slots=True)
class SendText:
    """A typed user turn, with pictures."""

    session: SessionId
    text: str = field(repr=False)
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class SendToolResult:
    """`spoken`: in words, for a brain with no model; empty: the output will do."""

    session: SessionId
    call: CallId
    output: str = field(repr=False)
    spoken: str = field(default="", repr=False)
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class StartReply:
    """Begin a response. `announce` set: say just this, and call no tool."""

    session: SessionId
    announce: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ExpectAnswer:
    """What is committed next answers a question of ours and is to be written down, not answered.

    `choices`: what may be said, for a recogniser that must know; none: yes or no. None: no answer is expected any more.
    """

    session: SessionId
    choices: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class CancelReply:
    """End the active response; `reply` is None where its start was not yet confirmed."""

    session: SessionId
    reply: ReplyId | None


@dataclass(frozen=True, slots=True)
class TruncateReply:
    """Keep of the item's sound what was heard: the first `heard` ms."""

    session: SessionId
    item: ItemId
    heard: Ms


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """Nothing of the item was heard: take it out of the server's conversation."""

    session: SessionId
    item: ItemId


BrainCommand = (
    OpenSession
    | CloseSession
    | AddHistory
    | UpdateTools
    | StreamUtterance
    | CommitUtterance
    | DiscardUtterance
    | SendText
    | SendToolResult
    | ExpectAnswer
    | StartReply
    | CancelReply
    | TruncateReply
    | DeleteItem
)

# To the loudspeaker.


@dataclass(frozen=True, slots=True)
class Play:
    """Play after what is buffered. PCM16, 24 kHz."""

    item: ItemId
    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FinishItem:
    """No more of the item will come: `PlayoutDrained` when its last sample is out (at once if it has none)."""

    item: ItemId


@dataclass(frozen=True, slots=True)
class Duck:
    """Lower the gain: somebody may be talking."""


@dataclass(frozen=True, slots=True)
class Unduck:
    """Restore the gain."""


@dataclass(frozen=True, slots=True)
class FlushPlayout:
    """Fade out within a block and drop the rest of these items: `PlayoutFlushed` for each, known or not."""

    items: tuple[ItemId, ...]


@dataclass(frozen=True, slots=True)
class PlayEarcon:
    """Mix a short sound in, over whatever plays; it is no item and counts for nothing."""

    name: str


@dataclass(frozen=True, slots=True)
class SetVolume:
    percent: int


SpeakerCommand = Play | FinishItem | Duck | Unduck | FlushPlayout | PlayEarcon | SetVolume

# To the spotter.


@dataclass(frozen=True, slots=True)
class SpotSound:
    """Sound of an utterance (PCM16, 24 kHz). A new number begins a new utterance and drops the last."""

    utterance: int
    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SpotVerdict:
    """The utterance is over: `CommandSpotted` or `NoCommand`, soon.

    `over_reply`: it was said over a reply and took no floor, so that less is lost by a mistake.
    """

    utterance: int
    over_reply: bool = False


@dataclass(frozen=True, slots=True)
class SpotTools:
    """The tools from now on; the spotter listens for those that are local."""

    tools: tuple[ToolSpec, ...]


SpotterCommand = SpotSound | SpotVerdict | SpotTools

# To the tools.


@dataclass(frozen=True, slots=True)
class RunTool:
    call: CallId
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CancelTool:
    """The user took the floor, and the tool wants to be cancelled then. Its ToolReturned comes all the same."""

    call: CallId


ToolCommand = RunTool | CancelTool

# To the microphone.


@dataclass(frozen=True, slots=True)
class OpenMicrophone:
    """Listen, again."""


@dataclass(frozen=True, slots=True)
class CloseMicrophone:
    """Let the device go: nothing is captured, and its light, if it has one, is off."""


MicrophoneCommand = OpenMicrophone | CloseMicrophone

# To whoever watches.

Floor = Literal["idle", "listening", "thinking", "speaking", "overlap"]


@dataclass(frozen=True, slots=True)
class FloorChanged:
    """Who may speak now."""

    floor: Floor


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """The user's turn `turn` is over; `speech` is how much of it the VAD took for speech.

    `answers`: it is the answer to a question of a tool, and no turn of its own.
    """

    turn: int
    length: Ms
    speech: Ms
    answers: bool = False


@dataclass(frozen=True, slots=True)
class UserHeard:
    """What the user said, as text."""

    turn: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class UserTyped:
    """What somebody typed, told before it is answered; it may be the answer to a tool's question."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReplyHeard:
    """How the reply to `turn` ended for the user's ears.

    `cut`: a barge-in or a loss ended it; `text` is what was heard, `heard` of `received` ms of sound.
    `first_audio`: from the end of the utterance to the first sound, None for an announcement.
    """

    turn: int
    text: str = field(repr=False)
    heard: Ms
    received: Ms
    cut: bool
    first_audio: Ms | None = None


@dataclass(frozen=True, slots=True)
class BargedIn:
    """Overlap became a barge-in `after` ms of onset."""

    after: Ms


@dataclass(frozen=True, slots=True)
class FalseInterruption:
    """Overlap (a cough, a backchannel) that took no floor; `speech` is how much speech it had."""

    speech: Ms


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool is being run; `arguments` is JSON text."""

    call: CallId
    name: str
    arguments: str = field(default="{}", repr=False)


@dataclass(frozen=True, slots=True)
class ToolEnded:
    call: CallId
    name: str
    ok: bool
    took: Ms


@dataclass(frozen=True, slots=True)
class BrainChanged:
    """`connecting`, `ready`, `lost` (it will be tried again) or `refused` (somebody must mend something)."""

    state: Literal["connecting", "ready", "lost", "refused"]
    reason: str = ""
    brain: BrainName = "realtime"


@dataclass(frozen=True, slots=True)
class BrainSelected:
    """This brain answers from now on."""

    brain: BrainName


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    kind: Literal["microphone", "loudspeaker"]
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """The turn could not be answered; the user was told by sound."""

    turn: int
    reason: str


@dataclass(frozen=True, slots=True)
class NotSpeech:
    """What was taken for an utterance was none, by the judgment of who tried to write it down."""

    turn: int


@dataclass(frozen=True, slots=True)
class Spent:
    usage: Usage


@dataclass(frozen=True, slots=True)
class RequestEnded:
    """A typed request or announcement is over. `text` is the answer; `error` says why there is none."""

    request: str
    text: str = field(default="", repr=False)
    error: str = ""


@dataclass(frozen=True, slots=True)
class SoundBegun:
    """The first piece of a sound went to the loudspeaker: now the rest of it may come."""

    request: str


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """A tool asks something aloud. `request`: what somebody typed, and waits for, that it is about; or nothing."""

    request: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Muted:
    muted: bool


@dataclass(frozen=True, slots=True)
class TalkKeyHeld:
    """The key to talk is down, or up again; where nobody let it go, `held` ends by itself."""

    held: bool


@dataclass(frozen=True, slots=True)
class Woken:
    """The wake word was obeyed."""

    word: str


@dataclass(frozen=True, slots=True)
class AttentionChanged:
    """Whether speech begins a turn now, with no key and no wake word before it."""

    attentive: bool


@dataclass(frozen=True, slots=True)
class CardShown:
    """Something to look at."""

    card: Card


@dataclass(frozen=True, slots=True)
class CardGone:
    """The card `id` is of no interest any more."""

    id: str


@dataclass(frozen=True, slots=True)
class VolumeChanged:
    percent: int


@dataclass(frozen=True, slots=True)
class Warned:
    """Something odd that went well, for the log."""

    code: str
    detail: str


Fact = (
    FloorChanged
    | UtteranceEnded
    | UserHeard
    | UserTyped
    | ReplyHeard
    | BargedIn
    | FalseInterruption
    | ToolStarted
    | ToolEnded
    | BrainChanged
    | BrainSelected
    | DeviceChanged
    | TurnFailed
    | NotSpeech
    | Spent
    | RequestEnded
    | SoundBegun
    | QuestionAsked
    | Muted
    | TalkKeyHeld
    | Woken
    | AttentionChanged
    | CardShown
    | CardGone
    | VolumeChanged
    | Warned
)


@dataclass(frozen=True, slots=True)
class Report:
    """Tell whoever watches: the log, `voiced status`, the demo."""

    fact: Fact


Command = BrainCommand | SpeakerCommand | MicrophoneCommand | SpotterCommand | ToolCommand | Report
