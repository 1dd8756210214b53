"""Checks a model folder before it is loaded: every weight there, none too many, each of its shape, no pickles.

Only the headers of safetensors files are read for that; once loaded, every weight must be a finite number.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin
from safetensors import SafetensorError, safe_open
from torch import nn

from .errors import BadCheckpoint

PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
Shapes = dict[str, tuple[int, ...]]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        BadCheckpoint: The file is missing or holds something else.
    """
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadCheckpoint(f"{path} is missing; the checkpoint is not complete") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadCheckpoint(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadCheckpoint(f"{path} holds {type(value).__name__}; it must hold a JSON object")
    return value


def weight_files(folder: Path, stem: str) -> list[Path]:
    """The safetensors files of a component, single or sharded; ``stem`` is the name its library gives them.

    Raises:
        BadCheckpoint: There are none, a shard is missing, or there are only pickles.
    """
    if not folder.is_dir():
        raise BadCheckpoint(f"{folder} is missing; the checkpoint is not complete")
    index = folder / f"{stem}.safetensors.index.json"
    if index.is_file():
        names = read_json(index).get("weight_map")
        if not isinstance(names, dict) or not names:
            raise BadCheckpoint(f"{index} has no weight_map")
        files = [folder / Path(str(name)).name for name in sorted(set(names.values()))]
    else:
        files = [folder / f"{stem}.safetensors"]
    missing = [file.name for file in files if not file.is_file()]
    if not missing:
        return files
    if any(file.suffix in PICKLE_SUFFIXES for file in folder.iterdir()):
        raise BadCheckpoint(
            f"{folder} holds pickled weights, which can run code and are refused; convert them to {stem}.safetensors"
        )
    raise BadCheckpoint(f"{folder} lacks {listed(missing)}; the checkpoint is not complete")


def read_shapes(files: Iterable[Path]) -> Shapes:
    """Names and shapes of all tensors in safetensors files.

    Raises:
        BadCheckpoint: A file is cut short or no safetensors file.
    """
    shapes: Shapes = {}
    for file in files:
        try:
            with safe_open(file, "pt") as tensors:
                shapes.update({name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()})  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise BadCheckpoint(f"{file} is cut short or no safetensors file ({error}); download it again") from error
    return shapes


def check_shapes(folder: Path, found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Compare what a folder holds with what the model needs.

    Raises:
        BadCheckpoint: Naming weights that are missing, too many, or of another shape.
    """
    faults: list[str] = []
    if missing := sorted(set(wanted) - set(found)):
        faults.append(f"missing weights: {listed(missing)}")
    if extra := sorted(set(found) - set(wanted)):
        faults.append(f"unknown weights: {listed(extra)}")
    wrong = [
        f"{name} is {list(found[name])}, not {list(wanted[name])}"
        for name in sorted(set(found) & set(wanted))
        if found[name] != wanted[name]
    ]
    if wrong:
        faults.append(f"wrong shapes: {listed(wrong)}")
    if faults:
        raise BadCheckpoint(f"{folder} does not fit its config.json; {'; '.join(faults)}")


def check_finite(folder: Path, module: nn.Module) -> None:
    """Refuse weights that would turn every picture or answer into noise, before any work is spent on them.

    Raises:
        BadCheckpoint: Naming weights with a value that is not a number or infinite.
    """
    state = {name: each for name, each in module.state_dict().items() if each.is_floating_point() and each.numel()}
    broken = [name for name, each in state.items() if not torch.stack(each.aminmax()).isfinite().all()]
    if broken:
        raise BadCheckpoint(f"{folder} holds weights that are NaN or infinite: {listed(broken)}; download it again")


def check_config(path: Path, kind: type[ConfigMixin]) -> dict[str, Any]:
    """Read a component's config and compare its keys with what the class knows.

    Raises:
        BadCheckpoint: The file is missing, broken, of another class, or has unknown keys.
    """
    config = read_json(path)
    name = config.get("_class_name", kind.__name__)
    if name != kind.__name__:
        raise BadCheckpoint(f"{path} is of class {name!r}; it must be {kind.__name__!r}")
    known = inspect.signature(kind.__init__).parameters
    if unknown := sorted(key for key in config if not key.startswith("_") and key not in known):
        raise BadCheckpoint(f"{path} has keys that {kind.__name__} does not know: {listed(unknown)}")
    return config


def listed(names: Iterable[str], most: int = 5) -> str:
    """Names for a message, cut after a few."""
    shown = list(names)
    rest = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {rest} more" if rest > 0 else "")
