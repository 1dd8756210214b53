"""GenEval's own prompts and totals, the shapes benchmark by its oracle, and the pages of reports."""

import json
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from omniagent.benchmarks.catalogue import BENCHMARKS, benchmark_named
from omniagent.benchmarks.items import Item, Look
from omniagent.benchmarks.judgement import JudgeOptions
from omniagent.benchmarks.reports.page import SCRIPT, page_of
from omniagent.benchmarks.reports.published import published
from omniagent.benchmarks.reports.tables import Table
from omniagent.benchmarks.reports.write import write_comparison
from omniagent.benchmarks.session import Chosen, Session
from omniagent.benchmarks.suites.geneval import SHIPPED
from omniagent.comparison import Variant
from omniagent.config import Config
from omniagent.model.errors import BadSetting
from omniagent.shapes.evaluation.suites import tasks_of
from omniagent.shapes.scene.render import render
from tests.support.benchmark_data import ShadeJudge, at_once, write_geneval
from tests.support.browser import chromium

SINGLE, BEST = Variant("single", "single"), Variant("best-of-n", "best-of-n")


def no_agent() -> object:
    raise AssertionError("no agent is made here")


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_has_a_headline_and_published_rows_in_its_own_columns(name: str) -> None:
    benchmark = benchmark_named(name)
    assert benchmark.name == name and benchmark.title and benchmark.source
    assert sum(column.main for column in benchmark.columns) == 1
    assert len({column.label for column in benchmark.columns}) == len(benchmark.columns)
    for row in published(benchmark):
        assert row.values.keys() <= {column.label for column in benchmark.columns} and row.source


@pytest.mark.parametrize("name", BENCHMARKS)
def test_pictures_of_an_item_have_files_and_seeds_of_their_own(name: str) -> None:
    benchmark, item = benchmark_named(name), Item(key="group/key", group="group", prompt="x")
    numbers = range(max(4, benchmark.samples))
    assert len({benchmark.path(item, number) for number in numbers}) == len(numbers)
    assert [benchmark.seed_of(item, number, 5) for number in numbers] == [5 + number for number in numbers]


def test_the_shipped_prompts_are_geneval_s(tmp_path: Path) -> None:
    geneval = benchmark_named("geneval")
    items = geneval.items(tmp_path, tmp_path)
    counts = {"single_object": 80, "two_object": 99, "counting": 80, "colors": 94, "position": 100, "color_attr": 100}
    assert Counter(item.group for item in items) == counts and len(items) == geneval.items_in_full
    # Lines that others have published from the official file, by their numbers there.
    assert (
        items[0].prompt == "a photo of a bench" and items[457].prompt == "a photo of a pink oven and a green motorcycle"
    )
    assert items[530].prompt == "a photo of a purple suitcase and an orange pizza"
    assert "a photo of a bench left of a bear" in {item.prompt for item in items}
    names = (SHIPPED / "object_names.txt").read_bytes()
    assert len(names) == 642 and len(names.split(b"\n")) == 81 and "MIT License" in (SHIPPED / "NOTICE").read_text()
    assert geneval.path(items[7], 3) == "00007/samples/0003.png"
    assert json.loads(geneval.companions(items[7])["00007/metadata.jsonl"]) == items[7].facts


