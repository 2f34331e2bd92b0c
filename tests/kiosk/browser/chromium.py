"""A real Chromium, driven over its DevTools socket: just what a person does with a page, and what one sees of it."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from websockets.asyncio.client import ClientConnection, connect

PATIENCE_S: Final = 60.0
"""Only reached by a test that fails, or on a machine that has hung."""

FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # a container runs it as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--use-fake-device-for-media-stream",
    "--host-resolver-rules=MAP kiosk.test 127.0.0.1",  # a name that is not of this machine alone
    "--remote-debugging-port=0",
)

KEYS: Final[Mapping[str, tuple[str, int]]] = {
    " ": ("Space", 32),
    "Enter": ("Enter", 13),
    "Escape": ("Escape", 27),
    "Tab": ("Tab", 9),
    "ArrowRight": ("ArrowRight", 39),
}
"""Of keys that type no letter: their code, and the number that Windows gave them."""


KEEP_ITS_SOUND: Final = """(() => {
    window.contexts = [];
    window.microphones = [];
    window.AudioContext = class extends AudioContext {
        constructor(...options) { super(...options); contexts.push(this); }
    };
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (...wish) => {
        microphones.push(await ask(...wish));
        return microphones.at(-1);
    };
})()"""
"""What the page opens of sound, to do with it what a browser does by itself."""


def executable() -> str | None:
    """Where Chromium is, under either of its names."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Chromium:
    """The process; one serves all tests. `microphone`: the WAV that its fake microphone plays, once per opening."""

    def __init__(self, folder: Path, microphone: Path) -> None:
        command = executable()
        assert command is not None
        self._folder = folder
        fake = f"--use-file-for-fake-audio-capture={microphone}%noloop"
        self._process = subprocess.Popen(
            [command, *FLAGS, fake, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def address(self) -> str:
        """Of its DevTools, as soon as they are there."""
        found = self._folder / "DevToolsActivePort"
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up and self._process.poll() is None:
            lines = found.read_text().splitlines() if found.exists() else []
            if len(lines) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            time.sleep(0.02)
        raise RuntimeError("Chromium does not start")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Browser:
    """A connection to Chromium, for one test."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._pages: dict[str, Page] = {}

    @classmethod
    @asynccontextmanager
    async def connected(cls, address: str) -> AsyncIterator[Self]:
        async with connect(address, max_size=2**26, compression=None) as connection:
            browser = cls(connection)
            reading = asyncio.create_task(browser._read())
            try:
                yield browser
            finally:
                reading.cancel()
                with suppress(asyncio.CancelledError):
                    await reading

    @asynccontextmanager
    async def page(
        self, *, microphone: bool = True, languages: str = "en", width: int = 1280, height: int = 800
    ) -> AsyncIterator[Page]:
        """A new window with nothing kept from others. `microphone`: what its user says when asked for it."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        setting = "granted" if microphone else "denied"
        await self.call(
            "Browser.setPermission", permission={"name": "microphone"}, setting=setting, browserContextId=context
        )
        target = (await self.call("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log"):
            await page.call(f"{domain}.enable")
        await page.call("Emulation.setUserAgentOverride", userAgent="Chromium", acceptLanguage=languages)
        await page.size(width, height)
        try:
            yield page
        finally:
            await self.call("Target.disposeBrowserContext", browserContextId=context)

    async def call(self, method: str, *, session: str | None = None, **params: Any) -> dict[str, Any]:
        """One command. Raises RuntimeError where Chromium refuses it."""
        self._number += 1
        number = self._number
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        message = {"id": number, "method": method, "params": params}
        await self._connection.send(json.dumps(message | ({"sessionId": session} if session else {})))
        async with asyncio.timeout(PATIENCE_S):
            return await answer

    async def _read(self) -> None:
        async for text in self._connection:
            message = json.loads(text)
            if answer := self._waiting.pop(message.get("id"), None):
                if answer.cancelled():
                    continue
                if "error" in message:
                    answer.set_exception(RuntimeError(message["error"]["message"]))
                else:
                    answer.set_result(message["result"])
            elif page := self._pages.get(message.get("sessionId", "")):
                page.happened(message["method"], message["params"])


class Page:
    """One page, as its reader has it before him. A selector is one of CSS."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session
        self.complaints: list[str] = []
        """What its console has of errors and warnings: mistakes of the scripts, and what the policy forbade."""

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._browser.call(method, session=self._session, **params)

    def happened(self, method: str, params: Mapping[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{params['entry']['text']} ({params['entry'].get('url', '')})")

    async def go(self, address: str) -> None:
        await self.call("Page.navigate", url=address)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def leave(self) -> None:
        """Close the window, as a user does in mid-sentence."""
        await self.call("Page.navigate", url="about:blank")

    async def size(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    async def prefers(self, **features: str) -> None:
        """Media features: color_scheme="dark", reduced_motion="reduce"."""
        media = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        await self.call("Emulation.setEmulatedMedia", features=media)

    async def ask(self, expression: str) -> Any:
        """The value of an expression of JavaScript, waited for. Raises RuntimeError where it throws."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if details := answer.get("exceptionDetails"):
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    async def until(self, expression: str, *, within_s: float = PATIENCE_S) -> None:
        """Wait until it is true. Raises TimeoutError, with what the page looks like."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + within_s
        while not await self.ask(expression):
            if loop.time() > give_up:
                text = await self.ask("document.body.innerText")
                raise TimeoutError(f"{expression} did not come true; the page:\n{text}\n{self.complaints}")
            await asyncio.sleep(0.02)

    async def shows(self, selector: str, text: str) -> None:
        """Wait until there is such an element with this text."""
        await self.until(f"document.querySelector({json.dumps(selector)})?.textContent.trim() === {json.dumps(text)}")

    async def phase(self, name: str) -> None:
        """Wait until the page shows that state."""
        await self.until(f"document.documentElement.dataset.phase === {json.dumps(name)}")

    async def text(self, selector: str) -> str:
        return str(await self.ask(f"document.querySelector({json.dumps(selector)}).textContent.trim()"))

    # Fingers.

    async def click(self, selector: str, *, times: int = 1) -> None:
        """`times`: 2 is a double click."""
        for nth in range(1, times + 1):
            await self.mouse("mousePressed", selector, nth=nth)
            await self.mouse("mouseReleased", selector, nth=nth)

    async def mouse(self, action: str, selector: str, *, nth: int = 1, at: float | None = None) -> None:
        """`mousePressed` or `mouseReleased`, with the left button, in the middle of it. `at`: see `_when`."""
        x, y = await self._middle(selector)
        await self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, **_when(at))
        await self.call("Input.dispatchMouseEvent", type=action, x=x, y=y, button="left", clickCount=nth, **_when(at))

    async def touch(self, action: str, selector: str, *, at: float | None = None) -> None:
        """`touchStart`, `touchEnd` or `touchCancel`. `at`: see `_when`."""
        x, y = await self._middle(selector)
        points = [{"x": x, "y": y}] if action == "touchStart" else []
        await self.call("Input.dispatchTouchEvent", type=action, touchPoints=points, **_when(at))

    async def key(self, key: str) -> None:
        await self.key_down(key)
        await self.key_up(key)

    async def key_down(self, key: str, *, repeats: bool = False, at: float | None = None) -> None:
        """`at`: see `_when`."""
        code, number = KEYS.get(key, (f"Key{key.upper()}", 0))
        text = {" ": " ", "Enter": "\r"}.get(key, key if len(key) == 1 else "")
        await self.call(
            "Input.dispatchKeyEvent",
            type="keyDown" if text else "rawKeyDown",
            key=key,
            code=code,
            windowsVirtualKeyCode=number,
            autoRepeat=repeats,
            **({"text": text} if text else {}),
            **_when(at),
        )

    async def key_up(self, key: str, *, at: float | None = None) -> None:
        """`at`: see `_when`."""
        code, number = KEYS.get(key, (f"Key{key.upper()}", 0))
        await self.call(
            "Input.dispatchKeyEvent", type="keyUp", key=key, code=code, windowsVirtualKeyCode=number, **_when(at)
        )

    async def write(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def picture(self, path: Path) -> None:
        """A PNG of what one sees."""
        shot = await self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    async def _middle(self, selector: str) -> tuple[float, float]:
        box = await self.ask(
            f"""(() => {{
                const element = document.querySelector({json.dumps(selector)});
                element.scrollIntoView({{ block: "nearest" }});
                const box = element.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        return box[0], box[1]


def _when(at: float | None) -> dict[str, float]:
    """When the finger moved by the page's clock, in seconds since the epoch, however long the way to the page takes."""
    return {} if at is None else {"timestamp": at}
