"""What happens in the assistant, as `voiced status --follow` prints it: a line for each fact, in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

_FLOOR: Final = {
    "idle": "nobody speaks",
    "listening": "you speak",
    "thinking": "it thinks",
    "speaking": "it speaks",
    "overlap": "both speak",
}


def fact_line(fact: Mapping[str, Any]) -> str:
    """One fact. Of one that a newer daemon knows, its name and what there is to it."""
    subject, words = _worded(fact)
    return f"{subject:<12} {words}".rstrip()


def _worded(fact: Mapping[str, Any]) -> tuple[str, str]:
    match fact:
        case {"fact": "FloorChanged", "floor": floor}:
            return "floor", _FLOOR.get(floor, floor)
        case {"fact": "UtteranceEnded", "turn": turn, "speech": speech, "answers": answers}:
            return "you", f"spoke for {_seconds(speech)}, {'an answer' if answers else f'turn {turn}'}"
        case {"fact": "UserHeard", "turn": turn}:
            return "you", _said(fact, turn)
        case {"fact": "UserTyped"}:
            return "you", f'type "{fact["text"]}"' if "text" in fact else "type something"
        case {"fact": "ReplyHeard", "turn": turn, "heard": heard, "received": received, "cut": cut}:
            length = f"{_seconds(heard)} of {_seconds(received)} heard" if cut else f"{_seconds(heard)} heard"
            return "assistant", f"{_said(fact, turn)} ({length})"
        case {"fact": "BargedIn", "after": after}:
            return "interrupted", f"after {after} ms"
        case {"fact": "FalseInterruption", "speech": speech}:
            return "interrupted", f"not: {speech} ms of speech were too little"
        case {"fact": "ToolStarted", "name": name}:
            return "tool", f"{name} begins{' with ' + fact['arguments'] if 'arguments' in fact else ''}"
        case {"fact": "ToolEnded", "name": name, "ok": ok, "took": took}:
            return "tool", f"{name} {'is done' if ok else 'failed'} after {took} ms"
        case {"fact": "BrainChanged", "state": state, "reason": reason, "brain": brain}:
            return "brain", f"{brain} {state}{': ' + reason if reason else ''}"
        case {"fact": "BrainSelected", "brain": brain}:
            return "brain", f"{brain} answers from now on"
        case {"fact": "DeviceChanged", "kind": kind, "ok": ok, "detail": detail}:
            return kind, f"{'' if ok else 'lost: '}{detail}"
        case {"fact": "TurnFailed", "turn": turn, "reason": reason}:
            return "failed", f"turn {turn}: {reason}"
        case {"fact": "NotSpeech", "turn": turn}:
            return "you", f"said nothing after all, turn {turn}"
        case {"fact": "Spent", "usage": usage}:
            return "tokens", ", ".join(f"{name} {number}" for name, number in usage.items() if number) or "none"
        case {"fact": "RequestEnded", "request": request, "error": error}:
            return "request", f"{request} {'failed: ' + error if error else 'is done'}"
        case {"fact": "SoundBegun", "request": request}:
            return "sound", f"{request} begins"
        case {"fact": "QuestionAsked"}:
            return "assistant", f"asks: {fact['text']}" if "text" in fact else "asks something"
        case {"fact": "Muted", "muted": muted}:
            return "microphone", "closed: it is muted" if muted else "open again"
        case {"fact": "TalkKeyHeld", "held": held}:
            return "key to talk", "held" if held else "let go"
        case {"fact": "Woken", "word": word}:
            return "wake word", word
        case {"fact": "AttentionChanged", "attentive": attentive}:
            return "listens", "to whoever speaks" if attentive else "to nobody just now"
        case {"fact": "CardShown", "card": card}:
            return "card", _card(card)
        case {"fact": "CardGone", "id": name}:
            return "card", f"{name} is gone"
        case {"fact": "VolumeChanged", "percent": percent}:
            return "volume", f"{percent} %"
        case {"fact": "Warned", "code": code, "detail": detail}:
            return "odd", f"{code}: {detail}"
        case _:
            return fact["fact"], "  ".join(f"{name}={_short(value)}" for name, value in fact.items() if name != "fact")


def _said(fact: Mapping[str, Any], turn: int) -> str:
    """What somebody said, where it was asked for."""
    return f'"{fact["text"]}"' if "text" in fact else f"turn {turn}"


def _card(card: Mapping[str, Any]) -> str:
    parts = [f"{card['id']} is shown"]
    if card.get("ends_at") is not None:
        parts.append(f"until {datetime.fromtimestamp(card['ends_at'], UTC).astimezone():%H:%M:%S}")
    if card.get("image"):
        parts.append(f"with a picture, {card['image']}")
    words = ": ".join(text for text in (card.get("title"), card.get("text")) if text)
    return f"{' '.join(parts)}{': ' + words if words else ''}"


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
