"""Runs the cases of a golden folder and says of each how near it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.parity import chat, dit, full_size, image, lora, pipeline, scheduler, text, train, vae
from tests.parity.compare import Difference, worst
from tests.parity.golden import Case, Golden, NotCovered

Check = Callable[[Case], Iterable[Difference]]
CHECKS: dict[str, Check] = {
    "dit": dit.check,
    "scheduler": scheduler.check,
    "vae": vae.check,
    "image": image.check,
    "text": text.check,
    "pipeline": pipeline.check,
    "chat": chat.check,
    "lora": lora.check,
    "train": train.check,
    "full_size_state_dict_shapes": full_size.check,
}


@dataclass(frozen=True)
class Verdict:
    """What came of one case; `note` says why it is a miss."""

    name: str
    ok: bool
    error: float
    tolerance: float
    note: str = ""

    def __str__(self) -> str:
        line = f"{self.name} {'ok' if self.ok else 'miss'} {self.error:.3g} {self.tolerance:.3g}"
        return f"{line}  # {self.note}" if self.note else line


def judge(case: Case) -> Verdict:
    """Run one case; whatever it raises makes it a miss."""
    tolerance = max(case.tolerance.values(), default=0.0)
    if case.kind not in CHECKS:
        return Verdict(case.name, False, float("nan"), tolerance, f"kind {case.kind} is not covered yet")
    try:
        found = worst(CHECKS[case.kind](case))
    except NotCovered as reason:
        return Verdict(case.name, False, float("nan"), tolerance, str(reason))
    except Exception as error:  # a broken case must not hide the others
        return Verdict(case.name, False, float("nan"), tolerance, f"{type(error).__name__}: {error}"[:300])
    return Verdict(case.name, found.ok, found.error, found.tolerance, "" if found.ok else found.what)


def run(folder: Path, kinds: frozenset[str] | None = None) -> Iterator[Verdict]:
    """Verdicts of all cases, or of those of some kinds, in the order of the manifest."""
    for case in Golden(folder).cases():
        if kinds is None or case.kind in kinds:
            yield judge(case)
