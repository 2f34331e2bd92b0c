"""Deciding whether an overlap takes the floor: it counts speech, not time since the onset."""

from __future__ import annotations

from typing import Literal

from voiced.conversation.settings import TurnSettings
from voiced.conversation.utterance import Utterance

Verdict = Literal["undecided", "barge_in", "false_interruption"]


def verdict(overlap: Utterance, settings: TurnSettings) -> Verdict:
    """What the overlap has turned out to be so far."""
    if overlap.speech >= settings.barge_in_ms:
        return "barge_in"
    if overlap.silence >= settings.resume_ms:
        return "false_interruption"
    return "undecided"
