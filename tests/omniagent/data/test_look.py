"""Checks, pages, exports, and the reader of the published set."""

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from omniagent.data.build import build
from omniagent.data.formats.export import export
from omniagent.data.formats.published import read_published
from omniagent.data.inspection.check import check
from omniagent.data.inspection.page import show
from omniagent.data.recipe import load_recipe
from omniagent.model.errors import BadImage, BadSetting
from omniagent.model.training.dataset import MixedDataset
from omniagent.shapes.perception.words import RuledDescriber
from tests.omniagent.test_cli import call, one_line
from tests.support.shapes_media import pictures


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of three pictures and a file that is none."""
    home = tmp_path_factory.mktemp("fresh")
    source = pictures(home / "in", 3)
    (source / "broken.png").write_text("no picture <b>")
    build(load_recipe("inpaint-edit", ["test_share=0", "holes.tries=2"], "shapes"), source, home / "out")
    return home / "out"


@pytest.fixture
def built(fresh: Path, tmp_path: Path) -> Path:
    """A copy of it for a test to spoil."""
    return shutil.copytree(fresh, tmp_path / "out")


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "train" / "1-of-1.jsonl").read_text().splitlines()]


def rewritten(out: Path, **changes: Any) -> None:
    """The first record with other fields."""
    first, *rest = lines(out)
    told = [json.dumps(first | changes), *(json.dumps(line) for line in rest)]
    (out / "train" / "1-of-1.jsonl").write_text("\n".join(told) + "\n")


def problems(out: Path) -> list[tuple[str, str]]:
    return [(finding.check, finding.problem) for finding in check(out)]


def test_nothing_is_found_wrong_with_a_fresh_build_by_rules_or_by_a_describer(built: Path) -> None:
    assert not list(check(built, RuledDescriber()))


@pytest.mark.parametrize(
    ("changes", "name", "told"),
    [
        ({"instruction": "take the cat of image 2"}, "words", "image 2, and there are 1"),
        ({"instruction": "like the 3rd image"}, "words", "image 3"),
        ({"instruction": " "}, "words", "empty"),
        ({"input_images": []}, "words", "no input picture"),
        ({"output_image": "images/none.png"}, "picture", "is missing"),
        ({"output_image": "../../secret.png"}, "picture", "leads out of the folder"),
        ({"task_type": None}, "line", "task_type"),
    ],
)
def test_a_spoiled_record_is_named_with_its_line(built: Path, changes: dict[str, Any], name: str, told: str) -> None:
    rewritten(built, **changes)
    found = [finding for finding in check(built) if finding.check == name]
    assert found and told in found[0].problem and found[0].place == "train/1-of-1.jsonl:1"


def test_a_pair_of_one_picture_a_copied_record_and_a_wrong_size_are_found(built: Path) -> None:
    first = lines(built)[0]
    rewritten(built, input_images=[first["output_image"]], sizes={first["output_image"]: [5, 5]})
    with (built / "train" / "1-of-1.jsonl").open("a") as file:
        file.write(json.dumps(lines(built)[1]) + "\n{torn\n")
    assert {name for name, _ in problems(built)} >= {"near duplicate", "duplicate", "size", "line"}


def test_a_describer_finds_words_that_do_not_fit(built: Path) -> None:
    rewritten(built, instruction="remove the purple moon")
    assert ("critic", 0) in [(f.check, f.problem.index("the words do not fit")) for f in check(built, RuledDescriber())]


def test_the_page_shows_records_and_what_was_dropped_and_needs_no_network(built: Path) -> None:
    page = show(built).read_text()
    assert lines(built)[0]["instruction"] in page and "broken.png" in page and "BadImage" in page
    assert page.count("data:image/jpeg") >= 2 * len(lines(built)) and "http" not in page.split("</style>")[1]
    assert "histogram of change" in page


def test_markup_in_words_stays_words_on_the_page(built: Path) -> None:
    rewritten(built, instruction="<script>alert(1)</script>")
    assert "<script>" not in show(built).read_text()


def test_a_shard_of_webdataset_holds_pictures_and_words_of_each_record(built: Path, tmp_path: Path) -> None:
    done = export(built, (tmp_path / "wds").as_uri(), "webdataset", shard=2)
    assert done.records == len(lines(built)) and len(done.files) == -(-done.records // 2)
    with tarfile.open(tmp_path / "wds" / "000000.tar") as tar:
        assert tar.getnames()[:3] == ["000000000.input0.png", "000000000.output.png", "000000000.json"]
        member = tar.extractfile("000000000.json")
        assert member is not None and json.loads(member.read())["instruction"] == lines(built)[0]["instruction"]


def test_shards_go_to_any_address_of_fsspec_and_parquet_holds_pictures_and_provenance(built: Path) -> None:
    tars = export(built, "memory://shards/tars", "webdataset", shard=2)
    store = fsspec.filesystem("memory")
    with tarfile.open(fileobj=io.BytesIO(store.cat_file("/shards/tars/000000.tar"))) as tar:
        assert len(tar.getnames()) == 6 and tars.files[0] == "memory://shards/tars/000000.tar"
    done = export(built, "memory://shards/tables", "parquet", shard=2)
    rows = [row for name in done.files for row in parquet.read_table(store.open(name)).to_pylist()]
    assert [row["instruction"] for row in rows] == [line["instruction"] for line in lines(built)]
    for row, line in zip(rows, lines(built), strict=True):
        assert row["output_image"] == (built / line["output_image"]).read_bytes()
        assert json.loads(row["provenance"])["source"] == line["source"]


@pytest.mark.parametrize(
    ("to", "form", "told"),
    [
        ("nowhere://x/y", "parquet", "Protocol not known: nowhere"),
        ("memory://x", "x2i2", "writes folders of this machine"),
    ],
)
def test_an_address_that_cannot_be_written_is_named(built: Path, to: str, form: str, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        export(built, to, form)


def test_the_published_trainers_file_names_pictures_that_are_there(built: Path, tmp_path: Path) -> None:
    export(built, str(tmp_path / "plain"), "jsonl")
    data = MixedDataset(tmp_path / "plain" / "mix.yml")
    data.check_pictures()
    assert len(data) == len(lines(built))


def test_what_is_written_as_x2i2_reads_back_from_a_tar_in_parts(built: Path, tmp_path: Path) -> None:
    export(built, str(tmp_path / "x2i2"), "x2i2")
    images = tmp_path / "x2i2" / "images"
    with tarfile.open(tmp_path / "all.tar", "w") as tar:
        tar.add(images / "video_edit", "video_edit")
    data = (tmp_path / "all.tar").read_bytes()
    for number, start in enumerate(range(0, len(data), len(data) // 3 + 1)):
        (images / f"video_edit.tar.{number:03}").write_bytes(data[start : start + len(data) // 3 + 1])
    for path in (images / "video_edit").iterdir():
        path.unlink()
    read_published(tmp_path / "x2i2", tmp_path / "back")
    back = MixedDataset(tmp_path / "back" / "mix.yml")
    back.check_pictures()
    assert [record.instruction for record in back.records] == [line["instruction"] for line in lines(built)]


def test_an_archive_without_its_last_part_is_named(built: Path, tmp_path: Path) -> None:
    export(built, str(tmp_path / "x2i2"), "x2i2")
    images = tmp_path / "x2i2" / "images"
    with tarfile.open(tmp_path / "all.tar", "w") as tar:
        tar.add(images / "video_edit", "video_edit")
    data = (tmp_path / "all.tar").read_bytes()
    (images / "video_edit.tar.partaa").write_bytes(data[: len(data) // 2])
    with pytest.raises(BadImage, match=r"video_edit\.tar of video_edit\.tar\.partaa is incomplete"):
        read_published(tmp_path / "x2i2", tmp_path / "back")


def test_a_reflection_record_of_x2i2_is_read_by_the_column_it_names(tmp_path: Path) -> None:
    home = tmp_path / "x2i2"
    (home / "jsons" / "reflect").mkdir(parents=True)
    told = {
        "instruction": "a cat", "output_instruction": "give it two ears", "used_instruction": "output_instruction",
        "input_images": ["images/reflect/a.png"], "image": "images/reflect/b.png",
    }  # fmt: skip
    (home / "jsons" / "reflect" / "reflect.jsonl").write_text(json.dumps(told) + "\n")
    (home / "images" / "reflect").mkdir(parents=True)
    for name in "ab":
        Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(home / "images" / "reflect" / f"{name}.png")
    read_published(home, tmp_path / "out")
    (record,) = MixedDataset(tmp_path / "out" / "mix.yml").records
    assert record.instruction == "give it two ears" and record.task_type == "edit"
    # Pictures that were unpacked already are linked, so that the records are whole in themselves.
    assert not any(finding.check == "picture" for finding in check(tmp_path / "out"))


def test_a_folder_without_records_and_an_unknown_form_are_refused(tmp_path: Path, built: Path) -> None:
    with pytest.raises(BadSetting, match="give a build's output"):
        list(check(tmp_path))
    with pytest.raises(BadSetting, match="give jsonl, x2i2, webdataset, parquet"):
        export(built, str(tmp_path / "x"), "zip")


def test_the_commands_check_show_and_list(built: Path) -> None:
    assert call(None, "data", "check", built).exit_code == 0
    assert call(None, "data", "show", built).stdout.strip().endswith("index.html")
    assert "video-edit" in call(None, "data", "recipes").stdout
    assert "Apache-2.0" in call(None, "data", "recipes", "inpaint-edit").stdout
    rewritten(built, instruction="image 7")
    assert call(None, "data", "check", built).exit_code == 1
    assert "give a URL" in one_line(call(None, "data", "check", built, "--critic", "me"), 2)
