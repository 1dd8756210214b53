"""MMBench, MMMU and MM-Vet by lmms-eval: how it is started, and how its results are read back."""

import json
from pathlib import Path

import pytest

from omniagent.benchmarks.understanding.harness import tasks_for
from omniagent.benchmarks.understanding.report import write_understanding
from omniagent.benchmarks.understanding.results import read_back
from omniagent.cli import main
from omniagent.model.errors import BadSetting
from tests.support.fake_lmms_eval import fake_harness, results
from tests.support.fake_vllm import fake_checkpoint, fake_python
from tests.support.judge_server import judge_server


def code_of(*words: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return ended.value.code


def write(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_the_harnesss_figures_are_read_back_beside_the_published_ones(tmp_path: Path):
    write(tmp_path / "eye", "20261125_100000_results.json", results(["mmmu_val", "mmvet", "mme"], limit=20))
    write(tmp_path / "eye", "20261126_210000_results.json", results(["mmbench_en_dev", "mmmu_val"]))
    report = write_understanding(read_back(tmp_path), tmp_path / "report")
    assert [(each.label, each.value, each.items, each.of) for each in report.figures] == [
        ("MMBench", 78.5, 4329, 4329),
        ("MMMU", pytest.approx(53.111), 900, 900),
        ("MM-Vet", 61.4, 20, 218),
    ]
    assert report.table.rows[0] == ("eye", "here, by lmms-eval 0.7.3", "78.5", "53.1", "61.4")
    assert report.table.rows[1][2:] == ("79.1", "53.1", "61.8") and "unchanged Qwen2.5-VL-3B" in report.table.rows[1][1]
    assert "MM-Vet is over 20 of 218 items" in report.warnings
    page = (tmp_path / "report" / "report.md").read_text()
    assert "| eye | here, by lmms-eval 0.7.3 | 78.5 | 53.1 | 61.4 |" in page and "English dev set" in page
    assert json.loads((tmp_path / "report" / "report.json").read_text())["figures"][1]["task"] == "mmmu_val"
    assert "<table" in (tmp_path / "report" / "report.html").read_text()


def test_a_figure_that_the_harness_could_not_give_is_no_zero(tmp_path: Path):
    write(tmp_path, "a_results.json", results(["mmmu_val"]).replace("0.53111", "NaN"))
    write(tmp_path, "b_results.json", results(["mmvet"]).replace("61.4", '"N/A"'))
    report = write_understanding(read_back(tmp_path), tmp_path / "report")
    assert report.table.rows[0][2:] == ("—", "—", "—")
    assert sum("has no figure" in line for line in report.warnings) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "holds no results of lmms-eval"),
        ("{", "is no file of lmms-eval's results"),
        (results(["mme"]), "holds results of mme; give those of mmbench_en_dev"),
    ],
)
def test_a_folder_without_results_says_what_it_should_hold(tmp_path: Path, text: str | None, said: str):
    if text is not None:
        write(tmp_path, "x_results.json", text)
    with pytest.raises(BadSetting, match=said):
        read_back(tmp_path)


def test_without_a_graders_key_only_tasks_that_need_none_are_run():
    assert tasks_for(["mmbench", "mmmu"], {}) == ("mmbench_en_dev_static", "mmmu_val")
    assert tasks_for(["mmbench", "mmvet"], {"OPENAI_API_KEY": "k"}) == ("mmbench_en_dev", "mmvet")
    with pytest.raises(BadSetting, match="MM-Vet is graded by a model"):
        tasks_for(["mmvet"], {})


def test_the_command_asks_a_server_and_writes_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    harness, out = fake_harness(tmp_path / "harness"), tmp_path / "out"
    with judge_server(lambda words, pictures: "A", "my/eye") as server:
        words = ["understanding", "run", "--url", server.url, "--harness", str(harness), "--out", str(out)]
        assert code_of(*words, "--task", "mmmu", "--task", "mmbench", "--limit", "20") == 0
        told = capsys.readouterr()
        assert "| my/eye | here, by lmms-eval 0.7.3 | 77.2 | 53.1 | — |" in told.out
        assert "MMMU is over 20 of 900 items" in told.err and "without a grader" in told.err
        assert code_of(*words[:-1], str(tmp_path / "lost"), "--task", "mmmu", "--limit", "13") == 3
        assert "lmms-eval ended with code 1: RuntimeError: the data set is gone" in capsys.readouterr().err
        assert code_of(*words[:5], str(tmp_path / "no"), "--task", "mmmu") == 2
        assert "pip install lmms-eval==" in capsys.readouterr().err
        assert code_of(*words, "--task", "mmu") == 2
        assert "mmmu" in capsys.readouterr().err
    assert code_of("understanding", "report", str(out), "--model", "mine") == 0
    assert "| mine |" in capsys.readouterr().out
    with judge_server(lambda words, pictures: "A", "other") as server:
        # A row has no figure of another model, whose results lie in the same folder.
        words[3] = server.url
        assert code_of(*words, "--task", "mmbench") == 0
    assert "| other | here, by lmms-eval 0.7.3 | 77.2 | — | — |" in capsys.readouterr().out
    assert code_of("understanding", "report", str(out)) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "results of 'my/eye' in" in said and "and of 'other' in" in said and "the folder of one model" in said
    assert code_of("understanding", "report", str(out / "other")) == 0


@pytest.mark.slow
def test_the_command_serves_the_checkpoints_own_mllm_while_it_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    checkpoint, python = fake_checkpoint(tmp_path / "checkpoint"), fake_python(tmp_path / "vllm")
    words = ["understanding", "run", "--model", str(checkpoint), "--python", str(python), "--served", "eye"]
    words += ["--device", "cpu", "--harness", str(fake_harness(tmp_path / "harness")), "--out", str(tmp_path / "out")]
    assert code_of(*words, "--task", "mmmu") == 0
    told = capsys.readouterr()
    assert "53.1" in told.out and "vLLM: ready" in told.err
    assert (tmp_path / "out" / "vllm.log").is_file()
