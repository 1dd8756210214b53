"""OmniContext from data to report: drawn by scripted models, judged over real HTTP, totals counted by hand."""

import json
import math
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import fmean
from typing import Literal, NamedTuple

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from omniagent.benchmarks.base import Benchmark
from omniagent.benchmarks.judgement import JudgeOptions
from omniagent.benchmarks.judges.served import TRIAL
from omniagent.benchmarks.judges.vlm import VlmJudge
from omniagent.benchmarks.reports.published import published
from omniagent.benchmarks.suites.omnicontext import TASKS, OmniContext
from omniagent.cli import build_app
from omniagent.cli.options import ModelOptions
from tests.support.benchmark_data import (
    UNDRAWN,
    drawing_agent,
    omnicontext_rows,
    shade_of,
    write_parquet,
    write_wording,
)
from tests.support.judge_server import Answer, JudgeServer, judge_server

MORE = (
    ("single_character", "b", "quark b of single_character"),
    ("single_object", "refused", "quark refused of single_object"),
    ("multi_object", "prose", "quark prose of multi_object"),
    ("scene_object", "long", "quark long of scene_object"),
    ("scene_character", "undrawn", f"a thing {UNDRAWN}"),
)
SCORES = {"a": (4, 9), "b": (2, 2)}
"""PF and SC: 6 and 2 in all."""


MODEL = "judge-1"
Lists = Literal["all", "keyed", "none"]


class Asked(NamedTuple):
    """One question."""

    words: str
    pictures: Sequence[Image.Image]


def reply(words: str, pictures: Sequence[Image.Image]) -> Answer:
    key = words.rpartition("Task: quark ")[2].split()[0]
    if key == "refused":
        return ValueError("I will not judge people.")
    if key == "prose":
        return "What a lovely picture, nearly perfect!"
    if key == "long":
        return 400, "This model's maximum context length is 512 tokens. However, you requested 900 tokens."
    score = SCORES[key]["<_prompts_0shot_in_context_generation_rule_SC" in words]
    return f'Of course.\n{{"score": {score}, "reasoning": "as {{asked}}"}}'


