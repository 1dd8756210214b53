"""The chat in headless Chromium: how soon a first message shows a sign of life, and how much the page weighs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

from tests.support.browser import Visitor, chromium, served

_SIGNS = """() => {
  const seen = {};
  window.signs = new Promise((resolve) => {
    const look = () => {
      if (!seen.sent) return;
      const now = performance.now() - seen.sent;
      if (!seen.browser && document.querySelector('.doing')) seen.browser = now;
      if (!seen.server && document.querySelector('#live .doing')) seen.server = now;
      if (!seen.preview && document.querySelector('#live .preview')) seen.preview = now;
      if (document.querySelector('#live .card img:not(.preview)')) resolve({ ...seen, picture: now });
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true });
    document.addEventListener('keydown', () => { seen.sent ??= performance.now(); setTimeout(look); }, true);
  });
}"""
"""Milliseconds from the key until the page itself, the server, a preview and a picture are seen."""


def figures() -> Iterator[str]:
    """Two first messages, one to a server that has just been started, one with its models there; and bytes."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser, served(Path(folder)) as server:
        visitor = Visitor(browser)
        page = visitor.open(server.address)
        yield f"chat_page_bytes {visitor.traffic.all} bytes"
        yield f"chat_page_bytes_beyond_gradio {visitor.traffic.beyond} bytes"
        yield from _signs(page, "models_not_loaded")
        yield f"chat_run_bytes_beyond_gradio {visitor.traffic.beyond} bytes"
        page.get_by_role("button", name="New thread").click()
        page.locator(".welcome").wait_for()
        yield from _signs(page, "models_loaded")


def _signs(page: Page, state: str) -> Iterator[str]:
    page.evaluate(_SIGNS)
    box = page.locator("#task textarea")
    box.fill("a red circle on a white background")
    box.press("Enter")
    for name, time in page.evaluate("window.signs").items():
        if name != "sent":
            yield f"chat_first_sign_{name}_{state} {time / 1000:.2f} s"
    page.keyboard.press("Escape")
    page.locator("#live :is(.result, .bad)").first.wait_for()
