"""Six benchmarks from end to end: data in their exact formats, drawn by fakes, judged over HTTP, totals by hand."""

import itertools
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from omniagent.benchmarks.catalogue import benchmark_named
from omniagent.benchmarks.judgement import JudgeOptions
from omniagent.benchmarks.judges.pictures import opened
from omniagent.benchmarks.judges.served import TRIAL
from omniagent.benchmarks.reports.figures import Report
from omniagent.benchmarks.running.draw import Drawing, Drawn
from omniagent.benchmarks.session import Chosen, Session
from omniagent.comparison import Variant
from omniagent.model.errors import BadSetting
from omniagent.model.perception.features import VisionFeatures
from omniagent.model.scripted import ScriptedGenerator
from omniagent.tools.record.files import write_whole
from omniagent.tools.record.store import png_bytes
from omniagent.tools.types import RenderSettings
from tests.omniagent.benchmarks import official
from tests.support.judge_server import Answers, judge_server
from tests.support.scripted_runs import scripted_agent
from tests.support.tiny_perception import save_clip, save_dino

Draw = Callable[[Image.Image | None], Image.Image]
SINGLE = Variant("single", "single")
UNSET = JudgeOptions()
SMALL = RenderSettings(width=48, height=48, steps=1, negative="")


def drawn(name: str, folder: Path, draw: Draw | None = None, samples: int | None = None) -> Session:
    """A benchmark's data in `folder/data`, its pictures drawn: by an agent, or by a function of their sources alone."""
    session = Session(benchmark_named(name), folder / "out", Chosen(folder / "data", samples=samples))
    agent = scripted_agent(folder / "runs", generator=ScriptedGenerator(size=(48, 48)))

    def spread(errand: Drawing, keys: list[str]) -> Iterator[Drawn]:
        assert draw is not None
        for key in keys:
            sample = errand.samples[key]
            data = png_bytes(draw(opened(sample.item.images[0]) if sample.item.images else None))
            write_whole(errand.folder.pictures / sample.path, data)
            yield Drawn(key=key, outcome="drawn", pictures=1)

    session.generate(
        lambda: agent,
        agent.config,
        SINGLE,
        1,
        session.run_folder(SINGLE, 1),
        settings=SMALL,
        spread=None if draw is None else spread,
    )
    return session


def blank(source: Image.Image | None) -> Image.Image:
    return Image.new("RGB", (8, 8), "white")


def judged(
    session: Session,
    answer: Answers | None,
    options: JudgeOptions = UNSET,
    images: Path | None = None,
    model: str = "gpt-4.1",
) -> Report:
    """The report of the drawn run, or of pictures that were made elsewhere."""
    run = session.run_folder(SINGLE, 1) if images is None else session.elsewhere(images)

    def report(asked: JudgeOptions) -> Report:
        judge = session.judge_of(asked)
        try:
            session.judge(run, judge)
        finally:
            judge.close()
        return session.report(run)

    if answer is None:
        return report(options)
    with judge_server(answer, model) as server:
        return report(options._replace(url=server.url))


def figures(report: Report, *labels: str) -> dict[str, str]:
    told = {figure.label: str(figure) for figure in report.figures}
    return {label: told[label] for label in labels} if labels else told


def numbers_in(pattern: str, words: str) -> list[int] | None:
    found = re.search(pattern, words)
    return [int(each) for each in found[1].split()] if found and found[1][0].isdigit() else None


def chances(words: str, pictures: Sequence[Image.Image]) -> dict[str, float]:
    assert words.endswith(" Answer in one word.") and len(pictures) == 1
    if words.startswith("How many"):
        return {"four": 0.5, "4": 0.25, " Four": 0.05, "two": 0.15, "Yes": 0.05}
    if words.startswith("Are the bicycles"):
        return {"Yes": 0.6, "yes": 0.3, "No": 0.1}
    return {"Yes": 0.5, "No": 0.4, "Maybe": 0.1} if "cow 7" not in words else {"No": 0.75, "Not": 0.25}


