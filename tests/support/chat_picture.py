"""The chat's picture for README and docs: python -m tests.support.chat_picture docs/gallery/chat.webp

A run of the bundled checkpoint, with its plan, round, verdicts and result on one page.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect

from tests.support.browser import Visitor, chromium, served

TASK = "two green triangles to the left of an orange circle on a gray background"
SEED = 0


def main(target: Path, task: str = TASK, seed: int = SEED) -> None:
    """Draw, and save what the page shows at the end."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server, chromium() as browser:
        page = Visitor(browser, viewport={"width": 1360, "height": 1240}).open(server.address)
        page.get_by_text("Settings", exact=True).click()
        page.get_by_label("A new seed each time").uncheck()
        page.get_by_role("spinbutton", name="Seed").fill(str(seed))
        page.get_by_text("Settings", exact=True).click()
        page.locator("#task textarea").fill(task)
        page.keyboard.press("Enter")
        expect(page.locator("#live .result, #live .bad")).to_be_visible()
        page.locator("#live .turn").first.evaluate("element => element.scrollIntoView({block: 'start'})")
        pixels = page.screenshot()
    Image.open(io.BytesIO(pixels)).convert("RGB").save(target, quality=80, method=6)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3], *map(int, sys.argv[3:4]))
