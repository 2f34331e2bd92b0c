"""The exception tree.

    VoicedError                  everything that voiced raises on purpose; its text says what to do
    ├── ConfigError              a setting, its file, or a secret
    ├── AudioError               sound
    │   ├── PortAudioMissing     the PortAudio library is not installed
    │   ├── DeviceNotFound       no such microphone or loudspeaker
    │   └── DeviceFailed         it is there but does not open, or stopped
    ├── WireError                a message that is not the Realtime protocol
    ├── BrainError               a brain refused or was lost
    ├── PluginError              a plugin that does not load
    │   └── ToolSchemaError      a tool whose signature can't become a schema
    └── ControlError             the control socket: a message that it does not know
        └── NoDaemon             nobody listens there (in `voiced.control.client`)

`ToolError`, which a tool raises to tell the model what went wrong, is part of `voiced.api`.
"""

from __future__ import annotations


class VoicedError(Exception):
    """Everything that voiced raises on purpose. Its text is one line for a person and says what to do."""


class ConfigError(VoicedError):
    """A setting, its file, or a secret is wrong."""


class AudioError(VoicedError):
    """Something about sound."""


class PortAudioMissing(AudioError):
    """The PortAudio library is not installed."""


class DeviceNotFound(AudioError):
    """No such microphone or loudspeaker."""


class DeviceFailed(AudioError):
    """The device is there but does not open, or it stopped."""


class WireError(VoicedError):
    """A message that is not the Realtime protocol."""


class BrainError(VoicedError):
    """A brain refused or was lost."""


class PluginError(VoicedError):
    """A plugin that does not load."""


class ToolSchemaError(PluginError):
    """A tool whose signature can't become a schema."""


class ControlError(VoicedError):
    """The control socket: a message that it does not know, or nobody there."""