def test_geneval2s_means_are_those_of_each_prompts_first_token_probabilities(tmp_path: Path):
    official.write_geneval2(tmp_path / "data")
    session = drawn("geneval2", tmp_path, blank)
    report = judged(session, chances, model="Qwen/Qwen3-VL-8B-Instruct-AWQ")
    two, four = (0.15, 0.9, 0.5), (0.8, 0.9, 0.5)
    # Of the last prompt's cow no spelling of yes is told: it counts with the least probability that is, 0.25.
    prompts = [two, four, two, four, two, four, two, (0.8, 0.9, 0.25)]
    gm = [math.prod(each) ** (1 / 3) * 100 for each in prompts]
    assert figures(report) == {
        "Soft-TIFA GM": f"{sum(gm) / 8:.2f}",
        "Soft-TIFA AM": f"{sum(map(sum, prompts)) / 24 * 100:.2f}",
        "count": f"{(0.15 + 0.8) / 2 * 100:.2f}",
        "attribute": "90.00",
        "object": f"{(7 * 0.5 + 0.25) / 8 * 100:.2f}",
        "position": "—",
        "verb": "—",
        "3 atoms": f"{gm[0]:.2f}",
        "4 atoms": f"{(3 * gm[1] + gm[7]) / 4:.2f}",
    } | {f"{atoms} atoms": "—" for atoms in range(5, 11)}
    assert any("Qwen3-VL-8B-Instruct; this judge is" in line for line in report.warnings)
    # The official script's map is beside the pictures, and pictures are found by such a map too.
    pictures = session.run_folder(SINGLE, 1).pictures
    told = json.loads((pictures / "image_paths.json").read_text())
    assert told["two white bicycles near cow 0"] == "0000.png" and len(told) == 8
    other = tmp_path / "their_own"
    other.mkdir()
    for name in told.values():
        (other / f"x{name}").write_bytes((pictures / name).read_bytes())
    (other / "image_paths.json").write_text(json.dumps({key: f"/home/them/x{name}" for key, name in told.items()}))
    assert figures(judged(session, chances, images=other)) == figures(report)


def test_a_server_without_log_probabilities_cannot_judge_geneval2_which_is_told_before_drawing(tmp_path: Path):
    official.write_geneval2(tmp_path / "data")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "0000.png").write_bytes(official.picture("red"))
    session = Session(benchmark_named("geneval2"), tmp_path / "out", Chosen(tmp_path / "data"))
    with pytest.raises(BadSetting, match="tells no log-probabilities"):
        judged(session, lambda words, pictures: "Yes", images=tmp_path / "theirs")
    for answer, said in (("Red", "tells no log-probabilities"), ({"Red": 0.9, "It": 0.1}, None)):
        with judge_server(lambda words, pictures, answer=answer: answer) as server:
            fails = pytest.raises(BadSetting, match=said) if said else nullcontext()
            with closing(session.judge_of(JudgeOptions(url=server.url))) as judge, fails:
                judge.connect()
            assert set(server.asked) == {TRIAL}


