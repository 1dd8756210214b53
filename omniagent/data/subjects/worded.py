"""The last stage of the in-context recipe: descriptions of the things and a caption of the base frame, joined."""

from typing import Self

from pydantic import Field, model_validator

from omniagent.data.edits.pairs import in_output
from omniagent.data.records import DataRecord, Rejected, Subject, Yielded, at_least, failed
from omniagent.data.stage import Place, Stage
from omniagent.data.subjects.followed import outlined
from omniagent.data.subjects.repainted import RepaintedSubjects, RepaintedTake
from omniagent.model.errors import CriticBadOutput
from omniagent.model.perception.masks import cut_out
from omniagent.tools.types import Word


class WordSettings(Word):
    """`{thing}` is a description, `{number}` that of its picture; `{things}` are all of them, `{caption}` the rest."""

    thing: str = "{thing} from image {number}"
    instruction: str = "Draw a picture with {things}: {caption}"
    least_fits: float = Field(default=0.5, ge=0, le=1, description="probability that the words fit the base frame")

    @model_validator(mode="after")
    def _known_fields(self) -> Self:
        try:
            self.thing.format(thing="", number=1)
            self.instruction.format(things="", caption="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f"a prompt has an unknown field ({error!r}); thing knows {{thing}} and {{number}}, "
                "instruction knows {things} and {caption}"
            ) from error
        return self


def word(given: RepaintedSubjects, settings: WordSettings, place: Place) -> Yielded:
    """The untouched base frame is the target, the made pictures are the inputs (OmniGen2, section 9.3.1)."""
    records: list[DataRecord] = []
    rejected = list(given.rejected)
    models = given.models | place.models.names(WORDS.uses)
    for each in given.takes:
        made = _record(given.source, models, each, settings, place)
        if isinstance(made, DataRecord):
            records.append(made)
        else:
            rejected.append(made)
    return Yielded(records=tuple(records), rejected=tuple(rejected))


def _record(
    source: str, models: dict[str, str], each: RepaintedTake, settings: WordSettings, place: Place
) -> DataRecord | Rejected:
    take, describer = each.take, place.models.describer
    base = place.work.get(take.base.image)
    pictures = [place.work.get(one.image) for one in each.inputs]
    scores = tuple(score for one in each.inputs for score in one.scores)
    name = f"shot {take.shot}"
    try:
        things: list[str] = []
        for number, one in enumerate(each.inputs, start=1):
            for at in one.shows:
                subject = take.subjects[at]
                cut = cut_out(pictures[number - 1], outlined(subject.last, take.last), 0.05)
                told = describer.described(cut, subject.thing)
                things.append(settings.thing.format(thing=told, number=number))
        words = settings.instruction.format(things=_listed(things), caption=describer.caption(base))
        fits = at_least("fits", describer.fits(words, pictures, base), settings.least_fits)
    except CriticBadOutput as error:
        reason = f"the describer's answer cannot be read: {error}"
        return Rejected(source=source, stage=WORDS.name, candidate=name, reason=reason, scores=scores)
    if reason := failed((fits,)):
        said = f"{reason}; the instruction was: {words}"
        return Rejected(source=source, stage=WORDS.name, candidate=name, reason=said, scores=(*scores, fits))
    target = in_output(place, take.base.image)
    inputs = tuple(in_output(place, one.image) for one in each.inputs)
    sizes = {path: picture.size for path, picture in zip((target, *inputs), (base, *pictures), strict=True)}
    return DataRecord(
        task_type="ic",
        instruction=words,
        input_images=inputs,
        output_image=target,
        source=source,
        task=source,
        models=models,
        seeds=tuple(one.seed for one in each.inputs),
        sizes=sizes,
        scores=(*(score for subject in take.subjects for score in subject.scores), *scores, fits),
        times={target: take.base.time, **dict.fromkeys(inputs, take.last.time)},
        subjects=tuple(_subjects(each, target, inputs)),
    )


def _subjects(each: RepaintedTake, target: str, inputs: tuple[str, ...]) -> list[Subject]:
    subjects = each.take.subjects
    found = [Subject(thing=one.thing, picture=target, box=one.first.box, runs=one.first.runs) for one in subjects]
    for path, made in zip(inputs, each.inputs, strict=True):
        for at in made.shows:
            last = subjects[at].last
            found.append(Subject(thing=subjects[at].thing, picture=path, box=last.box, runs=last.runs))
    return found


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


WORDS = Stage("words", 1, WordSettings, RepaintedSubjects, Yielded, word, ("describer",))
