"""From settings to loaded models."""

from omniagent.config import Config
from omniagent.model.errors import BadSetting
from omniagent.model.requests import Critic, Generator
from omniagent.model.runtime import ModelRuntime


def load_runtime(config: Config, *, generator: Generator | None, critic: Critic | None) -> ModelRuntime:
    """The runtime of an agent; given models stand in for those of the checkpoint.

    Raises:
        UnknownModel, BadCheckpoint, HubUnreachable: the model cannot be loaded.
        BadSetting: a generator was given without a critic.
        OutOfMemory: the device is too small.
    """
    if generator is not None and critic is not None:
        return ModelRuntime(generator=generator, critic=critic)
    if generator is not None:
        raise BadSetting("a generator was given without a critic; give critic=… too, or a runtime with both")
    return ModelRuntime.load(
        config.model,
        critic=config.critic if critic is None else critic,
        critic_model=config.critic_model,
        critic_key=config.critic_key,
        revision=config.revision,
        device=config.device,
    )
