"""Intervals of a benchmark's totals, where pictures of one prompt are alike and totals are means of means.

Clusters (a prompt, a subject) are drawn with replacement, whole, and within their strata (a task, a tag), so that each
resample has as many of every task as the benchmark has. Source: A. C. Davison and D. V. Hinkley, Bootstrap Methods and
their Application, 1997, sections 3.2 and 3.8.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from omniagent.comparison import Range
from omniagent.comparison.resampling import RESAMPLES, Numbers, drawn, ends
from omniagent.model.errors import BadSetting
from omniagent.model.intervals import wilson
from omniagent.model.wording import shown


class Scored(NamedTuple):
    """A judged thing: a picture, an answer, an item.

    Attributes:
        key: Its name, once in a run.
        cluster: What it shares with others whose values are not independent of its own, such as the prompt.
        stratum: The task, tag or type that it belongs to; empty where there are none.
        value: Its score, in the benchmark's own unit.
        weight: How many things, such as a picture's questions, the value is the mean of; above 0.
    """

    key: str
    cluster: str
    stratum: str
    value: float
    weight: float = 1.0


class Estimate(Range):
    """A figure, the ends of its 95 % interval, and its standard error, all by resampling clusters."""

    standard_error: float


Aggregate: TypeAlias = Callable[[Numbers, Numbers], Numbers]
"""A total from sums and numbers of each stratum, both (resamples, strata) with strata in alphabetical order."""


def mean_of_items(sums: Numbers, numbers: Numbers) -> Numbers:
    """The mean over everything, whatever its stratum; an `Aggregate`."""
    return sums.sum(axis=1) / numbers.sum(axis=1)


def mean_of_strata(sums: Numbers, numbers: Numbers) -> Numbers:
    """The unweighted mean of the means of the strata; an `Aggregate`."""
    return (sums / numbers).mean(axis=1)


def estimate(
    scored: Iterable[Scored], aggregate: Aggregate = mean_of_items, *, seed: int = 0, share: bool = False
) -> Estimate:
    """A total with its interval.

    The order of `scored` does not matter: merged shards give what one run gives, to the bit. A stratum of one cluster
    adds nothing to the width of the interval, since one cluster tells nothing of the spread.

    Args:
        scored: The values.
        aggregate: The total of them.
        seed: Of the resamples.
        share: Whether a value is 1 for right and 0 for wrong. Where all are the same, resampling shows no width: the
            ends are then those of the Wilson interval over clusters.

    Raises:
        BadSetting: there is nothing, a key comes twice, or a value is not finite.
    """
    rows = _in_order(scored)
    table = _Table(rows)
    found = _estimate(aggregate(*table.whole(rows)), aggregate(*table.resampled(rows, seed)))
    if share and (values := {row.value for row in rows}) in ({0.0}, {1.0}):
        clusters = len({row.cluster for row in rows})
        low, high = wilson(clusters * int(values.pop()), clusters)
        return found.model_copy(update={"low": low, "high": high})
    return found


def paired(
    first: Iterable[Scored], second: Iterable[Scored], aggregate: Aggregate = mean_of_items, *, seed: int = 0
) -> Estimate:
    """The total of `first` less that of `second`, both over the keys that they have in common.

    Both totals are taken of the same resampled clusters, so that what is hard in a prompt for both cancels out.

    Raises:
        BadSetting: no key is common, one comes twice in a run or with another cluster or stratum, or as `estimate`.
    """
    ours = {row.key: row for row in _in_order(first)}
    theirs = {row.key: row for row in _in_order(second)}
    rows = [row for key, row in ours.items() if key in theirs]
    if not rows:
        raise BadSetting("the two runs have no item in common; compare runs of one benchmark and one set of items")
    for row in rows:
        other = theirs[row.key]
        if (row.cluster, row.stratum, row.weight) != (other.cluster, other.stratum, other.weight):
            raise BadSetting(
                f"item {shown(row.key)} is of {shown(row.cluster)}, {shown(row.stratum)} in one run and of "
                f"{shown(other.cluster)}, {shown(other.stratum)} in the other; compare runs over the same data"
            )
    table = _Table(rows)
    others = [theirs[row.key] for row in rows]
    return _estimate(
        aggregate(*table.whole(rows)) - aggregate(*table.whole(others)),
        aggregate(*table.resampled(rows, seed)) - aggregate(*table.resampled(others, seed)),
    )


class _Table:
    """Where the values of rows go: into one cell for each cluster and stratum."""

    def __init__(self, rows: Sequence[Scored]) -> None:
        self._clusters = {name: at for at, name in enumerate(dict.fromkeys(row.cluster for row in rows))}
        self._strata = {name: at for at, name in enumerate(sorted({row.stratum for row in rows}))}
        self._at = [self._clusters[row.cluster] for row in rows], [self._strata[row.stratum] for row in rows]
        self._numbers = self._cells([row.weight for row in rows])

    def whole(self, rows: Sequence[Scored]) -> tuple[Numbers, Numbers]:
        """Sums and numbers of each stratum, (1, strata)."""
        return self._sums(rows).sum(axis=0, keepdims=True), self._numbers.sum(axis=0, keepdims=True)

    def resampled(self, rows: Sequence[Scored], seed: int) -> tuple[Numbers, Numbers]:
        """Sums and numbers of each stratum in each resample, (resamples, strata)."""
        cells = self._sums(rows)
        sums, numbers = (np.zeros((RESAMPLES, len(self._strata))) for _ in range(2))
        # A cluster may reach over several strata, as a prompt with questions of many kinds does: clusters that are in
        # the same strata are drawn among one another.
        kinds, kind_of = np.unique(self._numbers > 0, axis=0, return_inverse=True)
        for kind in range(len(kinds)):
            of_kind = np.flatnonzero(kind_of.reshape(-1) == kind)
            chosen = drawn(len(of_kind), seed + kind)
            times = np.zeros(chosen.shape)
            np.add.at(times, (np.arange(RESAMPLES)[:, None], chosen), 1.0)
            sums += times @ cells[of_kind]
            numbers += times @ self._numbers[of_kind]
        return sums, numbers

    def _sums(self, rows: Sequence[Scored]) -> Numbers:
        return self._cells([row.value * row.weight for row in rows])

    def _cells(self, values: Sequence[float]) -> Numbers:
        cells = np.zeros((len(self._clusters), len(self._strata)))
        np.add.at(cells, self._at, np.asarray(values, dtype=np.float64))
        return cells


def _in_order(scored: Iterable[Scored]) -> list[Scored]:
    rows = sorted(scored, key=lambda row: (row.stratum, row.cluster, row.key))
    if not rows:
        raise BadSetting("there is nothing to take a mean of; judge at least one item first")
    seen: set[str] = set()
    for row in rows:
        if row.key in seen:
            raise BadSetting(f"item {shown(row.key)} comes twice; each item of a run counts once")
        if not np.isfinite(row.value) or not row.weight > 0:
            raise BadSetting(
                f"the score of item {shown(row.key)} is {row.value}, with the weight {row.weight}; leave out what was "
                "not judged"
            )
        seen.add(row.key)
    return rows


def _estimate(value: Numbers, resampled: Numbers) -> Estimate:
    low, high = ends(resampled)
    return Estimate(value=float(value[0]), low=low, high=high, standard_error=float(resampled.std(ddof=1)))
