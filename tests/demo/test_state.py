"""What the chat remembers and understands: follow-ups, marked places, threads, runs in turn, and who may come in."""

import asyncio
import base64
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops
from starlette.testclient import TestClient

from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.demo.events.asked import Settings, options_of, pressed_in, wishes_of
from omniagent.demo.events.office import Office
from omniagent.demo.page.access import COOKIE, Door, logins_of, visitor_in
from omniagent.demo.page.files import add_files
from omniagent.demo.rendering.words import Words
from omniagent.demo.state.desk import Desk, Live, Order, TooBusy
from omniagent.demo.state.followups import FollowUp, asks_again, read_follow_up
from omniagent.demo.state.pages import Page
from omniagent.demo.state.places import Mark, place_of
from omniagent.demo.state.threads import HOME, Given, Shelf, Shelves, Talk, Turn, Wishes, new_id, visitor_of
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.errors import BadSetting, UnknownModel
from omniagent.model.scripted import ScriptedGenerator
from omniagent.tools.config import ToolConfig
from tests.support.faces import HOLDS, TASK, never_right, repaired, stuck
from tests.support.scripted_runs import by_picture, scripted_agent

SEED = Wishes(seed=0)
SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("now make it blue", "now make it blue"),
        ("bigger", "make it bigger"),
        ("a bit brighter please", "make it a bit brighter please"),
        ("blue", "make it blue"),
        ("remove the circle", "remove the circle"),
        ("what colour is it?", "what colour is it?"),
        ("with a black background", "with a black background"),
        ("the same but green", "the same but green"),
        ("把圆变成蓝色", "把圆变成蓝色"),
    ],
)
def test_words_about_what_is_there_change_the_last_picture(said: str, asked: str) -> None:
    assert read_follow_up(said) == FollowUp(True, None, asked)


@pytest.mark.parametrize(
    "said",
    [
        "a green star on a black background",
        "draw a blue square",
        "red circle",
        "three stars in a row",
        "一只红色的圆",
        "a bigger circle",
        "A4 poster of a mountain lake",
        "last version of the iPhone on a desk",
        "first picture of a cat on the moon",
        "an owl with its eyes closed",
        "第一张桌子",
    ],
)
def test_words_that_describe_a_whole_picture_ask_for_a_new_one(said: str) -> None:
    assert read_follow_up(said) == FollowUp(False, None, said)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("the second one, but brighter", FollowUp(True, 2, "make it brighter")),
        ("Use the first picture and make it blue", FollowUp(True, 1, "make it blue")),
        ("the last one but bigger", FollowUp(True, -1, "make it bigger")),
        ("a2, but blue", FollowUp(True, 2, "make it blue")),
        ("picture a1, message 2, but bigger", FollowUp(True, 1, "make it bigger", 2)),
        ("Take the picture of message 3 and make it blue", FollowUp(True, None, "make it blue", 3)),
        ("第二张,但更亮", FollowUp(True, 2, "更亮")),
        ("a2 and make it red", FollowUp(True, 2, "make it red")),
        ("最后一张更亮", FollowUp(True, -1, "更亮")),
        ("图片 a2(消息 1),但更亮", FollowUp(True, 2, "更亮", 1)),
    ],
)
def test_a_picture_that_is_named_is_the_one_that_is_changed(said: str, asked: FollowUp) -> None:
    assert read_follow_up(said) == asked and asked.names


def test_only_words_that_ask_for_nothing_new_draw_the_same_again() -> None:
    assert all(map(asks_again, ("again", "Another one!", "once more", "try again please", "再来一张")))
    assert not any(map(asks_again, ("another circle", "again but blue", "make it blue", "")))


@settings(deadline=None)
@given(words=st.text())
def test_no_message_is_lost_by_reading_it_as_a_follow_up(words: str) -> None:
    read = read_follow_up(words)
    assert read.speaks or read.task == words.strip()
    assert not words.strip() or read.task


