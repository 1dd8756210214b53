"""What a notebook shows of a result, and the reprs of the objects of a program."""

import base64
import io
import pickle
import re
from html.parser import HTMLParser
from pathlib import Path

from PIL import Image

from omniagent import (
    Budget,
    Result,
)
from tests.support.faces import FAILS, HOLDS, TASK, repaired
from tests.support.scripted_runs import by_picture, plan_draft, scripted_agent, texts


class Page(HTMLParser):
    """Reads a page as a browser would, and keeps what matters."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def pictures_in(html: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/(?:png|jpeg);base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in found]


def test_a_notebook_shows_the_picture_its_verdicts_and_a_strip_of_attempts(tmp_path: Path) -> None:
    result = scripted_agent(tmp_path, by_picture(FAILS, HOLDS)).run(TASK, size="600x300")
    html = result._repr_html_()  # pyright: ignore[reportPrivateUsage]
    page = Page(html)
    large, *strip = pictures_in(html)
    assert large.size == (256, 128) and [one.size for one in strip] == [(96, 48), (96, 48)]
    assert "accepted" in html and "Is the circle red?" in html and "0.97" in html and "★ a2, 3 of 3" in html
    assert not page.open and {tag for tag, _ in page.tags} <= {"div", "img", "table", "tr", "td", "b", "br", "span"}
    assert all(held["alt"] for tag, held in page.tags if tag == "img")
    attempt = result.attempts[0]._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert attempt is not None and "a1" in attempt and "0.10" in attempt and len(pictures_in(attempt)) == 1


def test_a_result_that_was_read_back_or_sent_on_still_shows_itself(tmp_path: Path) -> None:
    result = repaired(tmp_path).run(TASK)
    for again in (
        Result.load(result.folder),
        pickle.loads(pickle.dumps(result)),
        Result.model_validate(result.model_dump()),
    ):
        assert again == result and again.attempts[0] == result.attempts[0]
        assert pictures_in(again.attempts[1]._repr_html_())
    moved = result.save(tmp_path / "moved")
    for path in result.folder.rglob("*.png"):
        path.unlink()
    html = result._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert "no picture file" in html and not pictures_in(html)
    assert pictures_in(Result.load(moved).attempts[0]._repr_html_() or "")


def test_words_of_a_task_or_critic_never_become_markup(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    plan = plan_draft("generate", (f"Is there {evil}?",), f"draw {evil}")
    for written in (texts(plan), texts(plan_draft("answer", ()), answer=evil)):
        agent = scripted_agent(tmp_path, lambda prompt, question: 0.2, written, budget=Budget(max_rounds=2))
        result = agent.run(evil, [Image.new("RGB", (8, 8))])
        for html in (result._repr_html_(), *(one._repr_html_() or "" for one in result.attempts)):  # pyright: ignore
            tags = Page(html).tags
            assert not any(tag == "script" for tag, _ in tags)
            assert not any(name.startswith("on") for _, held in tags for name in held)
            assert all((held["src"] or "").startswith("data:image/") for tag, held in tags if tag == "img")


def test_reprs_are_short_and_say_what_matters(tmp_path: Path) -> None:
    result = repaired(tmp_path).run(TASK + ", please" * 200, thread_id="mine")
    assert len(repr(result)) < 300 and "mine" in repr(result) and "3 of 3" in repr(result)
    assert len(repr(result.best)) < 200 and "a2" in repr(result.best) and "parent='a1'" in repr(result.best)
