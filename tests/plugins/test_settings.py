"""Settings of the plugins."""

from __future__ import annotations

from pathlib import Path

import pytest

from voiced.plugins.settings import PluginSettings


def test_the_folder_is_where_the_desktop_keeps_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/xdg")
    assert PluginSettings().path() == Path("/etc/xdg/voiced/plugins")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert PluginSettings().path() == Path("/home/ada/.config/voiced/plugins")
    assert PluginSettings(folder="~/tools").path() == Path("/home/ada/tools")


def test_what_is_denied_is_a_permission_of_all_plugins_or_of_one() -> None:
    assert PluginSettings(denied=("network", "my.weather.files")).denied == ("network", "my.weather.files")
    with pytest.raises(ValueError, match=r"there is no permission netwrok; did you mean network\? there are network, "):
        PluginSettings(denied=("weather.netwrok",))
