"""The shape of the house: floors, names, and what importing costs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import omniagent
from tests.support.paths import ROOT

FLOORS = {"model": 1, "tools": 2, "graphs": 3, "omniagent": 4, "demo": 5}
SOURCES = sorted(path for folder in FLOORS for path in (ROOT / folder).glob("**/*.py") if path.is_file())


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts if parts[0] == "omniagent" else ("omniagent", *parts))


def imports(path: Path) -> Iterator[str]:
    here = module_of(path).split(".")
    package = here if path.name == "__init__.py" else here[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            name = ".".join(filter(None, (base, node.module)))
            yield from (f"{name}.{alias.name}" for alias in node.names)


def floor_of(module: str) -> int | None:
    parts = module.split(".")
    if parts[0] != "omniagent":
        return None
    return FLOORS[parts[1]] if len(parts) > 1 and parts[1] in FLOORS else FLOORS["omniagent"]


def test_there_are_sources_on_every_floor():
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(FLOORS)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: module_of(path))
def test_imports_point_down_and_go_through_the_one_package(path: Path):
    # A face may name what stands on top of it when it starts it: the command line starts the demo.
    own = floor_of(module_of(path))
    assert own is not None
    for name in imports(path):
        top = name.split(".")[0]
        assert top not in {"model", "tools", "graphs", "demo"}, f"{path} imports {name}; write omniagent.{name}"
        target = floor_of(name)
        if target is not None and not (own == 4 and name.startswith("omniagent.demo")):
            assert target <= own, f"{path} (floor {own}) imports {name} (floor {target})"


def test_no_tool_or_node_knows_the_oracle_of_the_shapes_world():
    for path in SOURCES:
        if path.relative_to(ROOT).parts[0] in ("model", "tools", "graphs"):
            assert not [name for name in imports(path) if name.startswith("omniagent.shapes")], path


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys; import omniagent; from omniagent import BadImage; "
        "print([name for name in ('torch', 'langgraph', 'gradio', 'transformers', 'pydantic', 'numpy', 'PIL') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_making_an_agent_loads_no_models():
    code = (
        "import sys; from omniagent import Agent; Agent(); print([n for n in ('torch', 'gradio') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_every_promised_name_is_there_and_no_other():
    for name in omniagent.__all__:
        assert getattr(omniagent, name) is not None, name
    assert sorted(omniagent.__all__) == omniagent.__all__
    assert set(omniagent.__all__) <= set(dir(omniagent))
    with pytest.raises(AttributeError, match="no attribute 'Agnet'"):
        _ = omniagent.Agnet  # pyright: ignore[reportAttributeAccessIssue]


def test_top_folders_are_links_inside_the_one_package():
    for folder in ("model", "tools", "graphs", "demo"):
        link = ROOT / "omniagent" / folder
        assert link.is_symlink() and link.readlink() == Path("..") / folder
