"""Asking a critic about known pictures, in the way in which the agent asks it about its own."""

import hashlib
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from omniagent.calibration.cases import KnownPicture
from omniagent.calibration.judged import JudgedLine, JudgedPicture, Ledger, Piece
from omniagent.model.errors import CriticBadOutput
from omniagent.model.guarded import bare
from omniagent.model.requests import CancelToken
from omniagent.model.runtime import ModelRuntime
from omniagent.tools.config import ThresholdSettings, ToolConfig
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.dialects import dialect_of
from omniagent.tools.meter import CallMeter
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt, Requirement, Verdict

MOST_UNREADABLE: Final = 5
"""Pictures in a row of which nothing can be read, before the critic is given up."""

_CALLS: Final = 10**9

Tell = Callable[[int, JudgedPicture], None]
"""Called with the number of pictures judged so far and the last of them."""


def alone(runtime: ModelRuntime) -> ModelRuntime:
    """The same models, of which no stand-in answers for the critic, and nothing measured changes its profile."""
    detector = None if runtime.detector is None else runtime.detector.inner
    return ModelRuntime(bare(runtime.generator), bare(runtime.critic), reader=runtime.reader, detector=detector)


def measure(
    runtime: ModelRuntime,
    pictures: Iterable[KnownPicture],
    ledger: Ledger,
    *,
    config: ToolConfig,
    token: CancelToken,
    tell: Tell = lambda number, judged: None,
) -> tuple[JudgedPicture, ...]:
    """Every picture with the critic's verdicts; those that the ledger holds are not asked about again.

    Thresholds of the caller's are left out, since thresholds are what is looked for. A picture whose answers cannot be
    read counts as unsure.

    Raises:
        CriticUnavailable, CriticTimeout: the critic is gone; what was judged is in the ledger.
        CriticBadOutput: the answers to five pictures in a row cannot be read.
        Cancelled: the token was cancelled; what was judged is in the ledger.
        OutputUnwritable, StorageFull: the ledger cannot be written.
    """
    made: list[JudgedPicture] = []
    unreadable = 0
    with TemporaryDirectory(prefix="omniagent-calibrate-") as folder:
        context = ToolContext(
            runtime=runtime,
            store=ImageStore(Path(folder) / "images"),
            trace=Trace(Path(folder) / "trace.jsonl", "calibrate"),
            token=token,
            calls=CallMeter(_CALLS),
            config=config.model_copy(update={"thresholds": ThresholdSettings()}),
        )
        for picture in pictures:
            judged = ledger.find(picture.name, digest_of(picture))
            if judged is None:
                token.check()
                try:
                    judged, unreadable = judge(picture, context), 0
                except CriticBadOutput:
                    unreadable += 1
                    if unreadable >= MOST_UNREADABLE:
                        raise
                    judged = _unsure(picture)
                ledger.add(judged)
            made.append(judged)
            tell(len(made), judged)
    return tuple(made)


def judge(picture: KnownPicture, context: ToolContext) -> JudgedPicture:
    """What the critic says of one picture. Raises: as the tool `critique`."""
    dialect = dialect_of(context.runtime.critic.profile)
    checklist = tuple(
        Requirement(
            id=f"r{number}",
            kind=line.kind,
            question=line.question,
            stated=dialect.stated(line.kind, line.question),
        )
        for number, line in enumerate(picture.lines, start=1)
    )
    image = context.store.put(picture.image)
    source = None if picture.before is None else context.store.put(picture.before)
    references = () if source is None else (source,)
    attempt = Attempt(id=picture.name, image=image, references=references, instruction=picture.instruction, seed=0)
    calls, started = context.calls.used, time.perf_counter()
    found = CRITIQUE(CritiqueIn(attempt=attempt, checklist=checklist, source=source), context).critique
    said = {verdict.requirement: verdict for verdict in found.verdicts}
    return JudgedPicture(
        name=picture.name,
        group=picture.group,
        digest=digest_of(picture),
        lines=tuple(
            JudgedLine(kind=line.kind, holds=line.holds, answer=said[need.id].answer, pieces=_pieces(said[need.id]))
            for line, need in zip(picture.lines, checklist, strict=True)
        ),
        calls=context.calls.used - calls,
        seconds=time.perf_counter() - started,
    )


def digest_of(picture: KnownPicture) -> str:
    """Of everything that a picture is judged by."""
    digest = hashlib.sha256(repr((picture.instruction, picture.lines)).encode())
    for image in (picture.image, picture.before):
        digest.update(b"-" if image is None else f"{image.size}".encode() + image.tobytes())
    return digest.hexdigest()[:24]


def _pieces(verdict: Verdict) -> tuple[Piece, ...]:
    return tuple(
        Piece(instrument=one.instrument, answer=one.answer, probability=one.probability) for one in verdict.evidence
    )


def _unsure(picture: KnownPicture) -> JudgedPicture:
    lines = tuple(JudgedLine(kind=line.kind, holds=line.holds, answer="unsure") for line in picture.lines)
    return JudgedPicture(name=picture.name, group=picture.group, digest=digest_of(picture), lines=lines)
