"""Reads the published set OmniGen2/X2I2: `jsons/NAME/NAME.jsonl`, pictures in `images/NAME/` or in split tars of it.

Field names are as loaders of the set read them; archives in parts are joined as they are read, since tools that open
one part alone fail with an unexpected end of data.
"""

import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from omniagent.data.formats.export import Exported
from omniagent.model.errors import BadImage, BadSetting
from omniagent.model.files.disk import disk_faults
from omniagent.tools.record.files import write_whole

_TASKS: Final = MappingProxyType(
    {"reflect": "edit", "inpaint_edit": "edit", "video_edit": "edit", "video_interleave": "interleave"}
)
"""What is not named here is `ic`."""

_PART: Final = re.compile(r"(?P<whole>.+\.(?:tar|tar\.gz|tgz))(?:[._-]?(?:part)?[._-]?(?P<part>[a-z]{2,3}|\d+))?$")


def read_published(folder: Path, out: Path) -> Exported:
    """Write the records of a copy of X2I2 as this project's trainer reads them.

    Pictures go into `out` from their archives; those that are unpacked already stay where they are and are linked.

    Args:
        folder: Holds `jsons/` and `images/`.
        out: Gets `images/`, `train/NAME.jsonl` and `mix.yml`.

    Raises:
        BadSetting: the folder holds no such set, or a line is wrong.
        BadImage: an archive is incomplete.
        StorageFull, OutputUnwritable: `out` cannot be written.
    """
    files = sorted(folder.glob("jsons/*/*.jsonl"))
    if not files:
        raise BadSetting(f"{folder} holds no jsons/NAME/NAME.jsonl; give the folder of a copy of X2I2")
    count = 0
    with disk_faults(out):
        unpack(folder / "images", out / "images")
        for file in files:
            lines = [json.dumps(record, ensure_ascii=False) for record in _records(file, folder, out)]
            write_whole(out / "train" / f"{file.parent.name}.jsonl", "".join(f"{line}\n" for line in lines).encode())
            count += len(lines)
        mix = {"data": [{"path": f"train/{file.parent.name}.jsonl", "ratio": 1, "pictures": "."} for file in files]}
        write_whole(out / "mix.yml", json.dumps(mix).encode())
    return Exported(records=count, files=tuple(str(out / "train" / f"{file.parent.name}.jsonl") for file in files))


def unpack(source: Path, target: Path) -> None:
    """Unpack all archives below a folder, joined from their parts, keeping their places; what is unpacked is kept.

    Raises:
        BadImage: an archive is damaged, or a part is missing.
    """
    archives: dict[Path, list[Path]] = {}
    for path in sorted(source.rglob("*")):
        if path.is_file() and (found := _PART.fullmatch(path.name)) is not None:
            archives.setdefault(path.with_name(found["whole"]), []).append(path)
    for whole, parts in archives.items():
        home = target / whole.parent.relative_to(source)
        mark = home / f".{whole.name}.done"
        if mark.exists():
            continue
        home.mkdir(parents=True, exist_ok=True)
        try:
            with tarfile.open(fileobj=io.BufferedReader(_Joined(parts)), mode="r|*") as tar:
                tar.extractall(home, filter="data")
        except (tarfile.TarError, EOFError) as error:
            names = ", ".join(part.name for part in parts)
            raise BadImage(f"the archive {whole.name} of {names} is incomplete: {error}; download all parts") from error
        mark.touch()


class _Joined(io.RawIOBase):
    """Files one after the other, as one stream."""

    def __init__(self, parts: Sequence[Path]) -> None:
        super().__init__()
        self._left = list(parts)
        self._file = self._left.pop(0).open("rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not (count := self._file.readinto(buffer)) and self._left:
            self._file.close()
            self._file = self._left.pop(0).open("rb")
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _records(file: Path, folder: Path, out: Path) -> Iterator[dict[str, Any]]:
    name = file.parent.name
    with file.open(encoding="utf-8") as lines:
        for number, text in enumerate(lines, start=1):
            if not text.strip():
                continue
            try:
                told: Mapping[str, Any] = json.loads(text)
                column = str(told.get("used_instruction") or "instruction")
                yield {
                    "task_type": _TASKS.get(name, "ic"),
                    "instruction": str(told[column]),
                    "input_images": [_place(str(path), folder, out) for path in told.get("input_images") or ()],
                    "output_image": _place(str(told.get("output_image") or told["image"]), folder, out),
                    "source": f"X2I2/{name}:{number}",
                }
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise BadSetting(
                    f"{file}:{number} is no record of X2I2 ({error!r}); mend or remove the line"
                ) from error


def _place(path: str, folder: Path, out: Path) -> str:
    """Where a picture lies, for records of `out`: unpacked there, else linked there from the copy."""
    inner = path if path.startswith("images/") else f"images/{path}"
    here, copy = out / inner, folder / inner
    if not here.exists() and copy.is_file() and copy.resolve().is_relative_to(folder.resolve()):
        here.parent.mkdir(parents=True, exist_ok=True)
        here.symlink_to(copy.resolve())
    return inner
