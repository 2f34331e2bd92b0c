"""Deciding whether an overlap takes the floor: it counts speech, not time since the onset."""

from __future__ import annotations

from typing import Literal

from voiced.conversation.settings import TurnSettings
from voiced.conversation.utterance import Utterance

Verdict = Literal["undecided", "barge_in", "false_interruption"]


def verdict(overlap: Utterance, settings: TurnSettings, *, audible: bool) -> Verdict:
    """What the overlap has turned out to be so far.

    Where nothing is `audible` yet there is no reply to protect: a short "no" after the question counts.
    """
    if overlap.speech >= (settings.barge_in_ms if audible else settings.min_speech_ms):
        return "barge_in"
    if overlap.silence >= settings.resume_ms:
        return "false_interruption"
    return "undecided"
