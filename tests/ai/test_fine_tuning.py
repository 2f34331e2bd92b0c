"""Fine-tuning: examples into a job, what happens to it, and a model that can be asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from voiced.ai.fine_tuning import TuningEvent
from voiced.ai.settings import ProviderSettings
from voiced.errors import ApiDenied, ApiUnreachable, ModelUnknown, RequestRejected
from voiced.spending.prices import PriceTable
from voiced.spending.settings import BudgetSettings
from voiced.testing.http import Answer, Fault, HttpLoopback, Stall, forbidden, server_error, unavailable, wrong_key
from voiced.testing.http.files import Files
from voiced.testing.http.fine_tuning import FineTuning
from voiced.usage import Usage

from .desk import Desk, desk

MODEL = "gpt-4.1-mini-2025-04-14"
PAIRS = [(f"Lamp {number}?", "It is on.") for number in range(10)]


def examples(count: int = 10) -> tuple[str, bytes]:
    lines = [
        {"messages": [{"role": "user", "content": f"Lamp {number}?"}, {"role": "assistant", "content": "On."}]}
        for number in range(count)
    ]
    return "talk.jsonl", b"".join(json.dumps(line).encode() + b"\n" for line in lines)


async def test_the_whole_way(server: HttpLoopback, here: Desk, tmp_path: Path) -> None:
    ai = here.ai
    found = await ai.fine_tuning.prepare(PAIRS, tmp_path / "talk.jsonl", system="You are a lamp.")
    assert (found.examples, found.problems) == (10, [])
    job = await ai.fine_tuning.create(
        tmp_path / "talk.jsonl", suffix="lamps", epochs=2, seed=7, metadata={"room": "hall"}
    )
    assert (job.status, job.model, job.fine_tuned_model, job.ended) == ("validating_files", MODEL, "", False)
    assert job.metadata == {"room": "hall"}
    happened: list[TuningEvent] = []
    steps: list[tuple[int, int]] = []
    job = await ai.fine_tuning.follow(
        job.id, on_event=happened.append, progress=lambda *each: steps.append(each), poll_s=0
    )
    assert (job.status, job.ended) == ("succeeded", True)
    assert [event.id for event in happened] == sorted({event.id for event in happened})
    assert happened == list(await ai.fine_tuning.events(job.id))
    assert happened[0].message.startswith("Created")
    assert happened[-1].message == "The job has successfully completed"
    assert steps == [(step, 20) for step in range(1, 21)]
    checkpoints = await ai.fine_tuning.checkpoints(job.id)
    assert [(each.step, each.metrics["step"]) for each in checkpoints] == [(20, 20.0), (10, 10.0)]
    for model in (job.fine_tuned_model, checkpoints[1].model):
        assert (await ai.chat.ask("Hi", model=model)).text == "You said: Hi"
    assert [each.id for each in await ai.fine_tuning.list()] == [job.id]
    assert server.violations == ()


async def test_it_is_paid_by_the_token_and_counted_once(here: Desk) -> None:
    job = await here.ai.fine_tuning.create(examples())
    job = await here.ai.fine_tuning.follow(job.id, poll_s=0)
    await here.ai.fine_tuning.get(job.id)
    assert here.spent == [Usage(f"{MODEL}:training", text_in=job.trained_tokens)]
    assert here.names == {f"fine-tuning {job.id}"}
    cost = PriceTable(BudgetSettings().prices).cost(Usage(f"{MODEL}:training", text_in=1_000_000))
    assert (cost.usd, cost.guessed) == (5.0, False)


async def test_a_server_that_does_not_tell_what_was_learned(server: HttpLoopback, here: Desk) -> None:
    job = await here.ai.fine_tuning.create(examples(), epochs=2)
    await here.ai.fine_tuning.get(job.id)
    job_there = server.kept(FineTuning).all[0]
    done = {**job_there, "status": "succeeded", "fine_tuned_model": "ft:m", "user_provided_suffix": None}
    for number in (1, 2):
        server.add_fault(Fault(Answer(200, done), "fine_tuning", nth=number))
    for _ in range(2):
        await here.ai.fine_tuning.get(job.id)
    assert here.spent == [Usage(f"{MODEL}:training", text_in=2 * len(examples()[1]))]
    assert len(server.of("files")) == 2


async def test_what_a_job_is_asked_for(server: HttpLoopback, here: Desk) -> None:
    uploaded = await here.ai.files.upload(examples(), "fine-tune")
    await here.ai.fine_tuning.create(
        uploaded.id,
        validation_file=examples(2),
        model="gpt-4o-mini-2024-07-18",
        epochs="auto",
        learning_rate_multiplier=0.5,
        batch_size=4,
    )
    body = server.of("fine_tuning")[0].body
    assert body == {
        "model": "gpt-4o-mini-2024-07-18",
        "training_file": uploaded.id,
        "validation_file": server.kept(Files).all[1]["id"],
        "method": {
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": "auto", "learning_rate_multiplier": 0.5, "batch_size": 4}},
        },
    }


async def test_other_methods(server: HttpLoopback, here: Desk) -> None:
    user, said = {"role": "user", "content": "Lamp?"}, {"role": "assistant", "content": "On."}
    preferred = {"input": {"messages": [user]}, "preferred_output": [said], "non_preferred_output": [said]}
    grader = {"type": "string_check", "name": "g", "operation": "eq", "input": "a", "reference": "b"}
    jobs = [
        (preferred, "dpo", MODEL, {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 1}}}),
        (
            {"messages": [user]},
            {"type": "reinforcement", "reinforcement": {"grader": grader}},
            "o4-mini-2025-04-16",
            {"type": "reinforcement", "reinforcement": {"grader": grader, "hyperparameters": {"n_epochs": 1}}},
        ),
        (
            {"prompt": "Lamp?", "completion": "On."},
            "supervised",
            "davinci-002",
            {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1}}},
        ),
    ]
    for number, (example, method, model, sent) in enumerate(jobs):
        data = b"".join(json.dumps(example).encode() + b"\n" for _ in range(10))
        job = await here.ai.fine_tuning.create(("talk.jsonl", data), method=method, model=model, epochs=1)  # type: ignore[arg-type]
        created = [entry for entry in server.of("fine_tuning") if entry.line == "POST fine_tuning/jobs"]
        assert created[number].body["method"] == sent
        assert (await here.ai.fine_tuning.follow(job.id, poll_s=0)).status == "succeeded"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"epochs": 51}, "epochs is 51: give 1 to 50"),
        ({"epochs": "many"}, "epochs is 'many'"),
        ({"batch_size": 0}, "batch_size is 0: give 1 to 256"),
        ({"learning_rate_multiplier": 0}, "learning_rate_multiplier must be above 0"),
        ({"suffix": "x" * 65}, "suffix has 65 letters"),
        ({"seed": -1}, "seed is -1"),
        ({"method": "magic"}, "method 'magic' is none"),
        ({"method": {}}, "method None is none"),
        ({"method": "reinforcement"}, "reinforcement needs a grader"),
        ({"method": {"type": "dpo", "dpo": 5}}, "method.dpo must be an object"),
    ],
)
async def test_options_that_no_server_takes(
    server: HttpLoopback, here: Desk, options: dict[str, Any], what: str
) -> None:
    with pytest.raises(RequestRejected, match=what):
        await here.ai.fine_tuning.create(examples(), **options)
    assert server.requests == ()


async def test_a_bad_line_is_told_before_anything_is_sent(server: HttpLoopback, here: Desk, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    path.write_bytes(examples()[1] + b"{\n")
    with pytest.raises(RequestRejected, match=r"talk\.jsonl: line 11: it is no JSON"):
        await here.ai.fine_tuning.create(path)
    with pytest.raises(RequestRejected, match=r"talk\.jsonl: line 11: it is no JSON"):
        await here.ai.fine_tuning.create(examples(), validation_file=path)
    with pytest.raises(RequestRejected, match="9 examples are too few: give at least 10"):
        await here.ai.fine_tuning.create(examples(9))
    with pytest.raises(RequestRejected, match="there is no such file"):
        await here.ai.fine_tuning.create(tmp_path / "missing.jsonl")
    path.write_bytes(b"")
    with pytest.raises(RequestRejected, match="is empty"):
        await here.ai.fine_tuning.check(path)
    assert server.requests == ()


async def test_what_can_t_be_prepared(here: Desk, tmp_path: Path) -> None:
    for wrong, what in (
        ([], "there are no examples"),
        ([("Hi", "Hello."), "Hi"], "example 2: give"),
        ([("Hi", "")], r"line 1: messages\[1\].content is empty"),
        ([{"messages": [{"role": "user", "content": {1}}]}], "something in it that is no JSON"),
    ):
        with pytest.raises(RequestRejected, match=what):
            await here.ai.fine_tuning.prepare(wrong, tmp_path / "talk.jsonl")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


async def test_what_the_old_way_had_is_converted(here: Desk, tmp_path: Path) -> None:
    old = [{"prompt": f"Lamp {number}? ->", "completion": " On. END"} for number in range(10)]
    path = tmp_path / "talk.jsonl"
    path.write_bytes(b"".join(json.dumps(each).encode() + b"\n" for each in old))
    assert "make messages of them with prepare" in (await here.ai.fine_tuning.check(path)).problems[0].what
    await here.ai.fine_tuning.prepare(old, path)
    assert json.loads(path.read_text().splitlines()[0]) == {
        "messages": [{"role": "user", "content": "Lamp 0?"}, {"role": "assistant", "content": "On."}]
    }
    assert (await here.ai.fine_tuning.create(path)).status == "validating_files"


# What goes wrong at the server.


async def test_a_job_that_fails_says_why(server: HttpLoopback, here: Desk) -> None:
    bad = server.kept(Files).add("talk.jsonl", b'{"a": 1}\n' * 10, "fine-tune")
    job = await here.ai.fine_tuning.create(bad["id"])
    happened: list[TuningEvent] = []
    with pytest.raises(RequestRejected, match=r"failed: .*Line 1 has no key 'messages'") as raised:
        await here.ai.fine_tuning.follow(job.id, on_event=happened.append, poll_s=0)
    assert raised.value.code == "invalid_training_file"
    assert happened[-1].level == "error"
    found = await here.ai.fine_tuning.get(job.id)
    assert (found.status, found.error_code) == ("failed", "invalid_training_file")
    assert here.spent == []


async def test_an_account_that_may_make_no_jobs(server: HttpLoopback, here: Desk) -> None:
    server.kept(FineTuning).allowed = False
    with pytest.raises(ApiDenied, match="OpenAI winds its self-serve fine-tuning down since 2026-05-07") as raised:
        await here.ai.fine_tuning.create(examples())
    assert (raised.value.status, raised.value.cause) == (403, "access")
    server.add_fault(Fault(forbidden(), "fine_tuning"))
    with pytest.raises(ApiDenied, match="winds its self-serve fine-tuning down"):
        await here.ai.fine_tuning.create(examples())


async def test_a_server_that_has_none(server: HttpLoopback, here: Desk) -> None:
    for status in (404, 410):
        gone = {"error": {"message": "Invalid URL (POST /v1/fine_tuning/jobs)", "type": "invalid_request_error"}}
        server.add_fault(Fault(Answer(status, gone), "fine_tuning"))
        with pytest.raises(ApiDenied, match=r"this server has none \(any more\)\. OpenAI winds"):
            await here.ai.fine_tuning.create(examples())


async def test_other_refusals_are_as_ever(server: HttpLoopback, here: Desk) -> None:
    with pytest.raises(ModelUnknown, match="gpt-5 is not available for fine-tuning") as raised:
        await here.ai.fine_tuning.create(examples(), model="gpt-5")
    assert "winds" not in str(raised.value)
    server.add_fault(Fault(wrong_key(), "fine_tuning"))
    with pytest.raises(ApiDenied, match="does not accept the API key"):
        await here.ai.fine_tuning.create(examples())
    server.add_fault(Fault(server_error(), "fine_tuning"))
    before = len(server.of("fine_tuning"))
    with pytest.raises(ApiUnreachable):
        await here.ai.fine_tuning.create(examples())
    assert len(server.of("fine_tuning")) == before + 1


async def test_what_there_is_not(server: HttpLoopback, here: Desk) -> None:
    tuning = here.ai.fine_tuning
    for ask in (
        tuning.get,
        tuning.cancel,
        tuning.pause,
        tuning.resume,
        tuning.events,
        tuning.checkpoints,
        tuning.follow,
    ):
        with pytest.raises(RequestRejected, match="the server has none of this id"):
            await ask("ftjob-9")
        with pytest.raises(RequestRejected, match="that is no id"):
            await ask("a/b")


async def test_a_job_rests_goes_on_and_is_cancelled(here: Desk) -> None:
    tuning = here.ai.fine_tuning
    job = await tuning.create(examples())
    with pytest.raises(RequestRejected, match="can't be paused"):
        await tuning.pause(job.id)
    for _ in range(2):
        await tuning.get(job.id)
    assert (await tuning.pause(job.id)).status == "paused"
    assert (await tuning.get(job.id)).ended is False
    assert (await tuning.resume(job.id)).status == "queued"
    assert (await tuning.cancel(job.id)).status == "cancelled"
    assert (await tuning.follow(job.id, poll_s=0)).status == "cancelled"


# Following.


async def test_following_has_an_end_and_the_job_goes_on(server: HttpLoopback, here: Desk) -> None:
    tuning = here.ai.fine_tuning
    job = await tuning.create(examples())
    for _ in range(2):
        await tuning.get(job.id)
    await tuning.pause(job.id)
    with pytest.raises(ApiUnreachable, match=r"is not ready after 0\.05 s"):
        await tuning.follow(job.id, within_s=0.05, poll_s=0.01)
    await tuning.resume(job.id)
    assert (await tuning.follow(job.id, poll_s=0)).status == "succeeded"


async def test_who_stops_to_follow_does_not_stop_the_job(server: HttpLoopback, here: Desk) -> None:
    job = await here.ai.fine_tuning.create(examples())
    server.add_fault(Fault(Stall(), "fine_tuning", nth=3))
    following = asyncio.create_task(here.ai.fine_tuning.follow(job.id, poll_s=0))
    await server.wait_for("fine_tuning", count=4, outcome="faulted")
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
    await server.wait_for("fine_tuning", count=4, ended=True)
    assert (await here.ai.fine_tuning.follow(job.id, poll_s=0)).status == "succeeded"


async def test_no_event_is_missed_or_told_twice_where_looks_fail(server: HttpLoopback) -> None:
    async with desk(server, retries=0) as here:
        job = await here.ai.fine_tuning.create(examples())
        for number in (1, 4, 7):
            server.add_fault(Fault(unavailable(), "fine_tuning", nth=number))
        happened: list[TuningEvent] = []
        await here.ai.fine_tuning.follow(job.id, on_event=happened.append, poll_s=0)
        assert happened == list(await here.ai.fine_tuning.events(job.id))


async def test_more_events_than_a_page_has_come_in_their_order(here: Desk) -> None:
    job = await here.ai.fine_tuning.create(examples(60), epochs=5)
    for _ in range(7):
        await here.ai.fine_tuning.get(job.id)
    happened: list[TuningEvent] = []
    await here.ai.fine_tuning.follow(job.id, on_event=happened.append, poll_s=0)
    assert len(happened) > 300
    assert [event.id for event in happened] == sorted({event.id for event in happened})
    assert [event.message for event in (await here.ai.fine_tuning.events(job.id, most=2))] == [
        event.message for event in happened[-2:]
    ]


async def test_what_on_event_raises_is_raised(here: Desk) -> None:
    def enough(event: TuningEvent) -> None:
        raise LookupError("enough")

    job = await here.ai.fine_tuning.create(examples())
    with pytest.raises(LookupError, match="enough"):
        await here.ai.fine_tuning.follow(job.id, on_event=enough, poll_s=0)


async def test_the_file_goes_where_the_job_is(server: HttpLoopback) -> None:
    async with HttpLoopback() as other:
        providers = {
            "openai": ProviderSettings(base_url=other.base_url),
            "mine": ProviderSettings(base_url=server.base_url, models={"fine_tuning": MODEL}),
        }
        async with desk(server, providers=providers) as here:
            job = await here.ai.fine_tuning.create(examples(), provider="mine")
            assert (job.provider, job.model) == ("mine", MODEL)
            found = await here.ai.fine_tuning.follow(job.id, provider="mine", poll_s=0)
        assert (found.status, other.requests) == ("succeeded", ())
