"""How a turn begins, is cut, fails, and is over."""

from __future__ import annotations

from dataclasses import dataclass, field

from voiced.audio import Ms
from voiced.conversation.asides import NOT_WHOLLY_HEARD
from voiced.conversation.attention import Attention
from voiced.conversation.brains import Brains
from voiced.conversation.commands import PlayEarcon, ReplyHeard, RequestEnded, TurnFailed
from voiced.conversation.errands import Errands
from voiced.conversation.events import AnnouncementAsked
from voiced.conversation.floor import Floor
from voiced.conversation.outbox import Outbox
from voiced.conversation.playback import Playback
from voiced.conversation.session import Session
from voiced.conversation.tool_calls import ToolCalls
from voiced.conversation.tool_speech import ToolSpeech
from voiced.conversation.transcript import Transcript
from voiced.conversation.turn import Errand, Turn


@dataclass(slots=True, eq=False, repr=False)
class Turns:
    """Numbers them, and tells all other rooms when one is over."""

    _transcript: Transcript
    _attention: Attention
    _brains: Brains
    _session: Session
    _playback: Playback
    _floor: Floor
    _errands: Errands
    _calls: ToolCalls
    _speech: ToolSpeech
    _out: Outbox
    _number: int = field(default=0, init=False)

    def new(self, now: float) -> Turn:
        self._number += 1
        return Turn(self._number, alive_at=now, done=self._calls.done())

    def take_up_what_is_left(self, now: float) -> Turn | None:
        """The floor was taken from a question that nobody answered yet, and nothing came of that: a turn again."""
        number = self._transcript.waiting()
        if number is None:
            return None
        left = Turn(number, alive_at=now, wants=True, done=self._calls.done())
        self._floor.go_on_with(left)
        return left

    def nothing_is_asked(self) -> None:
        """No question of any turn so far wants an answer any more."""
        self._transcript.answered(self._number)

    def cut(self, turn: Turn) -> None:
        """The floor is taken from the turn: drop what is not heard yet, on both ends."""
        turn.wants = False
        turn.cut = True
        self._speech.cut(turn)
        self._calls.cut(turn)
        self._session.cancel()
        if self._playback.cut(turn):
            self.heard(turn)

    def heard(self, turn: Turn) -> None:
        """It is known what was heard of the turn: who asked for it, and who watches, is told."""
        if turn.cut and turn.announce is not None and turn.request and turn.errand is not None and not turn.heard_ms:
            # The floor was taken before anybody knew what it was for: it waits for the next silence.
            self._errands.put_first(turn.errand)
            return
        # An answer that was cut before a sound of it is none, unless somebody reads it.
        if turn.answer_heard or (turn.complete and (turn.request or not turn.cut)):
            self._transcript.answered(turn.number)
            if turn.complete:  # by who knew of all results, also of those that were kept for the next silence
                self._errands.told(turn.covers)
        if turn.cut and not turn.received_ms:
            self.end_request(turn, error="it was interrupted")  # Nothing of it ever sounded.
            return
        text = " ".join(filter(None, turn.heard))
        first = None
        if turn.first_audio_at is not None and turn.ended_at is not None:
            first = Ms(int((turn.first_audio_at - turn.ended_at) * 1000))
        cut = turn.cut or turn.heard_ms < turn.received_ms
        self._out.report(ReplyHeard(turn.number, text, Ms(turn.heard_ms), Ms(turn.received_ms), cut, first))
        if turn.announce is not None and (cut or not turn.whole):
            self.end_request(turn, error=NOT_WHOLLY_HEARD)
        else:
            self.end_request(turn, " ".join(said.strip() for said in turn.said.values()))

    def end_request(self, turn: Turn, text: str = "", error: str = "") -> None:
        """Tell who typed it, or wanted it said; once."""
        if turn.request:
            self._out.report(RequestEnded(turn.request, text, error))
            turn.request = ""

    def settle(self, turn: Turn, now: float) -> None:
        """Nothing is owed to the turn any more."""
        self.heard(turn)
        if turn.errand is None:
            self._attention.answered(now)
        if turn.announce is None and self._session.ready:
            for text in reversed(self._brains.take_notices()):
                self._errands.put_first(Errand(AnnouncementAsked("notice", text), now))
        self._floor.yield_(now)

    def fail(self, turn: Turn, reason: str, now: float) -> None:
        """Tell the user by sound, once."""
        self.end_request(turn, error=reason)
        self.cut(turn)
        self._transcript.forget_unanswered(turn.number)
        if turn.announce is None:  # An announcement had its earcon when it was due.
            self._out.order(PlayEarcon("failed"))
        self._out.report(TurnFailed(turn.number, reason))
        if turn.errand is None:
            self._attention.answered(now)
        self._floor.yield_(now)
