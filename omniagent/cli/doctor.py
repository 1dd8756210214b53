"""`omniagent doctor`: what this machine has, and what a model would need and get."""

import platform
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import TYPE_CHECKING

import typer

from omniagent.cli import options as opt

if TYPE_CHECKING:
    from pathlib import Path

    from omniagent.config import Config
    from omniagent.model.profile import CriticProfile

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "torchao", "bitsandbytes", "flash-attn", "vllm")

KNOWN_NEEDS = MappingProxyType({"OmniGen2/OmniGen2": "about 17 GB of GPU memory, less with its parts held elsewhere"})
"""Of models that are not on this machine, what the README says."""


def doctor(model: opt.Model = None, revision: opt.Revision = None, device: opt.Device = None) -> None:
    """Show devices, memory, versions, and what a model needs and would get here; nothing is downloaded.

    \b
    Examples:
      omniagent doctor
      omniagent doctor --model OmniGen2/OmniGen2
    """
    from omniagent.cli.guard import guarded

    with guarded():
        import torch

        from omniagent.config import Config
        from omniagent.model.checkpoint.settings import read_profiles
        from omniagent.model.device import pick_device
        from omniagent.model.errors import HubUnreachable
        from omniagent.model.files.hub import find_model
        from omniagent.model.pipeline.memory import GIB, MODES, fit, free_bytes, need_of

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
        name = model or Config.read().model
        try:
            folder = find_model(name, revision=revision, local_files_only=True)
        except HubUnreachable:
            typer.echo(_absent(name, revision, free_bytes(chosen) / GIB, str(chosen)))
            return
        profiles = read_profiles(folder)
        typer.echo(f"generator profile: {profiles.generator.label}")
        typer.echo(f"critic profile: {profiles.critic.label}, dialect {profiles.critic.dialect}")
        typer.echo(_calibration(folder, name, profiles.critic, Config.read()))
        width = profiles.generator.width
        need = need_of(folder, width, 4 if chosen.type == "cpu" else 2)
        modes = MODES[:1] if chosen.type == "cpu" else MODES
        peaks = ", ".join(f"{mode} {need.peak(mode) / GIB:.2f}" for mode in modes)
        typer.echo(f"{folder.name} at {width}x{width}, GiB: {peaks}")
        typer.echo(f"choice: {fit(need, free_bytes(chosen))}")


def _calibration(folder: "Path", name: str, profile: "CriticProfile", config: "Config") -> str:
    """What was measured of the critic that would judge, a line each."""
    from omniagent.calibration.figures import state_of
    from omniagent.model.checkpoint.settings import chosen_critic
    from omniagent.model.critic.calibration.identity import identity_in
    from omniagent.model.critic.calibration.store import calibration_folder
    from omniagent.model.profile import critic_named

    own = folder / "critic" if (folder / "critic").is_dir() else folder / "mllm"
    given = None if config.critic_profile is None else chosen_critic(config.critic_profile)
    if config.critic.startswith("http"):
        if config.critic_model is None:
            return f"critic calibration: that of {config.critic} is known once OMNIAGENT_CRITIC_MODEL names its model"
        identity = identity_in(config.critic_model, given or critic_named(config.critic_model), None)
    else:
        identity = identity_in(name, given or profile, own)
    first, *more = state_of(calibration_folder(config.calibration_dir), identity)
    unused = "" if config.calibrated else "not used (OMNIAGENT_CALIBRATED is false); "
    return "\n  ".join((f"critic calibration: {unused}{first}", *more))


def _absent(name: str, revision: str | None, free: float, device: str) -> str:
    """What can be told of a model that is not on this machine; it is not downloaded for that."""
    from omniagent.model.errors import HubUnreachable
    from omniagent.model.files.hub import check_model

    where = "it is at the hub, the first run downloads it"
    try:
        check_model(name, revision=revision)
    except HubUnreachable:
        where = "the hub cannot be reached"
    need = KNOWN_NEEDS.get(name)
    told = f"needs {need}" if need else "what it needs is known once it is downloaded"
    return f"{name} is not on this machine, {where}\n{name}: {told}; {device} has {free:.1f} GiB free"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"
