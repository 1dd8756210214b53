"""Faults planted in what models give, beside the same candidates without one: how many are caught, how many lost."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from omniagent.data.edits.frame_pairs import FRAME_PAIRS, FramePairSettings, find_pairs
from omniagent.data.models.roles import ModelChoice, Role
from omniagent.data.models.room import Models
from omniagent.data.recipe import Recipe, load_recipe
from omniagent.data.stage import Place
from omniagent.data.subjects.followed import TRACKS, FollowedSubjects, TrackSettings, follow
from omniagent.data.subjects.found import SUBJECTS, FoundSubjects, SubjectSettings, find_subjects
from omniagent.data.subjects.repainted import REPAINT, RepaintSettings, repaint
from omniagent.data.video.footage import Footage, Still, Take
from omniagent.model.perception.masks import Mask, Rect
from omniagent.shapes.perception.filler import ShapesFiller
from omniagent.shapes.perception.tracker import ShapesTracker
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import FILLS, Item, Scene, find_room
from omniagent.shapes.videos.film import RATE, random_film
from omniagent.tools.record.store import ImageStore
from tests.bench.training_data.truth import Figure, Tally

CASES = 60
"""Of each of the five faults."""
_EVERY = 8
"""Frames of a film from one still to the next."""
_NOISE = 1.5
"""Standard deviation of the noise of a still, in levels of 255."""


def compare() -> Iterator[Figure]:
    """Shares of planted faults that are dropped by kind and in all, and of good candidates that are dropped."""
    caught, lost, every = Tally(), Tally(), Tally()

    def planted(kind: str, dropped: bool) -> None:
        caught.add(f"caught_{kind}", dropped)
        every.add("caught_in_all", dropped)

    def good(kind: str, dropped: bool) -> None:
        lost.add(f"good_lost_by_{kind}", dropped)
        every.add("good_lost_in_all", dropped)

    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(Path(folder))
        for case in (_tracks, _repaints, _pairs):
            case(bench, planted, good)
    yield from caught.figures()
    yield from lost.figures()
    yield from every.figures()


Told = Callable[[str, bool], None]


class _Bench:
    """Shots of the shapes world with a store for their stills, and stages of the shipped recipes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.work = ImageStore(folder / "work")
        self._recipes = {name: load_recipe(name, preset="shapes") for name in ("in-context", "video-edit")}

    def place(self, recipe: str, models: Mapping[Role, object] | None = None) -> Place:
        """A place with the recipe's models, some of them replaced."""
        choices: Mapping[Role, ModelChoice] = self._recipes[recipe].models
        return Place(
            source=self._folder,
            images=ImageStore(self._folder / "images"),
            work=self.work,
            models=Models(choices, models or {}),
            seed=0,
        )

    def settings(self, recipe: str, stage: str) -> dict[str, object]:
        """The settings of a stage in the recipe with the preset."""
        return settings_in(self._recipes[recipe], stage)

    def footage(self, scenes: Sequence[Scene], seed: int) -> Footage:
        """Every eighth scene as a noisy still."""
        rng = np.random.default_rng([seed, 31])
        stills: list[Still] = []
        for at in range(0, len(scenes), _EVERY):
            pixels = render(scenes[at]).astype(np.float32)
            noisy = (pixels + rng.normal(0, _NOISE, pixels.shape)).clip(0, 255).astype(np.uint8)
            stills.append(Still(time=at / RATE, image=self.work.put(Image.fromarray(noisy))))
        return Footage(source=f"shot-{seed}", takes=(Take(shot=0, stills=tuple(stills)),))


def settings_in(recipe: Recipe, stage: str) -> dict[str, object]:
    """What a recipe says of a stage."""
    return dict(next(choice.settings for choice in recipe.stages if choice.stage == stage))


def _shots(events: Sequence[str]) -> Iterator[tuple[int, tuple[Scene, ...]]]:
    """Shots in which one of these things happens, with a number for each."""
    seed = 700_000
    while True:
        seed += 1
        clip = random_film(seed, 1).clips[0]
        if clip.event in events:
            yield seed, clip.scenes


