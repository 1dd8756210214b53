"""Every tool has words for people, on the command line and in both languages of the chat."""

import importlib
import pkgutil

import omniagent.tools
from omniagent.demo.rendering.words import TEXTS
from omniagent.runs.status import doing
from omniagent.tools.tool import Tool


def tools() -> set[str]:
    names: set[str] = set()
    for found in pkgutil.walk_packages(omniagent.tools.__path__, "omniagent.tools."):
        module = importlib.import_module(found.name)
        names |= {one.name for one in vars(module).values() if isinstance(one, Tool)}
    return names


def test_what_each_tool_does_is_told_in_words():
    names = tools()
    assert {"plan", "restore", "rank"} <= names
    assert {name for name in names if doing(name) == name} == set()
    assert {name for name in names if f"doing.{name}" not in TEXTS} == set()