def test_geneval_s_total_is_the_mean_of_its_tags_whatever_the_number_of_pictures(tmp_path: Path) -> None:
    tags = write_geneval(tmp_path / "data")
    session = Session(benchmark_named("geneval"), tmp_path / "out", Chosen(data=tmp_path / "data"))
    folder = session.run_folder(SINGLE, 1)
    session.generate(no_agent, Config(), SINGLE, 1, folder, spread=at_once)  # pyright: ignore[reportArgumentType]
    right = {"single_object": 4, "two_object": 3, "counting": 0, "colors": 1, "position": 2, "color_attr": 4}
    # Two pictures of a tag are gone: its mean is over the two that are left, and it weighs as much as any other.
    for number in (2, 3):
        (folder.pictures / session.samples[4 + number].path).unlink()

    def is_right(look: Look) -> bool:
        return look.sample.number < right[look.sample.item.group]

    session.judge(folder, ShadeJudge("correct", is_right))
    report = session.report(folder)
    shown = {figure.label: str(figure) for figure in report.figures}
    assert list(shown.values()) == ["1.00", "1.00", "0.00", "0.25", "0.50", "1.00", "0.62"] and len(tags) == 6
    assert report.main.estimate is not None and report.main.estimate.value == pytest.approx(3.75 / 6)
    assert report.outcomes == {"scored": 22, "missing": 2}
    # Where a whole group is gone, the total says so.
    for number in range(4):
        (folder.pictures / session.samples[number].path).unlink()
    (folder.path / "judged" / "shade.jsonl").unlink()
    (folder.path / "judged" / "shade.json").unlink()
    session.judge(folder, ShadeJudge("correct", is_right))
    assert "no picture of single_object has a score" in " ".join(session.report(folder).warnings)
    with pytest.raises(BadSetting, match="holds no files of GenEval; leave --data out"):
        Session(benchmark_named("geneval"), tmp_path / "new", Chosen(data=tmp_path / "out"))
    layout = {path.relative_to(folder.pictures).as_posix() for path in folder.pictures.rglob("*") if path.is_file()}
    assert "00001/metadata.jsonl" in layout and "00005/samples/0003.png" in layout


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """The shapes benchmark with pictures made elsewhere: one wrong, one broken, one not there, all others right."""
    out = tmp_path_factory.mktemp("shapes")
    session = Session(benchmark_named("shapes"), out / "out")
    targets = {f"{kind}-{at:03d}": task.target for kind, number in (("draw", 12), ("edit", 6), ("reference", 6))
               for at, task in enumerate(tasks_of(kind, limit=number))}  # fmt: skip
    for sample in session.samples:
        target = targets[sample.item.key]
        assert target is not None
        path = out / "theirs" / sample.path
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(render(target)).save(path)
    Image.fromarray(np.full((128, 128, 3), 255, np.uint8)).save(out / "theirs" / "edit" / "edit-000.png")
    (out / "theirs" / "draw" / "draw-000.png").write_bytes(b"no picture")
    (out / "theirs" / "draw" / "draw-001.png").unlink()
    folder = session.elsewhere(out / "theirs")
    session.judge(folder, session.judge_of(JudgeOptions()))
    return session


def test_the_oracle_s_totals_are_means_over_kinds_of_what_it_could_judge(shapes: Session) -> None:
    report = shapes.report(shapes.runs[0])
    shown = {figure.label: str(figure) for figure in report.figures}
    assert shown["draw"] == shown["reference"] == "100.0" and shown["edit"] == f"{100 * 5 / 6:.1f}"
    assert shown["right"] == f"{(100 + 100 + 100 * 5 / 6) / 3:.1f}"
    assert report.outcomes == {"scored": 22, "unreadable": 1, "missing": 1}
    cards = (shapes.runs[0].path / "report.html").read_text()
    assert cards.count("<article") == 24 and "does not hold" in cards and "no picture" in cards


def test_a_run_is_judged_and_reported_by_its_own_seed_and_samples_and_no_others(tmp_path: Path) -> None:
    first = Session(benchmark_named("shapes"), tmp_path / "out", Chosen(seed=1, samples=2, limit=3))
    targets = [tasks_of(sample.item.group, limit=1, seed=1)[0].target for sample in first.samples]
    for sample, target in zip(first.samples, targets, strict=True):
        assert target is not None
        path = tmp_path / "perfect" / sample.path
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(render(target)).save(path)
    first.elsewhere(tmp_path / "perfect")
    session = Session(benchmark_named("shapes"), tmp_path / "out", Chosen(limit=3))
    run = session.elsewhere(tmp_path / "perfect")
    assert session.judge(run, session.judge_of(JudgeOptions())).judged == 6
    report = session.report(run)
    assert str(report.main) == "100.0" and report.outcomes == {"scored": 6} and report.about.seed == 1
    inputs = {path.name: path.read_bytes() for path in (tmp_path / "out" / "inputs").iterdir()}
    assert {item.images for item in first.items}.isdisjoint(item.images for item in session.items if item.images)
    assert len(inputs) == len(set(inputs.values())) >= 4
    for name, chosen, said in (
        ("shapes", Chosen(seed=2), "the seed of the run in .*perfect is '?1'?, here it is '?2'?"),
        ("shapes", Chosen(samples=1), "the samples of the run"),
        ("conditions", Chosen(), "the benchmark of the run in .*perfect is 'shapes'"),
    ):
        with pytest.raises(BadSetting, match=said):
            Session(benchmark_named(name), tmp_path / "out", chosen).report(run)
    other = session.elsewhere(tmp_path / "perfect", "other")
    session.judge(other, session.judge_of(JudgeOptions()))
    runs = [session.run(run), session.run(other)]
    with pytest.raises(BadSetting, match="is another one than that of perfect, seed 1; compare runs of one seed"):
        write_comparison(runs, runs[0], session.out)


