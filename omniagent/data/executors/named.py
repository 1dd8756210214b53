"""Executors by the names that people give."""

import importlib.util

from omniagent.data.executors.job import Executor
from omniagent.data.executors.local import LocalExecutor
from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown


def executor_named(name: str, workers: int = 1) -> Executor:
    """`local` with so many processes, or `ray` on the cluster that is at hand, else on this machine.

    Raises:
        BadSetting: there is no such executor, or its extra is not installed.
    """
    if name == "local":
        return LocalExecutor(workers)
    if name != "ray":
        raise BadSetting(f"--executor {shown(name)} is not allowed; give local or ray")
    if importlib.util.find_spec("ray") is None:
        raise BadSetting("--executor ray needs Ray, which is not installed; pip install 'omniagent[ray]'")
    from omniagent.data.executors.ray import RayExecutor

    return RayExecutor()
