"""The folder of a run: what it is of, which process works in it, and where its files are.

run.json                     what was drawn, how and by what; another run is refused here
pictures/                    the benchmark's official layout
drawn[.1-of-3].jsonl         a line a picture
judged/NAME.json             which judge it is
judged/NAME[.1-of-3].jsonl   a line a judged picture
report.md, .json, .html      what came of it
cost.json                    seconds and dates, which differ from run to run
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from omniagent.benchmarks.judgement import Identity
from omniagent.model.errors import BadSetting, OutputUnwritable
from omniagent.model.wording import cut, fault, shown
from omniagent.runs.folder import owned
from omniagent.tools.record.files import write_whole
from omniagent.tools.types import RenderSettings, Word

RUN_FILE = "run.json"
W = TypeVar("W", bound=Word)


class Shard(NamedTuple):
    """Part `number` of `of`, from 1: every `of`-th picture, beginning with the `number`-th."""

    number: int = 1
    of: int = 1

    @property
    def suffix(self) -> str:
        """Of the files of this part; empty for the whole."""
        return "" if self.of == 1 else f".{self.number}-of-{self.of}"


WHOLE: Final = Shard()


class About(Word):
    """What a run is of. Two runs whose descriptions differ never share a folder.

    Attributes:
        benchmark: Its name.
        data: SHA-256 over the names and contents of the files of the data; empty where they are made here.
        policy: `single`, `best-of-n` or `agent`; `elsewhere` for pictures that were made by other means.
        pictures: Most pictures that one picture of the benchmark may cost.
        generator: Its model; of a folder the last part of its path.
        revision: Of a model from the hub, as it was named.
        weights: A fingerprint of those of a folder; empty of others.
        preset: The preset of the generator in this process, such as `quality`; empty of others.
        critic: Its model.
        seed: Of the run.
        samples: Pictures an item.
        settings: How they are drawn.
        rules: The rules of the loop that were set.
    """

    benchmark: str
    data: str = ""
    policy: str
    pictures: int = Field(default=1, ge=1)
    generator: str = ""
    revision: str = ""
    weights: str = ""
    preset: str = ""
    critic: str = ""
    seed: int = 0
    samples: int = Field(default=1, ge=1)
    settings: RenderSettings = RenderSettings()
    rules: dict[str, str] = Field(default={})


class RunFolder:
    """Args:
    path: The folder; it need not exist.
    pictures: The folder of the pictures where they were made elsewhere.
    """

    def __init__(self, path: Path, pictures: Path | None = None) -> None:
        self.path = path
        self.pictures = pictures or path / "pictures"
        self.runs = path / "runs"

    @property
    def label(self) -> str:
        """What reports call the run."""
        return self.path.name

    def drawn_file(self, shard: Shard) -> Path:
        """The lines of one part."""
        return self.path / f"drawn{shard.suffix}.jsonl"

    @property
    def drawn_files(self) -> list[Path]:
        """The lines of all parts."""
        return sorted(self.path.glob("drawn*.jsonl"))

    def judged_file(self, judge: str, shard: Shard) -> Path:
        """The judgements of one part."""
        return self.path / "judged" / f"{judge}{shard.suffix}.jsonl"

    def judged_files(self, judge: str) -> list[Path]:
        """The judgements of all parts."""
        # One judge's name may begin with another's, as gpt-4.1 does with gpt-4.
        own = re.compile(rf"{re.escape(judge)}(\.\d+-of-\d+)?\.jsonl")
        return sorted(path for path in (self.path / "judged").glob("*.jsonl") if own.fullmatch(path.name))

    @property
    def judges(self) -> list[str]:
        """The judges that have judged here."""
        return sorted(path.stem for path in (self.path / "judged").glob("*.json"))

    def about(self) -> About:
        """What the run is of.

        Raises:
            BadSetting: there is no run, or its file is damaged.
        """
        return _read(self.path / RUN_FILE, About, "holds no run of a benchmark; generate pictures first")

    def identity(self, judge: str) -> Identity:
        """Which judge it is. Raises: BadSetting as `about`."""
        return _read(self.path / "judged" / f"{judge}.json", Identity, f"holds no judgements by {judge}; judge first")

    def begin(self, about: About) -> None:
        """Note what the run is of, or hold it against what is noted.

        Raises:
            BadSetting: another run lies here.
            OutputUnwritable, StorageFull: the folder cannot be written.
        """
        _noted(self.path / RUN_FILE, about, "holds another run")

    def begin_judging(self, identity: Identity) -> None:
        """Note which judge it is, or hold it against what is noted. Raises: as `begin`."""
        _noted(self.path / "judged" / f"{identity.name}.json", identity, f"holds judgements by another {identity.name}")

    @contextmanager
    def held(self, phase: str, shard: Shard) -> Generator[None]:
        """Hold one part of one phase; its claim dies with the process.

        Raises:
            OutputUnwritable: another process is at work on this part, or with another number of parts.
        """
        locks = self.path / "locks"
        own = locks / f"{phase}-{shard.number}-of-{shard.of}"
        with owned(own):
            # The own claim is made before the others are looked at, so of two that begin at once one sees the other.
            for other in sorted(locks.glob("*-of-*")):
                if re.fullmatch(rf"{re.escape(phase)}-\d+-of-(?!{shard.of}$)\d+", other.name):
                    try:
                        with owned(other):
                            pass
                    except OutputUnwritable as error:
                        raise OutputUnwritable(
                            f"another run is at work in {cut(str(self.path))} on part {other.name}; wait for it, "
                            "or divide the work as it does (--shard)"
                        ) from error
            yield


def _read(path: Path, kind: type[W], missing: str) -> W:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise BadSetting(f"{cut(str(path.parent))} {missing}") from error
    except (ValidationError, OSError) as error:
        said = fault(error) if isinstance(error, ValidationError) else str(error)
        raise BadSetting(f"{cut(str(path))} cannot be read: {said}; give another folder") from error


def _noted(path: Path, value: Word, other: str) -> None:
    if not path.is_file():
        write_whole(path, (value.model_dump_json(indent=1) + "\n").encode())
        return
    # Sentences that only tell what the rest says may be worded anew.
    here, there = (each.model_dump(mode="json", exclude={"differs"}) for each in (value, _read(path, type(value), "")))
    if (name := next((name for name in here if here[name] != there[name]), None)) is None:
        return
    raise BadSetting(
        f"{cut(str(path.parent))} {other}: its {name} is {shown(there[name])}, here it is {shown(here[name])}; "
        "give another folder (--out, or --label for the run's part of its name)"
    )
