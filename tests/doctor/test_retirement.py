"""Models that are gone, or go soon."""

from __future__ import annotations

from datetime import date

from tests.doctor.conftest import MakePlaces
from voiced.doctor.finding import Finding
from voiced.doctor.retirement import Listed, judged
from voiced.doctor.servers import Server, Use

TODAY = date(2026, 11, 29)
OPENAI = "https://api.openai.com/v1"


def told(
    places: MakePlaces, use: Use, listed: Listed | None = None, url: str = OPENAI, today: date = TODAY
) -> list[Finding]:
    return list(judged(Server(url, (use,), "sk-1"), listed, today, places()))


def talking(model: str) -> Use:
    return Use("talking", (model,), "realtime.model")


def test_a_model_that_the_server_does_not_have(places: MakePlaces) -> None:
    listed = {"gpt-realtime-2.1": None}
    [finding] = told(places, talking("gpt-realtime-9"), listed)
    assert (finding.level, finding.what) == ("problem", "api.openai.com has no model gpt-realtime-9")
    assert finding.mend == "voiced api models   # then name one in realtime.model"


def test_the_models_of_another_server_are_asked_for_there(places: MakePlaces) -> None:
    server = "http://127.0.0.1:11434/v1"
    look = f"curl {server}/models   # then name one in realtime.model"
    [gone] = told(places, talking("llama2"), {"llama3": None}, server)
    assert (gone.what, gone.mend) == ("127.0.0.1 has no model llama2", look)
    [going] = told(places, talking("llama2"), {"llama2": date(2026, 12, 24), "llama3": None}, server)
    assert (going.what, going.mend) == ("llama2 is shut down on 2026-12-24", look)


def test_a_model_that_was_shut_down_has_a_successor(places: MakePlaces) -> None:
    [finding] = told(places, talking("gpt-realtime"), {"gpt-realtime-2.1": None}, today=date(2027, 2, 1))
    assert (finding.level, finding.what) == ("problem", "gpt-realtime was shut down on 2027-01-20")
    assert finding.mend.endswith('# below [realtime] write: model = "gpt-realtime-2.1"')


def test_a_model_that_goes_soon(places: MakePlaces) -> None:
    listed = {"gpt-realtime": None, "gpt-realtime-2.1": None}
    [finding] = told(places, talking("gpt-realtime"), listed)
    assert (finding.level, finding.what) == ("warning", "gpt-realtime is shut down on 2027-01-20")
    assert finding.why == "It is used for talking. gpt-realtime-2.1 takes its place."
    assert finding.mend.endswith('write: model = "gpt-realtime-2.1"')


def test_the_server_knows_later_news(places: MakePlaces) -> None:
    [finding] = told(places, talking("gpt-realtime-2.1"), {"gpt-realtime-2.1": date(2026, 12, 24)})
    assert finding.what == "gpt-realtime-2.1 is shut down on 2026-12-24"
    assert "nothing is known yet" in finding.why
    assert "upgrade" in finding.mend


def test_a_model_that_goes_much_later(places: MakePlaces) -> None:
    use = Use("writing down (cascade)", ("whisper-1",), "cascade.stt_models")
    assert [each.level for each in told(places, use, {"whisper-1": None})] == ["ok"]


def test_the_next_in_the_list_is_used(places: MakePlaces) -> None:
    use = Use("writing down (cascade)", ("whisper-0", "whisper-1"), "cascade.stt_models")
    [finding] = told(places, use, {"whisper-1": None})
    assert (finding.level, finding.what) == ("warning", "api.openai.com has no model whisper-0")
    assert finding.mend.endswith('below [cascade] write: stt_models = ["whisper-1"]')


def test_what_nobody_else_knows_the_end_of(places: MakePlaces) -> None:
    """The dates are OpenAI's; another server may have a model of that name for ever."""
    listed = {"gpt-realtime": None, "llama3:latest": None}
    for name in ("gpt-realtime", "llama3"):
        found = told(places, talking(name), listed, "http://127.0.0.1:11434/v1", date(2030, 1, 1))
        assert [each.level for each in found] == ["ok"]


def test_deployments_of_azure_are_not_in_its_list(places: MakePlaces) -> None:
    assert told(places, talking("mine"), {"gpt-5.4": None}, "https://me.openai.azure.com") == []


def test_without_a_list_the_dates_count(places: MakePlaces) -> None:
    [finding] = told(places, talking("gpt-realtime"), today=date(2027, 1, 20))
    assert finding.what == "gpt-realtime was shut down on 2027-01-20"
    assert finding.level == "problem"
    assert told(places, talking("gpt-realtime-2.1")) == []


def test_models_of_plugins_are_no_problem_of_the_conversation(places: MakePlaces) -> None:
    use = Use("plugins (openai)", ("gone",), "ai.providers.openai.models", brain=False)
    [finding] = told(places, use, {"gpt-5.4": None})
    assert finding.level == "warning"
