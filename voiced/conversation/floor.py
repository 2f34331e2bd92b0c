"""Who has the floor: the one place where it changes hands."""

from __future__ import annotations

from typing import assert_never

from voiced.conversation.attention import Attention
from voiced.conversation.commands import Duck, Unduck
from voiced.conversation.commands import Floor as FloorName
from voiced.conversation.ears import Ears
from voiced.conversation.outbox import Outbox
from voiced.conversation.playback import Playback
from voiced.conversation.session import Session
from voiced.conversation.spotting import Spotting
from voiced.conversation.turn import Asking, Idle, Listening, Overlap, Replying, State, Turn
from voiced.conversation.utterance import Utterance


class Floor:
    """`state` is to be looked at; whoever wants another one calls a method, which does what belongs to the change."""

    def __init__(
        self, attention: Attention, ears: Ears, session: Session, spotting: Spotting, playback: Playback, out: Outbox
    ) -> None:
        self._attention = attention
        self._ears = ears
        self._session = session
        self._spotting = spotting
        self._playback = playback
        self._out = out
        self.state: State = Idle(0.0)

    @property
    def turn(self) -> Turn | None:
        """The turn that is being answered, also while a tool of it asks something."""
        match self.state:
            case Replying(turn) | Overlap(turn) | Asking(turn):
                return turn
            case Listening(answers=answers):
                return answers
            case Idle():
                return None
            case other:
                assert_never(other)

    @property
    def name(self) -> FloorName:
        """As the world is told."""
        match self.state:
            case Idle():
                return "idle"
            case Listening() | Asking():
                return "listening"
            case Overlap():
                return "overlap"
            case Replying():
                return "speaking" if self._playback.ledger.audible() else "thinking"
            case other:
                assert_never(other)

    def alive(self, now: float) -> None:
        """Something came of the turn that is being answered, if there is one."""
        if (turn := self.turn) is not None:
            turn.alive_at = now

    # It is taken.

    def listen(self, utterance: Utterance, answers: Turn | None = None) -> None:
        """Somebody speaks, and it is for the brain. `answers`: the turn whose question it answers."""
        if isinstance(self.state, Replying | Overlap):
            self._out.order(Unduck())
        self.state = Listening(utterance, answers, held=self._attention.key_held)
        self._session.stream(utterance.pcm)
        if answers is None:
            self._spotting.hear(utterance, for_the_brain=True)
        else:
            answers.asides.hears()

    def overlap(self, turn: Turn, utterance: Utterance) -> None:
        """Somebody speaks while the turn is being answered: undecided."""
        self.state = Overlap(turn, utterance)
        self._out.order(Duck())
        self._spotting.hear(utterance, for_the_brain=False)

    # It is given.

    def reply_to(self, turn: Turn) -> None:
        """The turn is to be answered."""
        self.state = Replying(turn)
        self._ears.forget()

    def go_on(self, turn: Turn) -> None:
        """The turn is still being answered, with nobody else speaking, and nobody asked."""
        if isinstance(self.state, Overlap):
            self._out.order(Unduck())
        self.state = Replying(turn)

    def go_on_with(self, turn: Turn) -> None:
        """That turn is answered in the place of the one at hand, whoever speaks."""
        if isinstance(self.state, Overlap):
            self.state.turn = turn
        else:
            self.state = Replying(turn)

    def ask(self, turn: Turn) -> None:
        """A tool of the turn has asked something. Who speaks already answers it."""
        if isinstance(self.state, Overlap):
            self.listen(self.state.utterance, answers=turn)
        else:
            self.state = Asking(turn)

    # It is free.

    def yield_(self, now: float) -> None:
        """The turn is over. If somebody is talking, the floor is theirs."""
        if isinstance(self.state, Overlap):
            self.listen(self.state.utterance)
        else:
            self.idle(now)

    def idle(self, now: float) -> None:
        """Nobody's."""
        if isinstance(self.state, Overlap):
            self._out.order(Unduck())
        self.state = Idle(now)
        self._ears.forget_onset()
