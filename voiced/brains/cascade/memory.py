"""The cascade's own history of a session, as a server would keep it: what was said, heard and done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from voiced.audio import Ms, Samples, to_samples
from voiced.conversation.commands import AssistantSaid, HistoryItem, ToolUsed, UserSaid
from voiced.conversation.events import CallId, Image, ItemId

MOST_ENTRIES: Final = 400

SAMPLES_PER_CHARACTER: Final = 1600
"""15 characters each second: how long a sentence will be whose sound has not all come."""


@dataclass(slots=True, eq=False)
class User:
    """A user turn. `pcm` with no `text`: not written down yet. `text` "": nobody spoke."""

    text: str | None = field(repr=False)
    pcm: bytes = field(default=b"", repr=False)
    images: tuple[Image, ...] = ()
    item: ItemId | None = None

    @property
    def is_silent(self) -> bool:
        return self.text == "" and not self.images


@dataclass(slots=True)
class Said:
    """A sentence and how much sound of it went out; `whole`: all of it did."""

    text: str = field(repr=False)
    samples: Samples = Samples(0)
    whole: bool = False


@dataclass(slots=True, eq=False)
class Assistant:
    item: ItemId
    round: str
    """The reply that it is of: its tool calls are in the same message."""
    said: list[Said] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(sentence.text for sentence in self.said if sentence.text)


@dataclass(slots=True, eq=False)
class Call:
    """A tool call; `output` is None until the tool has returned."""

    call: CallId
    round: str
    name: str
    arguments: str = field(repr=False)
    output: str | None = field(default=None, repr=False)
    images: tuple[Image, ...] = ()


Entry = User | Assistant | Call


class Memory:
    """Entries, oldest first."""

    def __init__(self, turns: int = 0) -> None:
        """`turns`: how many user turns are kept; 0: all."""
        self.entries: list[Entry] = []
        self._turns = turns
        self._rounds = 0

    def add_history(self, items: Iterable[HistoryItem]) -> None:
        for item in items:
            self._rounds += 1
            round = f"history-{self._rounds}"
            match item:
                case UserSaid(text=text, pcm=pcm, images=images, item=name):
                    if text is not None or pcm or images:
                        self.add(User(text, b"" if text is not None else pcm, images, name))
                case AssistantSaid(text=text):
                    if text:
                        self.add(Assistant(ItemId(round), round, [Said(text, whole=True)]))
                case ToolUsed(call=call, name=tool, arguments=arguments, output=output, images=images):
                    self.add(Call(call, round, tool, arguments, output, images))

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        users = [at for at, each in enumerate(self.entries) if isinstance(each, User)]
        if self._turns and len(users) > self._turns:
            del self.entries[: users[-self._turns]]
        while len(self.entries) > MOST_ENTRIES:
            self.forget_oldest()

    def _spare_images(self) -> None:
        """Pictures of tools are kept for the last one alone: each costs as much as a long text."""
        calls = [entry for entry in self.entries if isinstance(entry, Call) and entry.images]
        for call in calls[:-1]:
            call.images = ()

    def forget_oldest(self) -> bool:
        """Forget the oldest turn with all that came of it. False where only the last one is left."""
        users = [at for at, each in enumerate(self.entries) if isinstance(each, User) and at]
        if not users:
            return False
        del self.entries[: users[0]]
        return True

    def returned(self, call: CallId, output: str, images: tuple[Image, ...] = ()) -> bool:
        """The tool returned; False for a call that is not known."""
        for entry in reversed(self.entries):
            if isinstance(entry, Call) and entry.call == call:
                entry.output, entry.images = output, images
                self._spare_images()
                return True
        return False

    @property
    def to_write_down(self) -> list[User]:
        """User turns of which there is only the sound."""
        return [each for each in self.entries if isinstance(each, User) and each.text is None and each.pcm]

    @property
    def asked(self) -> list[User]:
        """The user turns that nothing was answered to yet."""
        found: list[User] = []
        for entry in reversed(self.entries):
            if not isinstance(entry, User):
                break
            found.insert(0, entry)
        return found

    def remove(self, entry: Entry) -> None:
        if entry in self.entries:
            self.entries.remove(entry)

    def delete(self, item: ItemId) -> None:
        """Nothing of the item was heard."""
        self.entries = [each for each in self.entries if not (isinstance(each, User | Assistant) and each.item == item)]

    def truncate(self, item: ItemId, heard: Ms) -> None:
        """Keep of the item what was heard: whole sentences, and of the next one as much as of its sound."""
        for entry in self.entries:
            if isinstance(entry, Assistant) and entry.item == item:
                entry.said = cut(entry.said, to_samples(heard))
                if not entry.text:
                    self.entries.remove(entry)
                return

    def interrupted(self, item: ItemId) -> None:
        """No more of the item's sound will come: what did not sound was not said."""
        for entry in self.entries:
            if isinstance(entry, Assistant) and entry.item == item:
                sounded = Samples(sum(sentence.samples for sentence in entry.said))
                entry.said = cut(entry.said, sounded)
                if not entry.text:
                    self.entries.remove(entry)
                return


def cut(said: list[Said], heard: Samples) -> list[Said]:
    """What of `said` was heard in its first `heard` samples; within a sentence in proportion, at a word's end."""
    kept = []
    left = int(heard)
    for sentence in said:
        if sentence.samples <= left and sentence.whole:
            kept.append(sentence)
            left -= sentence.samples
            continue
        samples = min(left, sentence.samples)
        length = sentence.samples if sentence.whole else max(sentence.samples, _expected(sentence.text))
        if text := _beginning(sentence.text, samples, length):
            kept.append(Said(text, Samples(samples), whole=True))
        break
    return kept


def _expected(text: str) -> int:
    return len(text) * SAMPLES_PER_CHARACTER


def _beginning(text: str, heard: int, length: int) -> str:
    if heard <= 0:
        return ""
    if heard >= length:
        return text
    end = len(text) * heard // length
    if end < len(text) and not text[end].isspace():
        blank = text.rfind(" ", 0, end) + 1
        end = blank if blank or " " in text else end  # a script with no blanks is cut between any two characters
    return text[:end].rstrip()
