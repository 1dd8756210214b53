"""Every tool by its name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from omniagent.tools.answer import ANSWER
from omniagent.tools.compose import COMPOSE
from omniagent.tools.critique import CRITIQUE
from omniagent.tools.edit import EDIT
from omniagent.tools.generate import GENERATE
from omniagent.tools.plan import PLAN
from omniagent.tools.repair import SUGGEST
from omniagent.tools.tool import Tool

TOOLS: Mapping[str, Tool[Any, Any]] = MappingProxyType(
    {one.name: one for one in (PLAN, GENERATE, EDIT, COMPOSE, CRITIQUE, SUGGEST, ANSWER)}
)
