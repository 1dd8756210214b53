"""The chat: events become nested steps with pictures, and headless Chromium draws a picture in it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from omniagent.agent import Agent
from omniagent.config import bundled_checkpoint
from omniagent.demo.address import address_of, open_to_others
from omniagent.demo.app import EXAMPLES, examples_of
from omniagent.demo.messages import Steps, plain
from omniagent.model.checkpoint.settings import Profiles, read_profiles
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.scripted import ScriptedGenerator
from omniagent.shapes.training import export
from omniagent.tools.record.trace import Decided, Planned, ToolErrored
from tests.support.faces import HOLDS, SCENARIO, TASK, never_right, repaired
from tests.support.paths import ROOT
from tests.support.scripted_runs import QUESTIONS, by_picture, plan_draft, scripted_agent, texts

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


def steps_of(agent: Agent) -> Steps:
    steps = Steps()
    for event in agent.stream(TASK):
        steps.add(event)
    return steps


def test_each_round_is_a_step_with_its_pictures_verdicts_and_decision_inside(tmp_path: Path) -> None:
    messages = {str(message.metadata.get("id")): message for message in steps_of(repaired(tmp_path)).messages}
    assert list(messages) == [
        *("plan", "round-1", "drew-a1", "looked-a1", "decided-1"),
        *("round-2", "drew-a2", "looked-a2", "decided-2"),
    ]
    for name in ("drew-a2", "looked-a2", "decided-2"):
        assert messages[name].metadata.get("parent_id") == "round-2"
    assert messages["drew-a2"].content["path"].endswith("a2.png")
    assert "| ✗ | Is the circle red? | 0.10 |" in str(messages["looked-a1"].content)
    assert not any(message.metadata.get("status") == "pending" for message in messages.values())


def test_the_rounds_last_from_one_decision_to_the_next(tmp_path: Path) -> None:
    steps, events = Steps(), list(repaired(tmp_path).stream(TASK))
    for number, event in enumerate(events):
        steps.add(event.model_copy(update={"time": float(number)}))
    lengths = [message.metadata.get("duration") for message in steps.messages]
    plan, first, second = (length for length in lengths if length is not None)
    ends = [number for number, event in enumerate(events) if isinstance(event, Planned | Decided)]
    assert (plan, first, second) == (ends[0], ends[1] - ends[0], ends[2] - ends[1])


def test_the_step_at_hand_is_shown_while_it_runs(tmp_path: Path) -> None:
    steps, seen = Steps(), set[str]()
    for event in repaired(tmp_path).stream(TASK):
        steps.add(event)
        seen |= {
            f"{message.metadata.get('title')} {message.metadata.get('log', '')}"
            for message in steps.messages
            if message.metadata.get("status") == "pending"
        }
    assert {"Reading the task… ", "Drawing… step 4 of 4", "Editing… step 2 of 4", "Round 2 "} <= seen


def test_what_the_pictures_show_is_no_part_of_the_checklist(tmp_path: Path) -> None:
    draft = plan_draft("edit").model_copy(update={"seen": ("white background",)})
    steps, agent = Steps(), scripted_agent(tmp_path, None, texts(draft))
    for event in agent.stream("make it red", [Image.new("RGB", (32, 32), "white")]):
        steps.add(event)
    plan = next(message for message in steps.messages if message.metadata.get("id") == "plan")
    assert str(plan.content).split("\n\n")[-1] == "*image 1: white background*"


def test_the_end_of_a_run_tells_numbers_seed_and_stop_in_words(tmp_path: Path) -> None:
    steps, agent = Steps(), scripted_agent(tmp_path, by_picture(HOLDS))
    result = agent.run(TASK, seed=7)
    steps.finish(result.model_copy(update={"message": "", "stop_reason": "stagnation"}))
    told = str(steps.messages[0].content)
    assert "1 picture, 1 round" in told and "seed 7" in told and "no progress" in told
    assert "a1 of 1 picture" in re.sub(r"\\", "", told)


def test_a_fault_is_told_by_what_was_done_not_by_names_of_the_code(tmp_path: Path) -> None:
    steps = Steps()
    steps.add(ToolErrored(tool="critique", error="HardFailure", message="no room", seconds=1.0))
    (message,) = steps.messages
    assert message.metadata.get("title") == "Looking at the picture failed"


def test_the_address_is_one_that_can_be_opened() -> None:
    assert address_of("127.0.0.1", 7860) == "http://127.0.0.1:7860"
    assert address_of("::1", 80) == "http://[::1]:80"
    everywhere = urlsplit(address_of("0.0.0.0", 7860))
    assert everywhere.hostname not in ("0.0.0.0", "localhost", None) and everywhere.port == 7860
    hosts = ("127.0.0.1", "localhost", "::1", "127.0.0.2", "0.0.0.0", "::", "192.0.2.7", "box.example")
    assert [open_to_others(host) for host in hosts] == [False] * 4 + [True] * 4


def test_the_examples_are_those_of_the_generators_profile_and_no_model_is_loaded_for_them(tmp_path: Path) -> None:
    own = ("a small boat", "a large boat")
    assert examples_of(scripted_agent(tmp_path)) == EXAMPLES
    given = ScriptedGenerator(profile=GeneratorProfile(examples=own))
    assert examples_of(scripted_agent(tmp_path, generator=given)) == own
    Profiles(GeneratorProfile(examples=own), CriticProfile()).save(tmp_path)
    # A folder without weights could not be loaded.
    assert examples_of(Agent(tmp_path, runs_dir=tmp_path / "runs")) == own
    assert examples_of(Agent("someone/not-here", runs_dir=tmp_path / "runs")) == EXAMPLES
    assert examples_of(Agent(generator="http://127.0.0.1:1/v1", critic="http://127.0.0.1:1/v1")) == EXAMPLES


def test_the_bundled_model_suggests_what_it_can_draw() -> None:
    profile = read_profiles(Path(bundled_checkpoint())).generator
    assert (profile.examples, profile.domain, profile.instead) == (export.EXAMPLES, export.DOMAIN, export.INSTEAD)
    assert profile.examples and Agent(bundled_checkpoint()).generator_profile == profile


def test_words_of_a_task_or_critic_are_shown_and_never_obeyed() -> None:
    told = plain("![x](http://example.invalid/a.png) <b>**bold**</b>\n# big")
    assert "![" not in told and "](" not in told and "<b>" not in told and "**" not in told
    assert re.sub(r"\\", "", told).startswith("![x](http")


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "tests.support.launch", "demo", "--port", str(port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert f"error: cannot listen on 127.0.0.1:{port}" in done.stderr and "Traceback" not in done.stderr
    assert "address already in use" in done.stderr and "gradio" not in done.stderr.lower()


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of headless Chromium that fails the test when it asks for anything beyond this machine."""
    program = shutil.which(os.environ.get("OMNIAGENT_CHROMIUM", "chromium"))
    assert program, "no Chromium: install Debian's chromium, or set OMNIAGENT_CHROMIUM to the program's path"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1000, "height": 1400})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        asked: set[str | None] = set()
        page.on("request", lambda request: asked.add(urlsplit(request.url).hostname))
        yield page
        browser.close()
    assert asked <= {"127.0.0.1", None}, "the chat must not reach out to other machines"


