"""`omniagent chat`: a checkpoint's own conversation from the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.omniagent.test_cli import call
from tests.support.tiny_omnigen2 import tiny_pipeline, tiny_transformer

TALK, DRAW = "Tell me about the weather today", "a photo of a small cat on a red chair"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A random checkpoint that answers the first text in words and the second with a picture."""
    pipeline = tiny_pipeline()
    pipeline.register_modules(transformer=tiny_transformer(axes_lens=(512, 128, 128)))
    where = tmp_path_factory.mktemp("chat") / "checkpoint"
    pipeline.save_pretrained(where)
    yield where


def said(*words: str | Path, stdin: str | None = None) -> tuple[int, list[str], str]:
    outcome = call(None, "chat", *map(str, words), "--device", "cpu", stdin=stdin)
    return outcome.exit_code, outcome.stdout.splitlines(), outcome.stderr


def test_a_message_is_answered_in_words_or_with_a_picture(folder: Path, tmp_path: Path) -> None:
    code, lines, _ = said(TALK, "--model", folder, "--max-new-tokens", "4")
    assert code == 0 and lines and lines[0]
    code, lines, _ = said(DRAW, "--model", folder, "--size", "32x32", "--out", tmp_path / "x")
    assert (code, lines) == (0, [str(tmp_path / "x" / "1.png")])
    with Image.open(lines[0]) as drawn:
        assert drawn.size == (32, 32)


def test_each_line_of_stdin_is_a_message_and_a_wrong_one_loses_no_other(folder: Path, tmp_path: Path) -> None:
    messages = f"{DRAW}\n\nwhat is <|image_pad|>?\n{DRAW}\n"
    code, lines, told = said("--model", folder, "--size", "32x32", "--out", tmp_path / "x", stdin=messages)
    assert code == 1 and told.count("error:") == 1 and "image_pad" in told
    assert lines == [str(tmp_path / "x" / name) for name in ("1.png", "3.png")]
    first, last = (Path(line).read_bytes() for line in lines)
    assert first == last


def test_the_same_seed_draws_the_same_picture_and_another_seed_another(folder: Path, tmp_path: Path) -> None:
    def drawn(seed: str, name: str) -> bytes:
        code, lines, told = said(DRAW, "--model", folder, "--size", "32x32", "--seed", seed, "--out", tmp_path / name)
        assert (code, len(lines)) == (0, 1), told
        return Path(lines[0]).read_bytes()

    assert drawn("0", "a") == drawn("0", "b") != drawn("1", "c")


def test_pictures_that_are_given_are_seen_with_every_message(folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "red.png"
    Image.new("RGB", (48, 64), (200, 30, 30)).save(picture)
    alone = said("--model", folder, "--max-new-tokens", "6", stdin=f"{TALK}\n{TALK}")
    shown = said("--model", folder, "--max-new-tokens", "6", "--image", str(picture), stdin=f"{TALK}\n{TALK}")
    for code, lines, told in (alone, shown):
        assert code == 0 and lines[: len(lines) // 2] == lines[len(lines) // 2 :], told
    assert alone[1] != shown[1]


def test_a_checkpoint_that_was_not_trained_to_talk_says_which_one_does() -> None:
    code, lines, told = said("hello")
    assert (code, lines) == (2, []) and "conversation" in told and "OmniGen2/OmniGen2" in told


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("",), "empty"),
        ((TALK, "--image", "nowhere.png"), "nowhere.png"),
        ((TALK, "--size", "3x3"), "3x3"),
        ((TALK, "--max-new-tokens", "0"), "max-new-tokens"),
    ],
)
def test_bad_input_is_named_before_anything_is_loaded(folder: Path, words: tuple[str, ...], named: str) -> None:
    code, lines, told = said(*words, "--model", folder)
    assert (code, lines) == (2, []) and named in told
