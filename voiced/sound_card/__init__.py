"""The sound card: what the two device edges need of one, and PortAudio as one of them."""

from voiced.sound_card.choice import choose
from voiced.sound_card.keeper import StreamKeeper
from voiced.sound_card.port import BlockTime, CaptureCallback, Device, Direction, PlayCallback, SoundCard, Stream
from voiced.sound_card.portaudio import RATES, PortAudioCard

__all__ = [
    "RATES",
    "BlockTime",
    "CaptureCallback",
    "Device",
    "Direction",
    "PlayCallback",
    "PortAudioCard",
    "SoundCard",
    "Stream",
    "StreamKeeper",
    "choose",
]
