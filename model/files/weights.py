"""Checks a model folder before it is loaded: every weight there, none too many, each of its shape, no pickles.

Only the headers of safetensors files are read for that; every weight must be a finite number, too.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import torch
from diffusers.configuration_utils import ConfigMixin
from safetensors import SafetensorError, safe_open
from torch import nn
from torch.overrides import TorchFunctionMode

from omniagent.model.device import with_memory_fault
from omniagent.model.errors import BadCheckpoint, BadSetting, OmniAgentError
from omniagent.model.files.file_kinds import refuse_stand_in, stand_ins

POSITIVE = ("scaling_factor", "norm_eps", "timestep_scale", "patch_size", "multiple_of", "axes_dim_rope", "axes_lens")
Shapes = dict[str, tuple[int, ...]]
T = TypeVar("T")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        BadCheckpoint: the file is missing or holds something else.
    """
    try:
        value: object = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadCheckpoint(f"{path} is missing; the checkpoint is not complete") from error
    except (OSError, ValueError, RecursionError) as error:
        refuse_stand_in(path)
        raise BadCheckpoint(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadCheckpoint(f"{path} holds {type(value).__name__}; it must hold a JSON object")
    return value


def weight_files(folder: Path, stem: str) -> list[Path]:
    """The safetensors files of a component, single or sharded; `stem` is the name its library gives them.

    Raises:
        BadCheckpoint: there are none, a shard is missing, or there are only weights in another form, such as pickles.
    """
    if not folder.is_dir():
        raise BadCheckpoint(f"{folder} is missing; the checkpoint is not complete")
    index = folder / f"{stem}.safetensors.index.json"
    if index.is_file():
        names = read_json(index).get("weight_map")
        if not isinstance(names, dict) or not names:
            raise BadCheckpoint(f"{index} has no weight_map")
        files = [folder / name for name in sorted({Path(str(name)).name for name in names.values()})]
    else:
        files = [folder / f"{stem}.safetensors"]
    missing = [file.name for file in files if not file.is_file()]
    if not missing:
        return files
    if others := stand_ins(folder.iterdir()):
        raise BadCheckpoint(f"{folder} lacks {joined(missing)}; {joined(others, 2)}")
    raise BadCheckpoint(f"{folder} lacks {joined(missing)}; the checkpoint is not complete")


def read_shapes(files: Iterable[Path]) -> Shapes:
    """Names and shapes of all tensors in safetensors files.

    Raises:
        BadCheckpoint: a file is cut short or no safetensors file; the message says what it is where that can be told.
    """
    shapes: Shapes = {}
    for file in files:
        refuse_stand_in(file)
        try:
            with safe_open(file, "pt") as tensors:
                shapes.update({name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()})  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise BadCheckpoint(f"{file} is cut short or no safetensors file ({error}); download it again") from error
    return shapes


def check_shapes(folder: Path, found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Compare what a folder holds with what the model needs.

    Raises:
        BadCheckpoint: naming weights that are missing, too many, or of another shape.
    """
    faults: list[str] = []
    if missing := sorted(set(wanted) - set(found)):
        faults.append(f"missing weights: {joined(missing)}")
    if extra := sorted(set(found) - set(wanted)):
        faults.append(f"unknown weights: {joined(extra)}")
    wrong = [
        f"{name} is {list(found[name])}, not {list(wanted[name])}"
        for name in sorted(set(found) & set(wanted))
        if found[name] != wanted[name]
    ]
    if wrong:
        faults.append(f"wrong shapes: {joined(wrong)}")
    if faults:
        raise BadCheckpoint(f"{folder} does not fit its config.json; {'; '.join(faults)}")


def check_finite(folder: Path, module: nn.Module) -> None:
    """Refuse weights that would turn every picture or answer into noise, before any work is spent on them.

    Raises:
        BadCheckpoint: naming weights with a value that is not a number or infinite.
    """
    _refuse_infinite(folder, module.state_dict().items())


def infinite_weights(weights: Iterable[tuple[str, torch.Tensor]]) -> list[str]:
    """Names of those that hold a value that is not a number or infinite."""
    return [name for name, each in weights if not _is_finite(each)]


def check_finite_file(file: Path) -> None:
    """The same for a safetensors file, whose tensors are read one at a time.

    Raises:
        BadCheckpoint: as `check_finite`.
    """
    with safe_open(file, "pt") as tensors:
        _refuse_infinite(file, ((name, tensors.get_tensor(name)) for name in tensors.keys()))  # noqa: SIM118


def _refuse_infinite(source: Path, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
    if broken := infinite_weights(weights):
        raise BadCheckpoint(f"{source} holds weights that are NaN or infinite: {joined(broken)}; download it again")


def _is_finite(weight: torch.Tensor) -> bool:
    if not weight.is_floating_point() or not weight.numel():
        return True
    # Number types of one byte know neither smallest nor largest.
    wide = weight.float() if weight.itemsize == 1 else weight
    return bool(torch.stack(wide.aminmax()).isfinite().all())


def check_config(path: Path, kind: type[ConfigMixin]) -> dict[str, Any]:
    """Read a component's config and compare its keys with what the class knows.

    Raises:
        BadCheckpoint: the file is missing, broken, of another class, or has unknown keys.
    """
    config = read_json(path)
    name = config.get("_class_name", kind.__name__)
    if name != kind.__name__:
        raise BadCheckpoint(f"{path} is of class {name!r}; it must be {kind.__name__!r}")
    known = inspect.signature(kind.__init__).parameters
    if unknown := sorted(key for key in config if not key.startswith("_") and key not in known):
        raise BadCheckpoint(f"{path} has keys that {kind.__name__} does not know: {joined(unknown)}")
    return config


def check_numbers(path: Path, config: Mapping[str, Any]) -> None:
    """Refuse numbers of a config that its class takes as they are and stumbles over much later.

    Raises:
        BadCheckpoint: a scale, an epsilon or a size is not positive, or a shift no number.
    """
    for name in POSITIVE:
        value: object = config.get(name, 1)
        if not all(_is_number(each) and each > 0 for each in (value if isinstance(value, list) else [value])):
            raise BadCheckpoint(f"{path} has {name}={value!r}; it must be positive")
    shift = config.get("shift_factor")
    if shift is not None and not _is_number(shift):
        raise BadCheckpoint(f"{path} has shift_factor={shift!r}; it must be a number or null")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18


class WithoutStorage(TorchFunctionMode):
    """A context for networks that are made on torch's device without storage, `meta`.

    Their weights are not set, which would have no effect, and their tables of positions lie on the CPU: torch computes
    both by definitions in Python, which bring SymPy.
    """

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func is torch.arange and torch.device(named.get("device") or "cpu").type == "meta":
            named = {**named, "device": "cpu"}
        if getattr(func, "__module__", None) == "torch.nn.init":
            weight = args[0] if args else named.get("tensor")
            if isinstance(weight, torch.Tensor) and weight.is_meta:
                return weight
        return func(*args, **named)


def building(path: Path, what: str, work: Callable[[], T]) -> T:
    """The result of `work`, which reads or builds a part of a checkpoint from `path`.

    Libraries raise whatever they stumble over in a broken file, so every failure but a lack of memory is the file's.

    Raises:
        BadCheckpoint: naming the path, `what` cannot be made of it, and why.
        OutOfMemory: the machine has too little memory.
    """
    try:
        return with_memory_fault(torch.device("cpu"), str(path), work)
    except BadSetting as error:
        raise BadCheckpoint(f"{path} describes no possible {what}: {error}") from error
    except OmniAgentError:
        raise
    except Exception as error:
        raise BadCheckpoint(f"{path} describes no possible {what}: {error} ({type(error).__name__})") from error


def joined(names: Iterable[str], most: int = 5) -> str:
    """Names for a message, cut after a few."""
    shown = list(names)
    rest = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {rest} more" if rest > 0 else "")
