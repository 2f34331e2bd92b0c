"""Answers to questions of tools, as the recogniser that is installed hears them."""

from __future__ import annotations

import pytest

from tests.brains.offline.spoken import among_silence, at_16_khz, spoken
from voiced.brains.offline.engines import ACCEPTED
from voiced.brains.offline.engines.pocketsphinx import PocketsphinxRecogniser
from voiced.brains.offline.expected import YES_OR_NO, answers_to
from voiced.brains.offline.matching import Understanding


def said(*choices: str) -> list[str]:
    return [sentence.template for sentence in answers_to(choices).sentences]


def test_yes_or_no_where_no_choices_are_named() -> None:
    assert said()[: len(YES_OR_NO)] == list(YES_OR_NO)


def test_choices_are_taken_as_they_are_spoken_and_one_may_always_get_out() -> None:
    assert said("Living room!", "the 3rd", "Café", "???") == [
        "living room", "the three rd", "cafe", "cancel", "never mind",
    ]  # fmt: skip


def test_every_answer_can_be_understood() -> None:
    for choices in ((), ("red", "green"), ("Door (front)", "[x]", "{y}")):
        assert Understanding((answers_to(choices),)).problems == ()


@pytest.mark.parametrize(
    ("choices", "answers"),
    [((), ("yes please", "no thanks", "yes", "never mind")), (("the kitchen", "the bathroom"), ("the bathroom",))],
)
async def test_answers_are_heard(choices: tuple[str, ...], answers: tuple[str, ...]) -> None:
    recogniser = PocketsphinxRecogniser()
    recogniser.expect(Understanding((answers_to(choices),)).grammar)
    for answer, sound in zip(answers, await spoken(*answers), strict=True):
        recogniser.begin()
        recogniser.feed(at_16_khz(among_silence(sound)))
        heard = recogniser.end()
        assert heard.text == answer
        assert heard.confidence >= ACCEPTED, heard