class _Swapped(ShapesTracker):
    """Follows another object from the second still on."""

    def __init__(self, thing: int) -> None:
        self._thing = thing

    def track(self, frames: Sequence[Image.Image], boxes: Sequence[Rect]) -> list[list[Mask]]:
        first, *rest = super().track(frames, boxes)
        other = (self._thing + 1) % len(boxes)
        return [first, *([row[other] if at == self._thing else mask for at, mask in enumerate(row)] for row in rest)]


class _Jumps(ShapesTracker):
    """Takes the object at a place for that which it follows, from the second still on."""

    def __init__(self, box: Rect, twin: Item) -> None:
        self._box, self._twin = box, twin

    def track(self, frames: Sequence[Image.Image], boxes: Sequence[Rect]) -> list[list[Mask]]:
        found = super().track(frames, boxes)
        thing = list(boxes).index(self._box)
        plain = np.abs(render(Scene("white", (self._twin,))).astype(np.int16) - 250).max(axis=-1) > 60
        for row in found[1:]:
            row[thing] = plain
        return found


def _tracks(bench: _Bench, planted: Told, good: Told) -> None:
    """Tracks that drift to another object, and to one of the same colour and shape with another fill."""
    shots, counts = _shots(("move", "still")), {"drifted_track": 0, "look_alike": 0}
    while min(counts.values()) < CASES:
        seed, scenes = next(shots)
        rng = np.random.default_rng(seed)
        footage = bench.footage(scenes, seed)
        found = _found(bench, footage)
        things = [one.thing for take in found.takes for one in take.subjects]
        if len(things) < 2:
            continue
        kept = _followed(bench, found)
        named = [one.thing for take in kept.takes for one in take.subjects]
        if not named:
            continue
        thing = things.index(named[0])
        good("tracks", _drifted(kept, named[0]))
        if counts["drifted_track"] < CASES:
            counts["drifted_track"] += 1
            spoiled = _followed(bench, found, {"tracker": _Swapped(thing)})
            planted("drifted_track", not _keeps(spoiled, named[0]))
        if counts["look_alike"] < CASES and (made := _with_twin(rng, scenes, named[0])) is not None:
            twinned, twin = made
            footage = bench.footage(twinned, seed)
            box = found.takes[0].subjects[thing].box
            given = FoundSubjects(
                source=footage.source, takes=(found.takes[0].model_copy(update={"take": footage.takes[0]}),)
            )
            counts["look_alike"] += 1
            spoiled = _followed(bench, given, {"tracker": _Jumps(box, twin)})
            planted("look_alike", not _keeps(spoiled, named[0]))


