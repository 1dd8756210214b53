"""`omniagent train --data MIX.yml`: what it prints, and one clear line for whatever is wrong."""

from pathlib import Path

import pytest

from tests.omniagent.test_cli import call, one_line
from tests.support.records import write_mix
from tests.support.tiny_omnigen2 import tiny_pipeline


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    tiny_pipeline().save_pretrained(tmp_path / "checkpoint")
    mix = write_mix(tmp_path)
    (tmp_path / "pictures").mkdir()
    for picture in tmp_path.glob("*.png"):
        picture.rename(tmp_path / "pictures" / picture.name)
    paths = {name: tmp_path / name for name in ("pictures", "work", "out")}
    given = {"data": mix, "model": tmp_path / "checkpoint", **paths}
    return [word for name, path in given.items() for word in (f"--{name}", str(path))]


def test_the_result_is_on_stdout_and_progress_on_stderr_and_the_same_words_go_on(words: list[str]) -> None:
    first = call(None, "train", *words, "--steps", "10", "--lora", "2")
    assert first.exit_code == 0, first.output
    assert first.stdout == f"{words[-1]}\n"
    assert "step=10" in first.stderr and "loss=" in first.stderr
    again = call(None, "train", *words, "--steps", "10", "--lora", "2")
    assert again.exit_code == 0 and "loss=" not in again.stderr
    other = call(None, "train", *words, "--steps", "10", "--lora", "4")
    assert "lora was 2 and is 4" in one_line(other, 2)


def test_wrong_values_are_one_line_and_other_words_a_usage_error(words: list[str]) -> None:
    assert "lr=0.0 is not allowed" in one_line(call(None, "train", *words, "--lr", "0"), 2)
    assert "cannot be read" in one_line(call(None, "train", "--data=nowhere.yml"), 2)
    assert "rank from 1 to 24" in one_line(call(None, "train", *words, "--lora", "400"), 2)
    for extra in (("dit",), ("--objects", "2"), ("--lora", "0")):
        outcome = call(None, "train", *words, *extra)
        assert outcome.exit_code == 2 and extra[0] in outcome.stderr


def test_the_two_ways_of_training_tell_of_each_other_and_of_ignored_ratios() -> None:
    assert "--data MIX.yml" in call(None, "train", "--help").stdout
    told = " ".join(call(None, "train", "--data", "MIX.yml", "--help").stdout.split())
    assert "published loader ignores ratios" in told and "--lora RANK" in told
    assert "Missing argument" in call(None, "train").stderr
