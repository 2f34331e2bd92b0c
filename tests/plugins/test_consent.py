"""Yes or no, as people say it: nothing but a yes is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.plugins.consent import yes_or_no


@pytest.mark.parametrize(
    "answer",
    [
        "yes", "Yes.", "YES!", "Yeah, sure.", "yep", "sure", "Of course!", "Please do.", "go ahead",
        "Yes, go ahead, please.",
        "ok", "Okay.", "Okay, do it.", "That's fine.", "All right", "No problem.", "Why not?", "I don't mind.",
        "Um, yes", "well, sure", "Yes please unlock the door", "I said yes", "I would say yes", "yes yes yes",
        "Ja", "Ja, bitte!", "Klar", "Natürlich", "kein Problem", "Sí", "si, por favor", "claro", "oui",
        "是", "好", "好的。", "是的", "可以", "没问题", "当然可以", "嗯", "好，请继续",
    ],
)  # fmt: skip
def test_a_yes(answer: str) -> None:
    assert yes_or_no(answer) is True


@pytest.mark.parametrize(
    "answer",
    [
        "no", "No.", "Nope", "no thanks", "No, thank you.", "cancel", "never mind", "Nevermind.", "Stop", "don't",
        "Please don't do it.", "Do not do that", "of course not", "Certainly not!", "Absolutely not.", "not okay",
        "No, the other door", "no no no", "Not now", "later", "I'd rather not", "forget it", "No, that's fine.",
        "Nein", "Nein, danke.", "lieber nicht", "natürlich nicht", "no, gracias", "claro que no", "non",
        "不", "不要", "不好", "不用了", "别", "取消", "算了", "没有",
    ],
)  # fmt: skip
def test_a_no(answer: str) -> None:
    assert yes_or_no(answer) is False


@pytest.mark.parametrize(
    "answer",
    [
        "", "   ", "...", "What time is it?", "I'm not sure", "I don't know", "maybe", "Wait", "yes, no", "no, yes",
        "yes, but don't unlock it", "Okay, what is the weather like?", "That is a good question to ask him",
        "Right, where did I put my keys", "please", "um",
        "yes the thing is that I have been thinking about it for a very long time today",
        "vielleicht", "weiß nicht", "no sé", "好不好", "不知道", "也许", "天气", "是，不", "\U0001f44d",
    ],
)  # fmt: skip
def test_neither(answer: str) -> None:
    assert yes_or_no(answer) is None


@given(st.text())
def test_whatever_was_heard_it_is_yes_or_no_or_neither(answer: str) -> None:
    assert yes_or_no(answer) in (True, False, None)


@given(st.sampled_from(["yes", "sure", "go ahead", "ja"]), st.sampled_from(["no", "don't", "cancel", "nein", "never"]))
def test_a_yes_with_a_no_is_never_a_yes(yes: str, no: str) -> None:
    assert yes_or_no(f"{yes}, {no}") is not True
    assert yes_or_no(f"{no}, {yes}") is not True
