"""The thread as HTML: what is shown follows from the events of a run, and nothing of it is obeyed."""

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from omniagent.agent import Agent
from omniagent.demo.rendering.story import Story
from omniagent.demo.rendering.view import (
    Chip,
    Entry,
    Message,
    Thumbnail,
    file_name,
    render_chip,
    render_history,
    render_messages,
    render_welcome,
)
from omniagent.demo.rendering.words import TEXTS, Language, Words, language_of
from omniagent.runs.status import STOPS, status_of
from omniagent.tools.record.trace import (
    AttemptMade,
    CriticConsulted,
    Critiqued,
    Decided,
    Event,
    Planned,
    RunEnded,
    RunStarted,
    StepProgress,
    ToolErrored,
    read_trace,
)
from omniagent.tools.types import Box, ChangeMap, Decision, Evidence, Verdict
from tests.support.chat import page_of, text_of
from tests.support.faces import HOLDS, TASK, never_right, repaired
from tests.support.scripted_runs import QUESTIONS, by_picture, plan_draft, scripted_agent, texts

EN, ZH = Words("en"), Words("zh")


def events_of(agent: Agent) -> list[Event]:
    return list(agent.stream(TASK))


def test_each_round_is_a_column_with_its_pictures_verdicts_decision_and_cost(tmp_path: Path) -> None:
    page = page_of(events_of(repaired(tmp_path)), TASK)
    rounds = page.split('<section class="round">')[1:]
    assert [re.findall(r'data-attempt="(a\d)"', one) for one in rounds] == [["a1"], ["a2"]]
    first, second = map(text_of, rounds)
    assert f"✗ {QUESTIONS[1]} 0.10" in first and f"✓ {QUESTIONS[1]} 0.97" in second
    assert "repair — a local failure" in first and "accept — every requirement holds" in second
    assert re.search(r"\d\.\d s · 1 picture · \d+ tokens", first)
    assert 'src="pictures/r/a2.png"' in rounds[1] and "2 of 3 hold" in first


def test_the_best_is_crowned_once_and_what_was_rolled_back_is_struck_through(tmp_path: Path) -> None:
    events = events_of(repaired(tmp_path))
    page = page_of(events)
    assert page.count("crown") == 2 and page.index("♛ best") > page.index('data-attempt="a2"')
    changed = [
        event.model_copy(update={"decision": Decision(action="roll_back", reason="worse", target="a1")})
        if isinstance(event, Decided) and event.round == 2
        else event
        for event in events
        if not isinstance(event, RunEnded)
    ]
    back = Story.of(changed)
    assert [back.rolled_back(attempt) for attempt in back.attempts] == [False, True]
    assert 'class="card crowned undone"' in page_of(changed)


def test_the_best_so_far_is_crowned_while_the_run_goes_on(tmp_path: Path) -> None:
    events = events_of(repaired(tmp_path))
    until = next(number for number, event in enumerate(events) if isinstance(event, Critiqued)) + 1
    page = page_of(events[:until], stage="working")
    assert "♛ best so far" in page and "data-act" not in page.split('class="strip"')[1]


def test_what_is_being_done_is_told_with_its_steps(tmp_path: Path) -> None:
    events, told = events_of(repaired(tmp_path)), set[str]()
    for number in range(1, len(events)):
        page = page_of(events[:number], stage="working")
        told.add(text_of(page[page.index('<p class="doing"') : page.index("</p>", page.index('<p class="doing"'))]))
    assert {"Reading the task", "Drawing · step 4 of 4", "Editing · step 2 of 4", "Looking at the picture"} <= told


def test_a_rough_picture_is_shown_until_the_drawn_one_is_there(tmp_path: Path) -> None:
    events = list(repaired(tmp_path).stream(TASK, previews=True))
    last = ""
    for number, event in enumerate(events, start=1):
        page = page_of(events[:number], stage="working" if number < len(events) else "over")
        if isinstance(event, StepProgress):
            last = next(iter(event.previews), last)
            assert f"data:image/jpeg;base64,{last}" in page and "Being drawn" in text_of(page)
        elif isinstance(event, AttemptMade | RunEnded):
            assert "base64" not in page and "Being drawn" not in text_of(page)
    assert last


def test_before_there_is_a_run_its_place_in_the_queue_and_the_loading_are_told() -> None:
    assert "Waiting: 3 ahead of yours" in text_of(page_of((), stage="waiting", ahead=3))
    assert "Loading the models" in text_of(page_of((), stage="loading"))


def test_the_rounds_last_from_one_decision_to_the_next(tmp_path: Path) -> None:
    timed = [
        event.model_copy(update={"time": float(number)}) for number, event in enumerate(events_of(repaired(tmp_path)))
    ]
    ends = [number for number, event in enumerate(timed) if isinstance(event, Planned | Decided)]
    story = Story.of(timed)
    assert story.plan_seconds == ends[0]
    assert [one.seconds for one in story.rounds] == [ends[1] - ends[0], ends[2] - ends[1]]


