"""The recipes' stages against the truth of synthetic films: cuts, subjects, boxes, tracks, pairs and instructions."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from omniagent.data.edits.pairs import Pair, Pairs
from omniagent.data.executors.job import Job, Worker
from omniagent.data.models.kinds import describer_named
from omniagent.data.pipeline import Passing, Pipeline
from omniagent.data.recipe import load_recipe
from omniagent.data.records import Item as Source
from omniagent.data.subjects.followed import FollowedSubjects
from omniagent.data.subjects.found import FoundSubjects
from omniagent.data.video.clips import Clips
from omniagent.data.video.footage import Footage
from omniagent.model.perception.masks import Rect, overlap
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import CANVAS, Item, Scene, cell_of
from omniagent.shapes.videos.film import RATE, Clip, Film, random_film
from omniagent.shapes.videos.write import write_films
from omniagent.tools.record.store import ImageStore
from omniagent.tools.types import Word

T = TypeVar("T", bound=Word)

HOME = Path(os.environ.get("DATA", "data"))
"""What `make data` has built is read; what is missing is built."""
FILMS = int(os.environ.get("FILMS", "48"))
INSTRUCTIONS = 60
"""Pairs that the bundled MLLM is asked about."""
_BORDER = 3.0
"""Pixels of the canvas on each side of a border between two place words."""
_LOCAL = ("move", "grow", "leave")


class Figure(NamedTuple):
    """A share in per cent, and of how many."""

    name: str
    value: float
    unit: str


class Tally:
    """Counts yes and no by name."""

    def __init__(self) -> None:
        self._counts: dict[str, list[bool]] = {}

    def add(self, name: str, right: bool) -> None:
        """One more case."""
        self._counts.setdefault(name, []).append(right)

    def figures(self) -> Iterator[Figure]:
        """Each name's share of yes."""
        for name, cases in self._counts.items():
            yield Figure(name, 100 * sum(cases) / len(cases), f"% of {len(cases)}")


def compare() -> Iterator[Figure]:
    """All figures, the dearest last."""
    write_films(HOME / "films", FILMS)
    tally, pairs = Tally(), list[tuple[Film, Pair]]()
    subjects, edits = Stages("in-context"), Stages("video-edit")
    for number in range(FILMS):
        film, name = random_film(number), f"film-{number:04}.mp4"
        _cuts(tally, film, subjects.given(name, Clips))
        footage = subjects.given(name, Footage)
        shots = {take.shot: scene_at(film, take.stills[0].time)[0] for take in footage.takes}
        _subjects(tally, film, subjects.given(name, FoundSubjects))
        _tracks(tally, film, subjects.given(name, FollowedSubjects))
        found = edits.given(name, Pairs)
        used = {shot_of(pair) for pair in found.pairs}
        for shot, clip in shots.items():
            if clip.event == "pan":
                tally.add("pans_rejected", shot not in used)
            if clip.event in _LOCAL:
                tally.add("local_changes_kept", shot in used)
        pairs += [(film, pair) for pair in found.pairs]
    yield from tally.figures()
    yield from _instructions(pairs[:INSTRUCTIONS], edits.work)


class Stages:
    """What the stages of a shipped recipe gave for an item, from the ledger where it is there."""

    def __init__(self, recipe: str) -> None:
        chosen = load_recipe(recipe, preset="shapes")
        self._pipeline = Pipeline(chosen)
        job = Job(chosen, HOME / "films", HOME / recipe, HOME / "cache")
        self._worker = Worker(job)
        self.work = ImageStore(HOME / "cache" / "work")
        self._known: dict[str, list[Passing]] = {}

    def given(self, item: str, kind: type[T]) -> T:
        """What the first stage that gives this kind gave."""
        known = self._known.setdefault(item, [])
        if not known:
            begun = self._worker.begin(item)
            assert isinstance(begun, Passing), begun
            known.append(begun)
        kinds: list[type[Word]] = [Source, *self._pipeline.kinds]
        at = kinds.index(kind)
        while len(known) <= at:
            passing = self._worker.advance(len(known) - 1, known[-1])
            assert isinstance(passing, Passing), passing
            known.append(passing)
        return kind.model_validate_json(known[at].given)


def look_of(item: Item) -> str:
    """`striped blue star`; a solid fill stays unsaid."""
    return " ".join(word for word in ("" if item.fill == "solid" else item.fill, item.colour, item.shape) if word)


def scene_at(film: Film, time: float) -> tuple[Clip, Scene]:
    """The clip and the scene of a film at a time in seconds."""
    number = round(time * RATE)
    for clip in film.clips:
        if number < len(clip.scenes):
            return clip, clip.scenes[number]
        number -= len(clip.scenes)
    raise ValueError(f"the film has no frame at {time} s")


