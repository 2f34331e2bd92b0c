"""The recogniser that is always there, on speech of people and of espeak-ng, and on what is no command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.brains.offline.household import HOUSEHOLD, LIGHTS, TEXT, tool
from tests.brains.offline.spoken import among_silence, at_16_khz, spoken
from tests.speech import labelled, read_wav
from voiced.brains.offline.engines import ACCEPTED, EngineError, Grammar, Heard
from voiced.brains.offline.engines.pocketsphinx import Evidence, PocketsphinxRecogniser
from voiced.brains.offline.matching import Understanding

UNDERSTANDING = Understanding(HOUSEHOLD)
DEMO = Path(__file__).parents[3] / "voiced" / "demo" / "voices"
TIMER = read_wav(DEMO / "user_timer.wav")  # set a timer for ten seconds (please)


@pytest.fixture
def recogniser() -> PocketsphinxRecogniser:
    recogniser = PocketsphinxRecogniser()
    recogniser.expect(UNDERSTANDING.grammar)
    return recogniser


def hear(recogniser: PocketsphinxRecogniser, pcm: bytes, piece: int = 1280) -> Heard:
    """An utterance, PCM16 at 24 kHz with silence around it, as it streams in."""
    sound = at_16_khz(pcm)
    recogniser.begin()
    for start in range(0, len(sound), piece):
        recogniser.feed(sound[start : start + piece])
    return recogniser.end()


def obeyed(heard: Heard) -> str:
    """The tool that is called."""
    match = UNDERSTANDING.match(heard.text) if heard.confidence >= ACCEPTED else None
    return "" if match is None else match.tool


def test_the_first_sentence_is_understood(recogniser: PocketsphinxRecogniser) -> None:
    match = UNDERSTANDING.match(hear(recogniser, among_silence(TIMER)).text)
    assert match is not None
    assert json.loads(match.arguments) == {"name": None, "duration_s": 10}


def test_a_question_is_no_command(recogniser: PocketsphinxRecogniser) -> None:
    assert obeyed(hear(recogniser, among_silence(read_wav(DEMO / "user_rain.wav")))) == ""


def test_the_length_of_the_pieces_changes_nothing() -> None:
    sound = among_silence(TIMER)
    heard = set()
    for piece in (2, 318, 2560, 100_000):
        recogniser = PocketsphinxRecogniser()
        recogniser.expect(UNDERSTANDING.grammar)
        heard.add(hear(recogniser, sound, piece))
    assert len(heard) == 1


@pytest.mark.shared_data
def test_commands_of_people_are_understood(recogniser: PocketsphinxRecogniser, shared_data: Path) -> None:
    lines = map(json.loads, (shared_data / "speech" / "manifest.jsonl").read_text().splitlines())
    clips = [line["file"] for line in lines if line.get("text") == "turn on the office lights"]
    tools = [obeyed(hear(recogniser, among_silence(read_wav(shared_data / "speech" / clip)))) for clip in clips]
    assert len(tools) == 10
    assert tools.count("light") >= 9
    assert set(tools) <= {"light", ""}


@pytest.mark.shared_data
def test_talk_of_people_is_no_command(recogniser: PocketsphinxRecogniser, shared_data: Path) -> None:
    stretches = [
        among_silence(clip.pcm[int(start * 24_000) * 2 : int(end * 24_000) * 2])
        for clip in labelled(shared_data)
        for start, end in clip.speech[::2]
    ]
    assert len(stretches) > 20
    tools = [obeyed(hear(recogniser, stretch)) for stretch in stretches]
    assert [tool for tool in tools if tool] == []


def test_noise_is_no_command(recogniser: PocketsphinxRecogniser) -> None:
    random = np.random.default_rng(3)
    for level in (0, 30, 1000, 8000):
        for seconds in (0.1, 0.5, 2.0):
            noise = random.normal(0, level, int(24_000 * seconds)).clip(-32768, 32767).astype("<i2").tobytes()
            assert obeyed(hear(recogniser, among_silence(noise))) == "", (level, seconds)
    tone = (8000 * np.sin(np.arange(24_000) * 0.2)).astype("<i2").tobytes()
    assert obeyed(hear(recogniser, among_silence(tone))) == ""
    assert hear(recogniser, b"").text == ""


async def test_speech_of_a_synthesiser_is_told_apart(recogniser: PocketsphinxRecogniser) -> None:
    commands = {
        "what time is it": "get_time",
        "turn on the kitchen lights": "light",
        "switch off the living room lights": "light",
        "louder": "change_volume",
        "be quiet": "stop_talking",
    }
    talk = (
        "the cat sat on the mat", "tell me about coffee", "it was a long day and I am tired", "good morning",
        "what do you think about it", "she said it would rain tomorrow", "yes", "thank you very much",
    )  # fmt: skip
    sounds = await spoken(*commands, *talk, words_per_minute=150)
    tools = [obeyed(hear(recogniser, among_silence(sound))) for sound in sounds]
    assert tools[len(commands) :] == [""] * len(talk)
    right = [tool == wanted for tool, wanted in zip(tools, commands.values(), strict=False)]
    assert sum(right) >= len(commands) - 1


async def test_in_digital_silence_commands_are_understood_too() -> None:
    """As a noise gate makes it. Each with a recogniser of its own: the first utterance has learned from none."""
    silence = bytes(24_000)
    obeyed_in_it = []
    for sound in await spoken("what time is it", "turn on the kitchen lights", "louder", words_per_minute=150):
        recogniser = PocketsphinxRecogniser()
        recogniser.expect(UNDERSTANDING.grammar)
        obeyed_in_it.append(obeyed(hear(recogniser, silence + sound + silence)))
    assert obeyed_in_it == ["get_time", "light", "change_volume"]


async def test_names_that_no_dictionary_has_are_heard(recogniser: PocketsphinxRecogniser) -> None:
    lamps = tool(
        "lamp", "turn on {name}", arguments={"name": TEXT}, lists={"name": {"Jörg's lamp": 1, "the Blorptron": 2}}
    )
    understanding = Understanding([*HOUSEHOLD, lamps])
    recogniser.expect(understanding.grammar)
    [lamp] = await spoken("turn on the blorp tron", words_per_minute=150)
    match = understanding.match(hear(recogniser, among_silence(lamp)).text)
    assert match is not None
    assert json.loads(match.arguments) == {"name": "2"}


def test_new_tools_are_heard_with_no_new_recogniser(recogniser: PocketsphinxRecogniser) -> None:
    sound = among_silence(TIMER)
    assert obeyed(hear(recogniser, sound)) == "set_timer"
    recogniser.expect(Understanding([LIGHTS]).grammar)
    assert "timer" not in hear(recogniser, sound).text
    recogniser.expect(UNDERSTANDING.grammar)
    assert obeyed(hear(recogniser, sound)) == "set_timer"


def test_a_grammar_may_change_in_mid_utterance(recogniser: PocketsphinxRecogniser) -> None:
    recogniser.begin()
    recogniser.feed(bytes(3200))
    recogniser.expect(Understanding([LIGHTS]).grammar)
    recogniser.begin()
    recogniser.feed(bytes(3200))
    assert recogniser.end().text == ""


def test_what_it_can_not_do_it_says(recogniser: PocketsphinxRecogniser) -> None:
    with pytest.raises(EngineError, match="no utterance has begun"):
        recogniser.feed(b"")
    with pytest.raises(EngineError, match="no utterance has begun"):
        recogniser.end()
    with pytest.raises(EngineError, match="there is no grammar yet"):
        PocketsphinxRecogniser().begin()
    for jsgf in ("", "#JSGF V1.0;\ngrammar g;\npublic <c> = lamp on;\n", Understanding([]).grammar.jsgf):
        with pytest.raises(EngineError, match="grammar"):
            recogniser.expect(Grammar(jsgf, ()))
    sound = among_silence(TIMER)
    assert obeyed(hear(recogniser, sound)) == "set_timer"


def test_each_sign_of_something_else_takes_confidence() -> None:
    sure = Evidence("stop now", distance=-10.0, worst=-5.0, missed=0, phones=9, longest=12.0)
    assert sure.confidence() > 0.9
    for change in (
        {"distance": 5.0}, {"worst": 39.0}, {"missed": 40}, {"phones": 3}, {"longest": 30.0},
    ):  # fmt: skip
        less = Evidence(**{**{name: getattr(sure, name) for name in Evidence.__slots__}, **change})
        assert less.confidence() < sure.confidence(), change
    assert Evidence("x", 1e9, 1e9, 10**9, 0, 1e9).confidence() == pytest.approx(0.0, abs=1e-9)