def test_runs_beside_each_other_are_compared_over_the_pictures_that_both_have(tmp_path: Path) -> None:
    write_geneval(tmp_path / "data")
    session = Session(benchmark_named("geneval"), tmp_path / "out", Chosen(data=tmp_path / "data", samples=2))
    folders = [session.run_folder(SINGLE, 1), session.run_folder(BEST, 4)]
    for variant, folder, least in zip((SINGLE, BEST), folders, (1, 0), strict=True):
        session.generate(no_agent, Config(), variant, 4, folder, spread=at_once)  # pyright: ignore[reportArgumentType]
        session.judge(folder, ShadeJudge("correct", lambda look, least=least: look.sample.number >= least))
    runs = [session.run(folder) for folder in folders]
    text = write_comparison(runs, runs[1], session.out)
    assert "| single-1 less best-of-n-4 | -0.50 (-0.50 to -0.50) |" in text
    assert "| single | 1 |" in text and "50.0%" in text and "6 of 12" in text
    assert (session.out / "comparison.svg").read_text().startswith("<svg")
    page = (session.out / "comparison.html").read_text()
    assert "data:image/svg+xml" in page and "best-of-n-4" in page


def test_published_rows_of_both_languages_are_those_of_the_english_half() -> None:
    both, english, chinese = (published(benchmark_named(name)) for name in ("gedit", "gedit-en", "gedit-cn"))
    assert both == english and len(both) == 9 and not chinese


def test_a_column_that_published_rows_do_not_have_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    geneval = benchmark_named("geneval")
    monkeypatch.setattr(type(geneval), "columns", geneval.columns[:3])
    with pytest.raises(BadSetting, match="name the column colors"):
        published(geneval)


def test_words_of_items_and_judges_become_no_markup() -> None:
    table = Table("T", ("", "a|b"), (("<script>alert(1)</script>", "x\ny|z"),))
    page = page_of("<b>", ["<i>"], ["<u>"], [table])
    assert "<script>alert" not in page and "&lt;script&gt;" in page and "<i>" not in page
    assert table.markdown().splitlines()[-1] == "| <script>alert(1)</script> | x y\\|z |"
    assert "script-src 'sha256-" in page
    assert f"sha256-{b64encode(sha256(SCRIPT.encode()).digest()).decode()}'" in page


@pytest.mark.browser
def test_the_gallery_is_sorted_and_filtered_without_any_request(shapes: Session) -> None:
    shapes.report(shapes.runs[0])
    with chromium() as browser:
        page = browser.new_page()
        asked: list[str] = []
        faults: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: faults.append(message.text))
        page.goto((shapes.runs[0].path / "report.html").as_uri())
        page.select_option("#order", "up")
        scores = [card.get_attribute("data-score") for card in page.query_selector_all("article")]
        assert scores[0] == "0.0" and scores[-1] == "" and scores[:-2] == sorted(map(str, scores[:-2]))
        page.select_option("#order", "down")
        assert page.query_selector_all("article")[-1].get_attribute("data-score") == ""
        page.select_option("#group", "edit")
        assert len([card for card in page.query_selector_all("article") if card.is_visible()]) == 6
        assert not faults and all(url.startswith(("file:", "data:")) for url in asked)
