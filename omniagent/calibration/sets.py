"""The sets of known pictures, and which of them a critic can be asked about."""

from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Final

from PIL import Image

from omniagent.calibration.cases import KnownLine, KnownPicture, PictureSet
from omniagent.calibration.photos import photo_pictures
from omniagent.calibration.posters import poster_pictures
from omniagent.model.errors import BadSetting
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.wording import unknown
from omniagent.shapes.tasks.known import known_scenes

NAMES: Final = ("scenes", "posters", "photos")
SCENES: Final = 300
_PLAIN_SCENES: Final = 60


def sets_for(
    generator: GeneratorProfile, critic: CriticProfile, wanted: Sequence[str | PictureSet] = ()
) -> tuple[PictureSet, ...]:
    """The sets that are wanted, by name or as they are; where none is, those that fit the models.

    A critic whose profile names the scenes was made for them, and gets as many as a calibration needs; one whose
    profile names no sets gets some of them beside posters and photos.

    Raises:
        BadSetting: there is no set of that name.
    """
    own = "scenes" in critic.known_pictures
    for name in (*wanted, *critic.known_pictures):
        if isinstance(name, str) and name not in NAMES:
            raise BadSetting(f"the set of pictures {unknown(name, NAMES)}")
    chosen = tuple(dict.fromkeys(wanted)) or critic.known_pictures or NAMES
    size = (generator.width, generator.height)
    made = {
        "scenes": PictureSet("scenes", SCENES if own else _PLAIN_SCENES, lambda: _scenes(size, objects=own)),
        "posters": PictureSet("posters", 60, poster_pictures),
        "photos": PictureSet("photos", 1000, photo_pictures),
    }
    return tuple(made[one] if isinstance(one, str) else one for one in chosen)


def known_pictures(sets: Sequence[PictureSet], limit: int | None = None) -> Iterator[KnownPicture]:
    """The pictures of some sets by turns, at most `limit` in all."""
    streams = [islice(one.pictures(), one.count) for one in sets]
    return islice(_by_turns(streams), limit)


def _by_turns(streams: Sequence[Iterator[KnownPicture]]) -> Iterator[KnownPicture]:
    left = list(streams)
    while left:
        for stream in tuple(left):
            found = next(stream, None)
            if found is None:
                left.remove(stream)
            else:
                yield found


def _scenes(size: tuple[int, int], *, objects: bool) -> Iterator[KnownPicture]:
    for number, scene in zip(count(), known_scenes(0, objects=objects)):
        picture = Image.fromarray(scene.picture)
        lines = tuple(
            KnownLine(draft.kind, draft.question, holds)
            for draft, holds in zip(scene.checklist, scene.holds, strict=True)
        )
        drawn = picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC)
        yield KnownPicture(f"scenes/{number:03d}", drawn, lines, group=f"scenes/pair-{number // 2}")
