"""What a plugin may be called: a good name is found in what people type, anything else is told what to type instead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiced.errors import PluginError
from voiced.scaffold import PluginName

TAKEN = {"lamps": "voiced_lamps of voiced-lamps"}


@pytest.mark.parametrize(
    ("typed", "plugin", "package", "module", "kind", "words"),
    [
        ("weather", "weather", "voiced-weather", "voiced_weather", "WeatherPlugin", "weather"),
        ("shopping-list", "shopping_list", "voiced-shopping-list", "voiced_shopping_list", "ShoppingListPlugin",
         "shopping list"),
        ("shopping_list", "shopping_list", "voiced-shopping-list", "voiced_shopping_list", "ShoppingListPlugin",
         "shopping list"),
        ("voiced-mp3", "mp3", "voiced-mp3", "voiced_mp3", "Mp3Plugin", "mp3"),
        ("plugin", "plugin", "voiced-plugin", "voiced_plugin", "PluginPlugin", "plugin"),
    ],
)  # fmt: skip
def test_all_that_is_called_after_it(typed: str, plugin: str, package: str, module: str, kind: str, words: str) -> None:
    name = PluginName.of(typed, TAKEN)
    assert (name.plugin, name.package, name.module, name.kind, name.words) == (plugin, package, module, kind, words)


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("Weather", "letter first, such as weather"),
        ("my weather!", "letter first, such as my-weather"),
        ("2nd-lamp", "letter first, such as nd-lamp"),
        ("a--b", "letter first, such as a-b"),
        ("../weather", "letter first, such as weather"),
        ("wetter_", "letter first, such as wetter"),
        ("été chaud", "letter first, such as ete-chaud"),
        ("天気", "a letter first"),
        ("", "a letter first"),
        ("voiced-", "a letter first"),
        ("class", "'class' can't be the name of a plugin: it is a word of Python's own; add another word"),
        ("a" * 31, "a plugin can't have a name of 31 characters; take 30 at most"),
        ("lamps", "there is a plugin lamps already (voiced_lamps of voiced-lamps); choose another name"),
        ("voiced-lamps", "there is a plugin lamps already"),
    ],
)
def test_a_bad_name_is_one_line_that_says_what_to_type(typed: str, complaint: str) -> None:
    with pytest.raises(PluginError) as raised:
        PluginName.of(typed, TAKEN)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


@given(st.text(max_size=60) | st.from_regex(r"[a-z][a-z0-9_-]{0,50}", fullmatch=True))
def test_whatever_is_typed_is_a_module_or_refused(typed: str) -> None:
    try:
        name = PluginName.of(typed, TAKEN)
    except PluginError as error:
        complaint = str(error)
        assert len(complaint.splitlines()) == 1
        return
    assert name.module.isidentifier()
    assert name.kind.isidentifier()
    assert len(f"remind_of_{name.plugin}") <= 64
