"""What a turn goes through when the brain that answers is lost, silent, or replaced."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from voiced.conversation.brains import Brains
from voiced.conversation.commands import PlayEarcon
from voiced.conversation.events import BrainLost, BrainName
from voiced.conversation.floor import Floor
from voiced.conversation.outbox import Outbox
from voiced.conversation.playback import Playback
from voiced.conversation.session import Session
from voiced.conversation.settings import BrainSettings
from voiced.conversation.tool_speech import ToolSpeech
from voiced.conversation.turn import Idle, Listening, Turn
from voiced.conversation.turns import Turns

MAX_LOSSES: Final = 3
"""Sessions that may be lost during one turn."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Handover:
    """What the old session still owed is owed by the next one, which is told all that the old one knew."""

    _brains: Brains
    _session: Session
    _playback: Playback
    _floor: Floor
    _speech: ToolSpeech
    _turns: Turns
    _out: Outbox

    def reconfigure(self, settings: BrainSettings, now: float) -> None:
        """Other brains, or other ways with them: begin again, with the whole conversation."""
        self._session_gone(now)
        self._brains.reconfigure(settings, now)

    def improve(self, since: float, rollover_min: int, now: float) -> None:
        """In a silence since `since`: perhaps another session answers from now on."""
        if self._brains.improve(since, rollover_min, now):
            self._session.renew()

    # It comes.

    def ready(self, now: float) -> None:
        self._brains.ready(now)
        self._catch_up()

    def _catch_up(self) -> None:
        """Tell the session what happened while it was not there."""
        turn = self._floor.turn
        if turn is not None and turn.asides.question is not None:
            self._session.expect(turn.asides.question.asked.answer)
        if isinstance(self._floor.state, Listening):
            self._session.stream(self._floor.state.utterance.pcm)
        elif turn is not None:
            self._session.sync()  # And not only when it is to answer: a long question takes its time on a slow network.

    # It goes.

    def lost(self, event: BrainLost, now: float) -> None:
        link = self._brains.link
        after = self._brains.lost(link, event, now)
        if after == 0 and isinstance(self._floor.state, Idle):
            self.replace_session(now)  # A short break, or the end of a session's time: nobody waits.
            return
        self._brains.failed(link.brain, now, lost=event)
        if (turn := self._floor.turn) is not None:
            turn.failed.add(link.brain)
        self._session_gone(now)
        if not self._use_another(now) and after is not None:
            self._brains.open(link, now, after)

    def replace_session(self, now: float) -> None:
        """The same brain, and a new session."""
        self._session_gone(now)
        self._brains.open(self._brains.link, now)

    def _session_gone(self, now: float) -> None:
        """What the old session still owed is owed by the next one; what is buffered plays on."""
        answering = not self._session.responses.free
        self._session.renew()
        self._playback.finish_all()
        turn = self._floor.turn
        if turn is None:
            return
        was_aside = turn.asides.on_server
        self._speech.session_lost(turn, now)
        if turn.attempts and answering and not was_aside:  # Or what was lost is no answer.
            turn.losses += 1
            if turn.losses > MAX_LOSSES:
                self._turns.fail(turn, "the connection was lost again and again", now)
                return
            if turn.losses == 1:
                self._out.order(PlayEarcon("lost"))
            turn.wants = True
            turn.attempts = 0

    # Another one takes over.

    def another(self, now: float) -> BrainName | None:
        """Who could answer in the place of the brain in use."""
        return self._brains.failover.best(now, but={self._brains.link.brain}) or self._last_resort()

    def _last_resort(self) -> BrainName | None:
        """Somebody waits for an answer: better one in its cooldown than none, once in a turn."""
        turn = self._floor.turn
        if turn is None:
            return None
        return self._brains.failover.last_resort(but={self._brains.link.brain, *turn.failed})

    def due(self, turn: Turn) -> float:
        """When the next brain takes over, if the one in use goes on owing the turn an answer."""
        waits = turn.calls and not turn.asides.on_server
        if waits or self._playback.ledger.audible() or not (turn.wants_now or not self._session.responses.free):
            return math.inf
        settings = self._brains.settings
        patience_s = settings.silent_after_s if self._session.ready else settings.connect_patience_s
        if self._last_resort() is not None:
            return turn.alive_at + patience_s
        return max(turn.alive_at + patience_s, self._brains.failover.other_at(self._brains.link.brain))

    def take_over(self, reason: str, now: float) -> None:
        """The brain in use does not answer: the next one answers the same turn."""
        if self._session.responses.free:
            self._out.order(PlayEarcon("lost"))
        another = self.another(now)
        assert another is not None, "nobody to take over"
        self._brains.give_up(reason, now)
        if (turn := self._floor.turn) is not None:
            turn.failed.add(self._brains.link.brain)
        self._session_gone(now)
        if (turn := self._floor.turn) is not None:
            turn.attempts, turn.alive_at = 0, now
        self._use(another, now)

    def find_another(self, now: float) -> bool:
        """The brain in use refuses: is there another one, or is it time to ask this one again?"""
        if self._use_another(now):
            return True
        link = self._brains.link
        if not self._brains.failover.allows(link.brain) or not link.may_try_again(now):
            return False
        self._brains.open(link, now)
        return True

    def _use_another(self, now: float) -> bool:
        another = self.another(now)
        if another is None:
            return False
        self._floor.alive(now)
        self._use(another, now)
        return True

    def _use(self, brain: BrainName, now: float) -> None:
        self._brains.use(brain, now)
        self._session.renew()
        if self._session.ready:
            self._catch_up()