def test_the_tokens_of_the_rounds_and_the_plan_are_those_of_the_run(tmp_path: Path) -> None:
    events = events_of(never_right(tmp_path))
    planned = next(number for number, event in enumerate(events) if isinstance(event, Planned))
    spent = sum(
        event.prompt_tokens + event.completion_tokens
        for event in events[planned:]
        if isinstance(event, CriticConsulted)
    )
    story = Story.of(events)
    assert sum(one.tokens for one in story.rounds) == spent > 0
    assert len(story.attempts) == sum(isinstance(event, AttemptMade) for event in events)


def test_a_recorded_trace_tells_the_same_story_as_the_run_told_live(tmp_path: Path) -> None:
    live = events_of(repaired(tmp_path))
    folder = next(event.folder for event in live if isinstance(event, RunStarted))
    assert page_of(live) == page_of(read_trace(Path(folder) / "trace.jsonl"))


def test_every_first_part_of_a_run_can_be_shown_in_both_languages(tmp_path: Path) -> None:
    events = events_of(never_right(tmp_path))
    for number in range(len(events) + 1):
        for language in ("en", "zh"):
            page = page_of(events[:number], stage="working" if number < len(events) else "over", language=language)
            tags = Counter(re.findall(r"<(/?)(section|div|p|ul|li|article|figure|button|details|span)\b", page))
            assert all(tags["", name] == tags["/", name] for _, name in tags), number


def test_the_verdicts_on_the_given_picture_are_shown_as_before_and_not_as_the_result(tmp_path: Path) -> None:
    agent = scripted_agent(tmp_path, by_picture(HOLDS, (0.1, 0.2, 0.9)), texts(plan_draft("edit")))
    events = list(agent.stream("make it red", [Image.new("RGB", (32, 32), "white")]))
    story = Story.of(events)
    assert story.given is not None and [attempt.id for attempt in story.attempts] == ["a1"]
    page = page_of(events)
    given, drawn = page.split('<section class="round">')[1:3]
    assert "Given" in text_of(given) and "1 of 3 hold" in text_of(given)
    assert "3 of 3 hold" in text_of(drawn) and "✗" not in text_of(drawn)
    assert page.index("Given") < page.index("Round 1")


def test_what_was_located_is_drawn_over_the_picture_and_what_was_read_beside_the_verdict(tmp_path: Path) -> None:
    box = Box(label="red <circle>", left=16, top=8, right=48, bottom=32)
    found = Evidence(instrument="boxes", answer="yes", probability=0.9, note="1 red circle", boxes=(box,))
    changed = ChangeMap(rows=("09", "00"), outside=0.0)
    apart = Evidence(instrument="pixels", answer="yes", probability=0.9, changed=changed)
    read = Evidence(instrument="reading", answer="no", probability=0.2, note="read “OPEM”")
    events: list[Event] = []
    for event in events_of(repaired(tmp_path)):
        if isinstance(event, Critiqued):
            verdicts = (Verdict(requirement="r1", answer="unsure", probability=0.5, evidence=(found, read, apart)),)
            event = event.model_copy(update={"critique": event.critique.model_copy(update={"verdicts": verdicts})})
        events.append(event)
    page, width = page_of(events), Story.of(events).attempts[0].image.width
    assert f"left:{1600 / width:.1f}%" in page and f"width:{3200 / width:.1f}%" in page
    assert "? red &lt;circle&gt;" in page and page.count("show-boxes") == 2
    assert page.count('class="changes" src="data:image/png;base64,') == page.count("show-changes") == 2
    assert "by boxes 0.90, 1 red circle; read 0.20, read “OPEM”" in text_of(page)


def test_assumptions_what_is_unchecked_and_what_pictures_show_stand_with_the_plan(tmp_path: Path) -> None:
    events = [
        event.model_copy(
            update={
                "plan": event.plan.model_copy(update={"assumptions": ("day",), "unchecked": ("blue",), "seen": ("a",)})
            }
        )
        if isinstance(event, Planned)
        else event
        for event in events_of(repaired(tmp_path))
    ]
    told = text_of(page_of(events))
    assert "Assumed: day" in told and "Not checked: blue" in told and "image 1 shows: a" in told
    assert all(told.count(question) >= 3 for question in QUESTIONS)


def test_a_question_of_the_agent_can_be_answered_where_it_is_asked() -> None:
    page = page_of((), stage="working", question="What do you mean by image 2?")
    assert 'data-answer="r"' in page and "<label" in page and "What do you mean by image 2?" in page


def test_the_end_tells_status_numbers_seed_and_where_to_get_the_picture(tmp_path: Path) -> None:
    result = repaired(tmp_path).run(TASK, seed=7)
    page = page_of(result.trace, TASK)
    told = text_of(page)
    assert "accepted every requirement holds" in told and "a2, 3 of 3 hold · 2 pictures" in told and "seed 7" in told
    assert 'download="a-red-circle-on-a-white-background-a2.png"' in page and 'href="pictures/r/report.html"' in page


