"""The file of the plugins that somebody switched off."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from voiced.errors import PluginError
from voiced.plugins.switches import MAX_BYTES, path_in, read, write


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = path_in(tmp_path / "state")
    assert read(path) == frozenset()
    write(path, {"weather", "wetter in Köln"})
    assert read(path) == {"weather", "wetter in Köln"}
    write(path, ())
    assert read(path) == frozenset()
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_whatever_is_in_the_file_a_name_a_line_comes_of_it(tmp_path: Path) -> None:
    path = path_in(tmp_path)
    path.write_bytes(b"\n  timers \r\n\xff\n" + b"x" * MAX_BYTES)
    assert {"timers", "\ufffd"} < read(path)
    assert sum(map(len, read(path))) < MAX_BYTES


def test_a_file_that_cannot_be_read_or_written_says_so(tmp_path: Path) -> None:
    path_in(tmp_path).mkdir()
    with pytest.raises(PluginError, match=r"plugins\.off can't be read \(Is a directory\)"):
        read(path_in(tmp_path))
    with pytest.raises(PluginError, match=r"plugins\.off can't be written \(Is a directory\)"):
        write(path_in(tmp_path), ["timers"])
    with pytest.raises(PluginError, match="bytes; 65536 are allowed"):
        write(path_in(tmp_path / "other"), ["x" * 70_000])
