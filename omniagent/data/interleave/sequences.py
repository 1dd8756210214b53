"""Sequences of frames within a shot or across shots, and what changes from each to the next.

OmniGen2 (arXiv 2506.18871 v4, section 9.5.1): up to five frames; the describer tells each consecutive change. All
frames but the last are inputs, the last one is the target.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from pydantic import Field

from omniagent.data.edits.pairs import in_output
from omniagent.data.records import DataRecord, Measured, Rejected, Yielded, at_most, failed
from omniagent.data.stage import Place, Stage
from omniagent.data.video.footage import Footage, Still, Take
from omniagent.model.errors import CriticBadOutput
from omniagent.tools.types import Word


class Sequenced(Word):
    """Frames in order, and a name for them."""

    name: str
    stills: tuple[Still, ...]
    scores: tuple[Measured, ...] = ()


class Sequences(Word):
    """The sequences of a video."""

    source: str
    sequences: tuple[Sequenced, ...]
    models: dict[str, str]
    rejected: tuple[Rejected, ...] = ()


class SequenceSettings(Word):
    """Which frames make a sequence."""

    length: int = Field(default=4, ge=2, le=5, description="frames of a sequence")
    across: bool = Field(default=True, description="also one sequence of the first frames of consecutive shots")
    most_features: float = Field(default=0.99, ge=-1, le=1, description="cosine of neighbours; more: nothing happened")


def make_sequences(given: Footage, settings: SequenceSettings, place: Place) -> Sequences:
    """Frames evenly apart within each shot; across shots, their first frames."""
    rejected = list(given.rejected)
    chosen = [(f"shot {take.shot}", _spread(take, settings.length)) for take in given.takes]
    if settings.across:
        firsts = [take.stills[0] for take in given.takes]
        for start in range(0, len(firsts) - 1, settings.length):
            chosen.append((f"shots from {given.takes[start].shot} on", firsts[start : start + settings.length]))
    kept: list[Sequenced] = []
    for name, stills in chosen:
        if len(stills) < 2:
            rejected.append(_dropped(given.source, name, "it has a single frame", ()))
            continue
        rows = place.models.features.embed([place.work.get(still.image) for still in stills])
        nearest = float(max(rows[at] @ rows[at + 1] for at in range(len(rows) - 1)))
        scores = (at_most("neighbours", nearest, settings.most_features),)
        if reason := failed(scores):
            rejected.append(_dropped(given.source, name, reason, scores))
        else:
            kept.append(Sequenced(name=name, stills=tuple(stills), scores=scores))
    models = place.models.names(SEQUENCES.uses)
    return Sequences(source=given.source, sequences=tuple(kept), models=models, rejected=tuple(rejected))


class NarrateSettings(Word):
    """`{number}` counts pictures, `{step}` is a change; `{steps}` are those up to the last, `{last}` is that one."""

    step: str = "Image {number} is followed by image {next}: {step}."
    instruction: str = "{steps} Draw the next picture: {last}."


def narrate(given: Sequences, settings: NarrateSettings, place: Place) -> Yielded:
    """A record for each sequence in which every change can be told."""
    records: list[DataRecord] = []
    rejected = list(given.rejected)
    models = given.models | place.models.names(NARRATE.uses)
    for each in given.sequences:
        pictures = [place.work.get(still.image) for still in each.stills]
        try:
            steps = [place.models.describer.change(one, other).rstrip(". ") for one, other in pairwise(pictures)]
        except CriticBadOutput as error:
            reason = f"the describer's answer cannot be read: {error}"
            rejected.append(_dropped(given.source, each.name, reason, each.scores, NARRATE.name))
            continue
        if not all(steps):
            reason = f"no change is seen after picture {steps.index('') + 1}"
            rejected.append(_dropped(given.source, each.name, reason, each.scores, NARRATE.name))
            continue
        told = " ".join(
            settings.step.format(number=number, next=number + 1, step=step)
            for number, step in enumerate(steps[:-1], start=1)
        )
        paths = tuple(in_output(place, still.image) for still in each.stills)
        records.append(
            DataRecord(
                task_type="interleave",
                instruction=settings.instruction.format(steps=told, last=steps[-1]).strip(),
                input_images=paths[:-1],
                output_image=paths[-1],
                source=given.source,
                task=given.source,
                models=models,
                sizes={path: picture.size for path, picture in zip(paths, pictures, strict=True)},
                scores=each.scores,
                times=dict(zip(paths, (still.time for still in each.stills), strict=True)),
                steps=tuple(steps),
            )
        )
    return Yielded(records=tuple(records), rejected=tuple(rejected))


def _spread(take: Take, length: int) -> Sequence[Still]:
    count = min(length, len(take.stills))
    places = np.linspace(0, len(take.stills) - 1, count).round().astype(int)
    return [take.stills[at] for at in dict.fromkeys(places.tolist())]


def _dropped(source: str, name: str, reason: str, scores: tuple[Measured, ...], stage: str = "sequences") -> Rejected:
    return Rejected(source=source, stage=stage, candidate=name, reason=reason, scores=scores)


SEQUENCES = Stage("sequences", 1, SequenceSettings, Footage, Sequences, make_sequences, ("features",))
NARRATE = Stage("narrate", 1, NarrateSettings, Sequences, Yielded, narrate, ("describer",))
