"""From a checkpoint's name to a generator and a critic on their device."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from collections.abc import Generator as Yields
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers.utils import logging as transformers_logging

from omniagent.model.checkpoint.folder import load_mllm
from omniagent.model.checkpoint.settings import critic_profile_in, read_profiles
from omniagent.model.critic.local import LocalCritic
from omniagent.model.denoising.compiling import missing_compiler
from omniagent.model.denoising.presets import preset_named
from omniagent.model.device import keep_freed_memory, multiplies_bfloat16, pick_device, pick_dtype, with_memory_fault
from omniagent.model.errors import BadCheckpoint, BadSetting, Cancelled, OutOfMemory, RetryableError
from omniagent.model.files.hub import find_model
from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.imports import lean_imports
from omniagent.model.mllm.encoder import ChatEncoder
from omniagent.model.network.eight_bits import check_card
from omniagent.model.pipeline.memory import (
    COMPILED_MODES,
    GIB,
    MODES,
    EightBits,
    check_eight_bits,
    fit,
    free_bytes,
    hold,
    machine_memory,
    need_of,
    next_smaller,
)
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.requests import CancelToken, Critic
from omniagent.model.wording import shown

if TYPE_CHECKING:
    from omniagent.model.critic.openai.critic import OpenAICritic

PICTURES_AT_ONCE = 8
log = logging.getLogger("omniagent.model")


def load_generator(
    model: str | Path | None,
    *,
    revision: str | None = None,
    device: str | None = None,
    dtype: torch.dtype | None = None,
    cache_bytes: int = 256 * 2**20,
    local_files_only: bool = False,
    preset: str = "quality",
    memory: str = "auto",
    profile: GeneratorProfile | None = None,
    keep_memory: bool = False,
    eight_bits: bool = False,
    on_part: Callable[[str], None] | None = None,
) -> OmniGen2Generator:
    """The generator of a checkpoint; arguments and errors as in `ModelRuntime.load`.

    A `profile` stands in the place of the checkpoint's own.

    It draws up to eight pictures together. On the CPU, in float32, each depends on its seed alone all the same, bit for
    bit.
    """
    if model is None or not str(model):
        raise BadCheckpoint("no model was named; give a checkpoint folder, or a hub name such as OmniGen2/OmniGen2")
    where = pick_device(device)
    if eight_bits:
        check_products(where, memory)
    if keep_memory and where.type == "cpu" and keep_freed_memory():
        log.debug("memory that is freed stays with the process")
    dtypes = {"default": pick_dtype(where, dtype)}
    if preset_named(preset).half and dtype is None and where.type == "cpu" and multiplies_bfloat16():
        dtypes |= dict.fromkeys(("transformer", "vae"), torch.bfloat16)
    folder = find_model(model, revision=revision, local_files_only=local_files_only)
    if where.type == "cpu" and memory == "auto":
        _check_machine(folder, {**dict.fromkeys(("transformer", "mllm", "vae"), dtypes["default"]), **dtypes}, preset)
    with quiet(), lean_imports():
        pipeline = with_memory_fault(
            where,
            f"the model {model}",
            lambda: OmniGen2Pipeline.from_pretrained(folder, torch_dtype=dtypes, device=None, on_part=on_part),
        )
        _place(pipeline, folder, where, memory, preset, eight_bits=eight_bits)
    return OmniGen2Generator(
        pipeline,
        profile,
        model=str(model),
        folder=folder,
        batch=PICTURES_AT_ONCE,
        cache_bytes=cache_bytes,
        preset=preset,
    )


def _check_machine(folder: Path, dtypes: Mapping[str, torch.dtype], preset: str) -> None:
    """Refuse a model that this machine's main memory cannot hold, before the system ends the process for it.

    Raises:
        OutOfMemory: it needs more than there is.
    """
    profile = read_profiles(folder).generator
    try:
        one = need_of(folder, max(profile.width, profile.height), 1, reuse=preset_named(preset).reuse is not None)
    except BadCheckpoint:
        # What is wrong with it is told when it is loaded.
        return
    needed = sum(getattr(one, part) * dtypes[part].itemsize for part in ("transformer", "mllm", "vae"))
    needed += one.work * dtypes["transformer"].itemsize
    if needed > (free := machine_memory()):
        raise OutOfMemory(
            f"the model needs about {needed / GIB:.1f} GiB on the CPU and {free / GIB:.1f} GiB of main memory are "
            "free; use a GPU, another machine by --generator URL, or a smaller model"
        )


def check_products(where: torch.device, memory: str) -> None:
    """Return if a model may multiply in eight bits here; told before its weights are read.

    Raises:
        BadSetting: the device, the way of holding weights or the compiler does not allow it.
    """
    check_card(where)
    check_eight_bits(memory)
    if (missing := missing_compiler()) is not None:
        raise BadSetting(f"products in eight bits pay only in compiled blocks, and {missing}; or leave eight_bits off")


def _place(
    pipeline: OmniGen2Pipeline, folder: Path, where: torch.device, memory: str, preset: str, *, eight_bits: bool = False
) -> None:
    """Hold the weights as `memory` says, or as free memory allows; if that is too much after all, the next way."""
    if where.type == "cpu" and memory == "auto":
        return
    mode, modes = memory, COMPILED_MODES if eight_bits else MODES
    if memory == "auto":
        width = max(pipeline.defaults.width, pipeline.defaults.height)
        reuse = preset_named(preset).reuse is not None
        size = pipeline.transformer.dtype.itemsize
        need = need_of(folder, width, size, reuse=reuse, eight_bits=eight_bits)
        chosen = fit(need, free_bytes(where), modes)
        log.info("memory: %s", chosen)
        mode = chosen.mode
    products: EightBits = "multiplied" if eight_bits else "none"
    try:
        with_memory_fault(where, f"the model held {mode}", lambda: hold(pipeline, mode, where, eight_bits=products))
    except OutOfMemory:
        smaller = next_smaller(mode)
        if memory != "auto" or smaller is None or smaller not in modes:
            raise
        log.warning("memory: %s was too much for %s; held %s instead", mode, where, smaller)
        hold(pipeline, smaller, where, eight_bits=products)


def load_critic(
    critic: str | Critic,
    beside: OmniGen2Generator,
    *,
    name: str | None = None,
    key: str | None = None,
    timeout: float = 120.0,
    cache_bytes: int = 256 * 2**20,
    patience: float = 10.0,
    profile: CriticProfile | None = None,
) -> Critic:
    """The critic that `ModelRuntime.load` was asked for; the local one shares its network with the generator's MLLM.

    A server is asked for its models for `patience` seconds; one that does not answer yet is taken all the same.

    Raises:
        BadSetting: `critic` is neither a critic, `local`, `auto` nor a URL.
        BadCheckpoint: the checkpoint's `critic/` folder is broken.
        OutOfMemory: the device is too small for it.
    """
    if not isinstance(critic, str):
        return critic
    if critic.startswith(("http://", "https://")):
        return remote_critic(critic, name, key, timeout=timeout, patience=patience, profile=profile)
    if critic not in ("local", "auto"):
        raise BadSetting(
            f"critic={shown(critic)} is not allowed; give local, auto, or a URL such as http://127.0.0.1:8000/v1"
        )
    pipeline = beside.pipeline
    own = None if beside.folder is None else beside.folder / "critic"
    if own is None or not own.is_dir():
        return own_critic(beside, cache_bytes=cache_bytes, profile=profile)
    dtype, device, source = pipeline.mllm.dtype, beside.device, own
    with quiet():
        network = with_memory_fault(device, "the critic", lambda: load_mllm(source, dtype).to(device))  # pyright: ignore[reportArgumentType]
    chosen = profile or critic_profile_in(source)
    encoder = ChatEncoder.of(pipeline.processor, chosen.picture_size)
    name = f"{beside.model}/critic"
    return LocalCritic(network, encoder, model=name, profile=chosen, cache_bytes=cache_bytes, weights=source)


def remote_critic(
    url: str,
    name: str | None = None,
    key: str | None = None,
    *,
    timeout: float = 120.0,
    patience: float = 10.0,
    profile: CriticProfile | None = None,
) -> OpenAICritic:
    """The critic behind a URL, whether it answers already or not.

    Raises:
        BadSetting: `url` is no http URL, or the server refuses the key.
        UnknownModel: the server has no such model.
    """
    from omniagent.model.critic.openai.critic import OpenAICritic

    remote = OpenAICritic(url, name, key, timeout=timeout, profile=profile)
    try:
        remote.connect(token=CancelToken(deadline=time.monotonic() + patience))
    except (RetryableError, Cancelled):
        # A server that is still starting is no reason to give up: runs ask it again, and tell.
        pass
    except BaseException:
        remote.close()
        raise
    return remote


def lone_critic(
    model: str | Path,
    *,
    revision: str | None = None,
    device: str | None = None,
    dtype: torch.dtype | None = None,
    cache_bytes: int = 256 * 2**20,
    profile: CriticProfile | None = None,
) -> LocalCritic:
    """The critic of a checkpoint without its generator, for pictures that are drawn elsewhere.

    Raises:
        UnknownModel, BadCheckpoint, HubUnreachable: the checkpoint cannot be loaded.
        OutOfMemory: the device is too small for it.
    """
    where = pick_device(device)
    folder = find_model(model, revision=revision)
    source = folder / "critic" if (folder / "critic").is_dir() else folder / "mllm"
    kind = pick_dtype(where, dtype)
    with quiet():
        return with_memory_fault(
            where,
            "the critic",
            lambda: LocalCritic.load(
                source,
                folder / "processor",
                device=where,
                dtype=kind,
                cache_bytes=cache_bytes,
                model=str(model),
                profile=profile,
            ),
        )


def own_critic(
    beside: OmniGen2Generator, *, cache_bytes: int = 256 * 2**20, profile: CriticProfile | None = None
) -> LocalCritic:
    """The critic on the generator's own MLLM, which takes no memory but for its caches."""
    pipeline = beside.pipeline
    chosen = profile or pipeline.profiles.critic
    encoder = ChatEncoder.of(pipeline.processor, chosen.picture_size)
    return LocalCritic(
        pipeline.mllm,
        encoder,
        model=beside.model,
        profile=chosen,
        cache_bytes=cache_bytes,
        weights=None if beside.folder is None else beside.folder / "mllm",
        at=lambda: pipeline.computes_on,
    )


@contextmanager
def quiet() -> Yields[None]:
    """Without the progress bars that transformers draws for every file it reads."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()