@settings(deadline=None)
@given(one=st.tuples(SHARES, SHARES), other=st.tuples(SHARES, SHARES))
def test_a_marked_part_is_told_by_the_third_in_which_its_middle_lies(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    (left, right), (top, bottom) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    place = place_of(Mark(left=left, top=top, right=right, bottom=bottom), Words("en"))
    across, down = (left + right) / 2, (top + bottom) / 2
    assert ("left" in place) == (across < 1 / 3) and ("right" in place) == (across >= 2 / 3)
    assert ("top" in place) == (down < 1 / 3) and ("bottom" in place) == (down >= 2 / 3)


@settings(deadline=None, max_examples=60)
@given(
    sides=st.lists(SHARES, min_size=4, max_size=4),
    stroke=st.lists(st.tuples(SHARES, SHARES), max_size=6),
    size=st.tuples(st.integers(16, 90), st.integers(16, 90)),
)
def test_a_mark_of_any_form_lets_a_part_of_the_picture_change_and_keeps_the_rest(
    sides: list[float], stroke: list[tuple[float, float]], size: tuple[int, int]
) -> None:
    mark = Mark(left=sides[0], top=sides[1], right=sides[2], bottom=sides[3], stroke=tuple(stroke))
    mask = mark.mask(size)
    assert mask.size == size and mask.getextrema()[1] == 255
    assert set(mask.tobytes()) <= {0, 255}
    whole = abs(sides[2] - sides[0]) > 0.8 and abs(sides[3] - sides[1]) > 0.8
    assert stroke or whole or mask.getextrema()[0] == 0
    for x, y in stroke:
        assert mask.getpixel((min(size[0] - 1, int(x * size[0])), min(size[1] - 1, int(y * size[1])))) == 255
    assert re.fullmatch(r"M[\d. HVLZ]+", mark.outline)


def test_settings_in_any_form_are_read_and_what_is_out_of_range_is_named(tmp_path: Path) -> None:
    agent = repaired(tmp_path)
    wishes = wishes_of(
        Settings(seed="7", random=False, size=" 256x128 ", rounds="2", images=3.0, candidates="", seconds=None)
    )
    options: Any = options_of(agent, wishes)
    assert (options["seed"], options["settings"].width, options["settings"].height) == (7, 256, 128)
    assert (options["budget"].max_rounds, options["budget"].max_images) == (2, 3)
    assert options["budget"].time_limit == agent.config.budget.time_limit
    assert len({wishes_of(Settings(random=True)).seed for _ in range(5)}) > 1
    for bad, named in (
        (Settings(random=False, seed=-2), "seed=-2"),
        (Settings(rounds=0), "max_rounds=0"),
        (Settings(rounds=2.5), "max_rounds=2.5"),
        (Settings(size="big"), "big"),
        (Settings(images="many"), "max_images=many"),
        (Settings(seconds=-1), "time_limit=-1"),
    ):
        with pytest.raises(BadSetting, match=named):
            wishes_of(bad)
    with pytest.raises(BadSetting, match="max_images"):
        options_of(agent, wishes_of(Settings(images=5000)))


def test_a_press_that_no_button_of_the_page_sends_is_refused() -> None:
    assert pressed_in({"act": "open", "talk": "abc", "else": 1}).talk == "abc"
    for data in (
        None,
        {},
        {"act": "rm"},
        {"act": "point", "mark": {"left": -1, "top": 0, "right": 2, "bottom": 1}},
        [1],
    ):
        with pytest.raises(BadSetting):
            pressed_in(data)


def turn(words: str = "a circle", run: str = "r1", pictures: tuple[Given, ...] = ()) -> Turn:
    return Turn(id=new_id(), words=words, task=words, run=run, wishes=SEED, pictures=pictures)


def test_threads_are_read_again_after_a_restart_the_last_one_first(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, visitor_of("me"))
    first = Talk(id=new_id()).with_turn(turn("first"))
    second = Talk(id=new_id()).with_turn(turn("second", "r2"))
    for talk in (first, second):
        shelf.keep(talk)
    (tmp_path / HOME / visitor_of("me") / "broken.json").write_text("{")
    again = Shelf(tmp_path, visitor_of("me"))
    assert again.talks() == [second, first] and again.talk(first.id) == first
    assert again.owns("r1") and again.owns("r2") and not again.owns("r3")
    assert Shelf(tmp_path, visitor_of("you")).talks() == [] and not Shelf(tmp_path, visitor_of("you")).owns("r1")
    again.forget(first.id)
    assert again.talks() == [second] and not again.owns("r1")
    assert again.talk("../" + first.id) is None and again.file("../x.png") is None


def test_a_fork_keeps_what_was_before_and_leaves_the_old_thread_as_it_is(tmp_path: Path) -> None:
    one, two, three = turn("one"), turn("two"), turn("three")
    talk = Talk(id=new_id()).with_turn(one).with_turn(two).with_turn(three)
    assert talk.until(two.id, inclusive=True).turns == (one, two)
    assert talk.until(two.id, inclusive=False).turns == (one,)
    assert talk.until(two.id, inclusive=True).id != talk.id and len(talk.turns) == 3


def test_equal_files_are_kept_once_and_only_pictures_keep_their_ending(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, "v")
    for name in ("a.png", "b.png", "c.html"):
        (tmp_path / name).write_bytes(b"<script>")
    kept = [shelf.keep_file(tmp_path / name) for name in ("a.png", "b.png", "c.html")]
    assert kept[0].name == kept[1].name and kept[0].label == "a.png" and kept[2].name.endswith(".bin")
    assert len(list((tmp_path / HOME / "v" / "sent").iterdir())) == 2


def page_for(agent: Agent, **more: Any) -> tuple[Page, Office]:
    runs = agent.config.runs_dir
    return Page(Shelf(runs, "v")), Office(Desk(agent, **more), runs)


async def over(page: Page, office: Office) -> None:
    """Wait for the page's run, as a page that follows it does."""
    at_work = page.at_work(office.desk)
    live = None if at_work is None else office.desk.live(at_work.run)
    if live is not None:
        async for _ in live.changes():
            pass
    assert page.talk is not None
    page.talk = page.shelf.talk(page.talk.id)
    page.offer(office.runs)


def test_a_follow_up_is_given_the_best_picture_and_a_new_task_is_not(tmp_path: Path) -> None:
    page, office = page_for(repaired(tmp_path))

    async def talk() -> None:
        office.send(page, TASK, [], SEED)
        await over(page, office)
        office.send(page, "make it blue", [], SEED)
        await over(page, office)
        office.send(page, "a green star", [], SEED)
        await over(page, office)
        office.send(page, "the first one, but bigger", [], SEED)
        await over(page, office)

    asyncio.run(talk())
    assert page.talk is not None
    first, second, third, fourth = page.talk.turns
    assert first.pictures == () and not first.afresh
    assert second.pictures == (Given(run=first.run, name="a2", label="picture a2, message 1"),)
    assert third.pictures == () and third.afresh
    assert [(one.run, one.name) for one in fourth.pictures] == [(third.run, "a1")] and fourth.task == "make it bigger"
    assert page.story(second, tmp_path).started.task.images  # type: ignore[union-attr]


def test_a_picture_that_was_chosen_or_sent_stands_whatever_the_words_are(tmp_path: Path) -> None:
    page, office = page_for(repaired(tmp_path))
    Image.new("RGB", (32, 32), "white").save(tmp_path / "mine.png")

    async def talk() -> None:
        office.send(page, TASK, [], SEED)
        await over(page, office)
        assert page.talk is not None
        page.choose(page.given(page.talk.turns[0].run, "a1"))
        office.send(page, "a green star", [str(tmp_path / "mine.png")], SEED)
        await over(page, office)
        office.send(page, "make it blue", [str(tmp_path / "mine.png")], SEED)
        await over(page, office)

    asyncio.run(talk())
    assert page.talk is not None
    assert [one.label for one in page.talk.turns[1].pictures] == ["picture a1, message 1", "mine.png"]
    assert [one.label for one in page.talk.turns[2].pictures] == ["mine.png"]


def test_what_is_pointed_at_alone_changes_in_the_next_picture_and_in_its_retries(tmp_path: Path) -> None:
    page, office = page_for(repaired(tmp_path))
    mark = Mark(left=0.5, top=0.0, right=1.0, bottom=0.5)

    def sent() -> Turn:
        assert page.talk is not None
        return page.talk.turns[-1]

    async def talk() -> None:
        office.send(page, TASK, [], SEED)
        await over(page, office)
        page.choose(page.given(sent().run, "a1"), mark)
        office.send(page, "make it blue at the top right", [], SEED)
        assert page.mark is None
        await over(page, office)
        office.again(page, sent(), Wishes(seed=1))
        await over(page, office)
        page.choose(page.given(sent().run, "a1"), mark)
        office.send(page, "what colour is it?", [], SEED)
        await over(page, office)

    asyncio.run(talk())
    assert page.talk is not None
    _, pointed, retried, asked = page.talk.turns
    assert [turn.mark for turn in page.talk.turns] == [None, mark, mark, None] and asked.pictures
    for turn in (pointed, retried):
        story = page.story(turn, tmp_path)
        assert story.started is not None and story.started.task.mask is not None and story.best is not None
        with (
            Image.open(tmp_path / turn.pictures[0].run / "attempts" / "a1.png") as before,
            Image.open(tmp_path / turn.run / "attempts" / f"{story.best.id}.png") as after,
        ):
            apart = ImageChops.difference(before.convert("RGB"), after.convert("RGB"))
            box = apart.getbbox()
            assert box is not None and box[0] >= before.width // 2 and box[3] <= before.height // 2
    assert page.messages(office.desk, tmp_path)[1].thumbnails[0].outline == mark.outline


def test_a_number_counts_the_results_of_the_thread_where_the_last_message_drew_fewer(tmp_path: Path) -> None:
    page, office = page_for(scripted_agent(tmp_path, by_picture(HOLDS)))

    async def talk() -> None:
        for words in (TASK, "a green star", "the second one, but brighter", "picture a1 of message 1, but blue"):
            office.send(page, words, [], SEED)
            await over(page, office)
        with pytest.raises(BadSetting, match="drew 1 picture, so there is no number 9"):
            office.send(page, "a9, but blue", [], SEED)
        with pytest.raises(BadSetting, match="message 7 of this thread drew no picture"):
            office.send(page, "a1 of message 7, but blue", [], SEED)

    asyncio.run(talk())
    assert page.talk is not None
    first, second, third, fourth = page.talk.turns
    assert [(one.run, one.label) for one in third.pictures] == [(second.run, "picture a1, message 2")]
    assert [one.run for one in fourth.pictures] == [first.run]
    assert (third.task, fourth.task) == ("make it brighter", "make it blue")


def test_an_edited_message_goes_on_in_a_thread_of_its_own(tmp_path: Path) -> None:
    page, office = page_for(repaired(tmp_path))

    async def talk() -> None:
        office.send(page, TASK, [], SEED)
        await over(page, office)
        assert page.talk is not None
        page.editing = page.talk.turns[0].id
        office.send(page, "a blue circle", [], SEED)
        await over(page, office)

    asyncio.run(talk())
    talks = page.shelf.talks()
    assert [[one.words for one in talk.turns] for talk in talks] == [["a blue circle"], [TASK]]


def test_an_error_stays_with_its_message_and_names_the_file_as_the_person_does(tmp_path: Path) -> None:
    page, office = page_for(repaired(tmp_path))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    async def talk() -> None:
        office.send(page, "make it red", [str(tmp_path / "broken.png")], SEED)
        await over(page, office)

    asyncio.run(talk())
    assert page.talk is not None
    (told,) = page.talk.turns
    assert "broken.png" in told.error and str(tmp_path) not in told.error and told.words == "make it red"
    assert page.messages(office.desk, tmp_path)[0].error == told.error


def test_a_run_at_its_limit_goes_on_with_as_much_again_and_shows_what_it_had(tmp_path: Path) -> None:
    page, office = page_for(never_right(tmp_path))

    async def talk() -> None:
        office.send(page, TASK, [], Wishes(seed=0, max_rounds=1))
        await over(page, office)
        assert page.talk is not None
        story = page.story(page.talk.turns[0], tmp_path)
        assert story.ended is not None and story.ended.stop_reason == "round_limit"
        office.go_on(page, page.talk.turns[0])
        (message,) = page.messages(office.desk, tmp_path)
        assert message.stage != "over" and [one.id for one in message.story.attempts] == ["a1"]
        await over(page, office)

    asyncio.run(talk())
    assert page.talk is not None and len(page.talk.turns) == 1
    assert len(page.story(page.talk.turns[0], tmp_path).rounds) > 1


def test_runs_wait_in_turn_are_told_their_place_and_too_many_are_refused(tmp_path: Path) -> None:
    agent = stuck(tmp_path)

    async def queue() -> None:
        desk, ended = Desk(agent, at_once=1, most_waiting=2), list[str]()

        def order(name: str) -> Live:
            return desk.start(Order(name, TASK, (), {"seed": 0}), lambda live: ended.append(live.run))

        first, second, third = order("r1"), order("r2"), order("r3")
        assert (second.stage, second.ahead, third.ahead) == ("waiting", 1, 2)
        with pytest.raises(TooBusy, match="2 runs are waiting"):
            order("r4")
        desk.stop("r2")
        async for _ in second.changes():
            pass
        assert second.error == "cancelled" and (third.stage, third.ahead) == ("waiting", 1)
        while not first.story.attempts:
            await first.change()
        desk.stop("r1")
        async for _ in first.changes():
            pass
        assert first.story.ended is not None and first.story.ended.stop_reason == "cancelled"
        while third.stage == "waiting":
            await third.change()
        desk.stop("r3")
        async for _ in third.changes():
            pass
        assert ended == ["r2", "r1", "r3"] and desk.live("r3") is None

    asyncio.run(queue())


def test_two_runs_at_once_work_beside_one_another(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=60)

    def judge(prompt: Any, question: str) -> float:
        return by(prompt, question)

    by = by_picture(HOLDS)

    def draw(request: Any) -> Image.Image:
        both.wait()
        return Image.new("RGB", (64, 64), "red")

    agents = [scripted_agent(tmp_path, judge, generator=ScriptedGenerator(draw))]

    async def two() -> None:
        desk = Desk(agents[0], at_once=2)
        lives = [desk.start(Order(name, TASK, (), {"seed": n}), lambda _: None) for n, name in enumerate(("r1", "r2"))]
        for live in lives:
            async for _ in live.changes():
                pass
        assert all(live.story.ended is not None and live.story.ended.accepted for live in lives)

    asyncio.run(two())


def test_the_question_of_a_run_is_put_to_its_own_thread_and_answered_there(tmp_path: Path) -> None:
    config = Config(tools=ToolConfig(backoff=0), loop=LoopPolicy(ask=True))
    agent = scripted_agent(tmp_path, by_picture(HOLDS), config=config)

    async def ask(answer: str | None) -> Live:
        desk = Desk(agent)
        live = desk.start(Order("r1" if answer else "r2", "put image 2 on the table", (), {"seed": 0}), lambda _: None)
        async for _ in live.changes():
            if live.question is not None:
                assert "You speak of image 2" in live.question
                if answer is None:
                    desk.stop(live.run)
                else:
                    live.answer(answer)
        return live

    live = asyncio.run(ask("a red circle"))
    assert [one.answer for one in live.story.asked] == ["a red circle"]
    stopped = asyncio.run(ask(None))
    assert stopped.story.ended is not None and stopped.story.ended.stop_reason == "cancelled"


def test_models_that_cannot_be_loaded_are_told_by_the_first_run(tmp_path: Path) -> None:
    agent = Agent(str(tmp_path / "nowhere"), runs_dir=tmp_path)

    async def try_it() -> str:
        desk = Desk(agent)
        await desk.load()
        live = desk.start(Order("r1", TASK, (), {"seed": 0}), lambda _: None)
        assert live.stage == "loading"
        async for _ in live.changes():
            pass
        return live.error

    with pytest.raises(UnknownModel):
        _ = agent.runtime
    assert "nowhere" in asyncio.run(try_it())


def test_logins_are_pairs_given_directly_or_one_a_line_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "logins").write_text("ann:one:two\n\nbob:three\n")
    assert logins_of(None) == {} and logins_of("ann:x") == {"ann": "x"}
    assert logins_of(f"@{tmp_path / 'logins'}") == {"ann": "one:two", "bob": "three"}
    (tmp_path / "empty").write_text("\n")
    for bad in ("ann", ":x", "ann:", f"@{tmp_path / 'empty'}", f"@{tmp_path / 'none'}"):
        with pytest.raises(BadSetting):
            logins_of(bad)


