"""OmniAgent draws with OmniGen2, looks at the picture with Qwen2.5-VL, and repairs it until your requirements hold.

    from omniagent import Agent
    result = Agent().run("a large red circle to the left of two small blue stars")
    result.image.save("picture.png")

Names are looked up when first used, so that importing the package loads neither torch nor LangGraph.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omniagent.agent import Agent
    from omniagent.config import Config
    from omniagent.integrations.langchain import as_langchain_tool, as_langchain_tools
    from omniagent.model.errors import (
        BadCheckpoint,
        BadImage,
        BadSetting,
        BadTask,
        BadVideo,
        CallerError,
        Cancelled,
        CriticBadOutput,
        CriticTimeout,
        CriticUnavailable,
        GenerationFailed,
        GeneratorUnavailable,
        HardFailure,
        HubUnreachable,
        OmniAgentError,
        OutOfMemory,
        OutputUnwritable,
        QueueFull,
        RetryableError,
        StorageFull,
        UnknownModel,
    )
    from omniagent.model.profile import CriticProfile, GeneratorProfile
    from omniagent.model.requests import Completion, GenerationRequest, LoraChoice, Prompt, Questions, Writing, YesNo
    from omniagent.model.runtime import ModelRuntime
    from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
    from omniagent.runs.result import Result
    from omniagent.tools.types import Attempt, Budget, Critique, Plan, RenderSettings, Requirement, Usage, Verdict

__version__ = "0.1.0"

_ERRORS = (
    "BadCheckpoint BadImage BadSetting BadTask BadVideo CallerError Cancelled CriticBadOutput CriticTimeout "
    "CriticUnavailable GenerationFailed GeneratorUnavailable HardFailure HubUnreachable OmniAgentError OutOfMemory "
    "OutputUnwritable QueueFull RetryableError StorageFull UnknownModel"
)
_HOMES = {
    "agent": "Agent",
    "config": "Config",
    "integrations.langchain": "as_langchain_tool as_langchain_tools",
    "model.errors": _ERRORS,
    "model.profile": "CriticProfile GeneratorProfile",
    "model.requests": "Completion GenerationRequest LoraChoice Prompt Questions Writing YesNo",
    "model.runtime": "ModelRuntime",
    "model.scripted": "ScriptedCritic ScriptedGenerator",
    "runs.result": "Result",
    "tools.types": "Attempt Budget Critique Plan RenderSettings Requirement Usage Verdict",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Agent",
    "Attempt",
    "BadCheckpoint",
    "BadImage",
    "BadSetting",
    "BadTask",
    "BadVideo",
    "Budget",
    "CallerError",
    "Cancelled",
    "Completion",
    "Config",
    "CriticBadOutput",
    "CriticProfile",
    "CriticTimeout",
    "CriticUnavailable",
    "Critique",
    "GenerationFailed",
    "GenerationRequest",
    "GeneratorProfile",
    "GeneratorUnavailable",
    "HardFailure",
    "HubUnreachable",
    "LoraChoice",
    "ModelRuntime",
    "OmniAgentError",
    "OutOfMemory",
    "OutputUnwritable",
    "Plan",
    "Prompt",
    "Questions",
    "QueueFull",
    "RenderSettings",
    "Requirement",
    "Result",
    "RetryableError",
    "ScriptedCritic",
    "ScriptedGenerator",
    "StorageFull",
    "UnknownModel",
    "Usage",
    "Verdict",
    "Writing",
    "YesNo",
    "__version__",
    "as_langchain_tool",
    "as_langchain_tools",
]


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
