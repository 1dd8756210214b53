"""`omniagent doctor`: what this machine has, and what a model would need and get."""

import platform
from importlib.metadata import PackageNotFoundError, version

import typer

from omniagent.cli import options as opt

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "torchao", "bitsandbytes", "flash-attn", "vllm")


def doctor(model: opt.Model = None, revision: opt.Revision = None, device: opt.Device = None) -> None:
    """Show devices, memory, versions, and what a model needs and would get here."""
    from omniagent.cli.guard import guarded

    with guarded():
        import torch

        from omniagent.config import Config
        from omniagent.model.checkpoint_settings import CheckpointDefaults
        from omniagent.model.device import pick_device
        from omniagent.model.hub import find_model
        from omniagent.model.memory import GIB, MODES, fit, free_bytes, need_of

        typer.echo(f"python {platform.python_version()} on {platform.machine()}, {torch.get_num_threads()} threads")
        typer.echo("  ".join(f"{name} {_version(name)}" for name in PACKAGES))
        chosen = pick_device(device)
        for name in ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]:
            used = " (used)" if torch.device(name).type == chosen.type else ""
            typer.echo(f"{name}: {free_bytes(torch.device(name)) / GIB:.1f} GiB free{used}")
        flash = chosen.type == "cuda" and _version("flash-attn") != "-"
        typer.echo(f"attention: torch SDPA{', flash-attn' if flash else ''}")
        stores = [name for name in ("torchao", "bitsandbytes") if _version(name) != "-"]
        typer.echo(f"storage: {', '.join(['float32', 'bfloat16', 'float8 layer by layer', *stores])}")
        folder = find_model(model or Config.read().model, revision=revision)
        width = CheckpointDefaults.load(folder).width
        need = need_of(folder, width, 4 if chosen.type == "cpu" else 2)
        modes = MODES[:1] if chosen.type == "cpu" else MODES
        peaks = ", ".join(f"{mode} {need.peak(mode) / GIB:.2f}" for mode in modes)
        typer.echo(f"{folder.name} at {width}x{width}, GiB: {peaks}")
        typer.echo(f"choice: {fit(need, free_bytes(chosen))}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"
