"""The second phase: every picture that has no judgement yet, by one judge. No generator is loaded."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from omniagent.benchmarks.items import Look, Sample
from omniagent.benchmarks.judgement import Judge, Judgement
from omniagent.benchmarks.running.draw import Drawn
from omniagent.benchmarks.running.folder import WHOLE, RunFolder, Shard
from omniagent.benchmarks.running.ledger import Line, LineFile, by_key
from omniagent.model.errors import BadSetting, CriticUnavailable, RetryableError

_MOST_FAULTS: Final = 5
_ALL_TOO_LONG: Final = 5
"""Pictures, the first of a judge, that may all be too long for it before the phase ends."""


class Judged(Line):
    """A judgement as it is kept.

    Attributes:
        sha256: Of the picture's file.
        turn: How many judgements this judge had made of the picture before.
        seconds: What it took.
    """

    sha256: str
    judgement: Judgement
    turn: int = 0
    seconds: float = 0.0


class Counted(NamedTuple):
    """What a session of judging did: new judgements, and pictures that passing faults left without one."""

    judged: int
    faults: int


Tell = Callable[[int, int, Judged], None]
"""Told after each picture: how many of how many are judged, and how."""


def judge_pictures(
    judge: Judge,
    samples: Sequence[Sample],
    folder: RunFolder,
    *,
    shard: Shard = WHOLE,
    again: bool = False,
    tell: Tell = lambda done, total, judged: None,
) -> Counted:
    """Judge what is not judged yet. May be killed at any moment and called again.

    Pictures that are not there, or that the run could not draw, are left out here and counted by the report; one that
    changed since it was judged is judged anew.

    Args:
        judge: The judge.
        samples: All pictures of the run, of all shards.
        folder: Where they and the judgements are.
        shard: Which part of them.
        again: Judge those anew that have no score.
        tell: Told each judgement.

    Raises:
        BadSetting: the folder holds judgements by a judge of the same name that differs, or no picture fits the judge.
        OutputUnwritable, StorageFull: it cannot be written, or another process judges this part.
        CriticUnavailable: passing faults cost five pictures in a row.
    """
    identity = judge.identity
    with folder.held(f"judge-{identity.name}", shard):
        folder.begin_judging(identity)
        own = LineFile(folder.judged_file(identity.name, shard), Judged)
        own.mend()
        done = judgements(folder, identity.name)
        drawn = by_key(folder.drawn_files, Drawn)
        elsewhere = folder.about().policy == "elsewhere"
        there = [
            (sample, digest)
            for sample in samples[shard.number - 1 :: shard.of]
            if (elsewhere or (sample.key in drawn and drawn[sample.key].outcome == "drawn"))
            and (digest := _digest(folder.pictures / sample.path)) is not None
        ]
        left = [(sample, digest) for sample, digest in there if _wanted(done.get(sample.key), digest, again)]
        count, faults, lost = len(there) - len(left), 0, 0
        held: list[Judged] = []
        only_long = all(line.judgement.outcome == "too_long" for line in done.values())

        def keep(lines: Sequence[Judged]) -> None:
            nonlocal count
            for line in lines:
                own.add(line)
                tell(count := count + 1, len(there), line)

        for made in _judged(judge, left, folder):
            if isinstance(made, RetryableError):
                faults, lost = faults + 1, lost + 1
                if faults >= min(_MOST_FAULTS, len(left)):
                    keep(held)
                    raise CriticUnavailable(f"{faults} pictures in a row could not be judged, the last: {made}")
                continue
            faults = 0
            if (before := done.get(made.key)) is not None:
                made = made.model_copy(update={"turn": before.turn + 1})
            held.append(made)
            only_long = only_long and made.judgement.outcome == "too_long"
            # As long as all are too long no line is kept, also where the phase is stopped from outside meanwhile, so
            # that a longer context finds all of the pictures waiting.
            if only_long and len(held) < min(_ALL_TOO_LONG, len(left)):
                continue
            if only_long:
                raise BadSetting(
                    f"no picture fits the context of the judge {identity.name}: {made.judgement.reason}; serve it "
                    "with a longer context, or give another judge"
                )
            keep(held)
            held.clear()
        keep(held)
        return Counted(len(left) - lost, lost)


def judgements(folder: RunFolder, judge: str) -> dict[str, Judged]:
    """A judge's judgements of a run by the keys of the pictures; of several of one picture the newest.

    Raises:
        BadSetting: a file is damaged.
    """
    found: dict[str, Judged] = {}
    for path in folder.judged_files(judge):
        for line in LineFile(path, Judged).lines():
            if line.key not in found or line.turn >= found[line.key].turn:
                found[line.key] = line
    return found


def _wanted(line: Judged | None, digest: str, again: bool) -> bool:
    if line is None or line.sha256 != digest:
        return True
    return again and line.judgement.outcome != "scored"


def _judged(judge: Judge, left: Sequence[tuple[Sample, str]], folder: RunFolder) -> Iterator[Judged | RetryableError]:
    """Judgements as they come, so many at once as the judge allows; what ends the phase is raised."""

    def one(sample: Sample, digest: str) -> Judged:
        begun = time.monotonic()
        made = judge.judge(Look(sample, folder.pictures / sample.path))
        return Judged(key=sample.key, sha256=digest, judgement=made, seconds=round(time.monotonic() - begun, 3))

    if judge.at_once == 1:
        for sample, digest in left:
            try:
                yield one(sample, digest)
            except RetryableError as error:
                yield error
        return
    waiting: set[Future[Judged]] = set()
    todo = iter(left)
    pool = ThreadPoolExecutor(judge.at_once, thread_name_prefix="judge")
    try:
        while True:
            while len(waiting) < 2 * judge.at_once and (pair := next(todo, None)) is not None:
                waiting.add(pool.submit(one, *pair))
            if not waiting:
                return
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ended:
                try:
                    yield future.result()
                except RetryableError as error:
                    yield error
    finally:
        # Where the phase was ended early, a request that hangs is not waited for.
        pool.shutdown(wait=not waiting, cancel_futures=True)


def _digest(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadSetting(f"the picture {path} cannot be read: {error.strerror or error}") from error
