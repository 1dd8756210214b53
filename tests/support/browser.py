"""Headless Chromium and the chat's server in a process of its own, for tests that look at the page."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support.paths import ROOT

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 120_000
"""Milliseconds until a page that shows nothing is given up; a busy machine is slow, not wrong."""
GRADIOS = ("/assets/", "/static/", "/svelte/", "/theme.css", "/gradio_api/startup-events")
"""Paths of files that every Gradio page loads."""
SHOTS = ROOT / "build" / "screenshots"
"""Where screenshots are kept for people to look at."""


@contextmanager
def chromium() -> Generator[Browser]:
    """Headless Chromium."""
    program = shutil.which(os.environ.get("OMNIAGENT_CHROMIUM", "chromium"))
    assert program, "no Chromium: install Debian's chromium, or set OMNIAGENT_CHROMIUM to the program's path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


class Visitor:
    """A visitor with a browser of their own, which records every machine that it asks."""

    def __init__(self, browser: Browser, **options: object) -> None:
        size = {"width": 1200, "height": 900}
        self.context: BrowserContext = browser.new_context(**{"viewport": size, **options})  # pyright: ignore
        self.asked: set[str | None] = set()
        self.faults: list[str] = []

    def open(self, address: str) -> Page:
        """A page of the chat, once it shows something."""
        page = self.context.new_page()
        self.traffic = Traffic(page)
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: self.asked.add(urlsplit(request.url).hostname))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.goto(address)
        expect(page.locator("#live :is(.welcome, .turn)")).to_be_visible()
        return page


class Traffic:
    """Bytes that a page is sent from here on, unpacked: all of them, and those that are no files of Gradio's own."""

    def __init__(self, page: Page) -> None:
        self._paths: dict[str, str] = {}
        self.all = self.beyond = 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.dataReceived", self._received)

    def _asked(self, event: dict[str, Any]) -> None:
        url = urlsplit(event["request"]["url"])
        self._paths[event["requestId"]] = url.path if url.scheme.startswith("http") else ""

    def _received(self, event: dict[str, Any]) -> None:
        if path := self._paths.get(event["requestId"], ""):
            self.all += event["dataLength"]
            self.beyond += 0 if path.startswith(GRADIOS) else event["dataLength"]


class Served:
    """`omniagent demo` at an address; it can be killed and started again on the same port and runs."""

    def __init__(self, folder: Path, *options: str, scenario: str | None = None) -> None:
        self.runs = folder / "runs"
        self._options = options
        self._environment = {
            **os.environ,
            "OMNIAGENT_RUNS_DIR": str(self.runs),
            "GRADIO_TEMP_DIR": str(folder / "copies"),
        }
        self._module = "omniagent.cli"
        if scenario is not None:
            self._module = "tests.support.launch"
            self._environment["OMNIAGENT_TEST_SCENARIO"] = scenario
        self.address = ""
        self._start("0")

    def _start(self, port: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module, "demo", "--port", port, *self._options],
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().split()[-1]

    def kill_and_restart(self) -> None:
        """As after a power cut."""
        self._process.kill()
        self._end()
        self._start(str(urlsplit(self.address).port))

    def close(self) -> None:
        """End it, and wait for its end."""
        # Tests that run in the background hand down that Ctrl-C is ignored there.
        self._process.terminate()
        self._end()

    def _end(self) -> None:
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def served(folder: Path, *options: str, scenario: str | None = None) -> Generator[Served]:
    """The chat's server for a while."""
    server = Served(folder, *options, scenario=scenario)
    try:
        yield server
    finally:
        server.close()


def shot(page: Page, name: str) -> Path:
    """Keep a screenshot."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = SHOTS / f"{name}.png"
    page.screenshot(path=path)
    return path


def say(page: Page, text: str) -> None:
    """Type a message and send it, by the keyboard alone."""
    page.locator("#task textarea").fill(text)
    page.locator("#task textarea").press("Enter")
