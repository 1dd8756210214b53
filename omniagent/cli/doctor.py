"""`omniagent doctor`: what this machine has, and what a model would need and get."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import typer

from omniagent.cli import options as opt

if TYPE_CHECKING:
    import torch

    from omniagent.config import Config
    from omniagent.model.critic.service.memory import Card
    from omniagent.model.pipeline.memory import Need
    from omniagent.model.profile import CriticProfile, GeneratorProfile

PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "peft", "torchao", "bitsandbytes", "flash-attn", "vllm")
PUBLISHED = "OmniGen2/OmniGen2"
"""Whose sizes are known without the hub."""


class Chosen(NamedTuple):
    """What the settings ask of a generator, as far as memory follows it.

    Attributes:
        reuse: Whether the preset has edits keep keys and values.
        eight_bits: Whether products are in eight bits.
        refusal: Why they cannot be though they are asked for, so that no model would be loaded.
    """

    reuse: bool
    eight_bits: bool
    refusal: str | None


def doctor(model: opt.Model = None, revision: opt.Revision = None, device: opt.Device = None) -> None:
    """Show devices, memory, versions, and what a model needs and would get here; no weights are downloaded.

    Of a model that is not on this machine only the headers of its weight files are read at the hub.

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
        from omniagent.model.files.folders import is_whole
        from omniagent.model.files.hub import find_model
        from omniagent.model.pipeline.memory import GIB, free_bytes, need_of

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
            folder = None
        if folder is None or not (Path(name).expanduser().is_dir() or is_whole(folder)):
            _absent(name, revision, chosen)
            return
        profiles = read_profiles(folder)
        typer.echo(f"generator profile: {profiles.generator.label}")
        typer.echo(f"critic profile: {profiles.critic.label}, dialect {profiles.critic.dialect}")
        typer.echo(_calibration(folder, name, profiles.critic, Config.read()))
        width, how = max(profiles.generator.width, profiles.generator.height), _chosen(chosen)
        size = 4 if chosen.type == "cpu" else 2
        need = need_of(folder, width, size, reuse=how.reuse, eight_bits=how.eight_bits)
        _plan(folder.name, need, profiles.generator, chosen, how)


def _plan(name: str, need: "Need", profile: "GeneratorProfile", device: "torch.device", how: Chosen) -> None:
    """What a model needs and would get on a device, which critics fit beside it, and how long a picture takes."""
    from omniagent.config import Config
    from omniagent.model.critic.service.service import card_of
    from omniagent.model.denoising.presets import preset_named
    from omniagent.model.errors import OutOfMemory
    from omniagent.model.generator.pace import Clock
    from omniagent.model.pipeline.memory import COMPILED_MODES, GIB, MODES, fit, free_bytes, machine_memory
    from omniagent.model.requests import GenerationRequest
    from omniagent.model.runtime import card_name

    free, on_cpu = free_bytes(device), device.type == "cpu"
    modes = MODES[:1] if on_cpu else COMPILED_MODES if how.eight_bits else MODES
    peaks = ", ".join(f"{mode} {need.peak(mode) / GIB:.2f}" for mode in modes)
    products = ", products in eight bits" if how.eight_bits else ""
    typer.echo(f"{name} at {profile.width}x{profile.height}{products}, GiB: {peaks}")
    if how.refusal is not None:
        typer.echo(f"choice: none: {how.refusal}")
        return
    if on_cpu:
        fits = need.peak("whole") <= free
        words = "whole" if fits else "does not fit: use a GPU, or another machine by --generator URL"
        typer.echo(f"choice: {words}: about {need.peak('whole') / GIB:.1f} of {free / GIB:.1f} GiB free")
    else:
        try:
            typer.echo(f"choice: {fit(need, free, modes)}")
        except OutOfMemory as error:
            typer.echo(f"choice: none: {error}")
        card = card_of(str(device))
        if card is not None:
            for line in _critics(need, card, machine_memory()):
                typer.echo(line)
    usual = preset_named(Config.read().preset).step_count(profile.steps)
    pace = Clock(profile, card_name(device), usual).pace(GenerationRequest(instruction=""))
    known = "known once one was drawn" if pace is None else f"about {pace.seconds:.0f} s (by the {pace.source})"
    typer.echo(f"a picture from words: {known}")


def _chosen(device: "torch.device") -> Chosen:
    """The settings as a model would be loaded with them on a device."""
    from omniagent.config import Config
    from omniagent.model.denoising.presets import preset_named
    from omniagent.model.errors import BadSetting

    config, refusal = Config.read(), None
    if config.eight_bits:
        from omniagent.model.loading import check_products

        try:
            check_products(device, config.memory)
        except BadSetting as error:
            refusal = str(error)
    reuse = preset_named(config.preset).reuse is not None
    return Chosen(reuse, config.eight_bits and refusal is None, refusal)


def _critics(need: "Need", card: "Card", host: int) -> list[str]:
    """How the published critics would share the card with the generator, a line each."""
    from omniagent.model.critic.service.memory import CHATS_OF_AN_AGENT, CRITICS, memory_for
    from omniagent.model.errors import OutOfMemory

    made: list[str] = []
    for name, sizes in CRITICS.items():
        cache = CHATS_OF_AN_AGENT * sizes.context * sizes.token
        try:
            plan = memory_for(card, weights=sizes.weights, drawer=need, caches=(cache,), host=host)
        except OutOfMemory as error:
            made.append(f"critic {name} with vLLM: no; {error}")
            continue
        turns = "sleeps while pictures are drawn" if plan.sleep else "stays on the card"
        held = f", the generator held {plan.drawing}" if plan.drawing not in (None, "whole") else ""
        made.append(f"critic {name} with vLLM: {turns}{held}")
    return made


def _calibration(folder: Path, name: str, profile: "CriticProfile", config: "Config") -> str:
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


def _absent(name: str, revision: str | None, device: "torch.device") -> None:
    """What the hub tells of a model that is not on this machine, by the headers of its weight files."""
    from omniagent.model.errors import HubUnreachable
    from omniagent.model.pipeline.headers import read_headers
    from omniagent.model.pipeline.memory import GIB, PUBLISHED_CONFIG, PUBLISHED_NUMBERS, free_bytes, need_from
    from omniagent.model.profile import GENERATORS

    how, size = _chosen(device), 4 if device.type == "cpu" else 2
    try:
        told = read_headers(name, revision=revision)
    except HubUnreachable as error:
        typer.echo(f"{name} is not on this machine, and the hub cannot be reached ({error})")
        if name != PUBLISHED:
            typer.echo(f"what it needs is known once the hub answers; {free_bytes(device) / GIB:.1f} GiB are free")
            return
        profile = GENERATORS["omnigen2"]
        width = max(profile.width, profile.height)
        need = need_from(PUBLISHED_NUMBERS, PUBLISHED_CONFIG, width, size, reuse=how.reuse, eight_bits=how.eight_bits)
        _plan(name, need, profile, device, how)
        return
    typer.echo(f"{name} is not on this machine; the first run downloads {told.download / 1e9:.1f} GB from the hub")
    typer.echo(f"generator profile: {told.profile.label}")
    need = told.need(size, reuse=how.reuse, eight_bits=how.eight_bits)
    _plan(name, need, told.profile, device, how)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"