@pytest.mark.parametrize("reason", STOPS)
def test_the_page_and_the_command_line_call_an_end_by_the_same_word(reason: str, tmp_path: Path) -> None:
    result = repaired(tmp_path).run(TASK)
    changed = result.model_copy(update={"stop_reason": reason, "accepted": reason == "accepted"})
    ended = result.trace[-1].model_copy(update={"stop_reason": reason, "accepted": reason == "accepted"})
    page = page_of((*result.trace[:-1], ended))
    assert f'<span class="pill">{EN.get("status", status_of(changed))}</span>' in page
    assert ("go_on" in page) == (
        reason in ("cancelled", "critic_unavailable", "failed", "time_limit", "round_limit", "image_limit")
    )


def test_a_run_that_the_server_left_unfinished_says_so_and_can_go_on(tmp_path: Path) -> None:
    events = [event for event in events_of(repaired(tmp_path)) if not isinstance(event, RunEnded)]
    page = page_of(events)
    assert "The server was stopped before this run had ended" in page and 'data-act="go_on"' in page
    assert "go_on" not in page_of(events, stage="working")


def test_an_error_and_a_fault_are_told_without_names_of_the_code() -> None:
    fault = ToolErrored(tool="critique", error="HardFailure", message="no room", seconds=1.0)
    page = text_of(page_of([fault], error="the picture is damaged"))
    assert "Looking at the picture: failed — no room" in page and "error — the picture is damaged" in page
    assert "HardFailure" not in page
    stopped = fault.model_copy(update={"error": "Cancelled"})
    assert "failed" not in text_of(page_of([stopped]))


@settings(deadline=None, max_examples=50)
@given(words=st.text(), instruction=st.text(min_size=1))
def test_words_of_a_person_or_a_model_never_become_markup(words: str, instruction: str) -> None:
    def tags(said: str) -> list[str]:
        return re.findall(r"<[/\w]+", page_of((), said, error=f"{instruction}{said}", question=f"-{said}"))

    plain = tags("plain")
    for evil in (words, f"<img src=x onerror=alert(1)>{words}", f'"><script>{words}</script>'):
        assert tags(evil) == plain
    history = render_history([Entry("1", f"<b>{words}", here=True, at_work=False)], EN)
    assert "<b>" not in history
    chip = render_chip(Chip(Thumbnail('x"><b>', f"<b>{words}"), note=f"<b>{words}"), EN)
    assert "<b>" not in chip
    assert "<b>" not in render_welcome([f"<b>{words}"], f"<b>{words}", ZH)


def test_every_picture_has_an_alternative_text_and_every_button_a_name(tmp_path: Path) -> None:
    page = page_of(events_of(repaired(tmp_path)), thumbnails=[Thumbnail("sent/a.png", "photo.png")])
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 4 and all(re.search(r'alt="[^"]+"', image) for image in images)
    for tag, inside in re.findall(r"<button([^>]*)>(.*?)</button>", page, re.DOTALL):
        assert "aria-label=" in tag or text_of(inside), tag


def test_a_message_shows_the_pictures_it_came_with_by_number() -> None:
    page = text_of(page_of((), "put it there", thumbnails=[Thumbnail("a", "cat.png"), Thumbnail("b", "picture a2")]))
    assert "image 1: cat.png" in page and "image 2: picture a2" in page


def test_what_the_next_message_goes_on_from_is_shown_and_can_be_removed() -> None:
    offered = render_chip(Chip(Thumbnail("pictures/r/a2.png", "picture a2")), EN)
    assert "if its words speak of it" in offered and 'data-act="drop_base"' in offered
    chosen = render_chip(Chip(Thumbnail("x", "picture a2"), pinned=True, mark="at the top"), EN)
    assert "if its words" not in chosen and "marked: at the top" in text_of(chosen)
    editing = render_chip(Chip(editing=True, attached=[Thumbnail("x", "cat.png")]), EN)
    assert "drop_edit" in editing and "drop_attached" in editing


def test_both_languages_have_every_text_with_the_same_places_to_fill() -> None:
    for key, (english, chinese) in TEXTS.items():
        assert english and chinese, key
        assert len(re.findall(r"%s", english)) == len(re.findall(r"%s", chinese)), key
    assert (
        EN["yes"] != ZH["yes"]
        and ZH.get("doing", "plan") == "正在理解任务"
        and EN.get("doing", "own_tool") == "own tool"
    )


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,zh;q=0.9", "en"),
        ("de,zh;q=0.5,en;q=0.4", "zh"),
        ("fr;q=0.7", "en"),
        ("zh;q=0, en", "en"),
        ("zh;q=abc", "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_prefers(header: str, language: Language) -> None:
    assert language_of(header) == language


def test_a_file_is_named_after_its_task_in_any_alphabet() -> None:
    assert file_name("A red circle, please!", "a2") == "a-red-circle-please-a2.png"
    assert file_name("红色的圆", "a1") == "红色的圆-a1.png"
    assert file_name("../../etc/passwd\n", "a1") == "etc-passwd-a1.png"
    assert file_name("!!!", "a1") == "picture-a1.png"
    assert len(file_name("x" * 500, "a1")) < 80


def test_many_messages_are_shown_in_order() -> None:
    page = render_messages([Message("1", "first", "r1"), Message("2", "second", "r2")], EN)
    assert page.index("first") < page.index("second") and page.count("<section") == 2
