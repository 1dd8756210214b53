"""A pair of pictures that an edit record is made of, and the record itself."""

from omniagent.data.records import DataRecord, Measured, Rejected
from omniagent.data.stage import Place
from omniagent.tools.types import ImageRef, Word


class Pair(Word):
    """The picture to edit and the untouched one that it should become; both lie in the work store.

    Attributes:
        name: Of the pair within its source, in words.
        before: The picture to edit.
        after: The target.
        times: Seconds into the source of both, where it is a video.
        seeds: Of what was drawn.
        scores: What was measured so far.
    """

    name: str
    before: ImageRef
    after: ImageRef
    times: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()
    scores: tuple[Measured, ...] = ()


class Pairs(Word):
    """The pairs of one source."""

    source: str
    pairs: tuple[Pair, ...]
    models: dict[str, str]
    rejected: tuple[Rejected, ...] = ()


def in_output(place: Place, image: ImageRef) -> str:
    """The path of a picture in records; it is copied from the work store into the output.

    Raises:
        BadImage: it is gone from the work store.
    """
    place.images.put(place.work.get(image))
    return f"images/{image.sha256}.png"


def edit_record(given: Pairs, pair: Pair, instruction: str, scores: tuple[Measured, ...], place: Place) -> DataRecord:
    """The record of a pair: the picture to edit is the input, the untouched picture the target."""
    before, after = (in_output(place, image) for image in (pair.before, pair.after))
    sizes = {name: (image.width, image.height) for name, image in ((before, pair.before), (after, pair.after))}
    return DataRecord(
        task_type="edit",
        instruction=instruction,
        input_images=(before,),
        output_image=after,
        source=given.source,
        task=given.source,
        models=given.models,
        seeds=pair.seeds,
        sizes=sizes,
        scores=scores,
        times=dict(zip((before, after), pair.times, strict=False)),
    )
