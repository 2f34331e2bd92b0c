"""A worker's process: asked, cancelled, killed, hung, and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.brains.offline.engines_on_demand import sound_of
from tests.unannounced import gone, until
from voiced.brains.offline.engines import EngineError, Grammar, Heard
from voiced.brains.offline.hearing import Hearing, Utterance
from voiced.brains.offline.speaking import Speaking
from voiced.brains.offline.worker_process import Engine, Worker, WorkerFailed, WorkerLost
from voiced.testing.clock import turns
from voiced.testing.swift_time import SwiftTime

ENGINES = "tests.brains.offline.engines_on_demand"
LAMP = Grammar("#JSGF V1.0;\ngrammar g;\npublic <c> = lamp on;\n", ("lamp", "on"))
HALF_A_SECOND = b"\x01\x00" * 12_000


@asynccontextmanager
async def hosting(kind: str, **options: Any) -> AsyncIterator[Worker]:
    worker = Worker(Engine(kind, f"{ENGINES}:{kind}", options), hang_s=20.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(worker.run())
        yield worker
        running.cancel()


async def said(worker: Worker, text: str) -> bytes:
    return b"".join([chunk async for chunk in Speaking(worker).say(text)])


async def test_a_voice_speaks_in_its_process() -> None:
    async with hosting("Mouth") as worker:
        assert await said(worker, "good morning") == sound_of("good morning")
        assert await said(worker, "") == b""


async def test_what_an_engine_refuses_is_an_error_and_the_process_lives_on() -> None:
    async with hosting("Mouth") as worker:
        with pytest.raises(EngineError, match="that can't be said"):
            await said(worker, "a#")
        assert (await said(worker, "b"), worker.life) == (sound_of("b"), 1)


async def test_what_a_library_prints_breaks_no_frame() -> None:
    async with hosting("Mouth") as worker:
        assert await said(worker, "a$b") == sound_of("a$b")


async def test_speech_without_end_is_cancelled_and_the_next_sentence_is_only_itself() -> None:
    async with hosting("Mouth") as worker:
        speaking = Speaking(worker).say("*")
        assert await anext(speaking) == sound_of("*")
        await speaking.aclose()
        assert await said(worker, "next") == sound_of("next")
        assert worker.life == 1


async def test_a_voice_that_dies_in_mid_sentence_goes_on_where_it_was(tmp_path: Path) -> None:
    async with hosting("Mouth", diary=str(tmp_path / "diary")) as worker:
        assert await said(worker, "before! after") == sound_of("before! after")
        assert worker.life == 2


async def test_a_voice_that_dies_of_a_sentence_is_not_asked_for_ever() -> None:
    async with hosting("Mouth") as worker:
        with pytest.raises(WorkerLost):
            await said(worker, "a!")
        assert await said(worker, "b") == sound_of("b")


async def test_a_voice_that_hangs_is_killed_and_goes_on(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    time = SwiftTime()
    with time.kept():
        async with hosting("Mouth", diary=str(diary)) as worker:
            saying = asyncio.create_task(said(worker, "a?b"))
            await until(diary.exists)
            await turns()  # what it said before is heard
            time.hurry_to(time.time() + worker.hang_s)
            assert await saying == sound_of("a?b")
            assert worker.life == 2


async def test_a_killed_process_is_started_again() -> None:
    async with hosting("Mouth") as worker:
        await worker.up()
        for life in (2, 3, 4, 5, 6):
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
            assert await said(worker, "a") == sound_of("a")
            assert worker.life == life


async def test_a_bug_in_an_engine_is_a_crash_and_the_log_has_no_word_that_was_said() -> None:
    with capture_logs() as logs:
        async with hosting("Mouth") as worker:
            with pytest.raises(WorkerLost):
                await said(worker, "my secret ~")
    warnings = [line for line in logs if line["log_level"] != "debug"]
    assert "offline.worker_lost" in {line["event"] for line in warnings}
    assert not [line for line in warnings if "secret" in str(line)]


async def test_an_engine_that_can_not_be_loaded_says_why_once_and_is_tried_when_asked() -> None:
    with capture_logs() as logs:
        async with hosting("that_does_not_load") as worker:
            for _ in range(2):
                with pytest.raises(WorkerFailed, match=r"install voiced\[something\]") as failed:
                    await worker.up()
                assert failed.value.for_good
                worker.change(Engine("Mouth", f"{ENGINES}:Mouth"))
                assert await said(worker, "a") == sound_of("a")
                worker.change(Engine("broken", f"{ENGINES}:that_does_not_load"))
                with pytest.raises(WorkerFailed):
                    await said(worker, "b")
    assert {line["event"] for line in logs if line["log_level"] == "error"} == {"offline.worker_failed"}


async def test_another_engine_may_be_wanted_before_the_first_one_is_up() -> None:
    async with hosting("Mouth", diary="/nowhere/at/all") as worker:
        await asyncio.sleep(0)
        worker.change(Engine("Ear", f"{ENGINES}:Ear", {"says": "other"}))
        assert await Hearing(worker).understood(Utterance.of(HALF_A_SECOND)) == Heard("other", 1.0)


async def test_an_engine_that_is_not_there_at_all_is_named() -> None:
    async with hosting("Nobody") as worker:
        with pytest.raises(WorkerFailed, match="Nobody"):
            await worker.up()


async def test_a_process_that_does_not_stay_up_has_failed_until_somebody_asks_again() -> None:
    async with hosting("that_crashes") as worker:
        with pytest.raises(WorkerFailed, match="does not stay up: it ended with code 4") as failed:
            await worker.up()
        assert not failed.value.for_good
        worker.change(Engine("Mouth", f"{ENGINES}:Mouth"))
        assert await said(worker, "a") == sound_of("a")


async def test_a_worker_ends_with_its_daemon_even_where_that_is_killed() -> None:
    program = (
        "import asyncio, sys\n"
        "from voiced.brains.offline.worker_process import *\n"
        "async def main():\n"
        f"    worker = Worker(Engine('m', '{ENGINES}:Mouth'))\n"
        "    asyncio.create_task(worker.run())\n"
        "    await worker.up()\n"
        "    print(worker.pid, file=sys.stderr, flush=True)\n"
        "    await asyncio.sleep(1000)\n"
        "asyncio.run(main())\n"
    )
    daemon = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=subprocess.PIPE)
    assert daemon.stderr is not None
    worker = int(await daemon.stderr.readline())
    daemon.kill()
    await daemon.wait()
    await gone(worker)


async def test_no_key_gets_into_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/voiced")
    async with hosting("Mouth") as worker:
        await worker.up()
        environment = Path(f"/proc/{worker.pid}/environ").read_text()
    assert "PATH=" in environment
    assert not [word for word in ("sk-test", "KEY", "CREDENTIALS") if word in environment]


async def test_where_memory_runs_out_the_kernel_takes_the_worker_first() -> None:
    async with hosting("Mouth") as worker:
        await worker.up()
        assert Path(f"/proc/{worker.pid}/oom_score_adj").read_text().strip() == "500"


def test_a_worker_loads_nothing_heavy_by_itself() -> None:
    program = "import sys, voiced.brains.offline.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "structlog", "pydantic", "hassil", "asyncio", "openai"} & set(loaded)


# Hearing.


async def test_an_utterance_is_heard_as_it_comes_at_the_rate_of_recognisers() -> None:
    async with hosting("Ear", says="{samples} samples of {words}") as worker:
        await worker.up()
        hearing = Hearing(worker)
        hearing.expect(LAMP)
        for start in range(0, len(HALF_A_SECOND), 960):
            hearing.feed(HALF_A_SECOND[start : start + 960])
        assert await hearing.end() == Heard("8000 samples of lamp on", 1.0)


async def test_an_utterance_that_began_before_the_process_was_up_is_heard_whole() -> None:
    async with hosting("Ear", says="{samples} samples of {words}") as worker:
        hearing = Hearing(worker)
        hearing.expect(LAMP)
        hearing.feed(HALF_A_SECOND)
        assert await hearing.end() == Heard("8000 samples of lamp on", 1.0)


async def test_what_is_said_while_the_sentences_change_is_heard_whole_with_the_new_ones() -> None:
    async with hosting("Ear", says="{samples} samples of {words}") as worker:
        await worker.up()
        hearing = Hearing(worker)
        hearing.expect(Grammar(LAMP.jsgf, ("radio",)))
        hearing.feed(HALF_A_SECOND)
        hearing.expect(LAMP)
        hearing.feed(HALF_A_SECOND)
        assert await hearing.end() == Heard("16000 samples of lamp on", 1.0)


async def test_nothing_said_is_nothing_heard() -> None:
    async with hosting("Ear") as worker:
        hearing = Hearing(worker)
        hearing.feed(HALF_A_SECOND)
        hearing.drop()
        assert await hearing.end() == Heard("", 1.0)


@pytest.mark.parametrize("crash_at", ["xbf", "xbffe"], ids=["while speaking", "at its end"])
async def test_a_recogniser_that_dies_hears_the_whole_utterance_in_its_next_life(crash_at: str, tmp_path: Path) -> None:
    diary = str(tmp_path / "diary")
    async with hosting("Ear", says="{samples} samples of {words}", diary=diary, crash_at=crash_at) as worker:
        await worker.up()
        hearing = Hearing(worker)
        hearing.expect(LAMP)
        hearing.feed(HALF_A_SECOND)
        hearing.feed(HALF_A_SECOND)
        assert await hearing.end() == Heard("16000 samples of lamp on", 1.0)


async def test_a_recogniser_that_hangs_is_killed_and_hears_it_again(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    time = SwiftTime()
    with time.kept():
        async with hosting("Ear", says="{samples}", diary=str(diary), hang_at="xbfe") as worker:
            await worker.up()
            hearing = Hearing(worker)
            hearing.expect(LAMP)
            hearing.feed(HALF_A_SECOND)
            heard = asyncio.create_task(hearing.end())
            await until(lambda: diary.exists() and diary.read_text() == "xbfe")
            time.hurry_to(time.time() + worker.hang_s)
            assert (await heard, worker.life) == (Heard("8000", 1.0), 2)


async def test_the_next_utterance_may_begin_before_the_last_is_understood() -> None:
    async with hosting("Ear", says="{samples}") as worker:
        await worker.up()
        hearing = Hearing(worker)
        hearing.feed(HALF_A_SECOND)
        first = hearing.commit()
        hearing.feed(HALF_A_SECOND * 2)
        assert await hearing.understood(Utterance.of(HALF_A_SECOND * 3)) == Heard("24000", 1.0)
        assert [await hearing.understood(first), await hearing.end()] == [Heard("8000", 1.0), Heard("16000", 1.0)]
