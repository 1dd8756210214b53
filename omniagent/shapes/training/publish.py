"""Weights of a running training as few small files, and their way back into a checkpoint.

A machine that is lent for minutes may be gone at any moment and may hand back only small files: after each save the
trained part is written in bf16, in shards below `LIMIT` bytes, each whole or not at all.
"""

import shutil
from collections.abc import Collection
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from omniagent.model.errors import BadSetting

LIMIT = 15 * 2**20
"""Bytes of tensors in a file, with room for its header below 16 MiB."""

WEIGHTS = {
    "vae": ("vae", "diffusion_pytorch_model"),
    "mllm": ("mllm", "model"),
    "dit": ("transformer", "diffusion_pytorch_model"),
}
"""The folder of a part in a checkpoint, and the name of its weights."""


def publish(work: Path, part: str, folder: Path, step: int) -> list[Path]:
    """Write a part's last exported weights, its log and its sheet of pictures to `folder`; the files of weights."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    if part in WEIGHTS:
        name, stem = WEIGHTS[part]
        tensors = load_file(work / part / "weights" / name / f"{stem}.safetensors")
        shards = _shards({key: value.to(torch.bfloat16).contiguous() for key, value in tensors.items()})
        for number, shard in enumerate(shards, start=1):
            path = folder / f"{name}-{number}-of-{len(shards)}.safetensors"
            save_file(shard, path.with_suffix(".part"), metadata={"format": "pt", "step": str(step)})
            path.with_suffix(".part").replace(path)
            written.append(path)
    for source, name in (
        (work / part / "log.jsonl", f"{part}.jsonl"),
        (work / part / "weights/sheet.png", "sheet.png"),
    ):
        if source.is_file():
            shutil.copyfile(source, folder / name)
    return written


def _shards(tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    shards: list[dict[str, Tensor]] = [{}]
    held = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        if held and held + size > LIMIT:
            shards.append({})
            held = 0
        shards[-1][name] = tensor
        held += size
    return shards


def published(folder: Path) -> dict[str, dict[str, Tensor]]:
    """The tensors of each part in `folder`, by the name of its folder in a checkpoint.

    Raises:
        BadSetting: a shard is missing, or shards are of different steps.
    """
    found: dict[str, dict[str, Tensor]] = {}
    for name, _ in WEIGHTS.values():
        paths = sorted(folder.glob(f"{name}-*-of-*.safetensors"))
        if not paths:
            continue
        count = int(paths[0].stem.rsplit("-", 1)[1])
        if len(paths) != count:
            raise BadSetting(f"{folder} holds {len(paths)} of {count} files of the {name}")
        steps: set[str] = set()
        for path in paths:
            with safe_open(path, "pt") as file:
                steps.add((file.metadata() or {}).get("step", ""))
            found.setdefault(name, {}).update(load_file(path))
        if len(steps) > 1:
            raise BadSetting(f"the files of the {name} in {folder} are of the steps {', '.join(sorted(steps))}")
    return found


def merge(folder: Path, base: Path, out: Path, share: float = 1.0, only: Collection[str] = ()) -> dict[str, int]:
    """Write the checkpoint `base` to `out` with the published parts in place of its own; their numbers of tensors.

    Args:
        folder: Where `publish` wrote.
        base: A checkpoint folder.
        out: A new folder.
        share: Of the published weights; the rest is the base's. Means of two milestones have drawn best.
        only: Names of parts (`mllm`, `transformer`, `vae`); all that are published if empty.

    Raises:
        BadSetting: nothing is published there, it does not fit the base, or `out` is there already.
    """
    parts = {name: tensors for name, tensors in published(folder).items() if not only or name in only}
    if not parts or not set(only) <= set(parts):
        raise BadSetting(f"{folder} holds no published weights{''.join(f' of the {name}' for name in only)}")
    if out.exists():
        raise BadSetting(f"{out} is there already; give a new folder")
    mixed: dict[Path, dict[str, Tensor]] = {}
    for name, stem in WEIGHTS.values():
        if name not in parts:
            continue
        path = Path(name) / f"{stem}.safetensors"
        old, new = load_file(base / path), parts[name]
        if {k: v.shape for k, v in old.items()} != {k: v.shape for k, v in new.items()}:
            raise BadSetting(f"the published {name} does not fit that of {base}")
        mixed[path] = {
            key: new[key] if share == 1 else _mean(new[key], old[key], share).to(old[key].dtype) for key in old
        }
    shutil.copytree(base, out)
    for path, tensors in mixed.items():
        save_file(tensors, out / path, metadata={"format": "pt"})
    return {path.parts[0]: len(tensors) for path, tensors in mixed.items()}


def _mean(new: Tensor, old: Tensor, share: float) -> Tensor:
    return old.float().lerp(new.float(), share)
