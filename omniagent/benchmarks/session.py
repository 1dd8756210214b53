"""One benchmark in one folder of results: its data, the runs in it, and the phases of each.

OUT/data.json    the data, pinned at first use
OUT/inputs/      input pictures that the data hold within other files
OUT/answers/     answers of vision models, by all that they hang on
OUT/LABEL/       a run (`running/folder.py`)
OUT/comparison.* the runs beside each other
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from omniagent.benchmarks.base import Benchmark, samples_of
from omniagent.benchmarks.data.pins import INPUTS, data_of, with_pictures
from omniagent.benchmarks.items import Item, Sample, first_of_each
from omniagent.benchmarks.judgement import Judge, JudgeOptions
from omniagent.benchmarks.reports.figures import Report, Run
from omniagent.benchmarks.reports.write import write_report
from omniagent.benchmarks.running.draw import Drawing, Drawn
from omniagent.benchmarks.running.folder import RUN_FILE, WHOLE, About, RunFolder, Shard
from omniagent.benchmarks.running.generate import Spreads, generate
from omniagent.benchmarks.running.judge import Counted, Judged, judge_pictures
from omniagent.benchmarks.running.ledger import by_key
from omniagent.benchmarks.running.weights import weights_of
from omniagent.comparison import Variant, caps_of, folder_of
from omniagent.data.executors.local import LocalExecutor
from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut, model_name, shown
from omniagent.tools.types import RenderSettings

if TYPE_CHECKING:
    from omniagent.agent import Agent
    from omniagent.config import Config


class Chosen(NamedTuple):
    """What a person chose of the items.

    Attributes:
        data: The folder of the data.
        fetch: Whether they may be fetched from the hub.
        revision: Of the data at the hub.
        limit: At most so many items, from all groups in turn.
        samples: Pictures an item; None takes those of a run that is there, else the benchmark's.
        seed: The seed of the first picture of each item, and of items that are made here; None takes that of a run
            that is there, else 0.
    """

    data: Path | None = None
    fetch: bool = False
    revision: str | None = None
    limit: int | None = None
    samples: int | None = None
    seed: int | None = None


EVERYTHING: Final = Chosen()


class Session:
    """A benchmark in a folder of results.

    Args:
        benchmark: Which.
        out: The folder; what is done in it is not done again.
        chosen: Of the items.

    Raises:
        BadSetting: the data are missing or not those that were pinned in the folder.
        UnknownModel, HubUnreachable: they cannot be fetched.
        OutputUnwritable, StorageFull: the folder cannot be written.
    """

    def __init__(self, benchmark: Benchmark, out: Path, chosen: Chosen = EVERYTHING) -> None:
        self.benchmark, self.out, self._chosen = benchmark, out, chosen
        self.data, self.pins = data_of(benchmark, out, folder=chosen.data, fetch=chosen.fetch, revision=chosen.revision)
        self._by_seed: dict[int, list[Item]] = {}
        self.items = self._items(chosen.seed or 0)
        self.samples = samples_of(benchmark, self.items, chosen.samples)

    def run_folder(self, variant: Variant, pictures: int, label: str = "") -> RunFolder:
        """The folder of a policy's run."""
        name = folder_of(variant, 1 if variant.policy == "single" else pictures)
        return RunFolder(self.out / (f"{label}-{name}" if label else name))

    def elsewhere(self, pictures: Path, label: str = "") -> RunFolder:
        """The run of pictures that were made elsewhere, in the benchmark's official layout.

        The folder may also be one within it, if the whole layout begins with that one's name.

        Raises:
            BadSetting: it holds no picture of the benchmark, or another run lies in its folder of results.
        """
        if not pictures.is_dir():
            raise BadSetting(f"the folder of pictures {cut(str(pictures))} does not exist")
        home = next((home for home in (pictures, pictures.parent) if self._any_in(home, pictures)), None)
        if home is None:
            raise BadSetting(
                f"{cut(str(pictures))} holds no picture of {self.benchmark.title}; its layout is "
                f"{self._in(pictures)[0].path}, and so on"
            )
        folder = RunFolder(self.out / (label or pictures.resolve().name), home)
        about = self._terms(folder).model_copy(update={"policy": "elsewhere", "generator": str(home.resolve())})
        folder.begin(about)
        return folder

    def generate(
        self,
        make: "Callable[[], Agent]",
        config: "Config",
        variant: Variant,
        pictures: int,
        folder: RunFolder,
        *,
        spread: Spreads | None = None,
        settings: RenderSettings | None = None,
        shard: Shard = WHOLE,
        tell: Callable[[int, int, Drawn], None] = lambda done, total, drawn: None,
    ) -> None:
        """Draw what is not there yet; see `running.generate`. A run that is there keeps its seed and samples.

        Args:
            make: Makes the agent in the process that draws.
            config: Its settings, by which the run is described.
            variant: The policy.
            pictures: Most pictures for each picture of the benchmark.
            folder: Of the run.
            spread: The executor that draws; this process by default.
            settings: How, in place of the official script's; None keeps these.
            shard: Which part.
            tell: Told each picture.

        Raises: as `running.generate`; BadSetting as `judge`.
        """
        caps_of(variant, pictures)
        official, rules = self.benchmark.settings, variant.rules.model_dump(mode="json")
        terms = self._terms(folder)
        about = About(
            benchmark=terms.benchmark,
            data=terms.data,
            policy=variant.label,
            pictures=1 if variant.policy == "single" else pictures,
            generator=model_name(config.model) if config.generator == "local" else config.generator_model,
            revision=config.revision or "",
            weights=weights_of(config),
            preset=config.preset if config.generator == "local" else "",
            critic=config.critic_model or config.critic,
            seed=terms.seed,
            samples=terms.samples,
            settings=official if settings is None else _over(official, settings),
            rules={name: json.dumps(rules[name]) for name in sorted(variant.rules.model_fields_set)},
        )
        samples = self._drawn_by(about)
        drawing = Drawing(make, self.benchmark, about, folder, {sample.key: sample for sample in samples})
        generate(drawing, samples, spread or in_processes(1), shard=shard, tell=tell)

    def finish(self) -> None:
        """Write what the official layout wants besides single pictures, in every run that was drawn here."""
        for run in self.runs:
            if run.about().policy != "elsewhere":
                self.benchmark.finish(run.pictures, self._items(self._about(run).seed))

    def judge(
        self,
        folder: RunFolder,
        judge: Judge,
        *,
        shard: Shard = WHOLE,
        again: bool = False,
        tell: Callable[[int, int, Judged], None] = lambda done, total, judged: None,
    ) -> Counted:
        """Judge what is not judged yet; see `running.judge`. Items and samples are those of the run.

        Raises:
            BadSetting: the run is of another benchmark, data, seed or number of samples than this session.
        """
        return judge_pictures(judge, self._of(folder), folder, shard=shard, again=again, tell=tell)

    def undrawn(self, folder: RunFolder, shard: Shard = WHOLE) -> int:
        """How many pictures of a part of a run are not drawn yet.

        Raises:
            BadSetting: as `judge`; or lines are damaged.
        """
        done = by_key(folder.drawn_files, Drawn)
        samples = self._drawn_by(self._terms(folder))
        return sum(sample.key not in done for sample in samples[shard.number - 1 :: shard.of])

    def judge_of(self, options: JudgeOptions) -> Judge:
        """The benchmark's judge; its answers are kept in `answers/`. Raises: as `Benchmark.judge`."""
        kept = options if options.cache is not None else options._replace(cache=str(self.out / "answers"))
        return self.benchmark.judge(kept, self.data)

    def run(self, folder: RunFolder, judge: str | None = None) -> Run:
        """A run's lines. Raises: as `Run`; BadSetting as `judge`."""
        return Run(self.benchmark, self._of(folder), _with_pictures(folder, folder.about()), judge)

    def report(self, folder: RunFolder, judge: str | None = None) -> Report:
        """Write a run's report. Raises: as `run`, and as `write_report`."""
        return write_report(self.run(folder, judge))

    @property
    def runs(self) -> list[RunFolder]:
        """The runs that lie in the folder of results.

        Raises:
            BadSetting: what says what one is of is damaged.
        """
        folders = [RunFolder(path.parent) for path in sorted(self.out.glob("*/run.json"))]
        return [_with_pictures(folder, folder.about()) for folder in folders]

    def _in(self, home: Path) -> list[Sample]:
        """Every picture as a folder of pictures that were made elsewhere has it."""
        return samples_of(self.benchmark, self.items, self._chosen.samples, home)

    def _of(self, folder: RunFolder) -> list[Sample]:
        """Every picture as a run has it."""
        about = self._about(folder)
        home = Path(about.generator) if about.policy == "elsewhere" else None
        return samples_of(self.benchmark, self._items(about.seed), about.samples, home)

    def _drawn_by(self, about: About) -> list[Sample]:
        """Every picture as a run draws it."""
        return samples_of(self.benchmark, self._items(about.seed), about.samples)

    def _items(self, seed: int) -> list[Item]:
        # Data that are not made here are read once: no seed changes them.
        at = seed if self.benchmark.local else 0
        if at not in self._by_seed:
            items = self.benchmark.items(self.data, self.out / INPUTS, at)
            if not self._by_seed:
                self.pins = with_pictures(self.pins, items, self.data, self.out)
            self._by_seed[at] = first_of_each(items, self._chosen.limit)
        return self._by_seed[at]

    def _terms(self, folder: RunFolder) -> About:
        """Benchmark, data, seed and samples of a run: its own where it was begun, else those that were chosen."""
        chosen, of = self._chosen, self.benchmark
        noted = self._about(folder) if (folder.path / RUN_FILE).is_file() else None
        return About(
            benchmark=of.name,
            policy="",
            data=noted.data if noted else self.pins.digest,
            seed=noted.seed if noted else chosen.seed or 0,
            samples=noted.samples if noted else chosen.samples or of.samples,
        )

    def _about(self, folder: RunFolder) -> About:
        about, chosen = folder.about(), self._chosen
        here = {"benchmark": (self.benchmark.name,), "data": self.pins.digests}
        here |= {name: (wanted,) for name in ("seed", "samples") if (wanted := getattr(chosen, name)) is not None}
        for name, wanted in here.items():
            if (found := getattr(about, name)) not in wanted:
                raise BadSetting(
                    f"the {name} of the run in {cut(str(folder.path))} is {shown(found)}, here it is "
                    f"{shown(wanted[0])}; give what the run was made with, or another folder"
                )
        return about

    def _any_in(self, home: Path, given: Path) -> bool:
        inside = given.resolve()
        return any(
            (found := home / sample.path).is_file() and found.resolve().is_relative_to(inside)
            for sample in self._in(home)
        )


def in_processes(workers: int) -> Spreads:
    """Draws in so many processes of this machine; 1 draws in this one."""

    def spread(errand: Drawing, keys: list[str]) -> Iterator[Drawn]:
        return LocalExecutor(workers).run(errand, keys)

    return spread


def on_ray(workers: int, gpus: float, marks: Path) -> Spreads:
    """Draws on a Ray cluster, by at most so many workers that take so many GPUs each; it needs the extra ray."""
    from omniagent.data.recipe import Resources

    def spread(errand: Drawing, keys: list[str]) -> Iterator[Drawn]:
        from omniagent.data.executors.ray import RayExecutor

        needs = Resources(cpus=1, gpus=gpus, least=1, most=workers)
        return RayExecutor().spread(errand, keys, marks, needs)

    return spread


def _over(official: RenderSettings, given: RenderSettings) -> RenderSettings:
    set_here = {name: getattr(given, name) for name in given.model_fields_set if getattr(given, name) is not None}
    return official.model_copy(update=set_here)


def _with_pictures(folder: RunFolder, about: About) -> RunFolder:
    return RunFolder(folder.path, Path(about.generator)) if about.policy == "elsewhere" else folder