def _with_twin(rng: np.random.Generator, scenes: Sequence[Scene], look: str) -> tuple[list[Scene], Item] | None:
    """The scenes with an object beside that has the same colour and shape, and another fill, from the second still."""
    own = next((item for item in scenes[0].items if look.endswith(f"{item.colour} {item.shape}")), None)
    if own is None:
        return None
    others = [item for scene in (scenes[0], scenes[len(scenes) // 2], scenes[-1]) for item in scene.items]
    fill = str(rng.choice([name for name in FILLS if name != own.fill]))
    twin = find_room(rng, replace(own, fill=fill), others)
    if twin is None:
        return None
    return [scenes[0], *(replace(scene, items=(*scene.items, twin)) for scene in scenes[1:])], twin


def _found(bench: _Bench, footage: Footage) -> FoundSubjects:
    settings = SubjectSettings.model_validate(bench.settings("in-context", SUBJECTS.name))
    return find_subjects(footage, settings, bench.place("in-context"))


def _followed(bench: _Bench, found: FoundSubjects, models: Mapping[Role, object] | None = None) -> FollowedSubjects:
    settings = TrackSettings.model_validate(bench.settings("in-context", TRACKS.name))
    return follow(found, settings, bench.place("in-context", models))


def _keeps(followed: FollowedSubjects, thing: str) -> bool:
    return any(one.thing == thing for take in followed.takes for one in take.subjects)


def _drifted(followed: FollowedSubjects, thing: str) -> bool:
    return any(each.reason.startswith("the track drifted") for each in followed.rejected) or not _keeps(followed, thing)


class _NearCopy(ShapesFiller):
    """Draws the background as it was, or changes a corner of it alone."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 41])

    def fill(self, picture: Image.Image, mask: Mask, *, prompt: str = "", seed: int = 0) -> Image.Image:
        pixels = np.asarray(picture.convert("RGB"), np.float32)
        made = pixels + self._rng.normal(0, 2, pixels.shape) + self._rng.uniform(-8, 8)
        corner = int(self._rng.integers(0, picture.width // 3))
        place = np.s_[:corner, :corner]
        made[place][mask[place]] = 128
        return Image.fromarray(made.clip(0, 255).astype(np.uint8))


class _SecondCopy(ShapesFiller):
    """Paints what it was to keep a second time, where there is room, in nine tenths to the whole of its size."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 43])

    def fill(self, picture: Image.Image, mask: Mask, *, prompt: str = "", seed: int = 0) -> Image.Image:
        made = super().fill(picture, mask, prompt=f"empty {prompt}", seed=seed)
        rows, columns = np.flatnonzero((~mask).any(axis=1)), np.flatnonzero((~mask).any(axis=0))
        box = (int(columns[0]), int(rows[0]), int(columns[-1] + 1), int(rows[-1] + 1))
        scale = float(self._rng.uniform(0.9, 1.0))
        size = (max(int((box[2] - box[0]) * scale), 1), max(int((box[3] - box[1]) * scale), 1))
        cut = picture.crop(box).resize(size, Image.Resampling.BICUBIC)
        plane = Image.fromarray((~mask).astype(np.uint8) * 255).crop(box).resize(size)
        for _ in range(400):
            x = int(self._rng.integers(2, picture.width - size[0] - 1))
            y = int(self._rng.integers(2, picture.height - size[1] - 1))
            if mask[max(y - 3, 0) : y + size[1] + 3, max(x - 3, 0) : x + size[0] + 3].all():
                made.paste(cut, (x, y), plane)
                return made
        raise LookupError("there is no room for a second copy")


def _repaints(bench: _Bench, planted: Told, good: Told) -> None:
    """New backgrounds that are none, and ones that show the subject a second time."""
    settings = RepaintSettings.model_validate({**bench.settings("in-context", REPAINT.name), "apart": True})
    shots, done = _shots(("move", "grow", "still")), {"near_copy": 0, "second_copy": 0}
    while min(done.values()) < CASES:
        seed, scenes = next(shots)
        followed = _followed(bench, _found(bench, bench.footage(scenes, seed)))
        if not followed.takes:
            continue
        # A subject alone, so that there is room for another one.
        take = followed.takes[0].model_copy(update={"subjects": followed.takes[0].subjects[:1]})
        given = followed.model_copy(update={"takes": (take,), "rejected": ()})
        good("repaint", not repaint(given, settings, bench.place("in-context")).takes)
        for kind, filler in (("near_copy", _NearCopy(seed)), ("second_copy", _SecondCopy(seed))):
            if done[kind] >= CASES:
                continue
            try:
                made = repaint(given, settings, bench.place("in-context", {"filler": filler}))
            except LookupError:
                continue
            done[kind] += 1
            planted(kind, not made.takes)


def _pairs(bench: _Bench, planted: Told, good: Told) -> None:
    """Pairs of frames between which nothing happens but noise and light, and ones in which something does."""
    settings = FramePairSettings.model_validate(bench.settings("video-edit", FRAME_PAIRS.name))
    still, local = _shots(("still",)), _shots(("move", "grow", "leave"))
    for _ in range(CASES):
        seed, scenes = next(still)
        planted(
            "unchanged_pair", not find_pairs(bench.footage(scenes, seed), settings, bench.place("video-edit")).pairs
        )
        seed, scenes = next(local)
        good("pairs", not find_pairs(bench.footage(scenes, seed), settings, bench.place("video-edit")).pairs)
