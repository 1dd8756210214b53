"""Every kind of model that a recipe may name for a role, with the settings it takes and how it is loaded."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import Field

from omniagent.data.models.describer import Describer
from omniagent.data.models.prompted import DescriberPrompts, PromptedDescriber
from omniagent.data.models.roles import Role
from omniagent.model.errors import BadSetting
from omniagent.model.perception.boxes import BoxFinder
from omniagent.model.perception.features import Features
from omniagent.model.perception.filling import Filler
from omniagent.model.perception.tracks import Tracker
from omniagent.tools.types import Word

S = TypeVar("S", bound=Word)


@dataclass(frozen=True, slots=True)
class Kind(Generic[S]):
    """A kind of model: the type of its settings, and what loads it."""

    settings: type[S]
    load: Callable[[S], object]


class Placed(Word):
    """Weights, and where they are computed."""

    weights: str = Field(min_length=1, description="a folder, or a hub name")
    device: str | None = Field(default=None, description="None takes the best there is")
    half: bool | None = Field(default=None, description="bfloat16 or float32; None: half on an accelerator alone")


class ServerSettings(Word):
    """An OpenAI-compatible server; the key is taken from the variable that `key_from` names."""

    url: str
    model: str | None = None
    key_from: str = "OPENAI_API_KEY"
    timeout: float = Field(default=120, gt=0)
    prompts: DescriberPrompts = DescriberPrompts()


class MllmSettings(Placed):
    """A checkpoint with its own critic or MLLM, in this process."""

    prompts: DescriberPrompts = DescriberPrompts()


class BoxSettings(Word):
    """As `GroundingDino` takes them; `least`: the confidence from which a thing counts as found."""

    weights: str = Field(min_length=1, description="a folder, or a hub name")
    device: str | None = None
    least: float = Field(default=0.25, ge=0, le=1)
    offload: bool = False


class FeatureSettings(Placed):
    """`batch`: pictures that are computed together."""

    batch: int = Field(default=16, ge=1)


class FillerSettings(Placed):
    """As `DiffusersFiller` takes them."""

    steps: int | None = Field(default=None, ge=1)
    guidance: float | None = None
    strength: float = Field(default=1.0, gt=0, le=1)
    pixels: int = Field(default=1024**2, ge=32**2)
    soft: float = Field(default=2.0, ge=0)
    offload: Literal["none", "model", "sequential"] = "none"


class ShapesSettings(Word):
    """There is nothing to choose."""


class ShapesWords(Word):
    """`model`: a checkpoint whose MLLM describes pictures of the shapes world, such as `bundled`; None: rules do."""

    model: str | None = None


def _dtype(placed: Placed) -> Any:
    import torch

    return None if placed.half is None else torch.bfloat16 if placed.half else torch.float32


def _server(given: ServerSettings) -> Describer:
    from omniagent.model.loading import remote_critic

    critic = remote_critic(given.url, given.model, os.environ.get(given.key_from), timeout=given.timeout)
    return PromptedDescriber(critic, given.prompts)


def _mllm(given: MllmSettings) -> Describer:
    from omniagent.model.loading import lone_critic

    critic = lone_critic(given.weights, device=given.device, dtype=_dtype(given))
    return PromptedDescriber(critic, given.prompts)


def _grounding_dino(given: BoxSettings) -> BoxFinder:
    from omniagent.model.perception.boxes import GroundingDino

    return GroundingDino(given.weights, device=given.device, least=given.least, offload=given.offload)


def describer_named(name: str) -> Describer:
    """A describer by the name that people give: the URL of a server, `shapes` (by rules), or `bundled`.

    Raises:
        BadSetting: it is none of these.
    """
    if name.startswith(("http://", "https://")):
        return _server(ServerSettings(url=name))
    if name not in ("shapes", "bundled"):
        raise BadSetting(f"--critic {name!r} is not allowed; give a URL, shapes or bundled")
    return _shapes_words(ShapesWords(model=None if name == "shapes" else "bundled"))


def _sam2(given: Placed) -> Tracker:
    from omniagent.model.perception.tracks import Sam2Tracker

    return Sam2Tracker(given.weights, device=given.device, dtype=_dtype(given))


def _vision(given: FeatureSettings) -> Features:
    from omniagent.model.perception.features import VisionFeatures

    return VisionFeatures(given.weights, batch=given.batch, device=given.device, dtype=_dtype(given))


def _diffusers(given: FillerSettings) -> Filler:
    from omniagent.model.perception.filling import DiffusersFiller

    own = given.model_dump(exclude={"weights", "half"})
    return DiffusersFiller(given.weights, dtype=_dtype(given), **own)


def _shapes_words(given: ShapesWords) -> Describer:
    from omniagent.shapes.perception.words import words_of_shapes

    if given.model != "bundled":
        return words_of_shapes(given.model)
    from omniagent.config import bundled_checkpoint

    return words_of_shapes(bundled_checkpoint())


def _shapes_detector(given: ShapesSettings) -> BoxFinder:
    from omniagent.shapes.perception.detector import ShapesDetector

    return ShapesDetector()


def _shapes_tracker(given: ShapesSettings) -> Tracker:
    from omniagent.shapes.perception.tracker import ShapesTracker

    return ShapesTracker()


def _shapes_features(given: ShapesSettings) -> Features:
    from omniagent.shapes.perception.features import ShapesFeatures

    return ShapesFeatures()


def _shapes_filler(given: ShapesSettings) -> Filler:
    from omniagent.shapes.perception.filler import ShapesFiller

    return ShapesFiller()


_LIKENESS: Final = MappingProxyType[str, Kind[Any]](
    {"vision": Kind(FeatureSettings, _vision), "shapes": Kind(ShapesSettings, _shapes_features)}
)
KINDS: Final = MappingProxyType[Role, MappingProxyType[str, Kind[Any]]](
    {
        "describer": MappingProxyType(
            {
                "server": Kind(ServerSettings, _server),
                "mllm": Kind(MllmSettings, _mllm),
                "shapes": Kind(ShapesWords, _shapes_words),
            }
        ),
        "detector": MappingProxyType(
            {"grounding-dino": Kind(BoxSettings, _grounding_dino), "shapes": Kind(ShapesSettings, _shapes_detector)}
        ),
        "tracker": MappingProxyType({"sam2": Kind(Placed, _sam2), "shapes": Kind(ShapesSettings, _shapes_tracker)}),
        "features": _LIKENESS,
        "matcher": _LIKENESS,
        "filler": MappingProxyType(
            {"diffusers": Kind(FillerSettings, _diffusers), "shapes": Kind(ShapesSettings, _shapes_filler)}
        ),
    }
)
