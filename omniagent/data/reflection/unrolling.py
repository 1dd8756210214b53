"""The third stage: improvements as t2i, reflect and edit records.

The prompt gives the last picture (t2i); prompt, faulty picture and reflection give the better one (reflect; OmniGen2,
arXiv 2506.18871 v4, section 9.5.2); the repair alone gives it where the better picture was edited from the faulty one
(edit).
"""

from typing import Self

from pydantic import model_validator

from omniagent.data.records import DataRecord, Yielded
from omniagent.data.reflection.improvements import Improvement, Improvements
from omniagent.data.reflection.trajectory import Step
from omniagent.data.stage import Place, Stage
from omniagent.tools.types import ImageRef, Word


class UnrollingSettings(Word):
    """How records are worded; `{faults}` are the questions that did not hold, `{repair}` the critic's correction."""

    reflection: str = "The picture does not pass these checks: {faults}"
    instruction: str = "{task}\n\nThe first picture was drawn for this and has faults. {reflection} {repair}"

    @model_validator(mode="after")
    def _known_fields(self) -> Self:
        try:
            self.reflection.format(faults="")
            self.instruction.format(task="", reflection="", repair="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"a prompt has an unknown field ({error!r}); reflection knows {{faults}}, "
                "instruction knows {task}, {reflection} and {repair}"
            ) from error
        return self


def unroll(given: Improvements, settings: UnrollingSettings, place: Place) -> Yielded:
    """The records of one run; none where no picture was accepted."""
    if given.final is None:
        return Yielded(rejected=given.rejected)
    trajectory = given.trajectory

    def record(kind: str, words: str, inputs: tuple[ImageRef, ...], to: Step, step: Improvement | None) -> DataRecord:
        return DataRecord.model_validate(
            {
                "task_type": kind,
                "instruction": words,
                "input_images": tuple(_path(each) for each in inputs),
                "output_image": _path(to.image),
                "source": trajectory.source,
                "task": trajectory.task,
                "models": trajectory.models,
                "seeds": (to.seed,) if step is None else (step.faulty.seed, to.seed),
                "sizes": {_path(each): (each.width, each.height) for each in (*inputs, to.image)},
                "scores": () if step is None else step.scores,
            }
        )

    records = [record("t2i", trajectory.task, (), given.final, None)]
    for step in given.chain:
        repair = step.faulty.repair or ""
        reflection = settings.reflection.format(faults=" ".join(step.faulty.faults))
        words = settings.instruction.format(task=trajectory.task, reflection=reflection, repair=repair).strip()
        records.append(record("reflect", words, (step.faulty.image,), step.better, step))
        if repair and step.better.parent == step.faulty.attempt:
            records.append(record("edit", repair, (step.faulty.image,), step.better, step))
    return Yielded(records=tuple(records), rejected=given.rejected)


def _path(image: ImageRef) -> str:
    return f"images/{image.sha256}.png"


UNROLLING = Stage("unrolling", 1, UnrollingSettings, Improvements, Yielded, unroll)
