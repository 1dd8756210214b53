"""Headless Chromium at the chat, over the bundled checkpoint: nothing is mocked. The tests go on one from another."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageChops, ImageDraw
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import PATIENCE, Served, Visitor, chromium, say, served, shot

pytestmark = [pytest.mark.browser, pytest.mark.bundled, pytest.mark.timeout(900)]
LONG = "two green triangles to the left of an orange circle on a gray background"
SHORT = "a green square on a black background"
MOST_BYTES = 1_500_000
"""Of the page and its first run, beside the files of Gradio itself."""
WORKS = "#live .doing"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("chat"), "--at-once", "1") as started:
        yield started


@pytest.fixture(scope="module")
def ann(browser: Browser, server: Served) -> Iterator[Visitor]:
    visitor = Visitor(browser)
    yield visitor
    assert visitor.asked <= {"127.0.0.1", None}, "the chat must not reach out to other machines"
    assert not visitor.faults


@pytest.fixture(scope="module")
def page(ann: Visitor, server: Served) -> Page:
    page = ann.open(server.address)
    page.get_by_text("Settings", exact=True).click()
    page.get_by_label("A new seed each time").uncheck()
    expect(page.get_by_role("spinbutton", name="Seed")).to_be_enabled()
    page.get_by_text("Settings", exact=True).click()
    rounds(page, 1)
    return page


def rounds(page: Page, most: int) -> None:
    """Set the rounds of the next messages."""
    page.get_by_text("Settings", exact=True).click()
    page.get_by_role("spinbutton", name="Rounds at most").fill(str(most))
    page.get_by_text("Settings", exact=True).click()


def finished(page: Page, turns: int) -> None:
    """Wait until so many messages of the thread have their result."""
    expect(page.locator("#past .turn, #live .turn")).to_have_count(turns)
    expect(page.locator("#live .result, #live .bad")).to_be_visible()
    expect(page.locator(WORKS)).to_have_count(0)


def stopped(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.locator(WORKS)).to_have_count(0)


def serious(page: Page) -> list[str]:
    """What axe-core finds that is serious, in the parts of the page that are ours."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['target']} {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def picture_of(page: Page, selector: str) -> Image.Image:
    """The pixels behind an image of the page."""
    source = str(page.locator(selector).evaluate("(one) => one.src"))
    with Image.open(io.BytesIO(page.context.request.get(source).body())) as image:
        return image.convert("RGB")


def test_a_first_message_is_drawn_by_the_keyboard_alone_and_shown_while_it_is_at_work(ann: Visitor, page: Page) -> None:
    expect(page.locator(".welcome")).to_contain_text("This model draws flat coloured shapes")
    shot(page, "welcome")
    page.locator("#task textarea").focus()
    page.keyboard.type("a red circle on a white background")
    page.keyboard.press("Enter")
    # The page itself says so, whatever the server is busy with.
    expect(page.locator(".doing")).to_be_visible()
    expect(page.locator(WORKS)).to_be_visible()
    expect(page.locator(".sending")).to_have_count(0)
    page.locator("#live .preview").first.wait_for()
    shot(page, "preview")
    # A picture is seen before the run is over.
    page.wait_for_function(
        "document.querySelector('#live .doing') && "
        "[...document.querySelectorAll('#live .card img:not(.preview)')].some((one) => one.naturalWidth)",
        timeout=PATIENCE,
    )
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    finished(page, 1)
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    expect(page.locator("#live .pill")).to_have_text("accepted")
    expect(page.locator("#live .crown")).to_be_visible()
    assert page.locator("#live .verdict.yes").count() >= 2
    expect(page.locator(".preview")).to_have_count(0)
    assert 0 < ann.traffic.beyond < min(MOST_BYTES, ann.traffic.all)
    shot(page, "drawn")


def test_a_follow_up_changes_the_last_picture_and_shows_which_that_is(page: Page) -> None:
    expect(page.locator("#chip .pinned")).to_contain_text("picture a1, message 1")
    say(page, "now make it blue")
    expect(page.locator("#live .sent img")).to_be_visible()
    finished(page, 2)
    expect(page.locator("#live .plan summary")).to_contain_text("Plan: edit")
    expect(page.locator("#past .turn")).to_have_count(1)
    shot(page, "follow-up")


def test_any_two_pictures_are_compared_by_a_slider_that_the_keyboard_moves(page: Page) -> None:
    names = page.locator("[data-compare]").evaluate_all("(all) => all.map((one) => one.dataset.label)")
    assert len(set(names)) == len(names) >= 3
    page.locator("#past [data-compare]").first.click()
    expect(page.locator("#choose-second")).to_be_visible()
    page.locator("#live .card:not(.given) [data-compare]").first.click()
    slider = page.get_by_role("slider")
    expect(slider).to_be_focused()
    before = page.evaluate("document.querySelector('#compared').style.getPropertyValue('--share')")
    slider.press("ArrowRight")
    after = page.evaluate("document.querySelector('#compared').style.getPropertyValue('--share')")
    assert (before, after) == ("50%", "51%")
    shot(page, "slider")
    page.keyboard.press("Escape")
    expect(page.locator("#compared")).to_be_hidden()


