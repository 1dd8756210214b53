"""The models of one agent: loaded when they are first wanted, and freed when it is closed."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from omniagent.config import Config
from omniagent.model import lifetime
from omniagent.model.errors import BadSetting
from omniagent.model.requests import Critic, Generator

if TYPE_CHECKING:
    from omniagent.model.profile import GeneratorProfile
    from omniagent.model.runtime import ModelRuntime


class HeldModels:
    """Loads the models of the settings once, whichever thread asks first.

    Args:
        config: Which models.
        generator: In place of the settings' own.
        critic: In place of the settings' own.
        runtime: Loaded models that others may use too; they are never freed here.
    """

    def __init__(
        self, config: Config, generator: Generator | None, critic: Critic | None, runtime: "ModelRuntime | None"
    ) -> None:
        self._config, self._generator, self._critic = config, generator, critic
        self._runtime, self._shared = runtime, runtime is not None
        self._lock = lifetime.Lock()
        self.closed = False

    @property
    def loaded(self) -> bool:
        """Whether they are there."""
        return self._runtime is not None

    def runtime(self, on_part: Callable[[str], None] | None = None) -> "ModelRuntime":
        """The loaded models. `on_part` is told the names of the checkpoint's networks as they are read.

        Raises:
            UnknownModel, BadCheckpoint, HubUnreachable: the model cannot be loaded.
            OutOfMemory: the device is too small for it.
            BadSetting: they were freed.
        """
        with self._lock:
            self.check_open()
            if self._runtime is None:
                from omniagent.model.turns.workers import one_thread_after_fork
                from omniagent.models import load_runtime

                one_thread_after_fork()
                self._runtime = load_runtime(
                    self._config, generator=self._generator, critic=self._critic, on_part=on_part
                )
            return self._runtime

    @property
    def names(self) -> tuple[str, str]:
        """What draws and what judges, as far as it is known before they are loaded."""
        config, generator, critic = self._config, self._generator, self._critic
        drawer = config.generator if config.generator != "local" else config.model
        return (drawer if generator is None else generator.model), (config.critic if critic is None else critic.model)

    def profile(self) -> "GeneratorProfile":
        """The profile of what draws, as far as it can be told without loading a model.

        Raises:
            BadCheckpoint, BadSetting: its file is broken, or there is none of the name that was set.
        """
        runtime = self._runtime
        drawer = self._generator if runtime is None else runtime.generator
        if drawer is not None:
            return drawer.profile
        from omniagent.models import expected_profile

        return expected_profile(self._config)

    def check_open(self) -> None:
        """Return if the models may be used.

        Raises:
            BadSetting: they were freed.
        """
        if self.closed:
            raise BadSetting("this agent is closed; make a new one")

    def shut(self) -> None:
        """Lend the models to no further run."""
        with self._lock:
            self.closed = True

    def free(self) -> None:
        """After `shut` and the end of all runs: end the models' work, and give their memory back to the devices."""
        with self._lock:
            if self._runtime is None:
                self._close_given()
            elif not self._shared:
                self._runtime.close()
            self._runtime = None
        # Scripted models and those behind URLs never brought torch in.
        if not self._shared and "torch" in sys.modules:
            from omniagent.model.device import free_memory

            free_memory()

    def _close_given(self) -> None:
        """Close models that were given and never worked, as the runtime would have done."""
        if self._generator is None and self._critic is None:
            return
        from omniagent.model.runtime import Closable

        for given in (self._generator, self._critic):
            if isinstance(given, Closable):
                given.close()
