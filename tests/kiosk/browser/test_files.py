"""The files of the page, read: nothing in them comes from elsewhere, and nothing needs a laxer policy."""

from __future__ import annotations

import re
from typing import Final

from voiced.kiosk.files import FOLDER

HTML: Final = (FOLDER / "index.html").read_text()
SCRIPTS: Final = {path.name: path.read_text() for path in FOLDER.glob("*.js")}


def test_no_script_or_style_is_inline_and_nothing_is_made_of_text() -> None:
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", HTML) == []
    for name, text in SCRIPTS.items():
        found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
        assert found == [], name


def test_nothing_is_loaded_from_elsewhere() -> None:
    for text in (HTML, (FOLDER / "page.css").read_text(), *SCRIPTS.values()):
        addresses = set(re.findall(r"https?://[^\s\"'`]+", text))
        assert {each for each in addresses if not each.startswith("http://127.0.0.1")} == set()
    assert "@import" not in (FOLDER / "page.css").read_text()


def test_all_modules_are_asked_for_at_once() -> None:
    imported = {name for text in SCRIPTS.values() for name in re.findall(r'from "\./([\w-]+\.js)"', text)}
    in_the_audio_thread = {"jitter-buffer.js"}
    assert set(re.findall(r'modulepreload" href="([\w-]+\.js)"', HTML)) == imported - in_the_audio_thread
