"""How alike pictures and words are, by CLIP and DINO: the judges of Emu-Edit's test set and of DreamBench."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from omniagent.benchmarks.items import Item, Look
from omniagent.benchmarks.judgement import Identity, Judgement, JudgeOptions
from omniagent.benchmarks.judges.pictures import given, opened
from omniagent.benchmarks.judges.weights import named
from omniagent.model.errors import BadImage
from omniagent.model.perception.features import Vectors, VisionFeatures

_DINO: Final = "facebook/dino-vits16"
SETTINGS: Final = MappingProxyType(
    {
        "b32": ("openai/clip-vit-base-patch32", _DINO),
        "l14": ("openai/clip-vit-large-patch14", _DINO),
    }
)
"""CLIP and DINO by the name of the setting. `b32` is that of MagicBrush and of OmniGen2's table, `l14` that of the
first OmniGen."""

DINO_SHRUNK: Final = 256
"""Pixels of the shorter side before the middle 224 are cut out, as MagicBrush's evaluation does for DINO."""


class Backbones:
    """CLIP and DINO in one of the published settings.

    Args:
        options: `model` is `b32` (the default), `l14`, or names a CLIP and a DINO, parted by a comma.

    Raises:
        BadSetting: `model` names something else.
        OmniAgentError: weights cannot be found or loaded.
    """

    def __init__(self, options: JudgeOptions) -> None:
        import torch

        setting = options.model or "b32"
        usual = SETTINGS["b32"]
        self.names = SETTINGS.get(setting) or named(setting, usual, "b32, l14, or a CLIP and a DINO")
        self.setting = setting if setting in SETTINGS else "own"
        clip, dino = self.names
        self.clip = VisionFeatures(clip, framing="crop", device=options.device, dtype=torch.float32)
        self.dino = VisionFeatures(dino, framing="crop", shrunk=DINO_SHRUNK, device=options.device, dtype=torch.float32)

    @property
    def identity(self) -> Identity:
        """Which judge it is."""
        own = f"CLIP and DINO are not those of published rows: {', '.join(self.names)}"
        large = "CLIP is ViT-L/14; OmniGen2's rows are of ViT-B/32, which gives other numbers"
        differs = {"own": (own,), "l14": (large,)}.get(self.setting, ())
        return Identity(name=f"clip-dino-{self.setting}", model=", ".join(self.names), differs=differs)


class Told(NamedTuple):
    """What was measured of a picture: scores by name, and what they rest on."""

    scores: Mapping[str, float]
    evidence: tuple[str, ...] = ()


class LikenessJudge(ABC):
    """A `Judge` by CLIP and DINO; what it measures is said by its subclasses."""

    def __init__(self, options: JudgeOptions) -> None:
        self._backbones: Backbones | None = Backbones(options)
        self._identity = self._backbones.identity
        self._kept: dict[tuple[str, ...], Vectors] = {}

    @property
    def identity(self) -> Identity:
        """Which judge it is."""
        return self._identity

    @property
    def backbones(self) -> Backbones:
        """CLIP and DINO, until the judge is closed."""
        assert self._backbones is not None, "the judge is closed"
        return self._backbones

    @property
    def at_once(self) -> int:
        return 1

    def connect(self) -> None:  # noqa: B027
        """It is in this process."""

    def judge(self, look: Look) -> Judgement:
        """As `Judge.judge`.

        Raises:
            OutOfMemory: the device is too small.
            BadSetting: a picture of the data is gone or broken.
        """
        try:
            told = self.measured(look.sample.item, opened(look.picture))
        except BadImage as error:
            return Judgement(outcome="unreadable", reason=str(error))
        return Judgement(outcome="scored", scores=dict(told.scores), evidence=told.evidence)

    @abstractmethod
    def measured(self, item: Item, picture: Image.Image) -> Told:
        """What is to be measured of a picture of an item. Raises: BadSetting where a picture of the data is broken."""

    def of_files(self, features: VisionFeatures, paths: Sequence[Path]) -> Vectors:
        """The vectors of pictures of the data; those of the last subject are kept, since its pictures come again."""
        key = (features.name, *map(str, paths))
        if key not in self._kept:
            self._kept = {kept: rows for kept, rows in self._kept.items() if kept[1:] == key[1:]}
            self._kept[key] = features.embed([given(path) for path in paths])
        return self._kept[key]

    def close(self) -> None:
        """Let the models and the kept vectors go; nothing can be judged any more."""
        from omniagent.model.device import free_memory

        self._backbones = None
        self._kept.clear()
        free_memory()


class EditLikeness(LikenessJudge):
    """Emu-Edit's five numbers (arXiv 2311.10089, section 5; MagicBrush's evaluation).

    `CLIP-I` and `DINO` are cosines of the source's and the edit's pictures, `CLIP-Out` that of the edit and the words
    of what it should show, `CLIP-dir` that of both changes, `L1` the mean absolute difference, 0 to 1, of the edit at
    the source's size. Rows whose two captions are the same tell nothing of the edit: their numbers are under names
    that end in `, all rows` only, which the other rows have too.
    """

    def measured(self, item: Item, picture: Image.Image) -> Told:
        clip, source = self.backbones.clip, given(item.images[0])
        before, after = str(item.facts["input_caption"]), str(item.facts["output_caption"])
        seen, words = clip.embed([source, picture]), clip.embed_texts([before, after])
        looks = self.backbones.dino.embed([source, picture])
        there = np.asarray(picture.resize(source.size), np.float32)
        scores = {
            "CLIP-I": _cosine(seen[0], seen[1]),
            "CLIP-Out": _cosine(seen[1], words[1]),
            "DINO": _cosine(looks[0], looks[1]),
            "CLIP-dir": _cosine(seen[1] - seen[0], words[1] - words[0]),
            "L1": float(np.abs(there - np.asarray(source, np.float32)).mean() / 255),
        }
        whole = {f"{name}, all rows": value for name, value in scores.items()}
        if before.strip() == after.strip():
            return Told(whole, ("both captions are the same; the row is left out of the filtered totals",))
        return Told({**scores, **whole})


class SubjectLikeness(LikenessJudge):
    """DreamBench's three numbers (DreamBooth, arXiv 2208.12242, section 4.1).

    `DINO` and `CLIP-I` are the mean cosines of a picture and all pictures of its subject, which are the item's
    `facts["subject"]`; `CLIP-T` is that of the picture and the prompt without the word that stands for the subject.
    """

    def measured(self, item: Item, picture: Image.Image) -> Told:
        clip, dino = self.backbones.clip, self.backbones.dino
        listed = item.facts["subject"]
        assert isinstance(listed, list)
        paths = [Path(str(each)) for each in listed]
        seen, looks = clip.embed([picture]), dino.embed([picture])
        return Told(
            {
                "DINO": float((self.of_files(dino, paths) @ looks[0]).mean()),
                "CLIP-I": float((self.of_files(clip, paths) @ seen[0]).mean()),
                "CLIP-T": _cosine(seen[0], clip.embed_texts([item.prompt])[0]),
            },
            (f"held against {len(paths)} pictures of the subject",),
        )


def _cosine(first: Vectors, second: Vectors) -> float:
    """The cosine; 0 where one has no direction, as of an edit that changed nothing."""
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / lengths if lengths > 1e-8 else 0.0
