"""How often the oracle itself is wrong: rendered truth, disturbed as files and generators disturb pictures.

Run `python -m omniagent.shapes.evaluation.oracle_report` for the table of the docs. For every scene the oracle judges
the scene's own requirements and those of the scene after one change (a near miss), from the disturbed picture; a
requirement is wrong when the judgement differs from the one made from the scene itself.
"""

import argparse
import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from omniagent.model.intervals import wilson
from omniagent.shapes.oracle.judge import read, size_word
from omniagent.shapes.scene.reading import Found, Reading
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Scene, random_scene
from omniagent.shapes.tasks.edits import random_change
from omniagent.shapes.words.draws import wanted_of
from omniagent.shapes.words.requirements import Wanted, judge_reading

Picture = npt.NDArray[np.uint8]
Disturbance = Callable[[np.random.Generator, Picture], Picture]


def jittered(rng: np.random.Generator, picture: Picture) -> Picture:
    """Each channel shifted by up to 6, and each value of a half of the pictures again."""
    values = picture.astype(np.float32) + rng.uniform(-6, 6, 3)
    if rng.random() < 0.5:
        values = values + rng.uniform(-6, 6, picture.shape)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def blurred(rng: np.random.Generator, picture: Picture) -> Picture:
    """Blurred by a Gaussian of 1 px."""
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(1.0)))


def compressed(rng: np.random.Generator, picture: Picture) -> Picture:
    """Written and read as JPEG of quality 60 to 90, with halved colour resolution."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=int(rng.integers(60, 91)))
    return np.asarray(Image.open(file).convert("RGB"))


def all_together(rng: np.random.Generator, picture: Picture) -> Picture:
    """Jittered, then blurred, then compressed."""
    return compressed(rng, blurred(rng, jittered(rng, picture)))


def unchanged(rng: np.random.Generator, picture: Picture) -> Picture:
    """As rendered."""
    return picture


DISTURBANCES: dict[str, tuple[Disturbance, float]] = {
    "as rendered": (unchanged, 0.25),
    "JPEG 60–90": (compressed, 0.25),
    "blur 1 px": (blurred, 0.25),
    "colour ±6": (jittered, 0.25),
    "all three": (all_together, 1.0),
}
"""Each disturbance with the share of the asked scenes that it gets."""


@dataclass
class Errors:
    """Counts of requirements and objects, and those that the oracle got wrong; `seen` keeps examples in words."""

    scenes: int = 0
    requirements: int = 0
    wrong: int = 0
    objects: int = 0
    misread: int = 0
    seconds: float = 0.0
    seen: list[str] = field(default_factory=list[str])

    @property
    def share(self) -> float:
        """The share of requirements judged wrongly."""
        return self.wrong / max(self.requirements, 1)


def truth_of(scene: Scene) -> Reading:
    """What a perfect reader reads in the scene's picture."""
    found = (
        Found(colour=i.colour, shape=i.shape, fill=i.fill, x=i.x, y=i.y, radius=i.radius, size=size_word(i.radius))
        for i in scene.items
    )
    return Reading(background=scene.background, objects=tuple(sorted(found, key=lambda one: (one.y, one.x))))


def scene_with_phases(rng: np.random.Generator) -> Scene:
    """A random scene of 1 to 6 objects whose stripes and dots start anywhere."""
    scene = random_scene(rng, int(rng.integers(1, 7)), inside=0.15)
    shifted = (replace(i, phase=(float(rng.uniform(0, 9)), float(rng.uniform(0, 9)))) for i in scene.items)
    return replace(scene, items=tuple(shifted))


def measure(disturb: Disturbance, scenes: int, seed: int, *, on_scene: Callable[[], None] | None = None) -> Errors:
    """The oracle's errors over random scenes through one disturbance."""
    rng = np.random.default_rng([seed, *disturb.__name__.encode()])
    errors = Errors()
    for index in range(scenes):
        scene = scene_with_phases(rng)
        picture = disturb(rng, render(scene))
        start = time.perf_counter()
        reading = read(picture)
        errors.seconds += time.perf_counter() - start
        truth = truth_of(scene)
        errors.scenes += 1
        errors.objects += len(truth.objects)
        kinds = [one.kind for one in reading.objects] if isinstance(reading, Reading) else []
        errors.misread += sum(one.kind not in kinds for one in truth.objects)
        for wanted in _asked(rng, scene):
            for mine, true in zip(judge_reading(reading, wanted), judge_reading(truth, wanted), strict=True):
                errors.requirements += 1
                if mine.holds != true.holds:
                    errors.wrong += 1
                    errors.seen.append(f"{disturb.__name__} {index}: {true.requirement}: is {true.holds}")
        if on_scene:
            on_scene()
    return errors


def _asked(rng: np.random.Generator, scene: Scene) -> list[Wanted]:
    """The scene's own requirements, and those of the scene after one change."""
    asked = [wanted_of(rng, scene)]
    if (change := random_change(rng, scene)) is not None:
        asked.append(wanted_of(rng, change.after))
    return asked


def main(arguments: list[str] | None = None) -> int:
    """Measure and print the table; exit code 1 when any share reaches 0.5 %."""
    parser = argparse.ArgumentParser(
        prog="python -m omniagent.shapes.evaluation.oracle_report", description=main.__doc__
    )
    parser.add_argument(
        "--scenes", type=int, default=2000, help="scenes with all disturbances; each alone has a quarter"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--examples", type=int, default=0, help="wrong requirements to print of each disturbance")
    given = parser.parse_args(arguments)
    print("| disturbance | scenes | objects misread | requirements | wrong | 95 % | ms a picture |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    worst = 0.0
    for name, (disturb, share) in DISTURBANCES.items():
        found = measure(disturb, max(round(given.scenes * share), 1), given.seed)
        low, high = wilson(found.wrong, found.requirements)
        worst = max(worst, found.share)
        print(
            f"| {name} | {found.scenes} | {found.misread} of {found.objects} | {found.requirements} "
            f"| {found.share:.2%} | {low:.2%}–{high:.2%} | {1000 * found.seconds / found.scenes:.0f} |",
            flush=True,
        )
        for line in found.seen[: given.examples]:
            print(line, file=sys.stderr)
    return 0 if worst < 0.005 else 1


if __name__ == "__main__":
    sys.exit(main())
