"""In-context edits: a thing taken out of one frame, and shown in another picture to be put back from.

OmniGen2 (arXiv 2506.18871 v4, section 9.3.2): of two frames with the same thing, one becomes the context (new
background), the other the target; the thing is filled away in the target, and that is the picture to edit.
"""

from itertools import permutations

from pydantic import Field

from omniagent.data.edits.holes import seed_of
from omniagent.data.edits.pairs import in_output
from omniagent.data.pixels import changed_share
from omniagent.data.records import DataRecord, Measured, Rejected, Subject, Yielded, at_least, at_most, failed
from omniagent.data.stage import Place, Stage
from omniagent.data.subjects.followed import Followed, FollowedSubjects, Outline, outlined
from omniagent.data.subjects.repainted import around
from omniagent.data.video.footage import Still
from omniagent.model.errors import CriticBadOutput
from omniagent.model.perception.features import cosine
from omniagent.model.perception.masks import cut_out, dilated
from omniagent.tools.types import ImageRef, Word


class Match(Word):
    """A thing in a context frame and in a target frame."""

    thing: str
    context: Still
    context_outline: Outline
    target: Still
    target_outline: Outline
    scores: tuple[Measured, ...]


class Matches(Word):
    """The matches of a video."""

    source: str
    matches: tuple[Match, ...]
    models: dict[str, str]
    rejected: tuple[Rejected, ...] = ()


class MatchSettings(Word):
    """When two frames show one and the same thing."""

    across: bool = Field(default=True, description="look in other shots of the video, where names are equal")
    within: bool = Field(default=True, description="take first and last frame of a shot where no other shot has it")
    least_features: float = Field(default=0.6, ge=-1, le=1)
    most_features: float = Field(default=0.98, ge=-1, le=1, description="more: the same pixels, a copy")
    least_same: float = Field(default=0.5, ge=0, le=1)
    most: int = Field(default=4, ge=1, description="matches of a video")


def match(given: FollowedSubjects, settings: MatchSettings, place: Place) -> Matches:
    """Pair context and target frames: of two shots, else of one."""
    rejected = list(given.rejected)
    found: list[Match] = []
    used: set[tuple[int, str]] = set()
    if settings.across:
        for one, other in permutations(given.takes, 2):
            for first in one.subjects:
                for second in other.subjects:
                    # Each shot's thing is a target once.
                    if first.thing == second.thing and (other.shot, second.thing) not in used:
                        made = _match(first, one.last, second, other.base, settings, place)
                        name = f"{first.thing} in shots {one.shot} and {other.shot}"
                        if _kept(given.source, name, made, found, rejected):
                            used.add((other.shot, second.thing))
    if settings.within:
        for take in given.takes:
            for subject in take.subjects:
                if (take.shot, subject.thing) not in used:
                    made = _match(subject, take.last, subject, take.base, settings, place)
                    _kept(given.source, f"{subject.thing} in shot {take.shot}", made, found, rejected)
    models = given.models | place.models.names(MATCH.uses)
    return Matches(source=given.source, matches=tuple(found[: settings.most]), models=models, rejected=tuple(rejected))


def _match(
    context: Followed, seen: Still, target: Followed, wanted: Still, settings: MatchSettings, place: Place
) -> Match:
    one = cut_out(place.work.get(seen.image), outlined(context.last, seen), 0.05)
    other = cut_out(place.work.get(wanted.image), outlined(target.first, wanted), 0.05)
    like = cosine(place.models.features, one, other)
    scores = (
        at_least("match features", like, settings.least_features),
        at_most("match features", like, settings.most_features),
        at_least("match same", place.models.describer.same(one, other, target.thing), settings.least_same),
    )
    return Match(
        thing=target.thing,
        context=seen,
        context_outline=context.last,
        target=wanted,
        target_outline=target.first,
        scores=scores,
    )


def _kept(source: str, name: str, made: Match, found: list[Match], rejected: list[Rejected]) -> bool:
    if reason := failed(made.scores):
        rejected.append(Rejected(source=source, stage=MATCH.name, candidate=name, reason=reason, scores=made.scores))
        return False
    found.append(made)
    return True