def site(runs: Path, logins: dict[str, str] | None = None) -> TestClient:
    """The chat's own part of its server, without the page."""
    app = FastAPI()
    add_files(app, runs, Shelves(runs), logins=bool(logins))
    app.get("/")(lambda: "the page")
    return TestClient(Door(app, logins or {}))


def with_run(runs: Path, visitor: str) -> str:
    """A finished run that belongs to a visitor."""
    run = repaired(runs).run(TASK, thread_id="mine").run_id
    Shelf(runs, visitor).keep(Talk(id=new_id()).with_turn(turn(TASK, run)))
    return run


def test_pictures_reports_and_sent_files_are_given_to_their_own_visitor_alone(tmp_path: Path) -> None:
    client = site(tmp_path)
    cookie = client.get("/").cookies[COOKIE]
    visitor = visitor_in({"cookie": f"{COOKIE}={cookie}"}, logins=False)
    assert visitor is not None
    run = with_run(tmp_path, visitor)
    (tmp_path / "x.svg").write_text("<svg onload='alert(1)'/>")
    sent = Shelf(tmp_path, visitor).keep_file(tmp_path / "x.svg").name
    stored = next((tmp_path / run / "images").glob("*.png")).name
    paths = [f"/pictures/{run}/{name}" for name in ("a1.png", "report.html", stored)] + [f"/sent/{sent}"]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert client.get(paths[-1]).headers["content-type"] == "application/octet-stream"
    other = site(tmp_path)
    other.get("/")
    assert {other.get(path).status_code for path in paths} == {404}
    for path in (
        f"/pictures/{run}/trace.jsonl",
        f"/pictures/{run}/..%2ftrace.jsonl",
        f"/pictures/..%2f{tmp_path.name}/a1.png",
        f"/pictures/{HOME}/a1.png",
        "/sent/..%2f..%2fx.svg",
    ):
        assert client.get(path).status_code in (403, 404), path


