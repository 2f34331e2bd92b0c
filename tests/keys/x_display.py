"""An X server in memory, and fingers on its keyboard."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from types import TracebackType
from typing import Self

import pytest
from Xlib import XK, X
from Xlib.display import Display
from Xlib.ext import xtest

PATIENCE_S = 60.0


class XDisplay:
    """Xvfb; `name` is what $DISPLAY holds. A key that is held repeats after 30 ms, every 5 ms."""

    def __init__(self) -> None:
        if shutil.which("Xvfb") is None:
            pytest.skip("Xvfb is not installed: apt-get install xvfb")
        self.name = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """At the first time on a display that is free, then on the same."""
        telling, told = os.pipe()
        command = ["Xvfb", "-displayfd", str(told), "-screen", "0", "64x64x8", "-nolisten", "tcp", "-noreset"]
        command += ["-ardelay", "30", "-arinterval", "5", *([self.name] if self.name else [])]
        try:
            self._process = subprocess.Popen(command, pass_fds=(told,), stderr=subprocess.DEVNULL)
        finally:
            os.close(told)
        with os.fdopen(telling, "rb") as number:
            assert select.select([number], [], [], PATIENCE_S)[0], "Xvfb did not start"
            self.name = f":{number.readline().decode().strip()}"

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Fingers:
    """Press and let go keys of a display, by their X11 names; all are let go at the end."""

    def __init__(self, display: XDisplay) -> None:
        self.display = Display(display.name)
        self._down: list[int] = []
        self._gone = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._gone:
            return
        for code in self._down:
            xtest.fake_input(self.display, X.KeyRelease, code)
        self.display.sync()
        self.display.close()

    def forget(self) -> None:
        """The display is gone, and every key with it."""
        self._gone = True
        self.display.display.socket.close()

    def code(self, key: str) -> int:
        return self.display.keysym_to_keycode(XK.string_to_keysym(key))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.press_code(self.code(key))

    def let_go(self, *keys: str) -> None:
        for key in keys:
            self.let_go_code(self.code(key))

    def tap(self, *keys: str) -> None:
        self.press(*keys)
        self.let_go(*reversed(keys))

    def press_code(self, code: int) -> None:
        self._down.append(code)
        xtest.fake_input(self.display, X.KeyPress, code)
        self.display.sync()

    def let_go_code(self, code: int) -> None:
        self._down.remove(code)
        xtest.fake_input(self.display, X.KeyRelease, code)
        self.display.sync()