@pytest.fixture
def open_chat(page: Page, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Opens `omniagent demo`, in a process of its own, over the agent of a scenario."""
    servers: list[subprocess.Popen[str]] = []

    def go(scenario: str = "repaired") -> None:
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.support.launch", "demo", "--port", "0"],
            cwd=ROOT,
            env={
                **os.environ,
                SCENARIO: scenario,
                "OMNIAGENT_RUNS_DIR": str(tmp_path / "runs"),
                "GRADIO_TEMP_DIR": str(tmp_path / "copies"),
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        servers.append(server)
        assert server.stdout is not None
        page.goto(server.stdout.readline().split()[-1])
        expect(page.locator("#task textarea")).to_be_visible()

    yield go
    for server in servers:
        server.send_signal(signal.SIGTERM)
        _, _ = server.communicate(timeout=60)
        assert server.returncode in (0, 130)
    assert not [path for path in (tmp_path / "copies").rglob("*") if path.is_file()]


def say(page: Page, words: str) -> None:
    page.locator("#task textarea").fill(words)
    page.locator("#task textarea").press("Enter")


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_chromium_draws_a_picture_in_the_chat(page: Page, open_chat: Callable[..., None], tmp_path: Path) -> None:
    open_chat()
    for example in EXAMPLES:
        expect(page.locator("#chat").get_by_text(example)).to_be_visible()
    say(page, TASK)
    chat = page.locator("#chat")
    expect(chat.get_by_text("report.html")).to_be_visible()
    expect(chat.get_by_text("Round 1", exact=True)).to_be_visible()
    expect(chat.get_by_text(re.compile("^Looked at a1"))).to_be_visible()
    expect(chat.locator('img[src$="/a1.png"]').first).to_be_visible()
    best = chat.locator("img").last
    best.scroll_into_view_if_needed()
    assert best.evaluate("picture => picture.complete && picture.naturalWidth") >= 64
    shot = tmp_path / "chat.png"
    page.screenshot(path=shot)
    with Image.open(shot) as picture:
        assert picture.size == (1000, 1400)
        assert len(picture.convert("RGB").getcolors(2**24) or ()) > 50
    expect(page.locator("#task textarea")).to_be_enabled()


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_the_stop_button_keeps_the_best_so_far(page: Page, open_chat: Callable[..., None]) -> None:
    open_chat("stuck")
    say(page, TASK)
    expect(page.locator("#chat").get_by_text(re.compile("^Editing"))).to_be_visible()
    page.locator("#task button.stop-button").click()
    expect(page.locator("#chat").get_by_text("cancelled", exact=True)).to_be_visible()
    expect(page.locator("#chat").get_by_text("report.html")).to_be_visible()
    expect(page.locator("#task textarea")).to_be_enabled()


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_a_broken_upload_is_a_message_and_the_chat_goes_on(
    page: Page, open_chat: Callable[..., None], tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole.png", tmp_path / "cut.png"
    Image.effect_noise((64, 64), 50).convert("RGB").save(whole)
    cut.write_bytes(whole.read_bytes()[:300])
    open_chat("never_right")
    upload = page.locator("#task input[type=file]")
    upload.set_input_files(str(cut))
    expect(page.locator("#task .thumbnail-item")).to_have_count(1)
    say(page, "make it red")
    told = page.locator("#chat").get_by_text(re.compile("truncated or damaged"))
    expect(told).to_be_visible()
    assert "cut.png" in told.inner_text() and str(tmp_path) not in told.inner_text()
    upload.set_input_files(str(whole))
    expect(page.locator("#task .thumbnail-item")).to_have_count(1)
    say(page, "make it red")
    expect(page.locator("#chat").get_by_text("report.html")).to_be_visible()


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_the_boxes_take_what_is_meant_and_name_what_is_not(page: Page, open_chat: Callable[..., None]) -> None:
    open_chat()
    page.get_by_text("Settings", exact=True).click()
    chat, seed, rounds = (
        page.locator("#chat"),
        *(page.get_by_role("spinbutton", name=name) for name in ("Seed", "Rounds at most")),
    )
    for number, typed in enumerate(("", "-1"), start=1):
        seed.fill(typed)
        say(page, TASK)
        expect(chat.get_by_text("report.html")).to_have_count(number)
    shown = re.findall(r"seed (\d+)", chat.inner_text())
    assert len(set(shown) - {"0"}) == 2
    for typed, said in (("500", "max_rounds=500"), ("0", "max_rounds=0"), ("2.5", "max_rounds=2.5")):
        rounds.fill(typed)
        say(page, TASK)
        expect(chat.get_by_text(re.compile(re.escape(said)))).to_be_visible()
    rounds.fill("")
    seed.fill("-2")
    say(page, TASK)
    expect(chat.get_by_text(re.compile(r"seed=-2"))).to_be_visible()
    seed.fill("7")
    say(page, TASK)
    expect(chat.get_by_text(re.compile(r"seed 7\b"))).to_be_visible()


@pytest.mark.browser
def test_the_report_fits_a_narrow_screen(page: Page, tmp_path: Path) -> None:
    long = plan_draft(questions=(*QUESTIONS, "Is " + "averylongword" * 12 + " there?"))
    for number, run in enumerate(
        (never_right(tmp_path).run(TASK), scripted_agent(tmp_path, None, texts(long)).run("x" * 280))
    ):
        page.goto((run.folder / "report.html").as_uri())
        for width in (320, 390, 720, 1000):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (number, width)
