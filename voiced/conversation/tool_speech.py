"""What tools say, play and ask while their turn waits for them: one aside after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from voiced.conversation.asides import (
    GO_ON_S,
    INTERRUPTED,
    NOBODY_ANSWERED,
    NOBODY_HEARD,
    NOT_NEEDED,
    NOT_SAID,
    NOT_UNDERSTOOD,
    NOT_WHOLLY_HEARD,
    TOO_MUCH,
    WITHDRAWN,
    WRITE_DOWN_WITHIN_S,
    Aside,
    sound_item,
)
from voiced.conversation.commands import QuestionAsked, RequestEnded, SoundBegun, UtteranceEnded
from voiced.conversation.ears import Ears
from voiced.conversation.events import BY_THE_DEVICE, AnnouncementAsked, ReplyId, SoundCame, TextAsked
from voiced.conversation.floor import Floor
from voiced.conversation.outbox import Outbox
from voiced.conversation.playback import Playback
from voiced.conversation.session import Session
from voiced.conversation.settings import TurnSettings
from voiced.conversation.transcript import Transcript, UserEntry
from voiced.conversation.turn import Asking, Listening, Turn
from voiced.conversation.utterance import Utterance


@dataclass(slots=True, eq=False, repr=False)
class ToolSpeech:
    """Moves the asides of a turn on: what is said goes to the brain, what sounds to the loudspeaker, answers come back.

    Each request ends with RequestEnded, whatever becomes of it.
    """

    _settings: TurnSettings
    _transcript: Transcript
    _ears: Ears
    _session: Session
    _playback: Playback
    _floor: Floor
    _out: Outbox

    def reconfigure(self, settings: TurnSettings) -> None:
        self._settings = settings

    # One begins.

    def add(self, turn: Turn, asked: AnnouncementAsked, now: float) -> None:
        """It waits for its moment in the turn."""
        if not turn.asides.add(asked, now):
            self._end(asked, error=TOO_MUCH)

    def begin_what_may(self, turn: Turn, now: float) -> None:
        """The next, where none is at hand; what waited for too long is given up."""
        asides = turn.asides
        while asides.waiting and now >= asides.waiting[0][1] + self._settings.answer_within_s:
            self._end(asides.waiting.popleft()[0], error=NOT_SAID)
        while asides.now is None and asides.waiting and self._may_begin(turn, asides.waiting[0][0]):
            self._begin(turn, *asides.waiting.popleft(), now)

    def _may_begin(self, turn: Turn, asked: AnnouncementAsked) -> bool:
        if self._is_left_out(turn, asked) or asked.sound:
            return True
        if not asked.text:  # To listen, all must be quiet.
            return self._session.responses.free and not self._playback.ledger.outstanding()
        return self._session.may_ask

    def _is_left_out(self, turn: Turn, asked: AnnouncementAsked) -> bool:
        return asked.filler and (asked.call not in turn.calls or self._playback.ledger.audible())

    def _begin(self, turn: Turn, asked: AnnouncementAsked, at: float, now: float) -> None:
        if self._is_left_out(turn, asked):
            self._end(asked, error=NOT_NEEDED)
            return
        if asked.sound and self._playback.is_mute(now):
            self._end(asked, error=NOT_SAID)
            return
        turn.alive_at = now
        aside = turn.asides.now = Aside(asked, "saying", at)
        if asked.answer is not None:
            self._session.expect(asked.answer)
            self._out.report(QuestionAsked(turn.request, asked.text))
        if asked.sound:
            self._begin_sound(turn, aside)
        elif asked.text:
            turn.called = turn.spoke = False
            self._session.ask(asked.text)
        else:
            self._heard(turn, aside, now)

    # A sound comes in pieces.

    def _begin_sound(self, turn: Turn, aside: Aside) -> None:
        asked = aside.asked
        item = sound_item(asked.request)
        turn.asides.says(item)
        self._playback.play(item, BY_THE_DEVICE, ReplyId(""), turn, asked.sound)
        aside.phase = "sounding"
        if asked.more:
            self._out.report(SoundBegun(asked.request))
        else:
            self._playback.finish(item)

    def sound_came(self, event: SoundCame, now: float) -> None:
        """More of the sound that is being played. What comes when it is over already is dropped."""
        turn, item = self._floor.turn, sound_item(event.request)
        if turn is None or turn.asides.now is None or item not in turn.asides.now.items:
            return
        if not self._playback.ledger.awaits(item) or self._playback.ledger.flushing(item):
            return
        turn.alive_at = now
        if event.sound:
            self._playback.play(item, BY_THE_DEVICE, ReplyId(""), turn, event.sound)
        if event.last:
            self._playback.finish(item)

    # It was said, and heard.

    def said(self, turn: Turn, said: bool, now: float, *, whole: bool = True) -> None:
        """Its response is over."""
        aside = _at_hand(turn)
        turn.alive_at = now
        if said:
            aside.phase = "sounding"
            aside.whole = aside.whole and whole
        else:
            self.over(turn, now, error=NOT_SAID)

    def _heard(self, turn: Turn, aside: Aside, now: float) -> None:
        """The loudspeaker is done with it."""
        answer = aside.asked.answer
        if answer is None or not aside.whole:
            self.over(turn, now, error="" if aside.whole else NOT_WHOLLY_HEARD)
        elif self._ears.muted:
            self.over(turn, now, error=NOBODY_HEARD)
        else:
            aside.phase, aside.until = "asking", now + answer.within_s
            self._floor.ask(turn)

    # Somebody answers.

    def answered(self, turn: Turn, utterance: Utterance, now: float) -> UserEntry:
        """The utterance is over; it is to be written down."""
        aside = _at_hand(turn)
        aside.entry = entry = self._transcript.user_answered(turn.number, utterance.pcm)
        aside.phase, aside.until = "writing", now + WRITE_DOWN_WITHIN_S
        self._out.report(UtteranceEnded(turn.number, utterance.length, utterance.speech, answers=True))
        self._floor.reply_to(turn)
        turn.alive_at = now
        return entry

    def written(self, entry: UserEntry, text: str, now: float) -> None:
        """Here are the words of an utterance, if there were any: perhaps of this answer."""
        if (turn := self._turn_of(entry)) is not None:
            self.over(turn, now, text, error="" if text else NOT_UNDERSTOOD)

    def not_written(self, entry: UserEntry, now: float) -> bool:
        """There will be no words of the utterance. Whether it was an answer."""
        turn = self._turn_of(entry)
        if turn is not None:
            self.over(turn, now, error=NOT_UNDERSTOOD)
        return turn is not None

    def typed(self, asked: TextAsked, now: float) -> bool:
        """Whether it answered a question that a tool put."""
        turn = self._floor.turn
        if turn is None or isinstance(self._floor.state, Listening):
            return False
        # Who typed what it is about reads the question, and need not have heard it.
        if not (turn.asides.question_is_put if turn.request else turn.asides.question_is_out):
            return False
        self.hush(turn)
        entry = self._transcript.user_answered(turn.number, b"", asked.text)
        self._session.send_text(entry, asked.text, asked.images)
        self._floor.go_on(turn)
        if turn.request or turn.announce is not None:
            self._out.report(RequestEnded(asked.request))
        else:
            turn.request = asked.request
        self.over(turn, now, asked.text)
        return True

    def ask_on(self, turn: Turn, now: float) -> None:
        """That was a noise, and no answer."""
        aside = turn.asides.question
        if aside is None:  # It was withdrawn meanwhile.
            self._floor.reply_to(turn)
            return
        aside.phase, aside.until = "asking", max(aside.until, now + GO_ON_S)
        self._floor.ask(turn)
        self._ears.forget_onset()

    def _turn_of(self, entry: UserEntry) -> Turn | None:
        """The turn at hand, if the entry is the answer to its question."""
        turn = self._floor.turn
        if turn is None or turn.asides.now is None or turn.asides.now.entry is not entry:
            return None
        return turn

    # It is over.

    def move_on(self, turn: Turn, now: float) -> bool:
        """What became of the one at hand by now. True where the session owes its words, and may for ever."""
        aside = turn.asides.now
        if aside is None:
            return False
        if aside.phase == "sounding" and not any(map(self._playback.ledger.awaits, aside.items)):
            self._heard(turn, aside, now)
        elif aside.phase == "writing" and now >= aside.until:
            self.over(turn, now, error=NOT_UNDERSTOOD)
        elif now >= self._gives_up_at(turn):
            owed = turn.asides.on_server
            if aside.asked.more:
                self._playback.finish(sound_item(aside.asked.request))
            self.over(turn, now, error=NOT_SAID)
            return owed
        return False

    def due(self, turn: Turn) -> float:
        """When `move_on` or `begin_what_may` gives one up, if nothing happens before."""
        waiting = [at + self._settings.answer_within_s for _, at in turn.asides.waiting]
        return min(turn.asides.until, self._gives_up_at(turn), *waiting)

    def _gives_up_at(self, turn: Turn) -> float:
        """When the one that is said or sounds is given up, if nothing of it comes before."""
        aside = turn.asides.now
        if aside is None or aside.phase not in ("saying", "sounding") or self._playback.ledger.audible():
            return math.inf
        return turn.alive_at + self._settings.answer_within_s

    def unanswered(self, now: float) -> None:
        """The time to answer a question may be over."""
        state = self._floor.state
        if isinstance(state, Asking) and now >= state.turn.asides.until:
            self.over(state.turn, now, error=NOBODY_ANSWERED)

    def unheard(self, now: float) -> None:
        """No answer can be heard any more."""
        if isinstance(self._floor.state, Asking):
            self.over(self._floor.state.turn, now, error=NOBODY_HEARD)

    def withdraw(self, request: str, now: float) -> None:
        """Nobody waits for it any more: it is not said, or the question not asked. What is being said goes on."""
        turn = self._floor.turn
        if turn is None:
            return
        if turn.asides.withdraw(request):
            self._out.report(RequestEnded(request, error=WITHDRAWN))
        elif (question := turn.asides.question) is not None and question.asked.request == request:
            self.hush(turn)
            self.over(turn, now, error=WITHDRAWN)

    def hush(self, turn: Turn) -> None:
        """What is left of it is not said: the answer is there already, or nobody waits for it."""
        if turn.asides.on_server:
            self._session.cancel()
        self._playback.flush(turn=turn)

    def over(self, turn: Turn, now: float, text: str = "", *, error: str = "") -> None:
        """The one at hand is. `text`: the answer."""
        aside = _at_hand(turn)
        turn.asides.now = None
        turn.alive_at = now
        if isinstance(self._floor.state, Asking):
            self._floor.go_on(turn)
        if aside.asked.answer is not None:
            self._session.expect(None)
        self._end(aside.asked, text, error=error)

    def session_lost(self, turn: Turn, now: float) -> None:
        """The session that said it, or that was to write the answer down, is gone."""
        aside = turn.asides.now
        if aside is None:
            return
        if turn.asides.on_server and turn.spoke:
            aside.phase, aside.whole = "sounding", False
        elif turn.asides.on_server:
            turn.asides.say_again()
        elif aside.phase == "writing":
            self.over(turn, now, error=NOT_UNDERSTOOD)

    def cut(self, turn: Turn) -> None:
        """The floor was taken from the turn: none of them is said."""
        question = turn.asides.question
        for asked in turn.asides.take_all():
            self._end(asked, error=INTERRUPTED)
        if question is not None:
            self._session.expect(None)

    def _end(self, asked: AnnouncementAsked, text: str = "", *, error: str = "") -> None:
        self._out.report(RequestEnded(asked.request, text, error))


def _at_hand(turn: Turn) -> Aside:
    assert turn.asides.now is not None
    return turn.asides.now
