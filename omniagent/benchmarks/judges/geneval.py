"""GenEval's judge: a detector of COCO's classes, and CLIP for colours."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from omniagent.benchmarks.items import Look
from omniagent.benchmarks.judgement import Identity, Judgement, JudgeOptions
from omniagent.benchmarks.judges.geneval_rules import COLOURS, Metadata, by_class, ruled
from omniagent.benchmarks.judges.pictures import opened
from omniagent.benchmarks.judges.weights import named
from omniagent.model.errors import BadImage, BadSetting
from omniagent.model.perception.features import Vectors, VisionFeatures
from omniagent.model.perception.instances import Instance, Mask2Former

DETECTOR: Final = "facebook/mask2former-swin-small-coco-instance"
CLIP: Final = "openai/clip-vit-large-patch14"
SIDES: Final = (800, 1333)
"""Shorter and longest side, in pixels, at which the published evaluation's detector looks."""

BLANK: Final = "#999"
TEMPLATES: Final = (
    "a photo of a {colour} {name}",
    "a photo of a {colour}-colored {name}",
    "a photo of a {colour} object",
)


class ColourReader:
    """Names the colour of things by CLIP: the colour whose mean text vector is nearest to the thing's picture.

    Args:
        clip: The CLIP. Pictures of things are cut to their boxes, on grey where the mask is not set.
    """

    def __init__(self, clip: VisionFeatures) -> None:
        self._clip = clip
        self._vectors: dict[str, Vectors] = {}

    def colours(self, picture: Image.Image, name: str, things: Sequence[Instance]) -> list[str]:
        """The colour of each of some things of one class."""
        blank = Image.new("RGB", picture.size, BLANK)
        cut = [Image.composite(picture, blank, Image.fromarray(each.mask)).crop(each.box) for each in things]
        # A mask without any pixel has an empty box, of which nothing can be looked at.
        seen = self._clip.embed([each if min(each.size) > 0 else Image.new("RGB", (1, 1), BLANK) for each in cut])
        return [COLOURS[int(at)] for at in (seen @ self._of(name).T).argmax(axis=1)]

    def _of(self, name: str) -> Vectors:
        if name not in self._vectors:
            rows = [
                self._clip.embed_texts([each.format(colour=colour, name=name) for each in TEMPLATES]).mean(axis=0)
                for colour in COLOURS
            ]
            found = np.stack(rows)
            self._vectors[name] = found / np.linalg.norm(found, axis=1, keepdims=True)
        return self._vectors[name]


class _Models(NamedTuple):
    detector: Mask2Former
    colours: ColourReader


class GenEvalJudge:
    """A `Judge` by GenEval's rules; the score's part `correct` is 1 or 0.

    The detector is a port: transformers' Mask2Former, whose weights are not those of the published evaluation.

    Args:
        options: `model` names the detector and CLIP, as `DETECTOR,CLIP`; None takes the published kinds. `device` is
            where both run.
        names: The names of the detector's classes, in its order.
        sides: At which the detector looks.

    Raises:
        BadSetting: `model` is something else, or the detector has another number of classes.
        OmniAgentError: weights cannot be found or loaded.
    """

    def __init__(self, options: JudgeOptions, names: Sequence[str], sides: tuple[int, int] = SIDES) -> None:
        import torch

        detector, clip = named(options.model, (DETECTOR, CLIP), "a Mask2Former and a CLIP")
        self._names, self._sides = tuple(names), sides
        finder = Mask2Former(detector, sides=sides, device=options.device)
        if finder.labels != len(self._names):
            raise BadSetting(
                f"the detector {detector} knows {finder.labels} classes and GenEval has {len(self._names)}; "
                "name a Mask2Former of COCO's instances"
            )
        colours = ColourReader(VisionFeatures(clip, framing="crop", device=options.device, dtype=torch.float32))
        self._models: _Models | None = _Models(finder, colours)
        self._weights = detector, clip

    @property
    def identity(self) -> Identity:
        """Which judge it is."""
        return Identity(
            name="mask2former-ported",
            model=", ".join(self._weights),
            settings={
                "sides": f"{self._sides[0]}, {self._sides[1]}",
                "confidence": "0.3, 0.9 for counting",
                "most of a class": "16",
                "background": BLANK,
            },
            differs=(
                "the detector is a port: Mask2Former by transformers, whose weights are not those of mmdetection that "
                "published rows were judged with; compare such scores with one another",
            ),
        )

    @property
    def at_once(self) -> int:
        return 1

    def connect(self) -> None:
        """It is in this process."""

    def judge(self, look: Look) -> Judgement:
        """As `Judge.judge`.

        Raises:
            OutOfMemory: the device is too small.
        """
        models = self._models
        assert models is not None, "the judge is closed"
        metadata = Metadata.model_validate(look.sample.item.facts)
        try:
            picture = opened(look.picture)
        except BadImage as error:
            return Judgement(outcome="unreadable", reason=str(error))
        found = by_class(models.detector.instances(picture, above=metadata.confidence), self._names)
        ruling = ruled(metadata, found, lambda name, things: models.colours.colours(picture, name, things))
        return Judgement(
            outcome="scored",
            scores={"correct": float(ruling.correct)},
            reason="; ".join(ruling.reasons),
            evidence=tuple(
                f"{name} {each.confidence:.2f} at {', '.join(f'{side:.0f}' for side in each.box)}"
                for name, things in found.items()
                for each in things
            ),
        )

    def close(self) -> None:
        """Let the models go; nothing can be judged any more."""
        from omniagent.model.device import free_memory

        self._models = None
        free_memory()
