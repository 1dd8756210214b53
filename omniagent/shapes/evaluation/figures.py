"""The figures of a suite, each a share with its 95 % interval, and their table."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from omniagent.comparison.share import Share
from omniagent.shapes.evaluation.records import STAGES, Record, Stage


class SuiteFigures(BaseModel):
    """What a suite showed.

    `right` counts what was returned: pictures with every requirement met, answers, refusals that were due.
    `right_first` judges the first picture alone. `worse` counts returned pictures that meet fewer requirements than
    the first. `false_accept` is the share of wrong pictures (of all attempts) that the critic accepted, `false_reject`
    that of right pictures that it did not. `accepted_right` is the share of right ones among the pictures that were
    returned as accepted. `told` counts edits and reference tasks whose plan gives the ground-truth instruction.
    `refused` counts tasks inside the domain that were refused. `whole_plan` is the share of plans in which nothing was
    misread, `accepted_wrong` that of tasks whose picture or answer was accepted but wrong. `chain` counts what went
    wrong first: refused, misread, mispainted, misjudged, or nothing (returned). Of requests with a new word,
    `right_or_named` counts those that came out right, or were refused or asked about with that word named.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    tasks: int
    right: Share
    right_first: Share
    requirements: Share
    worse: Share
    false_accept: Share
    false_reject: Share
    accepted_right: Share
    told: Share
    refused: Share
    mode_right: Share
    whole_plan: Share
    accepted_wrong: Share
    right_or_named: Share
    chain: dict[Stage, int]
    errors: int
    pictures: int
    seconds_per_picture: float | None
    seconds_per_task: float | None


def figures_of(records: Sequence[Record]) -> SuiteFigures:
    """The figures of one suite's records. A task that ended in an error counts as not right."""
    drawn_ones = [one for record in records for one in record.attempts if not one.restored]
    judged = [one for one in drawn_ones if one.accepted_by_critic is not None]
    wrong = [attempt for attempt in judged if not attempt.right]
    right = [attempt for attempt in judged if attempt.right]
    pairs = [(r.first, r.returned) for r in records if r.first is not None and r.returned is not None]
    inside = [record for record in records if record.kind != "outside"]
    drawn = [record for record in records if record.kind in ("draw", "edit", "reference")]
    pictures = sum(record.pictures for record in records)
    return SuiteFigures(
        kind=" and ".join(dict.fromkeys(record.kind for record in records)),
        tasks=len(records),
        right=_share(record.right for record in records),
        right_first=_share(record.first is not None and record.first.right for record in drawn),
        requirements=Share(
            count=sum(r.returned.held for r in records if r.returned),
            of=sum(r.returned.of for r in records if r.returned),
        ),
        worse=_share(returned.held < first.held for first, returned in pairs),
        false_accept=_share(bool(attempt.accepted_by_critic) for attempt in wrong),
        false_reject=_share(not attempt.accepted_by_critic for attempt in right),
        accepted_right=_share(record.right for record in drawn if record.accepted),
        told=_share(record.told for record in records if record.told is not None),
        refused=_share(record.stop_reason == "refused" for record in inside),
        mode_right=_share(record.mode == record.expected_mode for record in records),
        whole_plan=_share(bool(record.plan_right) for record in records),
        accepted_wrong=_share(record.accepted and not record.right for record in records),
        right_or_named=_share(
            record.right or (record.named and not record.accepted) for record in records if record.new_word
        ),
        chain={stage: sum(record.stage == stage for record in records) for stage in STAGES},
        errors=sum(record.error is not None for record in records),
        pictures=pictures,
        seconds_per_picture=sum(r.generator_seconds for r in records) / pictures if pictures else None,
        seconds_per_task=sum(record.seconds for record in records) / len(records) if records else None,
    )


def _share(holds: Iterable[bool]) -> Share:
    every = list(holds)
    return Share(count=sum(every), of=len(every))


_ROWS = (
    ("right at the first attempt", "right_first"),
    ("right as returned", "right"),
    ("requirements held as returned", "requirements"),
    ("returned worse than the first", "worse"),
    ("critic accepts a wrong picture", "false_accept"),
    ("critic rejects a right picture", "false_reject"),
    ("accepted and right, of the accepted", "accepted_right"),
    ("ground-truth instruction", "told"),
    ("inside the domain, refused", "refused"),
    ("mode of the plan right", "mode_right"),
    ("whole plan right", "whole_plan"),
    ("accepted but wrong, of all", "accepted_wrong"),
    ("new word: right, or named", "right_or_named"),
)


def table(suites: Sequence[SuiteFigures]) -> str:
    """The figures as a Markdown table, one column a suite."""
    head = ["", *(suite.kind for suite in suites)]
    rows = [head, ["---"] * len(head), ["tasks", *(str(suite.tasks) for suite in suites)]]
    rows += [[words, *(str(getattr(suite, name)) for suite in suites)] for words, name in _ROWS]
    for stage in STAGES:
        words = f"chain: {stage}" if stage == "returned" else f"chain: first {stage}"
        rows.append([words, *(str(suite.chain.get(stage, 0)) for suite in suites)])
    rows.append(["ended in an error", *(str(suite.errors) for suite in suites)])
    rows.append(["pictures", *(str(suite.pictures) for suite in suites)])
    rows.append(["seconds a picture", *(_seconds(suite.seconds_per_picture) for suite in suites)])
    rows.append(["seconds a task", *(_seconds(suite.seconds_per_task) for suite in suites)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"
