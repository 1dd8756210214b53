"""What the runner promises: nothing twice, nothing lost, no mixing of runs, the same report however it was divided."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from omniagent.benchmarks.catalogue import benchmark_named
from omniagent.benchmarks.items import Item, Look, first_of_each
from omniagent.benchmarks.judgement import Identity, Judgement, JudgeOptions
from omniagent.benchmarks.running.draw import Drawn
from omniagent.benchmarks.running.folder import WHOLE, RunFolder, Shard
from omniagent.benchmarks.running.ledger import LineFile
from omniagent.benchmarks.running.merge import merge
from omniagent.benchmarks.running.weights import weights_of
from omniagent.benchmarks.session import Chosen, Session
from omniagent.comparison import Variant
from omniagent.config import Config
from omniagent.model.errors import BadSetting, CriticUnavailable, OutputUnwritable
from tests.support.benchmark_data import (
    ShadeJudge,
    at_once,
    omnicontext_rows,
    write_geneval,
    write_parquet,
    write_wording,
)
from tests.support.judge_server import judge_server
from tests.support.paths import ROOT

SINGLE = Variant("single", "single")
CONFIG = Config()


def no_agent() -> object:
    raise AssertionError("no agent is made here")


def geneval(out: Path, samples: int | None = 2, seed: int | None = 0) -> Session:
    """A prompt of each of GenEval's tags."""
    data = out.parent / "prompts"
    if not data.is_dir():
        write_geneval(data)
    return Session(benchmark_named("geneval"), out, Chosen(data=data, samples=samples, seed=seed))


def drawn(session: Session, shard: Shard = WHOLE) -> RunFolder:
    """The session's pictures, drawn without an agent."""
    folder = session.run_folder(SINGLE, 1)
    session.generate(no_agent, CONFIG, SINGLE, 1, folder, spread=at_once, shard=shard)  # pyright: ignore
    return folder


REPORTS = ("report.md", "report.json", "report.html")


def reports(session: Session, folder: RunFolder) -> list[bytes]:
    session.report(folder)
    return [(folder.path / name).read_bytes() for name in REPORTS]


def test_three_shards_in_one_folder_or_merged_give_the_report_of_one_run_byte_for_byte(tmp_path: Path) -> None:
    whole = geneval(tmp_path / "whole")
    folder = drawn(whole)
    whole.judge(folder, ShadeJudge("correct"))
    expected = reports(whole, folder)

    divided = geneval(tmp_path / "divided")
    for number in (2, 3, 1):
        folder = drawn(divided, Shard(number, 3))
        divided.judge(folder, ShadeJudge("correct"), shard=Shard(number, 3))
    assert len(folder.drawn_files) == len(folder.judged_files("shade")) == 3
    assert reports(divided, folder) == expected

    for number in (1, 2, 3):
        part = geneval(tmp_path / f"machine-{number}")
        folder = drawn(part, Shard(number, 3))
        part.judge(folder, ShadeJudge("correct"), shard=Shard(number, 3))
    machines = [tmp_path / f"machine-{number}" for number in (3, 1, 2)]
    joined = tmp_path / "joined"
    assert merge(joined, machines) == (12, 12) and merge(joined, machines) == (0, 0)
    session = geneval(joined)
    assert reports(session, session.run_folder(SINGLE, 1)) == expected


