"""Exports of an output folder: the published trainer's layout, X2I2's, WebDataset shards, and parquet."""

import importlib
import importlib.util
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

from omniagent.data.inspection.lines import Line, records_in
from omniagent.model.errors import BadImage, BadSetting
from omniagent.model.files.disk import disk_faults
from omniagent.tools.types import Word

Format = Literal["jsonl", "x2i2", "webdataset", "parquet"]


class Exported(Word):
    """How many records were written, and to which files."""

    records: int
    files: tuple[str, ...]


def export(folder: Path, to: str, form: str, *, shard: int = 1000) -> Exported:
    """Write the train split of an output folder in another form.

    Args:
        folder: A build's output.
        to: A folder or, for `webdataset` and `parquet`, any address that fsspec knows.
        form: `jsonl`: one file and a mix as the published trainer reads them, with `images/`; `x2i2`:
            `jsons/NAME/NAME.jsonl` and `images/NAME/`; `webdataset`: tar shards of `input0.png`, `output.png` and
            `json`; `parquet`: pictures as bytes.
        shard: Records of a shard of `webdataset` and `parquet`.

    Raises:
        BadSetting: the folder holds no records, there is no such form or kind of address, or a package is missing.
        BadImage: a record's picture is missing.
        StorageFull, OutputUnwritable: `to` cannot be written.
    """
    if form not in FORMS:
        raise BadSetting(f"--to {form} is not known; give {', '.join(FORMS)}")
    _check_address(to, form)
    with disk_faults(Path(to)):
        return FORMS[form](folder, to, shard)


def _check_address(to: str, form: str) -> None:
    """Before anything is read: a kind of address that fsspec knows and has the package for."""
    kind, address, _ = to.partition("://")
    if not address:
        return
    if form not in ("webdataset", "parquet"):
        raise BadSetting(f"--to {form} writes folders of this machine, and --out is {to}; give a folder")
    fsspec: Any = importlib.import_module("fsspec")
    try:
        fsspec.get_filesystem_class(kind)
    except (ValueError, ImportError) as error:
        raise BadSetting(
            f"the address {to} cannot be written: {error}; give another or install what it needs"
        ) from error


def _records(folder: Path) -> Iterator[Line]:
    for placed in records_in(folder, ("train",)):
        if placed.line is None:
            raise BadSetting(f"{placed.place} is no record ({placed.problem}); omniagent data check names all of them")
        yield placed.line


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BadImage(f"the picture {folder / name} cannot be read ({error}); build again") from error


def _jsonl(folder: Path, to: str, shard: int) -> Exported:
    home, count = Path(to), 0
    (home / "images").mkdir(parents=True, exist_ok=True)
    with (home / "records.jsonl").open("w", encoding="utf-8") as file:
        for line in _records(folder):
            for name in (*line.inputs, line.output_image):
                _copied(folder / name, home / name)
            # The published loader joins no paths: it opens what the record says.
            told = line.model_dump(mode="json") | {"output_image": str((home / line.output_image).resolve())}
            told["input_images"] = [str((home / name).resolve()) for name in line.inputs] or None
            file.write(json.dumps({key: value for key, value in told.items() if value is not None}) + "\n")
            count += 1
    mix = {"data": [{"path": str((home / "records.jsonl").resolve()), "type": "edit", "ratio": 1}]}
    (home / "mix.yml").write_text(json.dumps(mix), encoding="utf-8")
    return Exported(records=count, files=(str(home / "records.jsonl"), str(home / "mix.yml")))


def _x2i2(folder: Path, to: str, shard: int) -> Exported:
    home, count = Path(to), 0
    files: dict[str, Any] = {}
    try:
        for line in _records(folder):
            name = _X2I2.get(line.task_type, line.task_type)
            if name not in files:
                path = home / "jsons" / name / f"{name}.jsonl"
                path.parent.mkdir(parents=True, exist_ok=True)
                files[name] = path.open("w", encoding="utf-8")
            moved = {old: f"images/{name}/{Path(old).name}" for old in (*line.inputs, line.output_image)}
            for old, new in moved.items():
                _copied(folder / old, home / new)
            target = "image" if name == "reflect" else "output_image"
            told: dict[str, Any] = {
                "instruction": line.instruction,
                "input_images": [moved[old] for old in line.inputs],
                target: moved[line.output_image],
            }
            if name == "reflect":
                told["used_instruction"] = "instruction"
            files[name].write(json.dumps(told, ensure_ascii=False) + "\n")
            count += 1
    finally:
        for file in files.values():
            file.close()
    return Exported(records=count, files=tuple(str(home / "jsons" / name / f"{name}.jsonl") for name in files))


def _webdataset(folder: Path, to: str, shard: int) -> Exported:
    fsspec: Any = importlib.import_module("fsspec")
    files: list[str] = []
    count = 0
    records = _records(folder)
    while batch := list(islice(records, shard)):
        name = f"{to.rstrip('/')}/{len(files):06}.tar"
        with fsspec.open(name, "wb", auto_mkdir=True) as file, tarfile.open(fileobj=file, mode="w|") as tar:
            for line in batch:
                key = f"{count:09}"
                for number, path in enumerate(line.inputs):
                    _member(tar, f"{key}.input{number}.png", _bytes(folder, path))
                _member(tar, f"{key}.output.png", _bytes(folder, line.output_image))
                _member(tar, f"{key}.json", json.dumps(line.model_dump(mode="json"), ensure_ascii=False).encode())
                count += 1
        files.append(name)
    return Exported(records=count, files=tuple(files))


def _parquet(folder: Path, to: str, shard: int) -> Exported:
    if importlib.util.find_spec("pyarrow") is None:
        raise BadSetting("parquet is written by pyarrow, which is not installed; pip install 'omniagent[ray]'")
    fsspec: Any = importlib.import_module("fsspec")
    arrow: Any = importlib.import_module("pyarrow")
    parquet: Any = importlib.import_module("pyarrow.parquet")
    files: list[str] = []
    count = 0
    records = _records(folder)
    while batch := list(islice(records, shard)):
        rows = [
            {
                "task_type": line.task_type,
                "instruction": line.instruction,
                "input_images": [_bytes(folder, name) for name in line.inputs],
                "output_image": _bytes(folder, line.output_image),
                "provenance": json.dumps(line.model_dump(mode="json"), ensure_ascii=False),
            }
            for line in batch
        ]
        name = f"{to.rstrip('/')}/{len(files):06}.parquet"
        with fsspec.open(name, "wb", auto_mkdir=True) as file:
            parquet.write_table(arrow.Table.from_pylist(rows), file)
        count += len(batch)
        files.append(name)
    return Exported(records=count, files=tuple(files))


def _copied(source: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_bytes(source.parent, source.name))


def _member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


FORMS: Final = MappingProxyType[str, Callable[[Path, str, int], Exported]](
    {"jsonl": _jsonl, "x2i2": _x2i2, "webdataset": _webdataset, "parquet": _parquet}
)
_X2I2: Final = MappingProxyType({"ic": "video_icgen", "edit": "video_edit", "interleave": "video_interleave"})