class EmptySettings(Word):
    """How the thing is filled away and the context is made; `{change}` and `{thing}` are the describer's words."""

    background: str = "{thing} in another place, a photo with a detailed, natural background"
    empty: str = "empty background, nothing else"
    grow: int = Field(default=6, ge=0, description="pixels added round what is filled away: shadows and soft edges")
    erode: int = Field(default=1, ge=0)
    seeds: int = Field(default=3, ge=1, le=32, description="pictures that are tried; the first good ones are kept")
    least_change: float = Field(default=0.2, ge=0, le=1, description="share of the context's pixels drawn anew")
    most_left: float = Field(default=0.5, ge=0, le=1, description="probability that the thing is still seen")
    least_sound: float = Field(default=0.5, ge=0, le=1)
    instruction: str = "{change}. It is {thing} from image 2."


def make_context_edits(given: Matches, settings: EmptySettings, place: Place) -> Yielded:
    """Records: emptied target and context are the inputs, the untouched target frame is the output."""
    records: list[DataRecord] = []
    rejected = list(given.rejected)
    models = given.models | place.models.names(EMPTIED.uses)
    for number, each in enumerate(given.matches):
        made = _record(given.source, number, each, models, settings, place)
        if isinstance(made, DataRecord):
            records.append(made)
        else:
            rejected.append(made)
    return Yielded(records=tuple(records), rejected=tuple(rejected))


def _record(
    source: str, number: int, each: Match, models: dict[str, str], settings: EmptySettings, place: Place
) -> DataRecord | Rejected:
    describer = place.models.describer
    target, seen = place.work.get(each.target.image), place.work.get(each.context.image)
    gone, kept = outlined(each.target_outline, each.target), outlined(each.context_outline, each.context)
    scores = each.scores
    for turn in range(settings.seeds):
        seed = seed_of(place.seed, source, number, turn)
        hole = dilated(gone, settings.grow)
        emptied = place.models.filler.fill(target, hole, prompt=settings.empty, seed=seed)
        prompt = settings.background.format(thing=each.thing)
        context = around(seen, kept, prompt, seed, settings.erode, place)
        try:
            scores = (
                *each.scores,
                at_least("background change", changed_share(seen, context, 24), settings.least_change),
                at_most("left", describer.shows(emptied, each.thing), settings.most_left),
                at_least("sound", describer.sound(emptied), settings.least_sound),
                at_least("context sound", describer.sound(context), settings.least_sound),
            )
            if failed(scores):
                continue
            change = describer.change(emptied, target).rstrip(". ")
            thing = describer.described(cut_out(context, kept, 0.05), each.thing)
        except CriticBadOutput:
            continue
        if not change:
            continue
        words = settings.instruction.format(change=change, thing=thing)
        refs: tuple[ImageRef, ...] = tuple(place.work.put(one) for one in (emptied, context))
        paths = tuple(in_output(place, ref) for ref in (each.target.image, *refs))
        subject = Subject(
            thing=each.thing, picture=paths[0], box=each.target_outline.box, runs=each.target_outline.runs
        )
        return DataRecord(
            task_type="ic",
            instruction=words,
            input_images=paths[1:],
            output_image=paths[0],
            source=source,
            task=source,
            models=models,
            seeds=(seed,),
            sizes={path: picture.size for path, picture in zip(paths, (target, emptied, context), strict=True)},
            scores=scores,
            times=dict(zip(paths, (each.target.time, each.target.time, each.context.time), strict=True)),
            subjects=(subject,),
        )
    reason = failed(scores) or "the describer gave no usable instruction"
    return Rejected(source=source, stage=EMPTIED.name, candidate=each.thing, reason=reason, scores=scores)


MATCH = Stage("match", 1, MatchSettings, FollowedSubjects, Matches, match, ("features", "describer"))
EMPTIED = Stage("empty", 1, EmptySettings, Matches, Yielded, make_context_edits, ("filler", "describer"))
