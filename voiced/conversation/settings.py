"""How turns are taken: the numbers that decide who has the floor."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from voiced.conversation.events import BrainName
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


ListenMode = Literal["open", "wake", "ptt"]


class ListenSettings(Settings):
    """When voiced listens: always, after a wake word, while a key is held, or after either."""

    modes: tuple[ListenMode, ...] = setting(
        ("open",),
        "open: whoever speaks is answered. wake: after the wake word (see [wake]), and for a while after an answer. "
        "ptt: while the key to talk is held (see [keys], `voiced ptt`). ['wake', 'ptt'] is either of the two; with "
        "'open' the key only says when you begin and end.",
        min_length=1,
    )
    follow_up_s: float = setting(
        8.0,
        "With 'wake': so long after an answer was heard nobody needs the wake word. 0: it is always needed.",
        unit="s",
        ge=0,
        le=120,
    )
    wake_patience_s: float = setting(
        6.0, "After the wake word: how long you may take to begin to speak.", unit="s", ge=1, le=60
    )
    key_pre_roll_ms: int = setting(
        400, "Sound kept from before the key went down: people begin to speak too early.", unit="ms", ge=0, le=2000
    )
    key_tail_ms: int = setting(
        300, "Sound taken after the key went up: people let go too early.", unit="ms", ge=0, le=2000
    )
    key_silence_s: float = setting(
        10.0,
        "A key that is held while nobody speaks counts as let go after so long: its release got lost, or it was "
        "pressed to begin and nobody ended.",
        unit="s",
        ge=2,
        le=120,
    )

    @field_validator("modes")
    @classmethod
    def _each_once(cls, modes: tuple[ListenMode, ...]) -> tuple[ListenMode, ...]:
        if len(set(modes)) < len(modes):
            raise ValueError("names a mode twice; name each once")
        return modes


class BrainSettings(Settings):
    """Brains: who answers, and who takes over when that one can't."""

    order: tuple[BrainName, ...] = setting(
        ("realtime", "cascade", "offline"),
        "Who answers, best first. realtime hears and speaks by itself; cascade writes down, thinks and speaks in three "
        "requests; offline needs no network and understands the sentences that tools declare.",
        min_length=1,
    )
    silent_after_s: float = setting(
        8.0,
        "A brain that owes an answer and gives no sign for so long is left for the next one. More for a slow server.",
        unit="s",
        ge=1,
        le=120,
    )
    connect_patience_s: float = setting(
        2.5, "An utterance waits so long for a brain that is still connecting.", unit="s", ge=0, le=30
    )
    cooldown_s: float = setting(
        15.0,
        "A brain that failed is tried again after so long, in a silence; each failure in a row doubles it, to 600 s.",
        unit="s",
        ge=1,
        le=600,
    )
    local_commands: bool = setting(
        True,
        "Obey 'be quiet', 'never mind' and the volume on the device, at once, whoever answers. Costs 55 MB, and 7 % "
        "of a core while somebody speaks.",
    )

    @field_validator("order")
    @classmethod
    def _each_once(cls, order: tuple[BrainName, ...]) -> tuple[BrainName, ...]:
        if len(set(order)) < len(order):
            raise ValueError("names a brain twice; name each once, best first")
        return order
