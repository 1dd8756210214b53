"""Which data a folder of results is of: name, revision and the SHA-256 of every file, pinned at first use.

The files are those that the benchmark reads, and the pictures that its items name in the folder of the data.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from omniagent.benchmarks.base import Benchmark
from omniagent.benchmarks.items import Item
from omniagent.model.errors import BadSetting
from omniagent.model.wording import counted, cut, fault, shown
from omniagent.tools.record.files import write_whole
from omniagent.tools.types import Word

PINS_FILE = "data.json"
INPUTS = "inputs"
"""The folder within a folder of results of input pictures that the data hold within other files."""


class Pins(Word):
    """Data of a benchmark.

    Attributes:
        name: Of the data set at the hub; empty of a folder that was given, and of data that come with the package.
        revision: The commit at the hub.
        files: SHA-256 by path, relative to the folder of the data.
        pictures: The same of pictures that items name and that are none of the files.
    """

    name: str = ""
    revision: str = ""
    files: dict[str, str] = Field(default={})
    pictures: dict[str, str] = Field(default={})

    @property
    def digest(self) -> str:
        """SHA-256 over the names and digests of all files; empty where there are none."""
        return _over(self.files | self.pictures)

    @property
    def digests(self) -> tuple[str, ...]:
        """By which runs of these data are known: `digest`, and that over `files` alone.

        Runs that were begun before pictures were pinned are noted with the second.
        """
        return self.digest, _over(self.files)


def data_of(
    benchmark: Benchmark, out: Path, *, folder: Path | None = None, fetch: bool = False, revision: str | None = None
) -> tuple[Path, Pins]:
    """The folder of a benchmark's data, held against what was pinned in `out` at first use.

    Args:
        benchmark: Whose data.
        out: The folder of results, in which they are pinned.
        folder: The data, where the person has them.
        fetch: Whether they may be fetched from the hub.
        revision: Branch, tag or commit there; the pinned one by default, else the newest.

    Raises:
        BadSetting: no data were named, or they are not those that were pinned.
        UnknownModel, HubUnreachable: they cannot be fetched.
        OutputUnwritable, StorageFull: `out` cannot be written.
    """
    pinned = _pinned(out / PINS_FILE)
    name = commit = ""
    if folder is not None:
        if not folder.is_dir():
            raise BadSetting(f"the data folder {cut(str(folder))} does not exist; give the folder of {benchmark.title}")
        if revision is not None:
            raise BadSetting(f"--revision {shown(revision)} is of data from the hub; leave it out with a folder")
    elif benchmark.local:
        folder = out
    elif benchmark.hub is None:
        raise BadSetting(f"{benchmark.title} is not at the hub; give its folder with --data ({benchmark.source})")
    elif not (fetch or (pinned is not None and pinned.revision)):
        raise BadSetting(
            f"{benchmark.title} needs its data: give the folder with --data, or --fetch to get {benchmark.hub.name} "
            f"from the hub ({benchmark.source})"
        )
    else:
        name = benchmark.hub.name
        wanted = revision or (pinned.revision if pinned is not None else None)
        folder, commit = _fetched(benchmark, wanted or None)
    made = Pins(name=name, revision=commit, files=_files(benchmark, folder))
    if benchmark.local and made.files and folder != out and not any(_is_in(folder, name) for name in made.files):
        raise BadSetting(f"{cut(str(folder))} holds no files of {benchmark.title}; leave --data out to use its own")
    if pinned is None:
        write_whole(out / PINS_FILE, (made.model_dump_json(indent=1) + "\n").encode())
    else:
        _check(pinned.model_copy(update={"pictures": {}}), made, out)
    return folder, made


def with_pictures(pins: Pins, items: Sequence[Item], data: Path, out: Path) -> Pins:
    """The pins with the pictures of items that lie in the folder of the data, held against what was pinned in `out`.

    Args:
        pins: Of the other files.
        items: All items of the benchmark.
        data: The folder of the data.
        out: The folder of results; its input pictures come from files that are pinned, or are made here.

    Raises:
        BadSetting: a picture is not there, or not the one that was pinned.
        OutputUnwritable, StorageFull: `out` cannot be written.
    """
    found: dict[str, str] = {}
    for path in dict.fromkeys(path for item in items for path in item.files):
        if path.is_relative_to(data) and not path.is_relative_to(out / INPUTS):
            name = path.relative_to(data).as_posix()
            if name not in pins.files:
                found[name] = _digest(path)
    both = pins.model_copy(update={"pictures": found})
    pinned = _pinned(out / PINS_FILE)
    if pinned is None or (not pinned.pictures and found):
        write_whole(out / PINS_FILE, (both.model_dump_json(indent=1) + "\n").encode())
    else:
        _check(pinned, both, out)
    return both


def join_pins(out: Path, source: Path) -> Pins:
    """Hold the pins of another folder of results against those here, or take them over where there are none.

    Where either was begun before pictures were pinned, the other files are held against each other alone.

    Returns:
        The pins, with pictures where any folder has them.

    Raises:
        BadSetting: they are of other data, or `source` has none.
        OutputUnwritable, StorageFull: `out` cannot be written.
    """
    pinned, other = _pinned(out / PINS_FILE), _pinned(source / PINS_FILE)
    if other is None:
        raise BadSetting(f"{cut(str(source))} has no {PINS_FILE}; give a whole folder of results")
    if pinned is not None:
        without = {} if pinned.pictures and other.pictures else {"pictures": {}}
        _check(pinned.model_copy(update=without), other.model_copy(update=without), out)
    if pinned is None or (other.pictures and not pinned.pictures):
        write_whole(out / PINS_FILE, (other.model_dump_json(indent=1) + "\n").encode())
        return other
    return pinned


def _files(benchmark: Benchmark, folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in benchmark.files(folder):
        found[path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name] = _digest(path)
    if not found and not benchmark.local:
        raise BadSetting(f"{cut(str(folder))} holds no files of {benchmark.title}; give the folder of its data")
    return found


def _over(files: Mapping[str, str]) -> str:
    told = "".join(f"{name}\0{digest}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(told.encode()).hexdigest() if told else ""


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadSetting(
            f"{cut(str(path))} of the data cannot be read: {error.strerror or error}; give the whole folder of the data"
        ) from error


def _is_in(folder: Path, name: str) -> bool:
    return (folder / name).is_file()


def _pinned(path: Path) -> Pins | None:
    try:
        return Pins.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as error:
        said = fault(error) if isinstance(error, ValidationError) else str(error)
        raise BadSetting(f"{cut(str(path))} cannot be read: {said}; give another folder with --out") from error


def _check(pinned: Pins, made: Pins, out: Path) -> None:
    again = f"give the data that {cut(str(out))} was begun with, or another folder with --out"
    if pinned.revision and made.revision and pinned.revision != made.revision:
        raise BadSetting(f"the data are of revision {made.revision}, and {pinned.revision} was pinned here; {again}")
    before, now = pinned.files | pinned.pictures, made.files | made.pictures
    if before == now:
        return
    if changed := [name for name in before if name in now and before[name] != now[name]]:
        raise BadSetting(
            f"{counted(len(changed), 'file')} of the data changed, the first is {changed[0]} (SHA-256 "
            f"{now[changed[0]][:12]}…, pinned was {before[changed[0]][:12]}…); {again}"
        )
    if gone := [name for name in before if name not in now]:
        raise BadSetting(f"{counted(len(gone), 'file')} of the data are gone, the first is {gone[0]}; {again}")
    new = [name for name in now if name not in before]
    raise BadSetting(f"{counted(len(new), 'file')} of the data are new, the first is {new[0]}; {again}")


def _fetched(benchmark: Benchmark, revision: str | None) -> tuple[Path, str]:
    from huggingface_hub import snapshot_download

    from omniagent.model.files.downloads import hub_errors

    assert benchmark.hub is not None
    with hub_errors(benchmark.hub.name, revision):
        folder = Path(
            snapshot_download(
                benchmark.hub.name,
                repo_type="dataset",
                revision=revision,
                allow_patterns=list(benchmark.hub.patterns),
            )
        )
    # A snapshot's folder is named by its commit.
    return folder, folder.name
