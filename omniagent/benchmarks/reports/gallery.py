"""Pictures of a run on its page: the worst, the best and those without a score, each with its evidence."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from omniagent.benchmarks.items import Sample
from omniagent.benchmarks.judgement import Judgement
from omniagent.benchmarks.reports.figures import Run
from omniagent.model.wording import cut
from omniagent.runs.pages import small_picture

SIDE: Final = 224
INPUT_SIDE: Final = 112
EACH: Final = 24
"""How many of the worst, of the best, and of those without a score are shown."""

_MOST_WORDS: Final = 2000


class Card(NamedTuple):
    """An item on the page. `pictures` have the label of their run, which is empty where there is one run.

    `value` is what the worst and the best are told by; None where there is no score.
    """

    key: str
    group: str
    prompt: str
    value: float | None
    told: str
    reason: str
    evidence: tuple[str, ...]
    pictures: tuple[tuple[str, str | None], ...]
    inputs: tuple[str, ...]
    kind: str


def cards_of(run: Run) -> list[Card]:
    """The worst pictures of a run, then the best, then those without a score; equal ones by their keys."""
    part = run.benchmark.main.part
    values: dict[str, float] = {}
    cards: dict[str, Card] = {}
    for sample in run.samples:
        if (made := run.judgement_of(sample)) is None:
            continue
        if made.outcome == "scored" and part in made.scores:
            values[sample.key] = made.scores[part]
        cards[sample.key] = _card(sample, made, values.get(sample.key))
    return [
        _with_pictures(card, sample, [("", run)]) for card, sample in _chosen(run, cards, values, ("worst", "best"))
    ]


def cards_beside(runs: Sequence[Run], base: Run) -> list[Card]:
    """Items of several runs: those that the last run does worst and best on against the base, and others between.

    Where the last one is the base, the first is held against it.
    """
    other = next((run for run in reversed(runs) if run is not base), base)
    part = base.benchmark.main.part
    values: dict[str, float] = {}
    cards: dict[str, Card] = {}
    for sample in base.samples:
        made = [(run.folder.label, run.judgement_of(sample)) for run in runs]
        first, second = base.judgement_of(sample), other.judgement_of(sample)
        if first is None or second is None:
            continue
        if part in first.scores and part in second.scores:
            values[sample.key] = second.scores[part] - first.scores[part]
        told = "; ".join(f"{label}: {_told(one)}" for label, one in made if one is not None)
        evidence = tuple(f"{label}: {cut(one.reason, _MOST_WORDS)}" for label, one in made if one is not None)
        card = _card(sample, second, values.get(sample.key))
        cards[sample.key] = card._replace(told=told, reason="", evidence=evidence)
    shown = _chosen(base, cards, values, ("", ""))
    found: list[Card] = []
    for card, sample in shown:
        how = "better" if (card.value or 0) > 0 else "worse" if (card.value or 0) < 0 else "equal"
        kind = card.kind or f"{other.folder.label} {how}"
        made = _with_pictures(card._replace(kind=kind), sample, [(run.folder.label, run) for run in runs])
        found.append(made)
    return found


def groups_of(cards: Sequence[Card]) -> list[str]:
    """The groups there are, in order."""
    return list(dict.fromkeys(sorted(card.group for card in cards if card.group)))


def _chosen(
    run: Run, cards: Mapping[str, Card], values: Mapping[str, float], kinds: tuple[str, str]
) -> list[tuple[Card, Sample]]:
    samples = {sample.key: sample for sample in run.samples}
    ranked = sorted(values, key=lambda key: (values[key], key))
    middle = min(EACH, (len(ranked) + 1) // 2)
    worst, best = ranked[:middle], ranked[max(middle, len(ranked) - EACH) :]
    without = [key for key in cards if key not in values][:EACH]
    shown = [(key, kinds[0]) for key in worst] + [(key, kinds[1]) for key in reversed(best)]
    shown += [(key, "without a score") for key in without]
    return [(cards[key]._replace(kind=kind), samples[key]) for key, kind in shown]


def _card(sample: Sample, made: Judgement, value: float | None) -> Card:
    return Card(
        key=sample.key,
        group=sample.item.group,
        prompt=cut(sample.item.prompt, _MOST_WORDS),
        value=value,
        told=_told(made),
        reason=cut(made.reason, _MOST_WORDS),
        evidence=tuple(cut(line, _MOST_WORDS) for line in made.evidence),
        pictures=(),
        inputs=(),
        kind="",
    )


def _with_pictures(card: Card, sample: Sample, runs: Sequence[tuple[str, Run]]) -> Card:
    side = SIDE if len(runs) == 1 else SIDE // 2
    inputs = [small_picture(path, INPUT_SIDE) for path in sample.item.images]
    return card._replace(
        pictures=tuple((label, small_picture(run.folder.pictures / sample.path, side)) for label, run in runs),
        inputs=tuple(uri for uri in inputs if uri is not None),
    )


def _told(made: Judgement) -> str:
    if made.outcome != "scored":
        return made.outcome.replace("_", " ")
    return ", ".join(f"{name} {value:.4g}" for name, value in made.scores.items())