def test_the_gallery_shows_every_picture_of_the_thread_large_on_request(page: Page) -> None:
    page.get_by_role("button", name="Gallery").click()
    pictures = page.locator("#all-pictures .grid img")
    assert pictures.count() >= 2
    shot(page, "gallery")
    pictures.first.click()
    expect(page.locator("#zoomed img")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def drag(page: Page, *points: tuple[float, float]) -> None:
    """Press on the picture that is pointed at, and go from one point to the next: shares of its sides."""
    frame = page.locator("#live .pointing").bounding_box()
    assert frame is not None
    for number, (x, y) in enumerate(points):
        page.mouse.move(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"], steps=4)
        if number == 0:
            page.mouse.down()


def test_what_is_pointed_at_by_keyboard_brush_or_box_alone_is_changed_by_the_next_message(page: Page) -> None:
    box, chip = page.locator("#task textarea"), page.locator("#chip .pinned")
    box.fill("add a green square")
    page.locator("#live [data-point]").press("Enter")
    page.locator("#live [data-cell='0']").press("Enter")
    expect(box).to_have_value("add a green square at the top left")
    expect(chip).to_contain_text("marked: at the top left")
    box.fill("")
    page.locator("#live [data-point]").click()
    page.locator("#live [data-way='brush']").click()
    drag(page, (0.1, 0.8), (0.2, 0.9), (0.3, 0.8))
    shot(page, "brush")
    page.mouse.up()
    expect(box).to_have_value(" at the bottom left")
    expect(page.locator("#chip .marked.stroke")).to_be_visible()
    box.fill("")
    page.locator("#live [data-point]").click()
    page.locator("#live [data-way='box']").click()
    drag(page, (0.6, 0.05), (0.95, 0.4))
    shot(page, "pointing")
    page.mouse.up()
    expect(box).to_have_value(" at the top right")
    expect(chip).to_contain_text("marked: at the top right only this part changes")
    before = picture_of(page, "#live .hero .zoom img")
    say(page, "add a small green square at the top right")
    expect(page.locator("#live .sent .marked")).to_be_visible()
    finished(page, 3)
    changed = ImageChops.difference(before, picture_of(page, "#live .hero .zoom img")).getbbox()
    assert changed is not None
    left, top, right, bottom = (one / side for one, side in zip(changed, before.size * 2, strict=True))
    assert left >= 0.58 and top >= 0.03 and right <= 0.97 and bottom <= 0.42
    shot(page, "pointed")


def test_the_picture_is_downloaded_under_its_tasks_name_with_its_lineage_inside(page: Page) -> None:
    with page.expect_download() as waiting:
        page.locator("#live .acts a", has_text="Download").click()
    download = waiting.value
    assert re.fullmatch(r"add-a-small-green-square-at-the-top-right-a\d+\.png", download.suggested_filename)
    with Image.open(download.path()) as picture:
        picture.load()
        assert "omniagent:attempt" in picture.info or any(str(key).startswith("omniagent:") for key in picture.info)


def test_a_fork_goes_on_from_an_earlier_picture_and_escape_stops_it(page: Page) -> None:
    page.locator("#past [data-act='fork']").first.click()
    expect(page.locator("#history .open")).to_have_count(2)
    expect(page.locator("#past .turn, #live .turn")).to_have_count(1)
    expect(page.locator("#chip [data-base='pinned']")).to_be_visible()
    source = page.locator("#live .hero img").get_attribute("src")
    say(page, "make it a star")
    expect(page.locator("#live .sent img")).to_have_attribute("src", str(source))
    expect(page.locator(WORKS)).to_contain_text("step")
    stopped(page)
    expect(page.locator("#live .pill, #live .bad strong")).to_have_text(re.compile("cancelled|error"))
    shot(page, "stopped")


def test_an_upload_of_another_size_is_edited(page: Page, tmp_path: Path) -> None:
    photo = Image.new("RGB", (640, 480), "white")
    ImageDraw.Draw(photo).ellipse((220, 140, 420, 340), fill=(220, 30, 30))
    photo.save(tmp_path / "photo.png")
    page.get_by_role("button", name="New thread").click()
    expect(page.locator(".welcome")).to_be_visible()
    page.locator("#task input[type=file]").set_input_files(str(tmp_path / "photo.png"))
    expect(page.locator("#task .thumbnail-item")).to_have_count(1)
    say(page, "make the circle blue")
    expect(page.locator("#live .sent figcaption")).to_contain_text("photo.png")
    finished(page, 1)
    expect(page.locator("#live .plan summary")).to_contain_text("Plan: edit")
    size = page.locator("#live .hero img").evaluate(
        "(one) => one.decode().then(() => [one.naturalWidth, one.naturalHeight])"
    )
    assert size == [640, 480]
    shot(page, "edited-upload")


def test_a_broken_upload_is_told_and_the_message_can_be_edited_and_sent_again(page: Page, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 100)
    page.get_by_role("button", name="New thread").click()
    page.locator("#task input[type=file]").set_input_files(str(tmp_path / "broken.png"))
    expect(page.locator("#task .thumbnail-item")).to_have_count(1)
    say(page, "make it red")
    expect(page.locator("#live .bad")).to_contain_text("broken.png")
    expect(page.locator("#task .thumbnail-item")).to_have_count(0)
    shot(page, "error")
    page.locator("#live [data-act='edit']").click()
    expect(page.locator("#task textarea")).to_have_value("make it red")
    expect(page.locator("#chip")).to_contain_text("broken.png")
    page.locator("#chip [data-act='drop_edit']").click()
    page.locator("#task textarea").fill("")


def test_two_visitors_wait_in_turn_while_a_new_thread_stays_empty_and_see_nothing_of_one_another(
    page: Page, browser: Browser, server: Served
) -> None:
    bob = Visitor(browser)
    his = bob.open(server.address)
    expect(his.locator("#history .open")).to_have_count(0)
    page.get_by_role("button", name="New thread").click()
    expect(page.locator(".welcome")).to_be_visible()
    # Long enough for all that is looked at meanwhile, and stopped then.
    rounds(page, 9)
    say(page, LONG)
    rounds(page, 1)
    expect(page.locator(WORKS)).to_be_visible()
    say(his, "a blue star")
    expect(his.locator(WORKS)).to_contain_text("1 ahead of yours")
    shot(his, "waiting")
    # A run that is left alone goes on, and writes nothing into what was cleared.
    page.get_by_role("button", name="New thread").click()
    expect(page.locator(".welcome")).to_be_visible()
    expect(page.locator("#history .spin")).to_have_count(1)
    page.locator("#history .open").first.click()
    expect(page.locator("#live .words")).to_have_text(LONG)
    expect(page.locator(WORKS)).to_contain_text("step")
    stopped(page)
    expect(his.locator(WORKS)).not_to_contain_text("ahead")
    stopped(his)
    page.locator("#history .open").last.click()
    picture = page.locator("#live .hero img")
    expect(picture).to_be_visible()
    source = str(picture.evaluate("(one) => one.src"))
    assert page.context.request.get(source).status == 200
    assert bob.context.request.get(source).status == 404
    assert bob.asked <= {"127.0.0.1", None}
    bob.context.close()


def test_a_reload_or_a_killed_server_loses_nothing(page: Page, server: Served) -> None:
    page.get_by_role("button", name="New thread").click()
    expect(page.locator(".welcome")).to_be_visible()
    say(page, SHORT)
    expect(page.locator("#live .plan")).to_be_visible()
    page.reload()
    expect(page.locator("#live .words")).to_have_text(SHORT)
    assert page.evaluate("document.documentElement.lang") == "en" and "thread=" in page.url
    expect(page.locator("#live .doing, #live .result").first).to_be_visible()
    page.locator("#live .card img, #live .result").first.wait_for()
    threads = page.locator("#history .open").count()
    server.kill_and_restart()
    page.goto(server.address)
    expect(page.locator("#live .words")).to_have_text(SHORT)
    assert page.locator("#history .open").count() == threads
    shot(page, "restarted")
    if (go_on := page.locator("#live [data-act='go_on']")).count():
        go_on.click()
    finished(page, 1)
    expect(page.locator("#live .card img").first).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_accessible_in_both_themes_and_fits_a_phone(page: Page, theme: str, server: Served) -> None:
    page.set_viewport_size({"width": 1200, "height": 900})
    page.goto(f"{server.address}/?__theme={theme}")
    expect(page.locator("#live .hero img")).to_be_visible()
    shot(page, theme)
    assert serious(page) == []
    assert page.get_by_role("heading", level=1).count() == 1
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server.address}/?__theme={theme}")
    expect(page.locator("#live .hero img")).to_be_visible()
    # Playwright clicks nothing that is covered.
    page.locator("#task textarea").click()
    expect(page.locator("#side.open")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shot(page, f"phone-{theme}")


def test_the_page_speaks_the_browsers_language(browser: Browser, server: Served) -> None:
    visitor = Visitor(browser, locale="zh-CN")
    page = visitor.open(server.address)
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    expect(page.locator(".welcome h2")).to_have_text("您想要什么样的图片?")
    expect(page.get_by_text("设置", exact=True)).to_be_visible()
    shot(page, "chinese")
    visitor.context.close()


def test_a_thread_is_told_in_the_language_that_was_chosen(page: Page, server: Served) -> None:
    page.set_viewport_size({"width": 1200, "height": 900})
    page.context.add_cookies([{"name": "omniagent_language", "value": "zh", "url": server.address}])
    page.goto(server.address)
    expect(page.locator("#live .hero .zoom").first).to_have_attribute("aria-label", "图片 a1(消息 1)")
    page.locator("#live [data-point]").press("Enter")
    expect(page.get_by_role("button", name="画笔")).to_be_visible()
    assert serious(page) == []
    shot(page, "chinese-thread")