@pytest.mark.slow
def test_killed_at_a_hundred_random_moments_no_picture_is_there_twice_and_none_is_lost(tmp_path: Path) -> None:
    """In processes that are forked from one that is small, which kill themselves at a file operation of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_benchmarks", tmp_path], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["killed"] == 100 and told["rounds"] > 2 and told["wrong"] == [] and told["reports"] == 1


def test_two_runs_in_one_folder_are_refused(tmp_path: Path) -> None:
    session = geneval(tmp_path / "out")
    folder = drawn(session)
    with pytest.raises(BadSetting, match=r"the seed of the run .* is 0, here it is 7"):
        drawn(geneval(tmp_path / "out", seed=7))
    with pytest.raises(BadSetting, match="samples"):
        drawn(geneval(tmp_path / "out", samples=1))
    weights = folder.about().weights
    assert len(weights) == 32 and folder.about().preset == "quality"
    for name, value in (("preset", "fast"), ("revision", "main")):
        with pytest.raises(BadSetting, match=f"its {name} is"):
            session.generate(no_agent, Config(**{name: value}), SINGLE, 1, folder)  # pyright: ignore
    other = tmp_path / "other" / Path(CONFIG.model).name
    shutil.copytree(CONFIG.model, other, ignore=shutil.ignore_patterns("transformer"))
    with pytest.raises(BadSetting, match=f"its weights is '{weights}'"):
        session.generate(no_agent, Config(model=str(other)), SINGLE, 1, folder)  # pyright: ignore
    with folder.held("generate", Shard(1, 2)):
        with pytest.raises(OutputUnwritable, match="another run is at work"):
            drawn(session)
        with pytest.raises(OutputUnwritable, match="another run is at work"):
            drawn(session, Shard(1, 2))
        drawn(session, Shard(2, 2))


def test_a_run_that_is_gone_on_with_keeps_its_own_seed_and_samples(tmp_path: Path) -> None:
    begun = geneval(tmp_path / "out", samples=3, seed=5)
    drawn(begun, Shard(1, 2))
    later = geneval(tmp_path / "out", samples=None, seed=None)
    assert later.undrawn(later.run_folder(SINGLE, 1)) == 9
    folder = drawn(later)
    assert later.undrawn(folder) == 0 and (folder.about().seed, folder.about().samples) == (5, 3)
    with pytest.raises(BadSetting, match=r"the samples of the run .* is 3, here it is 2"):
        geneval(tmp_path / "out", seed=None).undrawn(folder)
    # A run that is new takes the benchmark's own.
    assert later.undrawn(later.run_folder(SINGLE, 1, "new")) == 6 * later.benchmark.samples


def test_a_run_s_weights_are_named_by_what_was_read_of_them_and_by_nothing_where_nothing_was(tmp_path: Path) -> None:
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer" / "weights.bin").write_bytes(b"pickled")
    config = Config(model=str(tmp_path))
    assert weights_of(config) == ""
    (tmp_path / "transformer" / "weights.safetensors").write_bytes(b"read")
    assert len(weights_of(config)) == 32


def test_a_judge_s_files_and_locks_are_not_those_of_a_judge_whose_name_begins_with_its_own(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    names = ("gpt-4.jsonl", "gpt-4.2-of-3.jsonl", "gpt-4.1.jsonl", "gpt-4.1.2-of-3.jsonl", "gpt-4-turbo.1-of-3.jsonl")
    (tmp_path / "judged").mkdir()
    for name in names:
        (tmp_path / "judged" / name).touch()
    assert {path.name for path in folder.judged_files("gpt-4")} == set(names[:2])
    assert {path.name for path in folder.judged_files("gpt-4.1")} == set(names[2:4])
    with folder.held("judge-gpt-4-turbo", Shard(1, 2)), folder.held("judge-gpt-4", WHOLE):
        pass
    with folder.held("judge-gpt-4", WHOLE), pytest.raises(OutputUnwritable), folder.held("judge-gpt-4", Shard(1, 2)):
        pass


def test_a_judgement_made_anew_of_the_whole_run_or_of_a_shard_stands_whatever_file_it_is_in(tmp_path: Path) -> None:
    session = geneval(tmp_path / "out", samples=1)
    folder, changed = drawn(session), session.samples[0]
    for red, shards in ((10, (Shard(1, 2), Shard(2, 2))), (20, (WHOLE,)), (30, (Shard(1, 2), Shard(2, 2)))):
        Image.new("RGB", (8, 8), (red, 0, 0)).save(folder.pictures / changed.path)
        judge = ShadeJudge("correct")
        for shard in shards:
            session.judge(folder, judge, shard=shard)
        assert judge.looks == ([changed.key] if red > 10 else judge.looks)
        made = session.run(folder).judgement_of(changed)
        assert made is not None and made.reason == f"red is {red}"
        session.judge(folder, judge := ShadeJudge("correct"))
        assert not judge.looks


def test_passing_faults_end_the_phase_and_the_next_call_goes_on(tmp_path: Path) -> None:
    session = geneval(tmp_path / "out", samples=1)
    folder = session.run_folder(SINGLE, 1)

    def failing(errand: object, keys: list[str]) -> object:
        for number, line in enumerate(at_once(errand, keys)):  # pyright: ignore[reportArgumentType]
            yield line if number == 0 else line.model_copy(update={"outcome": "fault", "message": "gone"})

    with pytest.raises(CriticUnavailable, match="5 pictures in a row failed"):
        session.generate(no_agent, CONFIG, SINGLE, 1, folder, spread=failing)  # pyright: ignore[reportArgumentType]
    told: list[str] = []

    def tell(done: int, total: int, line: Drawn) -> None:
        told.append(line.key)

    session.generate(no_agent, CONFIG, SINGLE, 1, folder, spread=at_once, tell=tell)  # pyright: ignore
    assert len(told) == 5 and len(list(LineFile(folder.drawn_files[0], Drawn).lines())) == 6


def test_a_picture_that_changed_is_judged_anew_and_one_that_is_gone_is_counted(tmp_path: Path) -> None:
    session = geneval(tmp_path / "out", samples=1)
    folder, judge = drawn(session), ShadeJudge("correct")
    session.judge(folder, judge)
    Image.new("RGB", (8, 8), (255, 0, 0)).save(folder.pictures / session.samples[0].path)
    (folder.pictures / session.samples[1].path).unlink()
    session.judge(folder, judge)
    assert judge.looks[6:] == [session.samples[0].key]
    (folder.path / "judged" / "shade.jsonl").unlink()
    session.judge(folder, judge)
    assert session.report(folder).outcomes == {"scored": 5, "missing": 1}


def test_a_judge_into_whose_context_no_picture_fits_ends_the_phase(tmp_path: Path) -> None:
    session = geneval(tmp_path / "out", samples=1)

    class Small(ShadeJudge):
        def judge(self, look: Look) -> Judgement:
            return Judgement(outcome="too_long", reason="maximum context length is 512 tokens")

    folder = drawn(session)
    with pytest.raises(BadSetting, match="longer context"):
        session.judge(folder, Small("correct"))
    assert not folder.judged_files("shade")

    class Failing(Small):
        def judge(self, look: Look) -> Judgement:
            if look.sample.key != session.samples[0].key:
                raise CriticUnavailable("gone")
            return super().judge(look)

    class Stopped(Small):
        def judge(self, look: Look) -> Judgement:
            if look.sample.key == session.samples[3].key:
                raise KeyboardInterrupt
            return super().judge(look)

    # Where the phase is stopped meanwhile, a longer context finds all of them waiting.
    with pytest.raises(KeyboardInterrupt):
        session.judge(folder, Stopped("correct"))
    assert not folder.judged_files("shade")
    # What was told before the server was gone is kept; where another picture has a score, one that is too long is told.
    with pytest.raises(CriticUnavailable, match="5 pictures in a row"):
        session.judge(folder, Failing("correct"))
    assert list(session.run(folder).judged) == [session.samples[0].key]
    session.judge(folder, ShadeJudge("correct"), shard=Shard(2, 2))
    assert session.judge(folder, Small("correct")).judged == 2
    assert session.report(folder).outcomes == {"scored": 3, "too_long": 3}


def test_data_are_pinned_and_what_changed_in_them_is_told(tmp_path: Path) -> None:
    data, out = write_parquet(tmp_path / "data", omnicontext_rows()), tmp_path / "out"
    omnicontext = benchmark_named("omnicontext")
    Session(omnicontext, out, Chosen(data=data))
    pins = json.loads((out / "data.json").read_text())
    assert list(pins["files"]) == ["data/train-00000-of-00001.parquet"]
    write_parquet(data, omnicontext_rows([("multi_object", "b", "other words")]))
    with pytest.raises(BadSetting, match=r"1 file of the data changed.*SHA-256"):
        Session(omnicontext, out, Chosen(data=data))
    (out / "data.json").write_text(json.dumps(pins | {"name": "OmniGen2/OmniContext", "revision": "a" * 40}))
    with pytest.raises(BadSetting, match="--revision"):
        Session(omnicontext, out, Chosen(data=data, revision="main"))
    with pytest.raises(BadSetting, match="--fetch"):
        Session(omnicontext, tmp_path / "other")
    write_parquet(data, omnicontext_rows([("multi_object", "a", "the same key")]))
    with pytest.raises(BadSetting, match=r"multi_object/a.*twice"):
        Session(omnicontext, tmp_path / "twice", Chosen(data=data))


def test_pictures_that_rows_name_are_pinned_and_a_broken_one_is_a_fault_of_the_data(tmp_path: Path) -> None:
    data, gedit = tmp_path / "data", benchmark_named("gedit")
    data.mkdir()
    Image.new("RGB", (8, 8)).save(data / "a.png")
    row = {"key": "k", "task_type": "ps_human", "instruction": "x", "instruction_language": "en"}
    row |= {"input_image": "b.png", "input_image_raw": "a.png", "Intersection_exist": True}
    (data / "rows.jsonl").write_text(json.dumps(row))
    with pytest.raises(BadSetting, match=r"b\.png of the data cannot be read: .*give the whole folder"):
        Session(gedit, tmp_path / "out", Chosen(data=data))
    (data / "b.png").write_bytes(b"broken")
    session = Session(gedit, tmp_path / "out", Chosen(data=data))
    assert sorted(json.loads((tmp_path / "out" / "data.json").read_text())["pictures"]) == ["a.png", "b.png"]
    judge = session.judge_of(JudgeOptions(url="http://127.0.0.1:9/v1", model="m"))
    with pytest.raises(BadSetting, match="it is of the data"):
        judge.judge(Look(session.samples[0], data / "a.png"))
    judge.close()
    (data / "b.png").write_bytes(b"another")
    with pytest.raises(BadSetting, match=r"1 file of the data changed, the first is b\.png"):
        Session(gedit, tmp_path / "out", Chosen(data=data))


def test_a_run_begun_before_pictures_were_pinned_is_judged_merged_and_gone_on_with(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    Image.new("RGB", (8, 8)).save(data / "a.png")
    row = {"key": "k", "task_type": "ps_human", "instruction": "x", "instruction_language": "en"}
    row |= {"input_image": "a.png", "input_image_raw": "a.png", "Intersection_exist": True}
    (data / "rows.jsonl").write_text(json.dumps(row))

    def session(name: str) -> Session:
        return Session(benchmark_named("gedit"), tmp_path / name, Chosen(data=data))

    for name in ("old", "new"):
        drawn(session(name))
    old, new = tmp_path / "old", tmp_path / "new"
    pins = json.loads((old / "data.json").read_text())
    (old / "data.json").write_text(json.dumps(pins | {"pictures": {}}))
    files_alone = sha256(f"rows.jsonl\0{pins['files']['rows.jsonl']}\n".encode()).hexdigest()
    run = old / "single-1" / "run.json"
    run.write_text(json.dumps(json.loads(run.read_text()) | {"data": files_alone}))

    def copied(first: Path, second: Path) -> Path:
        out = tmp_path / f"{first.name}-{second.name}"
        shutil.copytree(first, out)
        assert merge(out, [second]) == (0, 0)
        assert json.loads((out / "data.json").read_text())["pictures"] == pins["pictures"]
        return out

    for out in (copied(old, new), copied(new, old), old):
        again = session(out.name)
        folder = drawn(again)
        assert again.judge(folder, ShadeJudge("G_SC")).judged == 1
        assert len(again.run(folder).judged) == 1 and again.report(folder).outcomes == {"scored": 1}
        # As a run that another is compared with.
        assert session("new").run(folder).about == folder.about()
    run.write_text(json.dumps(json.loads(run.read_text()) | {"data": "0" * 64}))
    with pytest.raises(BadSetting, match=r"the data of the run .* is '0+'"):
        session("old").run(RunFolder(old / "single-1"))
    with pytest.raises(BadSetting, match=r"its data is"):
        merge(new, [old])


def test_sentences_that_only_tell_how_a_judge_differs_may_be_worded_anew(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.begin_judging(identity := Identity(name="shade", model="red", differs=("it sees red alone",)))
    folder.begin_judging(identity.model_copy(update={"differs": ("this judge sees red alone",)}))
    with pytest.raises(BadSetting, match="holds judgements by another shade: its model is 'red', here it is 'blue'"):
        folder.begin_judging(identity.model_copy(update={"model": "blue"}))


def test_another_revision_than_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = {name: write_parquet(tmp_path / name, omnicontext_rows()) for name in ("1" * 40, "2" * 40)}
    asked: list[str | None] = []

    def snapshot(name: str, *, revision: str | None, **more: object) -> str:
        asked.append(revision)
        return str(snapshots["2" * 40 if revision == "newer" else "1" * 40])

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    omnicontext = benchmark_named("omnicontext")
    Session(omnicontext, tmp_path / "out", Chosen(fetch=True))
    Session(omnicontext, tmp_path / "out")
    with pytest.raises(BadSetting, match=r"of revision 2+, and 1+ was pinned"):
        Session(omnicontext, tmp_path / "out", Chosen(fetch=True, revision="newer"))
    assert asked == [None, "1" * 40, "newer"]


def test_pictures_made_elsewhere_are_judged_without_torch(tmp_path: Path) -> None:
    data, made = write_parquet(tmp_path / "data", omnicontext_rows()), tmp_path / "results" / "TheirModel"
    for row in omnicontext_rows()[:-1]:
        path = made / "fullset" / row["task_type"] / f"{row['key']}.png"
        path.parent.mkdir(parents=True)
        Image.new("RGB", (40, 40), "blue").save(path)
    with judge_server(lambda words, pictures: '{"score": 5}') as server:
        words = ["bench", "omnicontext", "judge", "--images", made / "fullset", "--data", data]
        words += ["--out", tmp_path / "out", "--wording", write_wording(tmp_path), "--judge", server.url]
        code = (
            "import sys; from omniagent.cli import main\n"
            "try: main(sys.argv[1:])\n"
            "except SystemExit as end: code = end.code\n"
            "print(code, [name for name in ('torch', 'transformers', 'diffusers') if name in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, cwd=ROOT, check=False
        )
    assert done.stdout.strip() == "0 []", done.stderr
    report = Session(benchmark_named("omnicontext"), tmp_path / "out", Chosen(data=data))
    folder = RunFolder(tmp_path / "out" / "fullset")
    found = report.report(folder)
    assert found.outcomes == {"scored": 7, "missing": 1} and found.main.estimate is not None
    assert found.main.estimate.value == 5


@pytest.mark.parametrize(
    ("name", "near"), [("genevall", "geneval"), ("omni-context", "omnicontext"), ("shape", "shapes")]
)
def test_a_misspelt_benchmark_is_answered_by_the_nearest_name(name: str, near: str) -> None:
    with pytest.raises(BadSetting, match=f"did you mean '{near}'"):
        benchmark_named(name)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.integers(1, 30))
def test_few_items_still_have_every_group_and_keep_their_order(groups: list[str], limit: int) -> None:
    items = [Item(key=str(number), group=group, prompt="x") for number, group in enumerate(groups)]
    chosen = first_of_each(items, limit)
    assert len(chosen) == min(limit, len(items)) and chosen == sorted(chosen, key=lambda item: int(item.key))
    counts = Counter(item.group for item in chosen)
    for group, number in Counter(groups).items():
        assert counts[group] >= min(number, limit // len(set(groups)))
