"""The shape of the house: floors, names, and what importing costs."""

import ast
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import omniagent
from tests.support.paths import ROOT

FLOORS = {"model": 1, "tools": 2, "graphs": 3, "omniagent": 4, "demo": 5}
SOURCES = sorted(path for folder in FLOORS for path in (ROOT / folder).glob("**/*.py") if path.is_file())
HALLS = ("omniagent", "omniagent.model", "omniagent.tools", "omniagent.graphs", "omniagent.shapes")
MOST_MODULES = 16
LISTED = re.compile(r"\b(ring|star|striped|inside it|in total|background;)\b")


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


def arrows(hall: str, paths: list[Path]) -> dict[str, dict[str, set[str]]]:
    """The rooms of a package, by the first name below it: which other ones each imports, and where it does."""
    rooms: dict[str, dict[str, set[str]]] = {}
    below = f"{hall}."
    # Nobody can import a `__main__`: it is a door, and no circle leads through it.
    modules = [(module_of(path), path) for path in paths if path.name != "__main__.py"]
    modules = [(module, path) for module, path in modules if module.startswith(below)]
    for module, _ in modules:
        rooms[module.removeprefix(below).split(".")[0]] = defaultdict(set)
    rooms.pop("__init__", None)
    for module, path in modules:
        room = module.removeprefix(below).split(".")[0]
        for name in imports(path) if room in rooms else ():
            target = name.removeprefix(below).split(".")[0]
            if name.startswith(below) and target != room and target in rooms:
                rooms[room][target].add(module)
    return rooms


def circle(rooms: dict[str, dict[str, set[str]]]) -> dict[str, dict[str, set[str]]]:
    """What is left when, again and again, every room that imports no other one is taken away."""
    left = {room: dict(targets) for room, targets in rooms.items()}
    while ends := [room for room, targets in left.items() if not targets]:
        left = {
            room: {target: where for target, where in targets.items() if target not in ends}
            for room, targets in left.items()
            if room not in ends
        }
    return left


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Every string of a source with its line, docstrings and the constant parts of f-strings included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


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


@pytest.mark.parametrize("hall", HALLS)
def test_no_rooms_import_one_another_in_a_circle(hall: str):
    rooms = arrows(hall, SOURCES)
    assert len(rooms) > 3 and any(rooms.values())
    assert not (found := circle(rooms)), f"these rooms of {hall} import one another: {found}"


def test_a_circle_of_rooms_would_be_found():
    rooms = {"a": {"b": {"x"}}, "b": {"c": {"x"}}, "c": {"b": {"y"}}, "d": {"a": {"x"}}, "e": {}}
    assert {"b", "c"} <= circle(rooms).keys() and "e" not in circle(rooms)
    assert not circle(rooms | {"c": {}})


def test_no_folder_is_a_hall_of_more_modules_than_one_can_overlook():
    counts = Counter(path.parent.relative_to(ROOT) for path in SOURCES)
    assert not {str(folder): count for folder, count in counts.items() if count > MOST_MODULES}


def test_the_listed_notation_stays_in_its_dialect_and_in_the_shapes_world():
    homes = (ROOT / "tools" / "dialects" / "listed", ROOT / "omniagent" / "shapes")
    spoken = {
        f"{path.relative_to(ROOT)}:{line}": found[0]
        for path in SOURCES
        if not any(path.is_relative_to(home) for home in homes)
        for line, text in literals(path)
        if (found := LISTED.search(text))
    }
    assert not spoken
    # The same look finds it where it belongs.
    assert all(any(LISTED.search(text) for path in home.rglob("*.py") for _, text in literals(path)) for home in homes)


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


def test_the_types_of_every_top_folder_are_checked():
    checked = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]["include"])
    linked = {link.name for link in (ROOT / "omniagent").iterdir() if link.is_symlink()}
    assert linked and {"omniagent", *linked} <= checked
