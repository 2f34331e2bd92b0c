"""Which errors are shrugged off, which end a session, and which need somebody to mend something."""

from __future__ import annotations

import pytest

from voiced.brains.realtime.wire.refusals import (
    Dialect,
    Verdict,
    dialect_of_refusal,
    judge,
    one_line,
    remedy,
    request_of,
)
from voiced.conversation.events import Refusable


@pytest.mark.parametrize(
    ("request_", "code", "message", "verdict"),
    [
        ("cancel", "response_cancel_not_active", "Cancellation failed: no active response found", "benign"),
        ("delete", "item_not_found", "Item not found", "benign"),
        ("truncate", "item_not_found", "Item not found", "benign"),
        ("truncate", "", "Audio content of 13600ms is already shorter than 55960ms", "benign"),
        ("truncate", "invalid_value", "Audio content of 10ms is already shorter than 20ms", "benign"),
        ("truncate", "unsupported_content_type", "Only model output audio messages can be truncated", "benign"),
        ("commit", "input_audio_buffer_commit_empty", "buffer too small", "refused"),
        ("reply", "conversation_already_has_active_response", "busy", "refused"),
        ("reply", "server_error", "sorry", "refused"),
        (None, "", "something", "refused"),
        ("text", "invalid_value", "bad", "refused"),
        (None, "session_expired", "Your session hit the maximum duration of 60 minutes.", "retry"),
        ("session", "server_error", "sorry", "retry"),
        ("session", "rate_limit_exceeded", "later", "retry"),
        ("session", "inference_rate_limit_exceeded", "later", "retry"),
        ("session", "invalid_value", "Invalid value: 'x'", "fatal"),
        ("session", "string_above_max_length", "description too long", "fatal"),
        ("session", "cannot_update_voice", "no", "fatal"),
        ("reply", "insufficient_quota", "no money", "fatal"),
        (None, "invalid_api_key", "no", "fatal"),
        (None, "account_deactivated", "no", "fatal"),
        (None, "billing_hard_limit_reached", "no", "fatal"),
        (None, "credit_balance_exhausted", "no", "fatal"),
        (None, "model_not_found", "no", "fatal"),
        (None, "invalid_model", "no", "fatal"),
        (None, "DeploymentNotFound", "no", "fatal"),
        (None, "beta_api_shape_disabled", "no", "fatal"),
    ],
)
def test_verdicts(request_: Refusable | None, code: str, message: str, verdict: Verdict) -> None:
    assert judge(request_, code, "invalid_request_error", message) == verdict


def test_a_server_error_with_no_code_does_not_condemn_the_settings() -> None:
    assert judge("session", "", "server_error", "sorry") == "retry"
    assert judge("session", "", "invalid_request_error", "no") == "fatal"


@pytest.mark.parametrize(
    ("code", "message", "request_"),
    [
        ("response_cancel_not_active", "", "cancel"),
        ("input_audio_buffer_commit_empty", "", "commit"),
        ("conversation_already_has_active_response", "", "reply"),
        ("cannot_update_voice", "", "session"),
        ("", "Only model output audio messages can be truncated", "truncate"),
        ("server_error", "", None),
    ],
)
def test_whose_error_it_is_where_the_server_does_not_say(code: str, message: str, request_: Refusable | None) -> None:
    assert request_of(code, message) == request_


@pytest.mark.parametrize(
    ("code", "param", "message", "dialect"),
    [
        ("beta_api_shape_disabled", "", "The Realtime Beta API is no longer supported.", "ga"),
        ("missing_required_parameter", "session.type", "Missing required parameter: 'session.type'.", "ga"),
        ("missing_required_parameter", "", "Missing required parameter: 'session.type'.", "ga"),
        ("unknown_parameter", "session.input_audio_format", "", "ga"),
        ("unknown_parameter", "session.modalities", "", "ga"),
        ("unknown_parameter", "session.type", "", "beta"),
        ("unknown_parameter", "", "Unknown parameter: 'session.audio'.", "beta"),
        ("missing_beta_header", "", "You must provide the 'OpenAI-Beta: realtime=v1' header.", "beta"),
        ("unknown_parameter", "session.reasoning", "", None),
        ("invalid_value", "session.type", "", None),
    ],
)
def test_a_refusal_may_tell_the_servers_dialect(code: str, param: str, message: str, dialect: Dialect | None) -> None:
    assert dialect_of_refusal(code, param, message) == dialect


def test_a_servers_sentence_is_shown_on_one_line_with_no_key_in_it() -> None:
    assert one_line("Incorrect API key\n provided: sk-proj-****abcd. See https://x.") == (
        "Incorrect API key provided: [key] See https://x."
    )
    assert len(one_line("x" * 5000)) == 300


def test_what_needs_mending_says_what_to_do() -> None:
    assert remedy("beta_api_shape_disabled").endswith('set realtime.dialect = "ga"')
    assert remedy("server_error") == ""
