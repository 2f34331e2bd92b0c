"""One log line a turn, with its numbers and none of its words."""

from __future__ import annotations

import structlog

from voiced.conversation.commands import (
    BargedIn,
    BrainChanged,
    BrainSelected,
    DeviceChanged,
    Fact,
    FalseInterruption,
    Muted,
    NotSpeech,
    ReplyHeard,
    ToolEnded,
    TurnFailed,
    UserHeard,
    UtteranceEnded,
    Warned,
)

log = structlog.get_logger("voiced.turn")


class TurnLog:
    """`ports.StatusSink`. What people said goes to DEBUG alone."""

    def __init__(self) -> None:
        self._asked: dict[int, UtteranceEnded] = {}
        self._tools: list[str] = []
        self._refused: dict[str, str] = {}
        """Why each brain refused; it is tried again each hour, and says the same."""

    def report(self, fact: Fact) -> None:
        match fact:
            case UtteranceEnded(turn=turn):
                self._asked = {turn: fact}
                self._tools.clear()
            case ToolEnded(name=name, ok=ok, took=took):
                self._tools.append(f"{name} {took} ms" if ok else f"{name} failed after {took} ms")
                del self._tools[:-8]
            case ReplyHeard():
                self._turn(fact)
            case TurnFailed(turn=turn, reason=reason):
                self._tools.clear()
                log.warning("turn.failed", turn=turn, reason=reason)
            case BrainChanged(state="refused", reason=reason, brain=brain):
                told, self._refused[brain] = self._refused.get(brain), reason
                (log.debug if told == reason else log.error)("brain.refused", brain=brain, reason=reason)
            case BrainChanged(state="lost", reason=reason, brain=brain):
                log.warning("brain.lost", brain=brain, reason=reason)
            case BrainChanged(state=state, brain=brain):
                log.info(f"brain.{state}", brain=brain)
            case BrainSelected(brain=brain):
                log.info("brain.selected", brain=brain)
            case NotSpeech(turn=turn):
                log.info("turn.no_speech", turn=turn)
            case DeviceChanged(kind=kind, ok=ok, detail=detail):
                log.debug("device", kind=kind, ok=ok, detail=detail)
            case BargedIn(after=after):
                log.debug("barge_in", after_ms=after)
            case FalseInterruption(speech=speech):
                log.debug("false_interruption", speech_ms=speech)
            case Muted(muted=muted):
                log.info("microphone.muted" if muted else "microphone.unmuted")
            case Warned(code=code, detail=detail):
                log.warning("conversation.odd", code=code)
                log.debug("conversation.odd", code=code, detail=detail)  # a server may quote what somebody said
            case UserHeard(turn=turn, text=text):
                log.debug("user.said", turn=turn, text=text)
            case _:
                pass

    def _turn(self, reply: ReplyHeard) -> None:
        asked = self._asked.pop(reply.turn, None)
        log.info(
            "turn",
            turn=reply.turn,
            spoken_ms=asked.speech if asked else 0,
            first_audio_ms=reply.first_audio,
            heard_ms=reply.heard,
            received_ms=reply.received,
            cut=reply.cut,
            tools=list(self._tools),
        )
        self._tools.clear()
        log.debug("assistant.said", turn=reply.turn, text=reply.text)
