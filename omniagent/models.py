"""From settings to loaded models."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from omniagent.config import Config
from omniagent.model.checkpoint.settings import chosen_critic, chosen_generator, critic_profile_in, read_profiles
from omniagent.model.critic.calibration.store import Calibrations, calibration_folder
from omniagent.model.critic.fallback import CircuitBreaker
from omniagent.model.errors import BadSetting, HubUnreachable, OutOfMemory, RetryableError, UnknownModel
from omniagent.model.perception.boxes import BoxFinder, GroundingDino
from omniagent.model.perception.text import installed_reader
from omniagent.model.profile import CriticProfile, GeneratorProfile, generator_named
from omniagent.model.requests import Critic, Generator
from omniagent.model.runtime import Closable, ModelRuntime
from omniagent.model.wording import shown

if TYPE_CHECKING:
    from omniagent.model.critic.vllm import VllmCritic

log = logging.getLogger("omniagent.critic")


def load_runtime(
    config: Config,
    *,
    generator: Generator | None,
    critic: Critic | None,
    on_part: Callable[[str], None] | None = None,
) -> ModelRuntime:
    """The runtime of an agent; given models, and a generator behind a URL, stand in for those of the checkpoint.

    `on_part` is told the names of the checkpoint's networks as they are read.

    Raises:
        UnknownModel, BadCheckpoint, HubUnreachable: the model cannot be loaded.
        BadSetting: the settings name no critic for a generator that is not the checkpoint's.
        OutOfMemory: the device is too small.
    """
    drawer = generator or remote_generator(config)
    if drawer is not None and critic is not None:
        return ModelRuntime(
            drawer, critic, detector=_detector(config), calibrations=calibrations_of(config), ranker=_ranker(config)
        )
    served = served_critic(config) if critic is None and config.critic == "auto" else None
    try:
        runtime = _load(config, critic, served, on_part) if drawer is None else _beside(config, drawer, served)
    except BaseException:
        if served is not None:
            served.close()
        if generator is None and isinstance(drawer, Closable):
            drawer.close()
        raise
    if served is not None:
        _await(served)
    return runtime


def remote_generator(config: Config) -> Generator | None:
    """The generator behind the URLs of the settings; None when the checkpoint's own draws.

    Raises:
        BadSetting: they are no http URLs.
    """
    if config.generator == "local":
        return None
    from omniagent.model.generator.remote import RemoteGenerator

    urls = [url.strip() for url in config.generator.split(",")]
    return RemoteGenerator(
        urls,
        config.generator_model,
        config.generator_key,
        timeout=config.generator_timeout,
        profile=_generator_profile(config),
    )


def expected_profile(config: Config) -> GeneratorProfile:
    """The profile of the generator that these settings will load, as far as this machine knows it.

    Raises:
        BadCheckpoint, BadSetting: its file is broken, or there is none of the name that was set.
    """
    from omniagent.model.files.hub import find_model

    if (chosen := _generator_profile(config)) is not None:
        return chosen
    if config.generator != "local":
        return generator_named(config.generator_model)
    try:
        folder = find_model(config.model, revision=config.revision, local_files_only=True)
    except (HubUnreachable, UnknownModel):
        return generator_named(config.model)
    return read_profiles(folder).generator


def _load(
    config: Config, critic: Critic | None, served: VllmCritic | None, on_part: Callable[[str], None] | None
) -> ModelRuntime:
    return ModelRuntime.load(
        config.model,
        critic=critic or served or ("local" if config.critic == "auto" else config.critic),
        critic_model=config.critic_model,
        critic_key=config.critic_key,
        critic_timeout=config.critic_timeout,
        stand_in=None if config.critic_stand_in and served is None else config.critic_stand_in,
        revision=config.revision,
        device=config.device,
        preset=config.preset,
        memory=(served.drawing if served is not None and config.memory == "auto" else None) or config.memory,
        generator_profile=_generator_profile(config),
        critic_profile=_critic_profile(config),
        reader=installed_reader(),
        detector=_detector(config),
        calibrations=calibrations_of(config),
        ranker=_ranker(config),
        keep_memory=config.keep_memory,
        eight_bits=config.eight_bits,
        on_part=on_part,
    )


def _ranker(config: Config) -> Critic | None:
    """The scorer of edits of the settings.

    Raises:
        BadSetting: its URL is none, or the server refuses the key.
        UnknownModel: the server has no such model.
    """
    if config.ranker is None:
        return None
    from omniagent.model.loading import remote_critic
    from omniagent.model.profile import critic_named

    # Whatever it is called, it is asked for marks.
    named = critic_named(config.ranker_model or "editscore")
    profile = named if named.ranks else critic_named("editscore")
    return remote_critic(
        config.ranker, config.ranker_model, config.ranker_key, timeout=config.critic_timeout, profile=profile
    )


def _detector(config: Config) -> BoxFinder | None:
    """The detector of the settings.

    Raises:
        UnknownModel: it is neither a folder nor a hub name.
    """
    if config.detector is None:
        return None
    return GroundingDino(config.detector, device=config.device, offload=config.detector_offload)


def calibrations_of(config: Config) -> Calibrations | None:
    """What was measured of critics, where the settings do not leave it aside."""
    return Calibrations(calibration_folder(config.calibration_dir)) if config.calibrated else None


def _generator_profile(config: Config) -> GeneratorProfile | None:
    return None if config.generator_profile is None else chosen_generator(config.generator_profile)


def _critic_profile(config: Config) -> CriticProfile | None:
    """What the caller named; else, for the URL of this machine's own service, that of the weights it serves."""
    from omniagent.model.critic.service.record import read_record, state_folder

    if config.critic_profile is not None:
        return chosen_critic(config.critic_profile)
    record = read_record(state_folder()) if config.critic.startswith("http") else None
    if record is None or record.url.rstrip("/") != config.critic.rstrip("/"):
        return None
    return critic_profile_in(Path(record.weights))