def test_a_request_that_does_not_fit_geneval2s_judge_is_counted_apart_and_jpegs_are_found(tmp_path: Path):
    official.write_geneval2(tmp_path / "data")
    (tmp_path / "theirs").mkdir()
    for name in ("0000.jpg", "0001.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / "theirs" / name)
    session = Session(benchmark_named("geneval2"), tmp_path / "out", Chosen(tmp_path / "data"))
    report = judged(
        session,
        lambda words, pictures: 413 if "cow 1 " in words else chances(words, pictures),
        images=tmp_path / "theirs",
    )
    assert report.outcomes == {"scored": 1, "too_long": 1, "missing": 6}


def by_cell(words: str, pictures: Sequence[Image.Image]) -> str:
    """Black cells hold everything, red ones no dog, green ones nothing red, blue ones nothing."""
    assert words.endswith("? Answer yes or no.")
    colour = {(0, 0, 0): "black", (255, 0, 0): "red", (0, 128, 0): "green", (0, 0, 255): "blue"}[
        pictures[0].convert("RGB").getpixel((1, 1))  # pyright: ignore[reportArgumentType]
    ]
    lacks = {"black": "%", "red": "Is there a dog", "green": "red?", "blue": ""}[colour]
    return "No." if lacks in words else "yes"


def test_dpgs_questions_count_only_where_their_parents_hold(tmp_path: Path):
    official.write_dpg(tmp_path / "data")
    colours = itertools.cycle(official.COLOURS)
    session = drawn("dpg", tmp_path, lambda source: Image.new("RGB", (48, 48), next(colours)))
    report = judged(session, lambda words, pictures: "no" if "a dog?" in words else "Yes, it is.")
    # Dog: no, and so nothing else of its prompt; cup and photo hold: (0 + 1 + 1) / 3.
    assert figures(report) == {
        "Global": "100.00", "Entity": "50.00", "Attribute": "50.00", "Relation": "0.00", "Other": "100.00",
        "Overall": "66.67",
    }  # fmt: skip
    assert session.items[2].prompt == "The long words of prompt 0." and report.samples == 12
    assert any(line.startswith("not comparable") for line in report.warnings)
    pictures = session.run_folder(SINGLE, 1).pictures
    grid, cell = opened(pictures / "COCOval2014_7.png"), opened(pictures / "cells" / "COCOval2014_7_1.png")
    assert grid.size == (96, 96) and grid.crop((48, 0, 96, 48)).tobytes() == cell.tobytes()
    assert cell.getpixel((0, 0)) == (255, 255, 0)


def test_dpgs_official_grids_are_judged_cell_by_cell_and_its_faults_on_demand_alone(tmp_path: Path):
    official.write_dpg(tmp_path / "data")
    grids = tmp_path / "grids"
    grids.mkdir()
    for name in ("partiprompts97", "COCOval2014_7", "0"):
        grid = Image.new("RGB", (80, 80))
        for number, colour in enumerate(("black", "red", "green", "blue")):
            grid.paste(colour, (number % 2 * 40, number // 2 * 40, number % 2 * 40 + 40, number // 2 * 40 + 40))
        grid.save(grids / f"{name}.png")
    session = Session(benchmark_named("dpg"), tmp_path / "out", Chosen(tmp_path / "data"))
    report = judged(session, by_cell, images=grids)
    # Dog: 1, 0, 1/3 (its colour fails, and so its place), 0. Cup: 1, 1, 1/2, 0. Photo: 1, 1, 1, 0.
    shares = [1, 0, 1 / 3, 0, 1, 1, 1 / 2, 0, 1, 1, 1, 0]
    assert figures(report) == {
        "Global": "75.00",
        "Entity": f"{(2 + 3) / 8 * 100:.2f}",
        "Attribute": f"{(1 + 2) / 8 * 100:.2f}",
        "Relation": "25.00",
        "Other": "75.00",
        "Overall": f"{sum(shares) / 12 * 100:.2f}",
    }
    again = Session(benchmark_named("dpg"), tmp_path / "published", Chosen(tmp_path / "data"))
    faulty = judged(again, by_cell, JudgeOptions(as_published=True), images=grids)
    # Without the first row its prompt fails and is left out; categories are of the last, blue cell alone.
    assert figures(faulty) == {
        "Global": "0.00", "Entity": "0.00", "Attribute": "0.00", "Relation": "—", "Other": "0.00",
        "Overall": f"{sum(shares[4:]) / 8 * 100:.2f}",
    }  # fmt: skip
    assert faulty.outcomes == {"scored": 8, "unreadable": 4}


def test_a_prompt_of_dpg_whose_questions_depend_on_what_is_not_there_is_left_out_and_counted(tmp_path: Path):
    official.write_dpg(tmp_path / "data")
    spoil("dpg_bench/dpg_bench.csv", 'COCOval2014_7,"text of COCOval2014_7, long",,2,1', "COCOval2014_7,x,,2,9")(
        tmp_path / "data"
    )
    session = drawn("dpg", tmp_path, blank)
    reason = "COCOval2014_7: question 2 depends on 9, which dpg_bench.csv does not hold"
    asked: list[str] = []

    def answer(words: str, pictures: Sequence[Image.Image]) -> str:
        asked.append(words)
        return "no" if "red?" in words else "yes"

    report = judged(session, answer)
    assert report.outcomes == {"scored": 8, "unreadable": 4} and report.reasons == {reason: 4}
    assert not any("cup" in words for words in asked)
    # Dog: its colour is missing and so its place; photo: both hold.
    assert str(report.main) == f"{(1 / 3 + 1) / 2 * 100:.2f}"
    text = (session.run_folder(SINGLE, 1).path / "report.md").read_text()
    assert text.count(reason) == 1 and "4 pictures have no score" in text
    published = Session(benchmark_named("dpg"), tmp_path / "published", Chosen(tmp_path / "data"))
    grids = session.run_folder(SINGLE, 1).pictures
    faulty = judged(published, answer, JudgeOptions(as_published=True), images=grids)
    assert faulty.outcomes == {"scored": 4, "unreadable": 8} and faulty.reasons[reason] == 4
    assert str(faulty.main) == "100.00"


def graded(words: str, pictures: Sequence[Image.Image]) -> str:
    assert len(pictures) == 2 and words.startswith("\nGrade this ")
    if "sorry" in words:
        return "I'm sorry, I can't help with that."
    scores = numbers_in(r"<(.*?)>", words)
    if scores is None:
        return "It looks quite good to me: nothing is wrong."
    return "<think>\nDetail: 1\n</think>\nBrief reasoning: fine.\n" + "\n".join(
        f"{name}: {score}"
        for name, score in zip(("Prompt Compliance", "Visual Seamlessness", "Detail"), scores, strict=True)
    )


def test_imgedits_headline_is_the_mean_of_nine_types_and_refusals_are_not_zeros(tmp_path: Path):
    official.write_imgedit(tmp_path / "data")
    official.write_imgedit_words(tmp_path / "prompts.json")
    options = JudgeOptions(wording=str(tmp_path / "prompts.json"))
    report = judged(drawn("imgedit", tmp_path, blank), graded, options)
    types = {"add": (4 + 3 + 1) / 3, "adjust": 1.67, "extract": 1.33, "replace": 4, "remove": 2.33, "background": 5}
    types |= {"style": 4.67, "hybrid": 1.33, "action": 5}
    items = [4, 3, 1, 1.67, 1.33, 4, 2.33, 5, 4.67, 1.33, 5]
    assert figures(report) == {name: f"{mean:.2f}" for name, mean in types.items()} | {
        "overall": f"{sum(types.values()) / 9:.2f}",
        "overall by items": f"{sum(items) / 11:.2f}",
    }
    assert report.outcomes == {"scored": 11, "refused": 1, "unreadable": 1}
    assert any("judged by GPT-4o" in line for line in report.warnings)


def test_imgedits_words_come_from_a_json_or_from_a_python_file_and_are_asked_for_otherwise(tmp_path: Path):
    official.write_imgedit(tmp_path / "data")
    session = Session(benchmark_named("imgedit"), tmp_path / "out", Chosen(tmp_path / "data"))
    with pytest.raises(BadSetting, match=r"judge words are not shipped.*--wording"):
        session.judge_of(JudgeOptions(url="http://127.0.0.1:1/v1"))
    official.write_imgedit_words(tmp_path / "prompts.json")
    python = tmp_path / "checkout" / "tasks" / "imgedit" / "prompt.py"
    python.parent.mkdir(parents=True)
    python.write_text(f"raise SystemExit\nIMGEDIT_PROMPTS = {json.loads((tmp_path / 'prompts.json').read_text())!r}\n")
    identities: list[str] = []
    for wording in (tmp_path / "prompts.json", tmp_path / "checkout"):
        judge = session.judge_of(JudgeOptions(url="http://127.0.0.1:1/v1", model="m", wording=str(wording)))
        identities.append(judge.identity.settings["wording"])
        judge.close()
    assert len(set(identities)) == 1
    for model, same in (
        ("gpt-4o", True), ("openai/GPT-4o", True), ("gpt-4o-2024-11-20", True), ("gpt-4o-mini", False),
        ("gpt-4o-mini-2024-07-18", False), ("gpt-4", False),
    ):  # fmt: skip
        judge = session.judge_of(JudgeOptions(url="http://127.0.0.1:1/v1", model=model, wording=str(wording)))
        told = (f"the published numbers are judged by GPT-4o; this judge is {model}",)
        assert judge.identity.differs == (() if same else told)
        judge.close()


def viewed(words: str, pictures: Sequence[Image.Image]) -> str:
    if len(pictures) == 2:
        assert pictures[0].size == pictures[1].size == (40, 30), "the edit is brought to the source's size"
        scores = numbers_in(r"<(.*?)>", words)
        if scores is None:
            return "<think>May I?</think>I cannot assist with that."
        # A bare list, which is read too, behind a thought that holds JSON.
        return f'<think>{{"score": [1, 1]}} or [2, 2]?</think>\n{scores}'
    return '<think>{"score": [1, 1]}</think>```json\n{"score": [7, 7], "reasoning": "natural"}\n```'


def test_gedits_totals_are_means_of_group_means_by_language_and_set(tmp_path: Path):
    official.write_gedit(tmp_path / "data")
    session = drawn("gedit", tmp_path)
    report = judged(session, viewed)
    first, second, third = [(6 * 7) ** 0.5, (4 * 7) ** 0.5], [(10 * 7) ** 0.5, 0.0], [(9 * 7) ** 0.5]
    overall = (sum(first) / 2 + sum(second) / 2 + third[0]) / 3
    within = (first[0] + second[0] + third[0]) / 3
    assert figures(report) == {
        "EN G_SC": f"{((6 + 4) / 2 + (10 + 0) / 2 + 9) / 3:.3f}",
        "EN G_PQ": "7.000",
        "EN G_O": f"{overall:.3f}",
        "EN intersection G_SC": f"{(6 + 10 + 9) / 3:.3f}",
        "EN intersection G_PQ": "7.000",
        "EN intersection G_O": f"{within:.3f}",
        # Of the third group the judge refused the only one: it is no zero.
        "CN G_SC": f"{(5 + 2) / 2:.3f}",
        "CN G_PQ": "7.000",
        "CN G_O": f"{(35**0.5 + 14**0.5) / 2:.3f}",
        "CN intersection G_SC": f"{(5 + 2) / 2:.3f}",
        "CN intersection G_PQ": "7.000",
        "CN intersection G_O": f"{(35**0.5 + 14**0.5) / 2:.3f}",
    }
    assert report.outcomes == {"scored": 7, "refused": 1}
    layout = session.run_folder(SINGLE, 1).pictures / "fullset" / "subject-add" / "cn"
    assert sorted(path.name for path in layout.iterdir()) == [f"{6:032x}.png", f"{6:032x}_SRCIMG.png"]
    half = Session(benchmark_named("gedit-cn"), tmp_path / "half", Chosen(tmp_path / "data"))
    assert [item.key for item in half.items] == [item.key for item in session.items[5:]]
    assert (
        next(figure.label for figure in judged(half, viewed, images=layout.parents[2]).figures if figure.main)
        == "CN G_O"
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("weights")
    return f"{save_clip(home / 'clip')},{save_dino(home / 'dino')}"


def cosines(
    weights: str, first: Sequence[Image.Image], second: Sequence[Image.Image] | Sequence[str], which: int
) -> np.ndarray:
    """All cosines of some pictures and others, or words, by CLIP (0) or DINO (1)."""
    more = {"shrunk": 256} if which else {}
    features = VisionFeatures(weights.split(",")[which], framing="crop", device="cpu", **more)
    words = [each for each in second if isinstance(each, str)]
    other = features.embed_texts(words) if words else features.embed([e for e in second if not isinstance(e, str)])
    return features.embed(first) @ other.T


def test_emu_edits_numbers_are_known_where_nothing_or_everything_is_edited(tmp_path: Path, weights: str):
    official.write_emu_edit(tmp_path / "data")

    def draw(source: Image.Image | None) -> Image.Image:
        assert source is not None
        return source if source.getpixel((0, 0)) != (0, 0, 0) else Image.new("RGB", source.size, "white")

    report = judged(drawn("emu-edit", tmp_path, draw), None, JudgeOptions(model=weights, device="cpu"))
    red, black, white = (Image.new("RGB", (40, 30), each) for each in ("red", "black", "white"))
    seen = [red, white, red, white, red]  # The edits of the rows whose captions differ.
    like = [float(cosines(weights, [black], [white], which)[0, 0]) for which in (0, 1)]
    words = cosines(weights, seen, ["a blue square"], 0)[:, 0]
    whole = [*words, *cosines(weights, [white, red], ["a red circle"], 0)[:, 0]]
    assert figures(report, "CLIP-I", "DINO", "L1", "CLIP-Out", "L1, all rows", "CLIP-Out, all rows") == {
        "CLIP-I": f"{(3 + 2 * like[0]) / 5:.3f}",
        "DINO": f"{(3 + 2 * like[1]) / 5:.3f}",
        "L1": "0.400",
        "CLIP-Out": f"{np.mean(words):.3f}",
        "L1, all rows": f"{3 / 7:.3f}",
        "CLIP-Out, all rows": f"{np.mean(whole):.3f}",
    }
    assert [figure.of for figure in report.figures] == [5] * 5 + [7] * 5
    assert any("are not those of published rows" in line for line in report.warnings)
    assert any("7 of the benchmark's 3589 items" in line for line in report.warnings)


def same(source: Image.Image | None) -> Image.Image:
    assert source is not None
    return source


def test_dreambenchs_pictures_are_held_against_all_of_their_subject(tmp_path: Path, weights: str):
    official.write_dreambench(tmp_path / "data")
    report = judged(
        drawn("dreambench", tmp_path, same, samples=2),
        None,
        JudgeOptions(model=weights, device="cpu"),
    )
    subjects = [[Image.new("RGB", (40, 30), c) for c in each] for each in (("red", "blue"), ("gray", "black", "green"))]
    means = [[float(cosines(weights, each[:1], each, which).mean()) for each in subjects] for which in (0, 1)]
    prompts = (
        ["a square in the jungle", "a red square", "a square on top of a white rug"],
        ["a dog in the jungle", "a dog wearing a red hat", "a purple dog"],
    )
    words = [cosines(weights, each[:1], told, 0).mean() for each, told in zip(subjects, prompts, strict=True)]
    assert figures(report) == {
        "DINO": f"{sum(means[1]) / 2:.3f}",
        "CLIP-I": f"{sum(means[0]) / 2:.3f}",
        "CLIP-T": f"{sum(words) / 2:.3f}",
    }
    assert report.samples == 12 and report.items == 6


def spoil(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    return change


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("geneval2", spoil("geneval2_data.jsonl", '"atom_count": 3', '"atom_count": "many"'), "line 1 .*atom_count"),
        ("geneval2", lambda folder: (folder / "geneval2_data.jsonl").unlink(), "holds no geneval2_data.jsonl"),
        ("dpg", spoil("dpg_bench/dpg_bench.csv", "dependency", "depends"), "has no column dependency"),
        ("dpg", spoil("dpg_bench/dpg_bench.csv", '"1,2"', '"1,x"'), "partiprompts97.*'1,x'"),
        ("dpg", spoil("dpg_bench/dpg_bench.csv", "\n0,", "\npartiprompts97,"), "which had ended"),
        ("dpg", spoil("dpg_bench/dpg_bench.csv", '"text of COCOval2014_7, long"', ""), "item COCOval2014_7: the text"),
        ("dpg", spoil("dpg_bench/prompts/0.txt", "The long words of prompt 0.", ""), r"0\.txt: the prompt is ''"),
        ("imgedit", spoil("basic_edit.json", "Do it: <5 4 3>", " "), "edit 1000: the prompt is ' '"),
        ("imgedit", spoil("basic_edit.json", '"999"', '"1000"'), "the key '1000' twice"),
        ("imgedit", spoil("basic_edit.json", '"alter"', '"adjusts"'), "adjust"),
        ("imgedit", spoil("basic_edit.json", "add/0000", "../../0000"), "does not hold the picture"),
        ("dreambench", spoil("dataset/prompts_and_classes.txt", "Live Subject", "Alive"), "is not DreamBench's"),
        ("dreambench", spoil("dataset/prompts_and_classes.txt", "dog2,dog", "dog9,dog"), "no pictures of the subject"),
    ],
)  # fmt: skip
def test_data_that_are_not_the_benchmarks_say_where(
    tmp_path: Path, name: str, change: Callable[[Path], None], said: str
):
    getattr(official, f"write_{name}")(tmp_path / "data")
    change(tmp_path / "data")
    with pytest.raises(BadSetting, match=said):
        Session(benchmark_named(name), tmp_path / "out", Chosen(tmp_path / "data"))


@pytest.mark.parametrize("value", ["", " ", None])
@pytest.mark.parametrize("name", ["emu-edit", "gedit", "omnicontext", "imgedit"])
def test_a_row_without_an_instruction_is_named_with_its_file(tmp_path: Path, name: str, value: str | None):
    rows = {
        "emu-edit": {"idx": 1, "image": "a.png", "task": "add", "input_caption": "", "output_caption": ""},
        "gedit": {"key": "k", "task_type": "ps_human", "instruction_language": "en", "input_image": "a.png",
                  "Intersection_exist": True},
        "omnicontext": {"key": "k", "task_type": "scene_object", "input_images": ["a.png"]},
        "imgedit": {"key": "k", "edit_type": "add", "image": "a.png"},
    }  # fmt: skip
    field = "prompt" if name == "imgedit" else "instruction"
    (tmp_path / "a.png").write_bytes(official.picture("red"))
    lines = [json.dumps(rows[name] | {field: words, "key": f"k{words}"}) for words in ("make it red", value)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    with pytest.raises(BadSetting, match=rf"row 2 of .*rows\.jsonl: the {field} is ({value!r}|None)"):
        benchmark_named(name).items(tmp_path, tmp_path / "work")
