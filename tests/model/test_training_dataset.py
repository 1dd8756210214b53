"""Records, mixes and what becomes of them."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from omniagent.model.errors import BadImage, BadSetting
from omniagent.model.training.dataset import ItemRules, MixedDataset


@pytest.fixture
def mix(tmp_path: Path) -> Path:
    for name, size in (("wide", (100, 50)), ("tall", (50, 100))):
        Image.new("RGB", size, "red").save(tmp_path / f"{name}.png")
    lines = [
        {"task_type": "t2i", "instruction": f"The image shows {n} cats", "output_image": "wide.png"} for n in range(3)
    ]
    (tmp_path / "t2i.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    edit = {"task_type": "edit", "instruction": "turn it", "input_images": ["wide.png"], "output_image": "tall.png"}
    (tmp_path / "edit.jsonl").write_text(json.dumps(edit))
    (tmp_path / "inner.yml").write_text("data:\n- {path: edit.jsonl, ratio: 2.0, type: edit}\n")
    path = tmp_path / "mix.yml"
    path.write_text("data:\n- {path: t2i.jsonl, ratio: 0.2, type: t2i}\n- {path: inner.yml, ratio: 0.6, type: edit}\n")
    return path


def test_ratios_are_shares_of_the_draws_and_no_record_comes_twice_before_all_came_once(mix: Path) -> None:
    dataset = MixedDataset(mix)
    assert len(dataset) == 4
    drawn = list(islice(dataset.draws(0), 4000))
    counts = Counter(drawn)
    assert counts[3] == pytest.approx(3000, rel=0.05)
    assert max(counts[n] for n in range(3)) - min(counts[n] for n in range(3)) <= 1
    assert list(islice(dataset.draws(0), 50)) == drawn[:50]


def test_a_mix_of_several_folders_finds_the_pictures_of_each(mix: Path) -> None:
    for name, colour in (("one", "blue"), ("two", "green")):
        home = mix.parent / name
        (home / "train").mkdir(parents=True)
        Image.new("RGB", (32, 32), colour).save(home / "same.png")
        record = {"task_type": "t2i", "instruction": colour, "output_image": "same.png"}
        (home / "train" / "a.jsonl").write_text(json.dumps(record) + "\n")
        (home / "mix.yml").write_text('{"data": [{"path": "train", "pictures": "."}]}')
    both = mix.parent / "both.yml"
    both.write_text("data:\n- {path: one/mix.yml}\n- {path: two/train, pictures: two}\n- {path: t2i.jsonl}\n")
    dataset = MixedDataset(both)
    dataset.check_pictures()
    colours = [dataset.example(number, Random(0)).output[0, :, 5, 5].argmax().item() for number in range(3)]
    assert colours == [2, 1, 0]
    with pytest.raises(BadImage, match=r"same\.png, which is missing"):
        MixedDataset(both, mix.parent).check_pictures()


def test_pictures_are_shrunk_to_their_limits_and_never_enlarged(mix: Path) -> None:
    rules = ItemRules(max_output_pixels=2048, max_input_pixels=(100_000, 512), side_step=16)
    example = MixedDataset(mix, rules=rules).example(3, Random(0))
    assert example.output.shape == (1, 3, 64, 32)
    assert [each.shape for each in example.inputs] == [(1, 3, 48, 96)]


def test_a_dropped_prompt_is_an_empty_turn_and_takes_references_only_by_its_own_chance(mix: Path) -> None:
    for share, inputs in ((0.0, 1), (1.0, 0)):
        rules = ItemRules(prompt_dropout=1.0, reference_dropout=share)
        example = MixedDataset(mix, rules=rules).example(3, Random(0))
        assert "<|im_start|>user\n<|im_end|>" in example.chat and "turn it" not in example.chat
        assert len(example.inputs) == inputs
    kept = MixedDataset(mix, rules=ItemRules(reference_dropout=1.0)).example(3, Random(0))
    assert "turn it" in kept.chat and len(kept.inputs) == 1


def test_empty_openings_of_captions_are_taken_off_by_chance(mix: Path) -> None:
    for share, words in ((0.0, "user\nThe image shows 1 cats"), (1.0, "user\n1 cats")):
        example = MixedDataset(mix, rules=ItemRules(lead_in_removal=share)).example(1, Random(0))
        assert words in example.chat


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data: 3", "is no mix"),
        ("data:\n- {ratio: 1}", "is no mix"),
        ("data:\n- {path: t2i.jsonl, ratio: -1}", r"ratios \[-1.0\]"),
        ("data:\n- {path: nowhere.jsonl}", "nowhere.jsonl cannot be read"),
        ("data:\n- {path: wide.png}", "wide.png is no source"),
        ("data: []", r"ratios \[\]"),
        ("data:\n- {path: t2i.jsonl, ratio: .inf}", r"ratios \[inf\]"),
        ("data:\n- {path: mix.yml}", "mix.yml is a mix that names itself"),
        ("data:\n- {path: t2i.jsonl, ratio: 0}\n- {path: none.jsonl}", "holds no records to draw"),
    ],
)
def test_a_broken_mix_is_named(mix: Path, text: str, message: str) -> None:
    (mix.parent / "none.jsonl").write_text("\n")
    mix.write_text(text)
    with pytest.raises(BadSetting, match=message):
        MixedDataset(mix)


def test_a_broken_record_is_named_with_its_line_and_a_missing_picture_by_its_path(mix: Path) -> None:
    lines = mix.parent / "edit.jsonl"
    good = lines.read_text()
    lines.write_text(good + "\n{}")
    with pytest.raises(BadSetting, match=r"edit\.jsonl:2"):
        MixedDataset(mix)
    lines.write_text(good.replace("tall", "lost"))
    with pytest.raises(BadImage, match=r"lost\.png"):
        MixedDataset(mix).example(3, Random(0))


def test_a_record_may_name_the_field_that_holds_its_instruction(mix: Path) -> None:
    record = {"task_type": "reflect", "output_image": "wide.png", "instruction": "a", "correction": "b\u2028c"}
    path = mix.parent / "reflect.jsonl"
    path.write_text(json.dumps(record | {"used_instruction": "correction"}, ensure_ascii=False), encoding="utf-8-sig")
    assert "b\u2028c" in MixedDataset(path).example(0, Random(0)).chat
    path.write_text(json.dumps(record | {"used_instruction": "lost"}))
    with pytest.raises(BadSetting, match=r"reflect\.jsonl:1 .*used_instruction names 'lost'"):
        MixedDataset(path)


def test_records_are_the_same_by_their_digest_whatever_file_they_lie_in(mix: Path) -> None:
    before = MixedDataset(mix).digest()
    (mix.parent / "edit.jsonl").rename(mix.parent / "moved.jsonl")
    (mix.parent / "inner.yml").write_text("data:\n- {path: moved.jsonl, ratio: 2.0, type: edit}\n")
    assert MixedDataset(mix).digest() == before
    (mix.parent / "t2i.jsonl").write_text((mix.parent / "t2i.jsonl").read_text().replace("2 cats", "9 cats"))
    assert MixedDataset(mix).digest() != before
