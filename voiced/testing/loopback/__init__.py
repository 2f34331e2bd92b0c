"""A Realtime server on loopback, as strict as the real one, for tests, the demo and benchmarks."""

from voiced.testing.loopback import garbage
from voiced.testing.loopback.coded_audio import position_of, sweep
from voiced.testing.loopback.conversation import Conversation, Item
from voiced.testing.loopback.faults import (
    OPEN,
    UPGRADE,
    CloseWith,
    Drop,
    Expire,
    Fault,
    Garble,
    Ignore,
    Refuse,
    Reject,
    Send,
    SendError,
    Stall,
)
from voiced.testing.loopback.journal import Entry, Timeline
from voiced.testing.loopback.pace import Pace
from voiced.testing.loopback.script import CallTool, Fail, Incomplete, Reply, Say, Script, Silence, Turn
from voiced.testing.loopback.server import LoopbackServer
from voiced.testing.loopback.session import Violation

__all__ = [
    "OPEN",
    "UPGRADE",
    "CallTool",
    "CloseWith",
    "Conversation",
    "Drop",
    "Entry",
    "Expire",
    "Fail",
    "Fault",
    "Garble",
    "Ignore",
    "Incomplete",
    "Item",
    "LoopbackServer",
    "Pace",
    "Refuse",
    "Reject",
    "Reply",
    "Say",
    "Script",
    "Send",
    "SendError",
    "Silence",
    "Stall",
    "Timeline",
    "Turn",
    "Violation",
    "garbage",
    "position_of",
    "sweep",
]