@lru_cache(maxsize=512)
def box_of(item: Item) -> Rect | None:
    """The box of an object on the canvas; None where nothing of it is seen."""
    seen = np.abs(render(Scene("white", (item,))).astype(np.int16) - 250).max(axis=-1) > 60
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not rows.size:
        return None
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def shot_of(pair: Pair) -> int:
    """The number of the shot that a pair is of."""
    found = re.match(r"shot (\d+)", pair.name)
    assert found is not None, pair.name
    return int(found[1])


def _cuts(tally: Tally, film: Film, clips: Clips) -> None:
    found = {round(shot.start * RATE) for shot in clips.shots} - {0}
    for cut in film.cuts:
        tally.add("cuts_found", cut in found)
    for cut in found:
        tally.add("cuts_true", cut in film.cuts)


def _subjects(tally: Tally, film: Film, found: FoundSubjects) -> None:
    for each in found.takes:
        _, scene = scene_at(film, each.take.stills[0].time)
        looks = [look_of(item) for item in scene.items]
        for subject in each.subjects:
            tally.add("subjects_named_right", looks.count(subject.thing) == 1)
            if subject.thing in looks:
                box = box_of(scene.items[looks.index(subject.thing)])
                tally.add("boxes_over_0.8", box is not None and overlap(subject.box, box) > 0.8)
        named = {subject.thing for subject in each.subjects}
        for item in scene.items:
            if (box := box_of(item)) is not None and min(box[:2]) > 2 and max(box[2:]) < CANVAS - 2:
                tally.add("subjects_found", look_of(item) in named)


def _tracks(tally: Tally, film: Film, followed: FollowedSubjects) -> None:
    for take in followed.takes:
        _, scene = scene_at(film, take.last.time)
        for subject in take.subjects:
            own = [box_of(item) for item in scene.items if look_of(item) == subject.thing]
            right = len(own) == 1 and own[0] is not None and overlap(subject.last.box, own[0]) > 0.5
            tally.add("tracks_right_to_the_end", right)


def _instructions(pairs: Sequence[tuple[Film, Pair]], work: ImageStore) -> Iterator[Figure]:
    """What the bundled MLLM says of pairs of frames, held against what happened in the film."""
    tally, describer = Tally(), describer_named("bundled")
    for film, pair in pairs:
        before, after = work.get(pair.before), work.get(pair.after)
        said = describer.change(before, after)
        kept = bool(said) and describer.fits(said, (before,), after) >= 0.5
        tally.add("instructions_kept", kept)
        if kept:
            scenes = [scene_at(film, time)[1] for time in pair.times]
            tally.add("instructions_true", true_of(said, scenes[0], scenes[1]))
    yield from tally.figures()


def true_of(instruction: str, before: Scene, after: Scene) -> bool:
    """Whether each clause of an instruction by the shapes describers is true of two scenes of one film.

    Objects are told apart by their looks, of which no two of a scene are equal.
    """
    there = {look_of(item): item for item in before.items if _whole(item)}
    now = {look_of(item): item for item in after.items if _whole(item)}
    clauses = [part for part in re.split(r", and |, | and ", instruction.strip(". ")) if part]
    return bool(clauses) and all(_holds(clause, there, now) for clause in clauses)


def _whole(item: Item) -> bool:
    box = box_of(item)
    return box is not None and min(box[:2]) > 0 and max(box[2:]) < CANVAS


def _holds(clause: str, there: dict[str, Item], now: dict[str, Item]) -> bool:
    if found := re.fullmatch(r"move the (.+?) (?:to the (.+)|a little (left|right|up|down))", clause):
        look, cell, way = found.groups()
        if look not in there or look not in now:
            return False
        one, other = there[look], now[look]
        across, down = other.x - one.x, other.y - one.y
        ways = {"left": -across, "right": across, "up": -down, "down": down}
        moved = max(abs(across), abs(down)) > 3
        return moved and (_lies(other, cell) if cell else ways[way] > 3)
    if found := re.fullmatch(r"make the (.+) (larger|smaller|large|small)", clause):
        look, size = found.groups()
        if look not in there or look not in now:
            return False
        growth = now[look].radius / there[look].radius
        return growth > 1.1 if size.startswith("large") else growth < 1 / 1.1
    if found := re.fullmatch(r"remove the (.+)", clause):
        return found[1] in there and found[1] not in now
    if found := re.fullmatch(r"add an? (.+) at the (.+)", clause):
        return found[1] not in there and found[1] in now and _lies(now[found[1]], found[2])
    return False


def _lies(item: Item, cell: str) -> bool:
    """Whether a place word fits; within some pixels of a border both do, since that cannot be seen."""
    near = (-_BORDER, 0, _BORDER)
    return cell in {cell_of(item.x + across, item.y + down) for across in near for down in near}
