"""A headless Chromium, driven through the pipe of its DevTools protocol; nothing but the standard library is needed.

With `--remote-debugging-pipe` the browser reads commands from file descriptor 3 and writes answers and events to 4,
each a JSON text that ends in a zero byte.  No port is opened.
"""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe"),
)
# The descriptors have to be 3 and 4 in the browser, whatever numbers the pipes have here.
_LAUNCH = """
import fcntl, os, sys
down, up = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 64) for n in sys.argv[1:3])
os.dup2(down, 3); os.dup2(up, 4); os.close(down); os.close(up)
os.execv(sys.argv[3], sys.argv[3:])
"""
_PATIENCE = 60.0  # seconds for one answer, on a machine that is busy with other things

Json = dict[str, Any]


def program() -> str | None:
    """The path of a browser that these tests can drive, None where there is none."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Chromium:
    """A browser process. `call` sends a command, `events` keeps everything that was not an answer."""

    def __init__(self, path: str, profile: str) -> None:
        down, self._write = os.pipe()
        self._read, up = os.pipe()
        command = [sys.executable, "-c", _LAUNCH, str(down), str(up), path, *_OPTIONS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            [*command, "about:blank"], pass_fds=(down, up), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(down)
        os.close(up)
        self._buffer = bytearray()
        self._last = 0
        self.events: list[Json] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> Json:  # noqa: ANN401 - JSON values
        """The result of a command of the protocol. Raises `RuntimeError` where the browser refuses it."""
        self._last += 1
        message: Json = {"id": self._last, "method": method, "params": parameters}
        os.write(self._write, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = self._next(time.monotonic() + _PATIENCE)
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])
            self.events.append(answer)

    def wait_for(self, method: str, session: str) -> None:
        """Returns when the page has told of an event of this name."""
        deadline = time.monotonic() + _PATIENCE
        while not any(e.get("method") == method and e.get("sessionId") == session for e in self.events):
            self.events.append(self._next(deadline))

    def close(self) -> None:
        with contextlib.suppress(OSError, RuntimeError, TimeoutError):
            self.call("Browser.close")
        os.close(self._write)
        os.close(self._read)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _next(self, deadline: float) -> Json:
        while (end := self._buffer.find(b"\0")) < 0:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._read, 1 << 20) if ready else b""
            if not data:
                raise TimeoutError("the browser does not answer") if not ready else RuntimeError("the browser ended")
            self._buffer += data
        message = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        return dict(message)


class Tab:
    """A page in the browser."""

    def __init__(self, browser: Chromium, width: int = 1200, height: int = 900) -> None:
        self._browser = browser
        target = browser.call("Target.createTarget", url="about:blank", newWindow=True, width=width, height=height)[
            "targetId"
        ]
        self._target = target
        self._session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Json:  # noqa: ANN401 - JSON values
        return self._browser.call(method, self._session, **parameters)

    def open(self, path: Path) -> None:
        """Shows a file; returns when it has loaded."""
        self._browser.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        self._browser.wait_for("Page.loadEventFired", self._session)

    def value(self, expression: str) -> Any:  # noqa: ANN401 - whatever the page answers
        """What a JavaScript expression gives, as JSON."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """A click of the left button into the middle of the first element of a selector, which is scrolled to."""
        found = f"document.querySelector({json.dumps(selector)})"
        x, y = self.value(
            f"(() => {{ const e = {found}; e.scrollIntoView({{block: 'center', inline: 'center'}});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, key: str, text: str = "", code: int = 0) -> None:
        """A key pressed and released; `text`: what it types, `code`: the Windows code of a key that types nothing."""
        typed = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **typed)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def media(self, *, kind: str = "", scheme: str = "light") -> None:
        """Shows the page as on paper (`kind` "print"), or with a light or dark scheme."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=kind, features=features)

    def printed(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """The page (or what is in view of it) as PNG."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    @property
    def requests(self) -> list[str]:
        """Every address that the page asked for since it was opened, its own first."""
        return [e["params"]["request"]["url"] for e in self._mine("Network.requestWillBeSent")]

    @property
    def complaints(self) -> list[Json]:
        """Everything on the console: messages, exceptions, violated policies."""
        methods = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [e["params"] for method in methods for e in self._mine(method)]

    def close(self) -> None:
        self._browser.call("Target.closeTarget", targetId=self._target)

    def _mine(self, method: str) -> list[Json]:
        return [e for e in self._browser.events if e.get("method") == method and e.get("sessionId") == self._session]


@contextlib.contextmanager
def running(path: str) -> Iterator[Chromium]:
    """A browser with a new, empty profile, gone with the block."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        browser = Chromium(path, profile)
        try:
            yield browser
        finally:
            browser.close()
