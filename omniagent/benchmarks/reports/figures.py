"""The figures of one run from its lines: totals with intervals, what has no score and why, warnings, and cost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import Field

from omniagent.benchmarks.base import Benchmark, Column
from omniagent.benchmarks.items import Sample
from omniagent.benchmarks.judgement import OUTCOMES, Identity, Judgement, Outcome
from omniagent.benchmarks.running.draw import Drawn
from omniagent.benchmarks.running.folder import About, RunFolder
from omniagent.benchmarks.running.judge import judgements
from omniagent.benchmarks.running.ledger import by_key
from omniagent.benchmarks.statistics import Estimate, Scored, estimate
from omniagent.model.errors import BadSetting
from omniagent.model.wording import counted, cut
from omniagent.tools.types import Word

_WORDS: Final[Mapping[Outcome, str]] = {
    "scored": "scored",
    "refused": "the judge refused",
    "unreadable": "the answer, the picture or the data cannot be read",
    "too_long": "did not fit the judge's context",
    "missing": "no picture there",
    "not_drawn": "could not be drawn",
}


class Figure(Word):
    """One column: its total as it is shown, with its interval, over `of` pictures; None where there are none."""

    label: str
    estimate: Estimate | None
    of: int
    digits: int
    main: bool = False

    def __str__(self) -> str:
        return "—" if self.estimate is None else f"{self.estimate.value:.{self.digits}f}"

    @property
    def interval(self) -> str:
        """The ends of the 95 % interval."""
        found = self.estimate
        return "" if found is None else f"{found.low:.{self.digits}f} to {found.high:.{self.digits}f}"


class Cost(Word):
    """What a run cost. Seconds and dates are kept apart from the report, since they differ from run to run."""

    pictures: int = 0
    critic_calls: int = 0
    judge_calls: int = 0


class Report(Word):
    """One run, judged by one judge.

    `items` and `samples` are those of the run; `outcomes` counts its pictures, `waiting` those not judged yet.
    """

    benchmark: str
    title: str
    label: str
    about: About
    judge: Identity
    items: int
    samples: int
    waiting: int
    outcomes: dict[Outcome, int]
    figures: tuple[Figure, ...]
    cost: Cost
    warnings: tuple[str, ...] = ()
    reasons: dict[str, int] = Field(default={}, description="why pictures have no score, by the words of the run")

    @property
    def main(self) -> Figure:
        """The headline."""
        return next(figure for figure in self.figures if figure.main)

    @property
    def told(self) -> tuple[tuple[str, int], ...]:
        """The outcomes in words with their counts, those that happened."""
        found = [(_WORDS[outcome], self.outcomes[outcome]) for outcome in OUTCOMES if self.outcomes.get(outcome)]
        return (*found, *([("not judged yet", self.waiting)] if self.waiting else []))


class Run:
    """The lines of a run as the reports read them.

    Args:
        benchmark: Of which it is.
        samples: All its pictures.
        folder: Where it lies.
        judge: The name of the judge; None where there is just one.

    Raises:
        BadSetting: there is no run or no judge of that name, or lines are damaged.
    """

    def __init__(
        self, benchmark: Benchmark, samples: Sequence[Sample], folder: RunFolder, judge: str | None = None
    ) -> None:
        self.benchmark, self.samples, self.folder = benchmark, samples, folder
        self.about = folder.about()
        self.identity = folder.identity(judge or _only(folder))
        self.drawn = by_key(folder.drawn_files, Drawn)
        self.judged = judgements(folder, self.identity.name)

    def judgement_of(self, sample: Sample) -> Judgement | None:
        """What is known of a picture; None where it waits for the judge."""
        if (line := self.judged.get(sample.key)) is not None:
            return line.judgement
        drawn = self.drawn.get(sample.key)
        if drawn is not None and drawn.outcome == "not_drawn":
            return Judgement(outcome="not_drawn", reason=f"{drawn.stop}: {drawn.message}")
        if not (self.folder.pictures / sample.path).is_file():
            return Judgement(outcome="missing", reason=f"{sample.path} is not there")
        return None

    def scored(self, column: Column) -> list[Scored]:
        """The values of a column."""
        found: list[Scored] = []
        for sample in self.samples:
            made = self.judgement_of(sample)
            if made is None or made.outcome != "scored" or column.part not in made.scores:
                continue
            item = sample.item
            if column.group in (None, item.group):
                weight = 1.0 if column.weight is None else made.scores[column.weight]
                found.append(Scored(sample.key, item.cluster or item.key, item.group, made.scores[column.part], weight))
        return found

    def report(self) -> Report:
        """The figures. The order of lines, and so shards, make no difference."""
        made = [self.judgement_of(sample) for sample in self.samples]
        known = [one for one in made if one is not None]
        outcomes = Counter[Outcome](one.outcome for one in known)
        reasons = Counter(cut(one.reason, 120) for one in known if one.outcome != "scored")
        lines = [self.drawn[sample.key] for sample in self.samples if sample.key in self.drawn]
        return Report(
            benchmark=self.benchmark.name,
            title=self.benchmark.title,
            label=self.folder.label,
            about=self.about,
            judge=self.identity,
            items=len({sample.item.key for sample in self.samples}),
            samples=len(self.samples),
            waiting=len(made) - len(known),
            outcomes={outcome: outcomes[outcome] for outcome in OUTCOMES if outcomes[outcome]},
            figures=tuple(
                figure_of(column, self.scored(column), share=column.part == self.benchmark.right)
                for column in self.benchmark.columns
            ),
            cost=Cost(
                pictures=sum(line.pictures for line in lines),
                critic_calls=sum(line.calls for line in lines),
                judge_calls=sum(len(one.calls) for one in known),
            ),
            warnings=tuple(self._warnings(outcomes, len(made) - len(known))),
            reasons=dict(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))[:12]),
        )

    def _warnings(self, outcomes: Mapping[Outcome, int], waiting: int) -> list[str]:
        benchmark, found = self.benchmark, list(self.identity.differs)
        items = len({sample.item.key for sample in self.samples})
        if benchmark.items_in_full is not None and items != benchmark.items_in_full:
            found.append(f"{items} of the benchmark's {counted(benchmark.items_in_full, 'item')}")
        if self.about.samples != benchmark.samples:
            found.append(f"{counted(self.about.samples, 'picture')} an item, the benchmark has {benchmark.samples}")
        official = benchmark.settings
        if self.about.policy != "elsewhere" and self.about.settings != official:
            set_here = {
                name: getattr(self.about.settings, name)
                for name in type(official).model_fields
                if getattr(self.about.settings, name) != getattr(official, name)
            }
            told = ", ".join(f"{name} {cut(str(value), 40)}" for name, value in set_here.items())
            found.append(f"drawn by other settings than the official script's: {told}")
        if self.about.preset not in ("", "quality"):
            found.append(f"drawn with the preset {self.about.preset}, which is not exact")
        if self.about.policy not in ("single", "elsewhere"):
            found.append(
                f"the policy {self.about.policy} may draw {counted(self.about.pictures, 'picture')} for each that is "
                "judged; published rows draw one"
            )
        if self.identity.settings.get("as_published") == "true":
            found.append("known faults of the official script are reproduced (--as-published)")
        if waiting:
            found.append(f"{counted(waiting, 'picture')} are not judged yet")
        if lacking := self._groups_without_a_score():
            found.append(f"no picture of {', '.join(lacking)} has a score, so totals are over the other groups")
        without = sum(number for outcome, number in outcomes.items() if outcome != "scored")
        if without:
            found.append(f"{counted(without, 'picture')} have no score and are left out of every total")
        return found

    def _groups_without_a_score(self) -> list[str]:
        groups = dict.fromkeys(sample.item.group for sample in self.samples)
        there = {one.stratum for one in self.scored(self.benchmark.main)}
        return [group for group in groups if group not in there] if there else []


def figure_of(column: Column, scored: Sequence[Scored], *, share: bool = False) -> Figure:
    """A column's total over these values, on the scale on which it is shown; `share` as `estimate` has it."""
    found = estimate(scored, column.aggregate, share=share) if scored else None
    if found is not None and column.scale != 1:
        found = Estimate(**{name: value * column.scale for name, value in found.model_dump().items()})
    return Figure(label=column.label, estimate=found, of=len(scored), digits=column.digits, main=column.main)


def _only(folder: RunFolder) -> str:
    judges = folder.judges
    if len(judges) != 1:
        said = f"was judged by {', '.join(judges)}; name one with --judge-name" if judges else "was not judged yet"
        raise BadSetting(f"{cut(str(folder.path))} {said}")
    return judges[0]