class Bench:
    """`omniagent bench omnicontext` on the fixture."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.data = write_parquet(folder / "data", omnicontext_rows(MORE))
        self.words = write_wording(folder / "checkout")
        self.agent = drawing_agent(folder / "runs")

    def __call__(self, action: str, *words: object) -> Result:
        def make(options: ModelOptions) -> object:
            return self.agent

        given = ["bench", "omnicontext", action, "--out", self.out, "--data", self.data, *words]
        return CliRunner().invoke(build_app(), [str(word) for word in given], obj=make, prog_name="omniagent")

    def judge(self, server: JudgeServer, *words: object) -> Result:
        given = ["--judge", server.url, "--wording", self.words, "--concurrency", 2, *words]
        return self("judge", *given)

    @property
    def run(self) -> Path:
        return self.out / "single-1"

    @property
    def lines(self) -> list[dict[str, object]]:
        (path,) = (self.run / "judged").glob("*.jsonl")
        return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(tmp_path_factory.mktemp("omnicontext"))
    outcome = made("generate", "--size", "32x32", "--steps", "1")
    assert outcome.exit_code == 0, outcome.output
    return made


@pytest.fixture(scope="module")
def judged(bench: Bench) -> list[Asked]:
    """Judged by a server that dies in the middle and comes back; every question that it answered."""
    asked: list[Asked] = []
    dies_after = 7

    def answer(words: str, pictures: Sequence[Image.Image]) -> Answer:
        if dies_after and len(asked) >= dies_after:
            return 503
        asked.append(Asked(words, pictures))
        return reply(words, pictures)

    with judge_server(answer, MODEL) as server:
        outcome = bench.judge(server, "--judge-retries", 0)
        assert outcome.exit_code == 3 and "could not be judged" in outcome.stderr, outcome.output
        assert 0 < len(bench.lines) < 12
        dies_after = 0
        assert (outcome := bench.judge(server)).exit_code == 0, outcome.output
    return asked


def test_pictures_lie_in_the_official_layout_and_one_that_cannot_be_drawn_is_told(bench: Bench) -> None:
    drawn = [json.loads(line) for line in (bench.run / "drawn.jsonl").read_text().splitlines()]
    assert [line["key"] for line in drawn if line["outcome"] == "not_drawn"] == ["scene_character/undrawn#0"]
    names = {path.relative_to(bench.run / "pictures").as_posix() for path in bench.run.glob("pictures/**/*.png")}
    assert names == {f"fullset/{row['task_type']}/{row['key']}.png" for row in omnicontext_rows(MORE[:-1])}


def test_the_judge_gets_the_official_words_then_the_inputs_then_the_picture(judged: list[Asked]) -> None:
    one = next(asked for asked in judged if "Task: quark a of scene_object" in asked.words and "PF" in asked.words)
    assert one.words.startswith("<_context_no_delimit>") and "rule_PF_Scene>" in one.words
    other = next(asked for asked in judged if "Task: quark a of multi_object" in asked.words and "SC" in asked.words)
    assert "rule_SC_Single_and_Multiple>" in other.words
    (given, drawn) = one.pictures
    assert given.format == drawn.format == "JPEG" and given.size == (32, 32)
    red = drawn.convert("RGB").getpixel((16, 16))
    assert isinstance(red, tuple) and abs(red[0] - shade_of("quark a of scene_object")) <= 2


def test_totals_are_over_what_was_scored_and_the_rest_is_counted_by_reason(bench: Bench, judged: list[Asked]) -> None:
    outcome = bench("report")
    assert outcome.exit_code == 0, outcome.output
    report = json.loads((bench.run / "report.json").read_text())
    assert report["outcomes"] == {"scored": 9, "refused": 1, "unreadable": 1, "too_long": 1, "not_drawn": 1}
    shown = {one["label"]: one["estimate"]["value"] for one in report["figures"]}
    overall = dict.fromkeys(TASKS, 6.0) | {"single_character": fmean([math.sqrt(4 * 9), math.sqrt(2 * 2)])}
    assert shown["single char"] == overall["single_character"] == 4
    assert shown["average"] == pytest.approx(fmean(overall.values())) == pytest.approx(5.75)
    assert shown["PF"] == pytest.approx((3 + 7 * 4) / 8) and shown["SC"] == pytest.approx((5.5 + 7 * 9) / 8)
    text = (bench.run / "report.md").read_text()
    assert "| OmniGen2 | arXiv 2506.18871 v1-v3 | 8.05 | 7.58 |" in text and "| 5.75 |" in text
    assert "published numbers are judged by GPT-4.1" in text and "4 pictures have no score" in text
    assert "width 32" in text and "13 of the benchmark's 400 items" in text


def test_every_judgement_keeps_how_it_was_asked_and_the_raw_answer(bench: Bench, judged: list[Asked]) -> None:
    found = {str(line["key"]): line["judgement"] for line in bench.lines}
    assert len(found) == len(bench.lines) == 12
    calls = found["single_character/a#0"]["calls"]  # pyright: ignore[reportIndexIssue]
    assert (
        [call["name"] for call in calls] == ["PF", "SC"]
        and calls[0]["model"] == MODEL
        and calls[0]["temperature"] is None
    )
    assert len(calls[0]["prompt"]) == 64 and calls[0]["date"] and '"score": 4' in calls[0]["answer"]
    assert "maximum context length" in found["scene_object/long#0"]["reason"]  # pyright: ignore[reportIndexIssue]
    # Nothing that was answered is asked again: 9 pictures twice, 3 once.
    assert len([asked for asked in judged if "quark a" in asked.words or "quark b" in asked.words]) == 18


def test_with_again_only_what_has_no_score_is_judged_anew(bench: Bench, judged: list[Asked]) -> None:
    with judge_server(lambda words, pictures: '{"score": [7], "reasoning": ""}', MODEL) as server:
        before = bench.run / "judged"
        kept = {path: path.read_bytes() for path in before.iterdir()}
        assert bench.judge(server).exit_code == 0 and not server.asked
        assert bench.judge(server, "--again").exit_code == 0 and len(server.asked) == 6
        report = bench("report")
        assert report.exit_code == 0 and "12 | 1 |" in (bench.run / "report.md").read_text()
        for path, data in kept.items():
            path.write_bytes(data)


def test_as_published_asks_three_times_and_takes_a_random_number_for_prose(tmp_path: Path, bench: Bench) -> None:
    with judge_server(reply, MODEL) as server:
        given = ("--images", bench.run / "pictures", "--label", "faults", "--as-published", "--limit", 12)
        outcome = bench.judge(server, *given)
        assert outcome.exit_code == 0, outcome.output
        prose = [words for words in server.asked if "quark prose" in words]
        assert len(prose) == 6 and len([words for words in server.asked if "quark b" in words]) == 6
        assert bench("report", *given[:4]).exit_code == 0
        text = (bench.out / "faults" / "report.md").read_text()
        told = json.loads((bench.out / "faults" / "report.json").read_text())
        assert told["outcomes"] == {"scored": 10, "refused": 1, "too_long": 1, "missing": 1}
        assert "a random number, as published" in (bench.out / "faults" / "judged" / f"{MODEL}.jsonl").read_text()
        assert "--as-published" in text


def test_equal_questions_are_asked_once_and_another_temperature_is_another_judge(
    bench: Bench, judged: list[Asked]
) -> None:
    given = ("--images", bench.run / "pictures", "--label", "copy")
    with judge_server(reply, MODEL) as server:
        # Answers are kept by server, so these are a server's own.
        assert bench.judge(server, *given, "--limit", 3).exit_code == 0
        asked = len(server.asked)
        assert bench.judge(server, "--images", bench.run / "pictures", "--label", "again", "--limit", 3).exit_code == 0
        assert len(server.asked) == asked == 6
        outcome = bench.judge(server, *given, "--temperature", 0.5)
        assert outcome.exit_code == 2 and "holds judgements by another judge-1" in outcome.stderr
        assert bench.judge(server, *given, "--shard", "2/2").exit_code == 0
        both = bench("report", *given, "--against", bench.run)
        assert both.exit_code == 0 and "copy less single-1" in both.stdout, both.output


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (401, 2, "refused the API key"),
        (404, 2, "no such model"),
        ((400, "images must be under 20 MB"), 2, "refused the request"),
        (500, 3, "cannot answer now"),
    ],
)
def test_what_is_wrong_with_a_judge_ends_the_phase_with_a_reason(
    bench: Bench, answer: Answer, code: int, said: str
) -> None:
    with judge_server(lambda words, pictures: answer, MODEL) as server:
        given = (
            "--images",
            bench.run / "pictures",
            "--label",
            f"wrong-{said.split()[0]}",
            "--judge-retries",
            0,
        )
        outcome = bench.judge(server, *given)
    assert outcome.exit_code == code and said in outcome.stderr, outcome.output


def test_a_judge_or_executor_that_cannot_be_used_ends_the_run_before_anything_is_drawn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, ended = bench.out.parent / "untried", list[VlmJudge]()
    close = VlmJudge.close

    def closed(self: VlmJudge) -> None:
        ended.append(self)
        close(self)

    def blind(words: str, pictures: Sequence[Image.Image]) -> Answer:
        assert words == TRIAL and [picture.size for picture in pictures] == [(64, 64)]
        return 400, "this model does not take pictures"

    monkeypatch.setattr(VlmJudge, "close", closed)
    with judge_server(blind, MODEL, key="right") as server:
        right, wrong, model = ("--judge-key", "right"), ("--judge-key", "wrong"), ("--judge-model", MODEL)
        other = ("--judge-model", "judge-2")
        tried: list[tuple[Lists, tuple[str, ...], int, str]] = [
            ("keyed", (*wrong, *model), 2, "refused the API key"),
            ("all", (*wrong, *model), 2, "refused the API key"),
            ("all", other, 2, "refused the API key"),
            ("keyed", (*right, *other), 2, "the judge's model is 'judge-2', and the server lists judge-1"),
            ("none", (*right, *other), 2, "the judge's model is 'judge-2', and the server lists no model"),
            ("none", right, 2, "nothing here"),
            ("all", right, 2, "does not take pictures"),
        ]
        for lists, words, code, said in tried:
            server.lists = lists
            outcome = bench("all", "--out", out, "--wording", bench.words, "--judge", server.url, *words)
            assert outcome.exit_code == code and said in " ".join(outcome.stderr.split()), outcome.output
        assert len(ended) == len(tried) and len(server.asked) == 1
        given = ("--out", out, "--wording", bench.words, *model)
        outcome = bench("all", *given, "--judge", "http://127.0.0.1:9/v1", "--judge-retries", 0)
        assert outcome.exit_code == 3 and "cannot be reached" in outcome.stderr and len(ended) == len(tried) + 1
        outcome = bench("all", *given, "--judge", server.url, "--executor", "rai")
        assert outcome.exit_code == 2 and "give local or ray" in outcome.stderr
    assert not list(out.glob("single-1"))


@pytest.mark.parametrize(
    ("lists", "model", "key", "asked"),
    [
        ("all", None, None, 0),
        ("all", MODEL, None, 0),
        ("keyed", MODEL, "right", 1),
        ("all", "alias", None, 1),
        ("none", "alias", None, 1),
    ],
)
def test_a_judge_is_asked_one_small_question_where_the_server_s_list_does_not_tell_whether_it_can_be(
    bench: Bench, lists: Lists, model: str | None, key: str | None, asked: int
) -> None:
    with judge_server(lambda words, pictures: (400, "maximum context length"), MODEL, key=key) as server:
        server.lists, server.aliases = lists, ("alias",)
        options = JudgeOptions(url=server.url, model=model, key=key, wording=str(bench.words))
        with closing(OmniContext().judge(options, bench.data)) as judge:
            judge.connect()
            assert judge.identity.model == (model or MODEL)
        assert server.asked == [TRIAL] * asked


def test_a_model_that_wants_its_limit_by_another_name_is_asked_so_and_a_filter_is_a_refusal(bench: Bench) -> None:
    answers: list[Answer] = [(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")]
    answers += [
        '<think>{"score": 1}</think>{"score": "8", "reasoning": "fine"}',
        "<think>1</think>10",
        (400, "The content management policy was triggered."),
    ]

    def answer(words: str, pictures: Sequence[Image.Image]) -> Answer:
        return answers.pop(0) if answers else "I'm sorry, but I can't help with that."

    with judge_server(answer, MODEL) as server:
        given = ("--images", bench.run / "pictures", "--label", "newer", "--limit", 3, "--concurrency", 1)
        assert bench.judge(server, *given).exit_code == 0
    (path,) = (bench.out / "newer" / "judged").glob("*.jsonl")
    lines = [json.loads(line)["judgement"] for line in path.read_text().splitlines()]
    assert [line["outcome"] for line in lines] == ["scored", "refused", "refused"]
    assert lines[0]["scores"]["overall"] == pytest.approx(math.sqrt(80))


def test_the_command_names_benchmarks_actions_and_shards(bench: Bench) -> None:
    def call(*words: str) -> Result:
        return CliRunner().invoke(build_app(), ["bench", *words], prog_name="omniagent")

    listed = call("list")
    assert listed.exit_code == 0 and "omnicontext: OmniContext (arXiv 2506.18871" in listed.stdout
    for words, said in (
        (("omnicontex", "report"), "did you mean 'omnicontext'"),
        (("shapes", "reprot"), "did you mean 'report'"),
        (("shapes", "report", "--shard", "3/2"), "i from 1 to n"),
        (("shapes", "report", "--out", str(bench.folder / "empty")), "holds no run"),
        (("shapes", "merge", "--out", str(bench.folder / "empty")), "--from"),
        (("shapes", "generate", "--policy", "besst"), "did you mean 'best-of-n'"),
    ):
        outcome = call(*words)
        assert outcome.exit_code == 2 and said in " ".join(outcome.stderr.split()), outcome.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--wording", "nowhere"), "nowhere"),
        ((), "VectorSpaceLab/OmniGen2"),
    ],
)
def test_without_the_official_words_nothing_is_judged(bench: Bench, words: tuple[str, ...], said: str) -> None:
    outcome = bench("judge", "--judge", "http://127.0.0.1:9/v1", *words)
    assert outcome.exit_code == 2 and said in outcome.stderr


def test_published_means_are_those_of_the_notes() -> None:
    rows = {(row.model, row.source): row.values for row in published(OmniContext())}
    tasks = list(TASKS.values())
    first = rows["OmniGen2", "arXiv 2506.18871 v1-v3"]
    assert round(fmean(first[task] for task in tasks), 2) == first["average"] == 7.18
    last = rows["OmniGen2", "arXiv 2506.18871 v4"]
    assert round(fmean(last[task] for task in tasks), 2) == 7.96 and last["average"] == 7.95
    omnigen = rows["OmniGen", "arXiv 2506.18871"]
    assert fmean(omnigen[task] for task in tasks) == pytest.approx(5.22, abs=0.006) and omnigen["average"] == 4.34
    assert round(fmean(omnigen[task] for task in tasks[-3:]), 2) == 4.34


def test_a_benchmark_has_one_headline() -> None:
    benchmark: Benchmark = OmniContext()
    assert [column.label for column in benchmark.columns if column.main] == ["average"]
