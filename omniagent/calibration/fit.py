"""From verdicts on known pictures to error rates, thresholds, weights, and the share of wrong pictures accepted."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, get_args

from omniagent.calibration.judged import JudgedLine, JudgedPicture, Piece
from omniagent.model.critic.calibration.record import KindMeasured, Rate, Rates
from omniagent.model.profile import CriticProfile, Thresholds
from omniagent.tools.instruments.agreement import answer_of, settled, weight_of
from omniagent.tools.types import Answer, RequirementKind

FEWEST: Final = 12
"""Lines that hold, and lines that do not, from which thresholds of a kind are looked for."""

FOLDS: Final = 5
UNSURE: Final = 0.35
"""What an unsure verdict costs beside a wrong one, which costs 1: guessing costs 0.5, so a doubt is worth some."""

_BY_THRESHOLD: Final = frozenset({"probability", "pair", "number"})
"""Instruments that give a probability; others say yes or no by arithmetic, whatever the thresholds."""

_YES: Final = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
_NO: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9)
_Z: Final = 1.96

Weights = dict[str, float]
Said = Callable[[JudgedLine], Answer]


class Fitted(NamedTuple):
    """What follows from measured lines: by kind, and for whole pictures."""

    kinds: dict[str, KindMeasured]
    false_accept: Rate
    right_accept: Rate


@dataclass(frozen=True, slots=True)
class _Chosen:
    thresholds: Thresholds | None
    weights: Weights
    note: str


def fitted(pictures: Sequence[JudgedPicture], profile: CriticProfile) -> Fitted:
    """Error rates of a critic, and what its verdicts should be taken by.

    `thresholds` of a kind are those of least cost, a wrong verdict costing 1 and an unsure one 0.35 (C. K. Chow, On
    optimum recognition error and reject tradeoff, IEEE Trans. Inf. Theory 16, 1970). The profile's own stand where
    they cost no more than one standard error above the best (Breiman et al., Classification and Regression Trees,
    1984, section 3.4.3), where lines are few, and where the verdicts do not tell what holds from what does not.

    An instrument's weight is the log odds of its being right, (1 + J) / (1 - J) with Youden's J, as votes are weighed
    best (S. Nitzan and J. Paroush, Optimal decision rules in uncertain dichotomous choice situations, Int. Econ. Rev.
    23, 1982), the best one of a kind having 1; one that does not discern has 0, unless none of its kind does.

    Whole pictures are judged by thresholds and weights that were found on four fifths of the pictures, among which is
    neither the picture itself nor any that is made of the same one.

    Args:
        pictures: As `measure` gives them.
        profile: Of the critic, before any calibration.
    """
    by_kind = _by_kind(pictures)
    kinds: dict[str, KindMeasured] = {}
    for kind, lines in by_kind.items():
        own, chosen = profile.thresholds_for(kind), _chosen(lines, profile.thresholds_for(kind))
        kinds[kind] = KindMeasured(
            before=rates(lines, lambda line, own=own: said_of(line, own, {})),
            after=rates(lines, lambda line, own=own, one=chosen: said_of(line, one.thresholds or own, one.weights)),
            instruments={name: _instrument(lines, name, own) for name in _instruments(lines)},
            thresholds=chosen.thresholds,
            weights=chosen.weights,
            note=chosen.note,
        )
    accepted = _cross_fitted(pictures, profile)
    return Fitted(
        kinds,
        false_accept=_rate(accepted[one.name] for one in pictures if not one.right),
        right_accept=_rate(accepted[one.name] for one in pictures if one.right),
    )


def said_of(line: JudgedLine, thresholds: Thresholds, weights: Weights) -> Answer:
    """The verdict on a line by other thresholds and weights."""
    if not line.pieces:
        return line.answer
    pieces: list[tuple[Answer, float, float]] = []
    for piece in line.pieces:
        answer = _answer(piece, thresholds)
        pieces.append((answer, piece.probability, weight_of(piece.instrument, answer, weights)))
    return settled(pieces, thresholds)[0]


def rates(lines: Iterable[JudgedLine], said: Said) -> Rates:
    """How often which verdict is given of what holds and of what does not."""
    told = [(line.holds, said(line)) for line in lines]
    return Rates(
        true_yes=_rate(answer == "yes" for holds, answer in told if holds),
        false_yes=_rate(answer == "yes" for holds, answer in told if not holds),
        false_no=_rate(answer == "no" for holds, answer in told if holds),
    )


def separates(lines: Sequence[JudgedLine]) -> bool:
    """Whether what holds gets higher probabilities than what does not: the area under the curve is above chance.

    By the rank statistic, and the error of that under chance alone (H. B. Mann and D. R. Whitney, Ann. Math. Stat. 18,
    1947): nothing is assumed of how the probabilities lie, and a constant has no area above one half.
    """
    high = [_mean(line) for line in lines if line.holds and line.pieces]
    low = [_mean(line) for line in lines if not line.holds and line.pieces]
    if not high or not low:
        return False
    above = sum((a > b) + 0.5 * (a == b) for a in high for b in low) / (len(high) * len(low))
    error = math.sqrt((len(high) + len(low) + 1) / (12 * len(high) * len(low)))
    return above - 0.5 > _Z * error


def _chosen(lines: Sequence[JudgedLine], own: Thresholds) -> _Chosen:
    true, false = sum(line.holds for line in lines), sum(not line.holds for line in lines)
    if min(true, false) < FEWEST:
        return _Chosen(None, {}, f"too few: {true} hold and {false} do not, {FEWEST} of each are needed")
    if not separates(lines):
        return _Chosen(None, {}, "no power: what holds and what does not get the same answers")
    weights = _weights(lines, own)
    mine = _costs(lines, own, weights)
    if not any(mine):
        return _Chosen(None, weights, "")
    pairs = [Thresholds(yes=yes, no=no) for yes in _YES for no in _NO if no <= yes]
    found = [(_costs(lines, one, weights), one) for one in pairs]
    least, best = min(found, key=lambda pair: (_cost(lines, pair[0]), _apart(pair[1], own)))
    gain, error = _gain(lines, mine, least)
    if gain <= error or gain <= 0:
        return _Chosen(None, weights, "")
    return _Chosen(best, weights, "")


def _weights(lines: Sequence[JudgedLine], own: Thresholds) -> Weights:
    names = _instruments(lines)
    if len(names) < 2:
        return {}
    measured = {name: _instrument(lines, name, own) for name in names}
    odds = {name: _log_odds(one) for name, one in measured.items() if one.discerns}
    most = max(odds.values(), default=0.0)
    if most <= 0:
        return {}
    return {name: round(odds[name] / most, 2) if name in odds else 0.0 for name in names}


def _log_odds(one: Rates) -> float:
    """Of being right; half a case added to each count keeps it finite."""
    true = (one.true_yes.count + 0.5) / (one.true_yes.of + 1)
    false = (one.false_yes.count + 0.5) / (one.false_yes.of + 1)
    return math.log((1 + true - false) / (1 - true + false))


def _costs(lines: Sequence[JudgedLine], thresholds: Thresholds, weights: Weights) -> list[float]:
    """Of the verdict on each line."""
    right = {True: "yes", False: "no"}
    known: dict[tuple[Answer, tuple[Piece, ...]], Answer] = {}
    costs: list[float] = []
    for line in lines:
        # Many lines get the same answers, of critics without log-probabilities most of them.
        key = (line.answer, line.pieces)
        answer = known.get(key) or known.setdefault(key, said_of(line, thresholds, weights))
        costs.append(UNSURE if answer == "unsure" else float(answer != right[line.holds]))
    return costs


def _cost(lines: Sequence[JudgedLine], costs: Sequence[float]) -> float:
    """Of what holds and of what does not, both weighing the same, however many there are."""
    return sum(
        sum(cost for line, cost in zip(lines, costs, strict=True) if line.holds == holds)
        / sum(line.holds == holds for line in lines)
        for holds in (True, False)
    )


def _gain(lines: Sequence[JudgedLine], before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """How much less is paid, and the standard error of that."""
    gain = variance = 0.0
    for holds in (True, False):
        apart = [b - a for line, b, a in zip(lines, before, after, strict=True) if line.holds == holds]
        mean = sum(apart) / len(apart)
        gain += mean
        variance += sum((one - mean) ** 2 for one in apart) / max(1, len(apart) - 1) / len(apart)
    return gain, math.sqrt(variance)


def _cross_fitted(pictures: Sequence[JudgedPicture], profile: CriticProfile) -> dict[str, bool]:
    """Whether each picture is accepted whole, by what the others teach."""
    accepted: dict[str, bool] = {}
    # Pictures that are made of the same one stay together, in whatever order they come.
    groups = tuple(dict.fromkeys(one.group or one.name for one in pictures))
    fold_of = {group: number % FOLDS for number, group in enumerate(groups)}
    for fold in range(FOLDS):
        inside = [one for one in pictures if fold_of[one.group or one.name] == fold]
        names = {one.name for one in inside}
        taught = _by_kind([one for one in pictures if one.name not in names])
        chosen = {kind: _chosen(lines, profile.thresholds_for(kind)) for kind, lines in taught.items()}
        for one in inside:
            accepted[one.name] = all(_says_yes(line, chosen.get(line.kind), profile) for line in one.lines)
    return accepted


def _says_yes(line: JudgedLine, chosen: _Chosen | None, profile: CriticProfile) -> bool:
    own = profile.thresholds_for(line.kind)
    if chosen is None:
        return said_of(line, own, {}) == "yes"
    return said_of(line, chosen.thresholds or own, chosen.weights) == "yes"


def _by_kind(pictures: Iterable[JudgedPicture]) -> dict[str, list[JudgedLine]]:
    found: dict[str, list[JudgedLine]] = {kind: [] for kind in get_args(RequirementKind)}
    for picture in pictures:
        for line in picture.lines:
            found[line.kind].append(line)
    return {kind: lines for kind, lines in found.items() if lines}


def _instruments(lines: Iterable[JudgedLine]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(piece.instrument for line in lines for piece in line.pieces))


def _instrument(lines: Iterable[JudgedLine], name: str, thresholds: Thresholds) -> Rates:
    """Of the lines that it said something of."""

    def said(line: JudgedLine) -> Answer:
        return next(_answer(piece, thresholds) for piece in line.pieces if piece.instrument == name)

    return rates([line for line in lines if any(piece.instrument == name for piece in line.pieces)], said)


def _answer(piece: Piece, thresholds: Thresholds) -> Answer:
    return answer_of(piece.probability, thresholds) if piece.instrument in _BY_THRESHOLD else piece.answer


def _mean(line: JudgedLine) -> float:
    return sum(piece.probability for piece in line.pieces) / len(line.pieces)


def _apart(one: Thresholds, other: Thresholds) -> float:
    return abs(one.yes - other.yes) + abs(one.no - other.no)


def _rate(told: Iterable[bool]) -> Rate:
    found = list(told)
    return Rate(count=sum(found), of=len(found))
