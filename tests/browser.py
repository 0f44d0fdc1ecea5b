"""A headless Chromium for the tests, spoken to over a pipe: no driver and no package needed."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def program() -> str | None:
    """Where a Chromium is, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of a browser, and all that it complained of."""

    def __init__(self, to: int, answers: Any) -> None:
        self._to = to
        self._from = answers
        self._sent = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        self.requests: list[str] = []
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.do(f"{domain}.enable")

    def do(self, method: str, /, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol and its answer."""
        self._sent += 1
        sent: dict[str, Any] = {"id": self._sent, "method": method, "params": params}
        if self._session:
            sent["sessionId"] = self._session
        os.write(self._to, json.dumps(sent).encode() + b"\0")
        while True:
            got = self._read()
            if got.get("id") == self._sent:
                assert "error" not in got, got
                return got["result"]

    def _read(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self._from.read(1)) != b"\0":
            assert byte, "the browser is gone"
            text += byte
        got = json.loads(text)
        match got.get("method"):
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.complaints.append(json.dumps(got["params"]))
            case "Network.requestWillBeSent":
                self.requests.append(got["params"]["request"]["url"])
        return got

    def open(self, page: Path, width: int, *, media: str = "screen") -> None:
        """Loads a file into a window of a width, for the screen or for paper."""
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=900,
                deviceScaleFactor=1, mobile=False)  # fmt: skip
        self.do("Emulation.setEmulatedMedia", media=media)
        self.do("Page.navigate", url=page.as_uri())
        while self._read().get("method") != "Page.loadEventFired":
            pass

    def ask(self, expression: str) -> Any:
        """The value of an expression on the page."""
        got = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        return got["result"].get("value")

    def photograph(self, to: Path) -> bytes:
        """The whole page as a picture (PNG)."""
        got = self.do("Page.captureScreenshot", captureBeyondViewport=True)
        to.write_bytes(base64.b64decode(got["data"]))
        return to.read_bytes()

    def print(self, to: Path) -> bytes:
        """The page on paper, as PDF, by the paper that the page itself asks for."""
        got = self.do("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        to.write_bytes(base64.b64decode(got["data"]))
        return to.read_bytes()


@contextmanager
def browser(executable: str, profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own, which ends with the block."""
    read_command, write_command = os.pipe()
    read_answer, write_answer = os.pipe()
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
        "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={profile}",
    ]  # fmt: skip

    def speak_over_3_and_4() -> None:
        # Copies first: a descriptor may be 3 or 4 already.
        command, answer = os.dup(read_command), os.dup(write_answer)
        high = [os.dup2(command, 100), os.dup2(answer, 101)]
        os.dup2(high[0], 3)
        os.dup2(high[1], 4)

    running = subprocess.Popen(
        [executable, *flags], preexec_fn=speak_over_3_and_4, close_fds=False,  # noqa: PLW1509
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(read_command)
    os.close(write_answer)
    try:
        with os.fdopen(read_answer, "rb") as answers:
            yield Browser(write_command, answers)
    finally:
        os.close(write_command)
        running.terminate()
        running.wait(30)
