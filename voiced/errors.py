"""The exception tree.

    VoicedError                  everything that voiced raises on purpose; its text says what to do
    ├── ConfigError              a setting, its file, or a secret
    │   └── BadKey               a key is missing, can't be read, or can be none
    ├── AudioError               sound
    │   ├── PortAudioMissing     the PortAudio library is not installed
    │   ├── DeviceNotFound       no such microphone or loudspeaker
    │   └── DeviceFailed         it is there but does not open, or stopped
    ├── WireError                a message that is not the Realtime protocol
    ├── BrainError               a brain refused or was lost
    ├── ApiError                 a request to an API server failed; a ToolError too
    │   ├── ApiUnreachable       no connection, no answer in time, cut off, or the server is in trouble
    │   │   └── StreamCut        a stream ended before its end; what came is in it
    │   ├── ApiBusy              too many requests: later
    │   ├── ApiDenied            no good key, no credit, or no access: somebody must mend something
    │   ├── ModelUnknown         the server has no such model, or the account may not use it
    │   ├── RequestRejected      this request makes no sense to the server, or to us before it was sent
    │   │   └── ContextTooLong   it is longer than the model can read
    │   └── AnswerUnusable       the server answered with something else than was asked for
    ├── PluginError              a plugin that does not load
    │   └── ToolSchemaError      a tool whose signature can't become a schema
    ├── ServiceError             systemd: the service can't be installed, or asked about
    ├── ReportFailed             the doctor's bundle can't be written (in `voiced.doctor.report`)
    └── ControlError             the control socket: a message that it does not know
        └── NoDaemon             nobody listens there (in `voiced.control.client`)

`ToolError`, which a tool raises to tell the model what went wrong, is part of `voiced.api`. A failed request of the
API is one: where a tool does not catch it, the model is told.
"""

from __future__ import annotations

from typing import Literal


class VoicedError(Exception):
    """Everything that voiced raises on purpose. Its text is one line for a person and says what to do."""


class ToolError(Exception):
    """Raise it in a tool to tell the model what went wrong and how to mend it; its text goes to the model."""


class ConfigError(VoicedError):
    """A setting, its file, or a secret is wrong."""


class BadKey(ConfigError):
    """A key is missing, can't be read, or can be none."""


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


ApiCause = Literal["", "key", "credit", "access", "settings"]
"""What somebody must mend before a request can succeed; empty: nothing, or it is not known."""


class ApiError(VoicedError, ToolError):
    """A request to an API server failed.

    `status`: of HTTP, 0 where no answer came. `code` and `param` are the server's own, may be empty. `cause`: see
    `ApiCause`. `retry_after_s`: the server's own wish, None where it has none.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int = 0,
        code: str = "",
        param: str = "",
        cause: ApiCause = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.param = param
        self.cause: ApiCause = cause
        self.retry_after_s = retry_after_s

    @property
    def fatal(self) -> bool:
        """Whether trying again can't help until somebody mends something."""
        return bool(self.cause)


class ApiUnreachable(ApiError):
    """No connection, no answer in time, an answer that was cut off, or a server in trouble (5xx)."""


class StreamCut(ApiUnreachable):
    """A stream ended in its middle. `so_far`: the text of it that came."""

    def __init__(self, reason: str, so_far: str = "") -> None:
        super().__init__(reason)
        self.so_far = so_far


class ApiBusy(ApiError):
    """Too many requests (429)."""


class ApiDenied(ApiError):
    """The key is missing or wrong, the account has no credit, or it may not do this."""


class ModelUnknown(ApiError):
    """The server has no such model (any more), or the account may not use it."""


class RequestRejected(ApiError):
    """The server can't make sense of this one request; or it was not sent, since no server could (`status` 0)."""


class ContextTooLong(RequestRejected):
    """The request is longer than what the model can read."""


class AnswerUnusable(ApiError):
    """The server answered, but with something else than was asked for."""


class PluginError(VoicedError):
    """A plugin that does not load."""


class ToolSchemaError(PluginError):
    """A tool whose signature can't become a schema."""


class ServiceError(VoicedError):
    """The service of systemd can't be installed, taken away or asked about."""


class ControlError(VoicedError):
    """The control socket: a message that it does not know, or nobody there."""