def test_with_logins_nothing_is_given_without_one_and_threads_go_with_the_name(tmp_path: Path) -> None:
    client = site(tmp_path, {"ann": "secret", "bob": "other"})
    run = with_run(tmp_path, visitor_of("login ann"))
    picture = f"/pictures/{run}/a1.png"
    for path in ("/", "/config", picture):
        for credentials in (None, ("ann", "wrong"), ("", ""), ("eve", "secret")):
            answer = client.get(path, auth=credentials) if credentials else client.get(path)
            assert answer.status_code == 401 and "Basic" in answer.headers["www-authenticate"], path
    broken = {"authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()}
    assert client.get("/", headers=broken).status_code == 401
    assert client.get("/", auth=("ann", "secret")).status_code == 200
    assert client.get(picture, auth=("ann", "secret")).status_code == 200
    assert client.get(picture, auth=("bob", "other")).status_code == 404


def test_a_browser_keeps_its_cookie_and_scripts_cannot_read_it(tmp_path: Path) -> None:
    client = site(tmp_path)
    first = client.get("/")
    assert "HttpOnly" in first.headers["set-cookie"] and "SameSite=Lax" in first.headers["set-cookie"]
    assert "set-cookie" not in client.get("/").headers
    assert visitor_in({"cookie": f"{COOKIE}=short"}, logins=False) is None
    assert visitor_in({"cookie": "a=b=c; ;;"}, logins=False) is None
