"""A measurement as a Markdown table and a few sentences."""

from pathlib import Path

from omniagent.graphs.policy import useful_candidates
from omniagent.model.critic.calibration.identity import Identity
from omniagent.model.critic.calibration.record import KindMeasured, Measurement, Rates
from omniagent.model.critic.calibration.store import UnusableMeasurement, read_measurement


def table(measured: Measurement) -> str:
    """Rates by kind and instrument with their 95 % intervals, thresholds and weights, then what follows."""
    rows = [("kind", "yes of what holds", "yes of what does not", "thresholds", "weight", "note")]
    for kind, one in measured.kinds.items():
        rows.append((kind, *_rates(one.before), _thresholds(one), "", one.note))
        if one.after != one.before:
            rows.append(("→ calibrated", *_rates(one.after), "", "", ""))
        rows += [
            (f"· {name}", *_rates(found), "", _weight(one, name), "" if found.discerns else "does not discern")
            for name, found in one.instruments.items()
        ]
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join((head, f"|{' --- |' * len(rows[0])}", *body, "", *lines(measured)))


def lines(measured: Measurement) -> tuple[str, ...]:
    """What was measured, in sentences."""
    many = ", ".join(f"{count} {name}" for name, count in measured.pictures.items())
    told = [
        f"measured {measured.measured} on {many}: {measured.identity.model}",
        f"accepted whole: {measured.right_accept} of right pictures, {measured.false_accept} of wrong ones",
    ]
    used = measured.in_use.false_accept
    if used is not None:
        told.append(f"candidates: at most {useful_candidates(used)} a round, by h = {used:.0%} (upper end)")
    if not measured.discerns:
        told.append("this critic does not tell right pictures from wrong ones here: use another one, or more pictures")
    return tuple(told)


def _rates(one: Rates) -> tuple[str, str]:
    return str(one.true_yes), str(one.false_yes)


def _thresholds(one: KindMeasured) -> str:
    limits = one.thresholds
    return "as they were" if limits is None else f"yes from {limits.yes:g}, no to {limits.no:g}"


def _weight(one: KindMeasured, name: str) -> str:
    return f"{one.weights.get(name, 1.0):g}"


def state_of(folder: Path, identity: Identity) -> tuple[str, ...]:
    """What is kept of a critic, in sentences: its measurement, why that cannot be used, or how to make one."""
    try:
        measured = read_measurement(folder, identity)
    except UnusableMeasurement as error:
        return (str(error),)
    if measured is None:
        return ("none; omniagent calibrate measures this critic on pictures with planted faults",)
    changed = {kind: one for kind, one in measured.kinds.items() if one.thresholds is not None}
    return (*lines(measured), *(f"thresholds of {kind}: {_thresholds(one)}" for kind, one in changed.items()))
