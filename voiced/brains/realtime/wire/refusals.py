"""What the server's errors mean: go on, try again, or have somebody mend something.

Codes from the API's own texts and from published recordings; a code that is not listed is a plain refusal of the one
request, or of the session where the request was the session's configuration.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from voiced.conversation.events import Cause, Refusable

Dialect = Literal["ga", "beta"]

Verdict = Literal["benign", "refused", "retry", "fatal"]
"""`benign`: what was asked for is so already. `refused`: the session goes on without it. `retry`: the session is over,
another may work. `fatal`: no session will work until somebody mends a key, a bill or a setting."""

_BENIGN: Final = frozenset({"response_cancel_not_active", "item_not_found"})

_BENIGN_TEXTS: Final = (  # of truncation; they come with no code
    "already shorter than",
    "Only model output audio messages can be truncated",
)

_OVER: Final = frozenset({"session_expired"})

_PASSING: Final = frozenset({"server_error", "rate_limit_exceeded", "inference_rate_limit_exceeded"})
"""Of the session's configuration: worth another try."""

_MEND: Final = {
    "insufficient_quota": "the account has no quota left: check its plan and billing",
    "billing_hard_limit_reached": "the account reached its billing limit: raise it, or wait for the next month",
    "credit_balance_exhausted": "the account has no credit left: add some",
    "account_deactivated": "the account is deactivated: ask the provider",
    "invalid_api_key": "the server does not accept the API key: replace it",
    "model_not_found": "the server does not know the model: set realtime.model to one that the account may use",
    "invalid_model": "the model does not speak Realtime: set realtime.model to one that does",
    "DeploymentNotFound": "there is no such deployment: set realtime.model to the name of one",
    "beta_api_shape_disabled": 'the server no longer speaks the beta dialect: set realtime.dialect = "ga"',
}

_CAUSES: Final[dict[str, Cause]] = {
    "insufficient_quota": "credit",
    "billing_hard_limit_reached": "credit",
    "credit_balance_exhausted": "credit",
    "account_deactivated": "key",
    "invalid_api_key": "key",
}
"""What the other codes of `_MEND` ask for stands in the settings."""

_REQUEST_OF: Final[dict[str, Refusable]] = {  # where the server leaves out whose error it is
    "response_cancel_not_active": "cancel",
    "input_audio_buffer_commit_empty": "commit",
    "conversation_already_has_active_response": "reply",
    "cannot_update_voice": "session",
}

_GA_ONLY: Final = ("session.type", "session.audio", "session.output_modalities", "session.max_output_tokens")
_BETA_ONLY: Final = (
    "session.modalities",
    "session.input_audio_",
    "session.output_audio_format",
    "session.voice",
    "session.turn_detection",
    "session.max_response_output_tokens",
)

_KEY: Final = re.compile(r"\b[se]k[-_][\w*.-]+")

LONGEST_TEXT: Final = 300
"""Characters of a server's sentence that are passed on."""


def judge(request: Refusable | None, code: str, kind: str, message: str) -> Verdict:
    """What an error means; `kind` is the wire's `error.type`."""
    if code in _MEND:
        return "fatal"
    if code in _OVER:
        return "retry"
    if request == "session":
        return "retry" if code in _PASSING or kind == "server_error" else "fatal"
    if code in _BENIGN or any(text in message for text in _BENIGN_TEXTS):
        return "benign"
    return "refused"


def request_of(code: str, message: str) -> Refusable | None:
    """Whose error it is, where the server did not say but its code or sentence tells."""
    if any(text in message for text in _BENIGN_TEXTS):
        return "truncate"
    return _REQUEST_OF.get(code)


def remedy(code: str) -> str:
    """One line that says what to mend, or nothing."""
    return _MEND.get(code, "")


def cause(code: str) -> Cause:
    """What must be mended for a code that has a remedy."""
    return _CAUSES.get(code, "settings")


def dialect_of_refusal(code: str, param: str, message: str) -> Dialect | None:
    """The dialect of a server that refuses a configuration for being in the other one."""
    if code == "beta_api_shape_disabled":
        return "ga"
    if "OpenAI-Beta" in message:
        return "beta"
    named = param or message
    if code == "missing_required_parameter" and "session.type" in named:
        return "ga"
    if code == "unknown_parameter":
        if any(name in named for name in _BETA_ONLY):
            return "ga"
        if any(name in named for name in _GA_ONLY):
            return "beta"
    return None


def one_line(text: str) -> str:
    """A server's sentence made fit to show: one line, not too long, and with no key (401s quote it in part)."""
    return _KEY.sub("[key]", " ".join(text.split()))[:LONGEST_TEXT]
