"""The brain-neutral history: what was said and heard, and which session knows it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

from voiced.audio import RATE, SAMPLE_BYTES, Samples
from voiced.conversation.commands import AssistantSaid, HistoryItem, ToolUsed, UserSaid
from voiced.conversation.events import CallId, Image, ItemId, SessionId

MAX_ENTRIES = 100
MAX_CHARACTERS = 40_000
"""About 10,000 tokens: what a reconnect may cost."""
MAX_PCM = 90 * RATE * SAMPLE_BYTES
"""Sound kept for turns with no transcript, 90 s."""
MAX_IMAGES = 2


@dataclass(slots=True, eq=False)
class UserEntry:
    turn: int
    text: str | None
    item: ItemId
    """The name of its sound where it is part of a history, and no item of a server."""
    pcm: bytes = field(default=b"", repr=False)
    images: tuple[Image, ...] = ()
    known_to: set[SessionId] = field(default_factory=set)
    answered: bool = False
    answers: bool = False
    """It was said to a question of a tool."""


@dataclass(slots=True, eq=False)
class AssistantEntry:
    item: ItemId
    pieces: list[str] = field(default_factory=list)
    known_to: set[SessionId] = field(default_factory=set)
    sounding: bool = False
    settled: bool = False
    """Its text is what was heard; before that it is what was received."""

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip()


@dataclass(slots=True, eq=False)
class ToolEntry:
    used: ToolUsed
    known_to: set[SessionId] = field(default_factory=set)


Entry = UserEntry | AssistantEntry | ToolEntry


class Transcript:
    """A bounded list of entries, oldest first."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._awaiting_item: deque[UserEntry] = deque(maxlen=16)
        self._by_item: dict[ItemId, UserEntry] = {}
        self._answers = 0

    def lines(self, most: int) -> list[tuple[str, str]]:
        """Who ("user" or "assistant") said what, the last `most`, oldest first; "" is not written down yet.

        An answer of which nothing was heard is none.
        """
        said = [
            ("user" if isinstance(entry, UserEntry) else "assistant", entry.text or "")
            for entry in self._entries
            if isinstance(entry, UserEntry) or (isinstance(entry, AssistantEntry) and entry.text)
        ]
        return said[-most:]

    # The user's side.

    def user_spoke(self, turn: int, pcm: bytes) -> UserEntry:
        entry = UserEntry(turn, None, ItemId(f"utterance-{turn}"), pcm)
        self._append(entry)
        return entry

    def user_typed(self, turn: int, text: str, images: tuple[Image, ...]) -> UserEntry:
        entry = UserEntry(turn, text, ItemId(f"utterance-{turn}"), images=images)
        self._append(entry)
        return entry

    def user_answered(self, turn: int, pcm: bytes, text: str | None = None) -> UserEntry:
        """What a tool had asked for: it wants no answer of its own."""
        self._answers += 1  # A turn may have many.
        entry = UserEntry(turn, text, ItemId(f"answer-{self._answers}"), pcm, answered=True, answers=True)
        self._append(entry)
        return entry

    def commit_sent(self, entry: UserEntry) -> None:
        """Its sound went out as the next user item."""
        self._awaiting_item.append(entry)

    def commit_refused(self) -> UserEntry | None:
        """The server made no user item of it, so it does not know that one."""
        if not self._awaiting_item:
            return None
        entry = self._awaiting_item.popleft()
        entry.known_to.clear()
        return entry

    def committed(self, item: ItemId) -> None:
        """The server named the next user item."""
        if self._awaiting_item:
            self._by_item[item] = self._awaiting_item.popleft()
            while len(self._by_item) > MAX_ENTRIES:
                del self._by_item[next(iter(self._by_item))]

    def transcribed(self, item: ItemId, text: str | None) -> UserEntry | None:
        """The text of a user item came, perhaps long after its reply. Returns the entry that it belongs to."""
        entry = self._by_item.pop(item, None) or self._replayed(item)
        if entry is not None and text is not None:
            entry.text = text
            self._release(entry)
        return entry

    def understood(self, turn: int, text: str) -> None:
        """The words of the turn, found out on the device."""
        for entry in self._users():
            if entry.turn == turn:
                entry.text = text

    def answered(self, turn: int) -> None:
        """The turn, and all before it that still waited, have their answer."""
        for entry in self._users():
            if entry.turn <= turn and not entry.answered:
                entry.answered = True
                self._release(entry)

    def obeyed(self, turn: int) -> None:
        """The device did what was asked; what was asked before still waits."""
        for entry in self._users():
            if entry.turn == turn:
                entry.answered = True
                self._release(entry)

    def waiting(self) -> int | None:
        """The last turn that waits for its answer, which will be that of those before it too."""
        return next((entry.turn for entry in reversed(self._users()) if not entry.answered), None)

    def forget_silence(self, turn: int) -> list[int]:
        """Nobody said anything in this turn, nor in those that wait and in which no word was found. All of them."""
        silent = [e for e in self._users() if e.turn == turn or (not e.answered and e.text == "" and not e.images)]
        self._entries = [entry for entry in self._entries if entry not in silent]
        return [entry.turn for entry in silent]

    def forget_unanswered(self, turn: int) -> None:
        """The turn failed and the user was told: a later answer must not come back to it."""
        self._entries = [
            entry
            for entry in self._entries
            if not (isinstance(entry, UserEntry) and entry.turn <= turn and not entry.answered)
        ]

    # The assistant's side.

    def assistant_says(self, item: ItemId, text: str, session: SessionId) -> None:
        entry = self._assistant(item) or self._new_assistant(item, session)
        if not entry.settled:
            entry.pieces.append(text)

    def assistant_sounds(self, item: ItemId, session: SessionId) -> None:
        """The loudspeaker has sound of it, and will tell how much of it was heard."""
        entry = self._assistant(item) or self._new_assistant(item, session)
        entry.sounding = True

    def heard(self, item: ItemId, heard: Samples, received: Samples, whole: bool) -> str:
        """The item is over; cut its text to what was heard and return it.

        Transcripts carry no times: the cut is in proportion to the sound, at a word's end.
        """
        entry = self._assistant(item)
        if entry is None:
            return ""
        if not entry.settled:
            text = entry.text if whole else _cut(entry.text, heard, received)
            entry.pieces = [text]
            entry.settled = True
        return entry.text

    def tool_used(self, used: ToolUsed, known_to: set[SessionId]) -> None:
        self._append(ToolEntry(used, known_to))

    def tool_known(self, call: CallId, session: SessionId) -> None:
        """The session asked for the same, and was told what came of it."""
        for entry in self._entries:
            if isinstance(entry, ToolEntry) and entry.used.call == call:
                entry.known_to.add(session)

    # For a brain.

    def unknown_to(self, session: SessionId, *, answered: bool = False) -> tuple[HistoryItem, ...]:
        """What the session was not told yet, in order; it counts as told from now on.

        Only what was heard goes into a history: an item that still plays, and what came after it, is left for later.
        `answered`: no further than
        to the first question that waits for its answer, which may be given up before the session is there.
        """
        items: list[HistoryItem] = []
        for entry in self._entries:
            if answered and isinstance(entry, UserEntry) and not entry.answered:
                break
            if session in entry.known_to:
                continue
            if isinstance(entry, AssistantEntry) and entry.sounding and not entry.settled:
                break
            item = _history_item(entry)
            if item is not None:
                items.append(item)
                entry.known_to.add(session)
        return tuple(items)

    def new_session(self) -> None:
        """Another session is in use: item ids of the old one's server mean nothing any more."""
        self._awaiting_item.clear()
        self._by_item.clear()

    def session_over(self, session: SessionId) -> None:
        """Nobody knows anything by this session any more."""
        for entry in self._entries:
            entry.known_to.discard(session)

    # Bounds.

    def _append(self, entry: Entry) -> None:
        self._entries.append(entry)
        while len(self._entries) > MAX_ENTRIES or self._characters() > MAX_CHARACTERS:
            if len(self._entries) == 1:
                break
            del self._entries[0]
        spare = MAX_PCM
        images = MAX_IMAGES
        for user in reversed(list(self._users())):
            spare -= len(user.pcm)
            if spare < 0 and user is not entry:
                user.pcm = b""
        for each in reversed(self._entries):
            match each:
                case UserEntry():
                    images -= len(each.images)
                    if images < 0 and each is not entry:
                        each.images = ()
                case ToolEntry():
                    images -= len(each.used.images)
                    if images < 0 and each is not entry:
                        each.used = replace(each.used, images=())
                case AssistantEntry():
                    pass

    def _characters(self) -> int:
        return sum(_length(entry) for entry in self._entries)

    @staticmethod
    def _release(entry: UserEntry) -> None:
        if entry.answered and entry.text is not None:
            entry.pcm = b""

    def _users(self) -> list[UserEntry]:
        return [entry for entry in self._entries if isinstance(entry, UserEntry)]

    def _replayed(self, item: ItemId) -> UserEntry | None:
        return next((entry for entry in self._users() if entry.item == item), None)

    def _new_assistant(self, item: ItemId, session: SessionId) -> AssistantEntry:
        entry = AssistantEntry(item, known_to={session})
        self._append(entry)
        return entry

    def _assistant(self, item: ItemId) -> AssistantEntry | None:
        for entry in reversed(self._entries):
            if isinstance(entry, AssistantEntry) and entry.item == item:
                return entry
        return None


def _history_item(entry: Entry) -> HistoryItem | None:
    match entry:
        case UserEntry(text=text, pcm=pcm, images=images, item=item):
            # Until it is answered the sound says more than a transcript; afterwards text is cheaper.
            if pcm and (not entry.answered or text is None):
                return UserSaid(None, pcm, images, item, entry.answers)
            return UserSaid(text, b"", images, answers=entry.answers) if text or images else None
        case AssistantEntry(settled=settled):
            return AssistantSaid(entry.text) if settled and entry.text else None
        case ToolEntry(used=used):
            return used


def _length(entry: Entry) -> int:
    match entry:
        case UserEntry(text=text):
            return len(text or "")
        case AssistantEntry(pieces=pieces):
            return sum(map(len, pieces))
        case ToolEntry(used=used):
            return len(used.arguments) + len(used.output)


def _cut(text: str, heard: Samples, received: Samples) -> str:
    if heard <= 0 or received <= 0:
        return ""
    if heard >= received:
        return text
    end = len(text) * heard // received
    if end < len(text) and not text[end].isspace():
        end = text.rfind(" ", 0, end) + 1
    return text[:end].rstrip()
