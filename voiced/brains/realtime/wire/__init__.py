"""The Realtime protocol with no I/O: commands and settings to JSON, JSON to events, in both dialects.

`Encoder` writes what one connection sends and `Decoder` reads what it receives; they share nothing, so the dialect can
be settled after the first message. Names are read in either dialect; only what is written depends on it.
"""

from voiced.brains.realtime.wire.decode import (
    Decoder,
    DialectHeard,
    Found,
    RateLimit,
    Refusal,
    SessionCreated,
    SessionUpdated,
    TranscriptionFailed,
    UnknownEvent,
)
from voiced.brains.realtime.wire.encode import Dialect, Encoder

__all__ = [
    "Decoder",
    "Dialect",
    "DialectHeard",
    "Encoder",
    "Found",
    "RateLimit",
    "Refusal",
    "SessionCreated",
    "SessionUpdated",
    "TranscriptionFailed",
    "UnknownEvent",
]
