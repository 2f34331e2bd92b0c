"""The session with the brain that answers: what it is told and asked, each only while it is there."""

from __future__ import annotations

from voiced.conversation.brains import Brains
from voiced.conversation.commands import (
    AddHistory,
    CancelReply,
    CommitUtterance,
    DeleteItem,
    DiscardUtterance,
    ExpectAnswer,
    SendText,
    SendToolResult,
    StartReply,
    StreamUtterance,
    ToolUsed,
    TruncateReply,
)
from voiced.conversation.events import AnswerWanted, CallId, Image, ItemId, SessionId
from voiced.conversation.outbox import Outbox
from voiced.conversation.playback import Playback
from voiced.conversation.playout_ledger import Entry
from voiced.conversation.responses import Responses
from voiced.conversation.transcript import Transcript, UserEntry


class Session:
    """Knows what the session at hand owes (`responses`), and tells it all of the transcript before it is to answer."""

    def __init__(self, brains: Brains, transcript: Transcript, playback: Playback, out: Outbox) -> None:
        self._brains = brains
        self._transcript = transcript
        self._playback = playback
        self._out = out
        self.responses = Responses()
        """Of the session at hand."""

    def renew(self) -> None:
        """Another session answers from now on: it owes nothing."""
        self.responses = Responses()

    @property
    def ready(self) -> bool:
        return self._brains.link.ready

    @property
    def id(self) -> SessionId:
        return self._brains.link.session

    @property
    def finds_the_end(self) -> bool:
        """There is a server that hears when a turn is over: only Realtime's does."""
        return self.ready and self._brains.link.brain == "realtime"

    # What the user says.

    def stream(self, pcm: bytes) -> None:
        if self.ready:
            self._out.order(StreamUtterance(self.id, pcm))

    def commit(self, entry: UserEntry) -> bool:
        """What was streamed is this utterance. False where nobody is there."""
        if not self.ready:
            return False
        self.sync(before=entry)
        self._out.order(CommitUtterance(self.id))
        self._transcript.commit_sent(entry)
        return True

    def committed_by_itself(self, entry: UserEntry) -> None:
        """The server found the end of this utterance before we did."""
        entry.known_to.add(self.id)
        self._transcript.commit_sent(entry)

    def discard(self) -> None:
        if self.ready:
            self._out.order(DiscardUtterance(self.id))

    def send_text(self, entry: UserEntry, text: str, images: tuple[Image, ...]) -> None:
        if self.ready:
            self.sync(before=entry)
            self._out.order(SendText(self.id, text, images))

    def expect(self, answer: AnswerWanted | None) -> None:
        """What kind of words to listen for, in the place of a question; None: a question is what comes."""
        if self.ready:
            self._out.order(ExpectAnswer(self.id, None if answer is None else answer.choices))

    # What else happened.

    def sync(self, before: UserEntry | None = None) -> None:
        """Tell the session what it does not know yet; `before` goes out by other means, after it."""
        if before is not None:
            before.known_to.add(self.id)
        items = self._transcript.unknown_to(self.id)
        if items:
            self._out.order(AddHistory(self.id, items))

    def send_result(self, session: SessionId, call: CallId, used: ToolUsed) -> bool:
        """What came of a tool call. False where the session that asked for it is gone: another is told by `sync`."""
        if session != self.id or not self.ready:
            return False
        self._out.order(SendToolResult(session, call, used.output, used.spoken, used.images))
        return True

    def keep_what_was_heard(self, item: ItemId, entry: Entry) -> None:
        """The item was flushed: the server shall know no more of it than was heard, if it still knows the item."""
        if entry.session != self.id:
            return
        if self.ready and not entry.wholly_heard:
            if entry.heard_ms > 0:
                self._out.order(TruncateReply(entry.session, item, entry.heard_ms))
            else:
                self._out.order(DeleteItem(entry.session, item))
        self.responses.settled.add(item)

    def delete(self, item: ItemId) -> None:
        """Nothing of an item of a cancelled reply will be heard."""
        if item not in self.responses.settled:
            self.responses.settled.add(item)
            self._out.order(DeleteItem(self.id, item))

    # What it is to say.

    @property
    def may_ask(self) -> bool:
        """Whether a response may be asked for now."""
        # Before the tail of a lost or cut reply is over nobody knows what was heard of it.
        return self.ready and self.responses.free and self._playback.is_clear_for(self.id)

    def ask(self, announce: str | None) -> None:
        """For a response, with all that there is to know; `announce` set: it says just this."""
        self.sync()
        self.responses.ask()
        self._out.order(StartReply(self.id, announce))

    def cancel(self) -> None:
        """The response at hand, if any, is not wanted any more."""
        if self.responses.cancel():
            self._out.order(CancelReply(self.id, self.responses.reply))
