"""How turns are taken: the numbers that decide who has the floor."""

from __future__ import annotations

from typing import Literal

from voiced.settings import Settings, setting

TurnEnd = Literal["local", "server", "semantic"]


class TurnSettings(Settings):
    """Turn taking: when an utterance begins and ends, and what it takes to interrupt the assistant."""

    end: TurnEnd = setting(
        "local",
        "Who decides that you are done: 'local' (silence, measured here), 'server' (silence, measured by the server) "
        "or 'semantic' (the server's model judges whether the sentence is complete). Nothing is sent before you speak.",
    )
    onset_ms: int = setting(
        60, "Speech that it takes to believe that somebody speaks; less lets clicks in.", unit="ms", ge=20, le=500
    )
    pre_roll_ms: int = setting(
        300, "Sound kept from before the onset, so that no first syllable is lost.", unit="ms", ge=100, le=2000
    )
    hangover_ms: int = setting(
        500,
        "Silence that ends your turn (end = 'local'); below 400 slow speakers are cut off.",
        unit="ms",
        ge=200,
        le=5000,
    )
    min_speech_ms: int = setting(
        280,
        "An utterance with less speech than this is noise and is thrown away. The detector lengthens each burst by "
        "80 to 140 ms: a cough of 120 counts as 200, a short 'no' of 200 as 320.",
        unit="ms",
        ge=0,
        le=2000,
    )
    max_utterance_s: int = setting(
        60, "The longest utterance; then it is answered as it is. Bounds memory and cost.", unit="s", ge=5, le=300
    )
    barge_in_ms: int = setting(
        560,
        "Speech (not time) that takes the floor from the assistant, counted as in min_speech_ms: 'mhm' of up to 400 "
        "counts as 540. The reply is ducked long before.",
        unit="ms",
        ge=60,
        le=3000,
    )
    resume_ms: int = setting(
        300, "Silence after which an overlap was no barge-in and the reply is loud again.", unit="ms", ge=60, le=3000
    )
    server_patience_ms: int = setting(
        3000,
        "With end = 'server' or 'semantic': silence after which the turn is ended here, should the server say nothing. "
        "'semantic' waits 8000 more, since its model may wait that long.",
        unit="ms",
        ge=500,
        le=60000,
    )
    answer_within_s: int = setting(
        30, "A turn with no answer after this long has failed, and you are told so.", unit="s", ge=5, le=300
    )
    tool_rounds: int = setting(
        8, "Rounds of tool calls in one turn, then the turn fails: a loop costs money.", ge=1, le=50
    )
    rollover_min: int = setting(
        50,
        "Age at which a session is replaced in a silence, since the server ends it at 60.",
        unit="min",
        ge=1,
        le=58,
    )
