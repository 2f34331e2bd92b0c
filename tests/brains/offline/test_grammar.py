"""The grammar for recognisers: the same sentences as text is matched with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.brains.offline.household import HOUSEHOLD, tool
from voiced.brains.offline.grammar import automaton_of, grammar_of
from voiced.brains.offline.matching import Understanding
from voiced.brains.offline.phrases import in_order, one_of, optional, sayings
from voiced.brains.offline.small_talk import SMALL_TALK

UNDERSTANDING = Understanding(HOUSEHOLD)
STATES = automaton_of(UNDERSTANDING.grammar.jsgf)
CHAT = {words for said in SMALL_TALK for words in sayings(said)}


def accepts(jsgf: str, said: str) -> bool:
    states = automaton_of(jsgf)
    state = len(states) - 1
    for word in said.split():
        following = dict(states[state][1])
        if word not in following:
            return False
        state = following[word]
    return states[state][0]


def test_what_sentences_share_is_there_once() -> None:
    light = in_order("turn", one_of("on", "off"), "the light", optional("please"))
    fan = in_order("turn", one_of("on", "off"), "the fan", optional("please"))
    assert grammar_of([light, fan]).jsgf == (
        "#JSGF V1.0 UTF-8 en;\n"
        "grammar voiced;\n"
        "<s0> = <NULL>;\n"
        "<s1> = please <s0> | <NULL>;\n"
        "<s2> = fan <s1> | light <s1>;\n"
        "<s3> = the <s2>;\n"
        "<s4> = off <s3> | on <s3>;\n"
        "public <s5> = turn <s4>;\n"
    )


def test_a_grammar_of_nothing_accepts_nothing() -> None:
    assert automaton_of(Understanding([]).grammar.jsgf) == [(False, ())]
    assert Understanding([]).grammar.words == ()


def test_equal_tools_make_equal_grammars() -> None:
    assert Understanding(HOUSEHOLD).grammar == UNDERSTANDING.grammar
    assert Understanding(HOUSEHOLD[:-1]).grammar != UNDERSTANDING.grammar


def test_its_words_are_all_of_its_words_in_order() -> None:
    words = {word for _, arcs in STATES for word, _ in arcs}
    assert UNDERSTANDING.grammar.words == tuple(sorted(words))


def test_it_accepts_each_way_to_say_a_template() -> None:
    spec = tool("go", "(go|walk) [slowly] (home|away [from here])", "stay")
    jsgf = Understanding([spec]).grammar.jsgf
    for said in ("go home", "walk slowly away", "go away from here please", "stay", "stay please", "thank you"):
        assert accepts(jsgf, said), said
    for said in ("", "go", "home", "slowly", "go home home", "please", "go away from", "please stay"):
        assert not accepts(jsgf, said), said


@given(st.data())
def test_what_the_grammar_accepts_is_understood(data: st.DataObject) -> None:
    state, words = len(STATES) - 1, list[str]()
    while True:
        final, arcs = STATES[state]
        if not arcs or (final and data.draw(st.booleans(), label="ends")):
            break
        word, state = data.draw(st.sampled_from(arcs), label="word")
        words.append(word)
    match = UNDERSTANDING.match(" ".join(words))
    assert match is not None or tuple(words) in CHAT


@pytest.mark.parametrize("text", ["public <a> = b;", "<s1> = a <s0>;\n", "<s0> = a b <x>;", "<s0> = a <sx>;"])
def test_another_grammar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no grammar|unpack|invalid literal"):
        automaton_of(text)
