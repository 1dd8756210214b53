"""The last stage of edit recipes: the instruction is written after the fact, by a model that sees both pictures."""

from pydantic import Field

from omniagent.data.edits.pairs import Pair, Pairs, edit_record
from omniagent.data.records import DataRecord, Rejected, Yielded, at_least, failed
from omniagent.data.stage import Place, Stage
from omniagent.model.errors import CriticBadOutput
from omniagent.tools.types import Word


class InstructSettings(Word):
    """How sure the judge must be."""

    least_sound: float = Field(default=0.5, ge=0, le=1, description="probability that the input has no faults")
    least_fits: float = Field(default=0.5, ge=0, le=1, description="probability that the instruction fits the pair")


def instruct(given: Pairs, settings: InstructSettings, place: Place) -> Yielded:
    """Word each pair, judge it, and make its record."""
    records: list[DataRecord] = []
    rejected = list(given.rejected)
    models = given.models | place.models.names(INSTRUCT.uses)
    named = given.model_copy(update={"models": models})
    for pair in given.pairs:
        made = _worded(named, pair, settings, place)
        if isinstance(made, DataRecord):
            records.append(made)
        else:
            rejected.append(made)
    return Yielded(records=tuple(records), rejected=tuple(rejected))


def _worded(given: Pairs, pair: Pair, settings: InstructSettings, place: Place) -> DataRecord | Rejected:
    before, after = place.work.get(pair.before), place.work.get(pair.after)
    describer = place.models.describer

    def dropped(reason: str, scores: tuple[object, ...] = ()) -> Rejected:
        told = {"source": given.source, "stage": INSTRUCT.name, "candidate": pair.name, "reason": reason}
        return Rejected.model_validate(told | {"scores": (*pair.scores, *scores)})

    try:
        instruction = describer.change(before, after)
        if not instruction:
            return dropped("the describer sees no difference")
        scores = (
            at_least("sound", describer.sound(before), settings.least_sound),
            at_least("fits", describer.fits(instruction, (before,), after), settings.least_fits),
        )
    except CriticBadOutput as error:
        return dropped(f"the describer's answer cannot be read: {error}")
    if reason := failed(scores):
        return dropped(f"{reason}; the instruction was: {instruction}", scores)
    return edit_record(given, pair, instruction, (*pair.scores, *scores), place)


INSTRUCT = Stage("instruct", 1, InstructSettings, Pairs, Yielded, instruct, ("describer",))
