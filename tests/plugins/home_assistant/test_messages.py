"""What Home Assistant says is read, whatever it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.plugins.builtin.home_assistant import messages
from voiced.plugins.builtin.home_assistant.messages import (
    Answered,
    AuthInvalid,
    AuthOk,
    AuthWanted,
    Garbled,
    Refused,
    RegistryChanged,
    StateTold,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("message", "facts"),
    [
        ({"type": "auth_required", "ha_version": "2024.6.0"}, [AuthWanted()]),
        ({"type": "auth_ok", "ha_version": "2024.6.0"}, [AuthOk()]),
        ({"type": "auth_invalid", "message": "no"}, [AuthInvalid()]),
        ({"id": 3, "type": "result", "success": True, "result": [1]}, [Answered(3, [1])]),
        (
            {
                "id": 3,
                "type": "result",
                "success": False,
                "error": {"code": "not_found", "message": "Service not found."},
            },
            [Refused(3, "not_found", "Service not found.")],
        ),
        ({"id": 3, "type": "result", "success": False}, [Refused(3, "unknown_error", "")]),
        (
            {
                "id": 1,
                "type": "event",
                "event": {"event_type": "state_changed", "data": {"entity_id": "a.b", "new_state": None}},
            },
            [StateTold("a.b", None)],
        ),
        ({"id": 1, "type": "event", "event": {"event_type": "area_registry_updated", "data": {}}}, [RegistryChanged()]),
        ({"id": 1, "type": "event", "event": {"event_type": "call_service", "data": {}}}, []),
        ({"id": 9, "type": "pong"}, []),
        (
            [{"type": "auth_ok"}, {"id": 1, "type": "result", "success": True, "result": None}],
            [AuthOk(), Answered(1, None)],
        ),
        ({}, []),
    ],
)
def test_each_message(message: object, facts: list[messages.Fact]) -> None:
    assert messages.facts(json.dumps(message)) == facts
    assert messages.large_facts(json.dumps(message, indent=1)) == facts


@pytest.mark.parametrize("text", ["", "no", "{", "5", '"x"', "[" * 100_000, '[{"a": 1}', '[{"a": 1} {"b": 2}]', "null"])
def test_what_is_no_message(text: str) -> None:
    with pytest.raises(Garbled):
        messages.facts(text)
    with pytest.raises(Garbled):
        messages.large_facts(text)


@given(JSON, st.sampled_from([None, 1]))
def test_reading_in_pieces_reads_the_same(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert messages.decode_large(text) == json.loads(text)