def _beside(config: Config, generator: Generator, served: Critic | None) -> ModelRuntime:
    """A runtime of a generator that is not the checkpoint's, with the critic of the settings."""
    from omniagent.model import loading

    measured = calibrations_of(config)
    if served is not None:
        return ModelRuntime(
            generator,
            served,
            reader=installed_reader(),
            detector=_detector(config),
            calibrations=measured,
            ranker=_ranker(config),
        )
    if config.critic.startswith(("http://", "https://")):
        looks = loading.remote_critic(
            config.critic,
            config.critic_model,
            config.critic_key,
            timeout=config.critic_timeout,
            profile=_critic_profile(config),
        )
        return ModelRuntime(
            generator,
            looks,
            breaker=CircuitBreaker(),
            reader=installed_reader(),
            detector=_detector(config),
            calibrations=measured,
            ranker=_ranker(config),
        )
    if config.critic not in ("local", "auto"):
        raise BadSetting(f"critic={shown(config.critic)} is not allowed; give local, auto, or a URL")
    if "model" not in config.model_fields_set:
        raise BadSetting(
            f"the generator {generator.model} needs a critic: pass --critic URL or auto, or --model with its own critic"
        )
    critic = loading.lone_critic(
        config.model, revision=config.revision, device=config.device, profile=_critic_profile(config)
    )
    return ModelRuntime(
        generator,
        critic,
        reader=installed_reader(),
        detector=_detector(config),
        calibrations=measured,
        ranker=_ranker(config),
    )


def served_critic(config: Config) -> VllmCritic | None:
    """The critic of `auto`: on the service of this machine, or on a server of one's own.

    None where there is no vLLM, or the card is too small for it beside the generator: then the model's own judges. A
    `critic_model` of the settings, a folder or a hub name, is served in place of the checkpoint's own.

    Raises:
        UnknownModel, BadCheckpoint, HubUnreachable: the model cannot be found.
        CriticUnavailable: the server cannot be started.
    """
    from omniagent.model.critic.service.keeper import Keeper
    from omniagent.model.critic.service.memory import CHATS_OF_AN_AGENT
    from omniagent.model.critic.service.process import answers
    from omniagent.model.critic.service.record import read_record, state_folder
    from omniagent.model.critic.service.service import card_of, plan_service
    from omniagent.model.critic.service.settings import find_python
    from omniagent.model.critic.vllm import VllmCritic
    from omniagent.model.files.hub import find_model
    from omniagent.model.pipeline.memory import machine_memory

    folder = state_folder()
    record = read_record(folder)
    patience = 0.0 if config.critic_stand_in else config.critic_timeout
    if record is not None and answers(record.url):
        log.info("critic: the service at %s, model %s", record.url, record.name)
        return VllmCritic(
            record.url,
            record.name,
            record.key,
            sleeps=record.sleep,
            drawing=record.drawing,
            patience=patience,
            timeout=config.critic_timeout,
            profile=_critic_profile(config) or critic_profile_in(Path(record.weights)),
            weights=Path(record.weights),
        )
    python = find_python()
    if python is None:
        log.info("critic: no vLLM here, so the model's own in this process")
        return None
    card = card_of(config.device)
    checkpoint = find_model(config.model, revision=config.revision)
    source = checkpoint if config.critic_model is None else find_model(config.critic_model)
    try:
        settings = plan_service(
            source,
            python=python,
            port=0,
            card=card,
            shared=config.generator == "local",
            generator=checkpoint,
            chats=CHATS_OF_AN_AGENT,
            host=None if card is None else machine_memory(),
        )
    except OutOfMemory as error:
        log.warning("critic: no vLLM, since %s; the model's own judges in this process", error)
        return None
    if settings.memory.drawing is not None:
        sleeps = "it sleeps while pictures are drawn; " if settings.memory.sleep else ""
        log.info("critic: %sthe generator is held %s", sleeps, settings.memory.drawing)
    log_file = folder / f"critic-{os.getpid()}.log"
    log.info("critic: starting vLLM at %s; its words go to %s", settings.url, log_file)
    keeper = Keeper(settings, log_file)
    critic = VllmCritic(
        settings.url,
        settings.name,
        settings.key,
        keeper=keeper,
        sleeps=settings.memory.sleep,
        drawing=settings.memory.drawing,
        patience=patience,
        timeout=config.critic_timeout,
        profile=_critic_profile(config) or critic_profile_in(settings.weights),
        weights=settings.weights,
    )
    if card is not None:
        # Both want the card while they load: the critic first, and asleep if it must be.
        _await(critic)
        critic.rest()
    return critic


def _await(critic: VllmCritic) -> None:
    try:
        critic.await_start()
        critic.connect()
    except RetryableError as error:
        log.warning("critic: %s; the model's own answers in its place", error)
