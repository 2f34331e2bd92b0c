"""Models are tried in order; retirement is known before it happens."""

from __future__ import annotations

from datetime import date

import pytest

from voiced.ai.models import SUCCESSOR, Models


def models(*names: str, openai: bool = True) -> tuple[Models, list[str]]:
    warned: list[str] = []
    return Models(names, setting="cascade.stt_models", openai=openai, warn=warned.append), warned


def test_a_refused_model_is_passed_over_with_one_warning() -> None:
    tried, warned = models("a", "b", "c", openai=False)
    assert tried.current == "a"
    assert tried.refused("no such model")
    assert tried.current == "b"
    assert warned == ["a is refused (no such model): using b; mend cascade.stt_models"]


def test_after_the_last_one_all_may_be_tried_anew_with_no_second_warning() -> None:
    tried, warned = models("a", "b", openai=False)
    assert [tried.refused("gone"), tried.refused("gone")] == [True, False]
    assert tried.current == "a"
    assert tried.refused("gone")
    assert len(warned) == 1


def test_known_successors_are_tried_after_the_last_name() -> None:
    tried, _ = models("gpt-4o-transcribe")
    assert tried.refused("retired")
    assert tried.current == "gpt-transcribe"
    assert not tried.refused("unknown")


def test_another_server_has_names_of_its_own() -> None:
    tried, warned = models("whisper-1", openai=False)
    tried.look_ahead(date(2030, 1, 1))
    assert not tried.refused("no such model")
    assert warned == []


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 12, 27), []),
        (date(2026, 12, 28), ["whisper-1 retires on 2027-02-26, then gpt-transcribe is used; mend cascade.stt_models"]),
        (date(2027, 3, 1), ["whisper-1 retired on 2027-02-26, then gpt-transcribe is used; mend cascade.stt_models"]),
    ],
)
def test_a_retirement_within_sixty_days_is_told_once(today: date, said: list[str]) -> None:
    tried, warned = models("whisper-1")
    tried.look_ahead(today)
    tried.look_ahead(today)
    assert warned == said


def test_the_server_knows_later_news() -> None:
    tried, warned = models("gpt-5.9")
    tried.learn([{"id": "gpt-5.9", "shutdown_date": "2027-01-02T00:00:00Z"}, {"id": "x"}, {"shutdown_date": 7}, "?"])  # type: ignore[list-item]
    tried.look_ahead(date(2026, 12, 24))
    assert warned == ["gpt-5.9 retires on 2027-01-02, and no other is named; mend cascade.stt_models"]


def test_successors_lead_somewhere() -> None:
    for name in SUCCESSOR:
        tried, _ = models(name)
        seen = {name}
        while tried.refused("gone"):
            assert tried.current not in seen
            seen.add(tried.current)
