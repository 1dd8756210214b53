"""The wheel: one import package with everything it needs inside."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of what git tracks, built in a copy so that the checkout stays as it is."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        source, target = ROOT / name, copy / name
        if not source.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(copy)]
    subprocess.run(build, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.slow
def test_the_wheel_brings_one_import_package_only(wheel: zipfile.ZipFile) -> None:
    (top,) = [name for name in wheel.namelist() if name.endswith("top_level.txt")]
    assert wheel.read(top).decode().split() == ["omniagent"]
    assert {name.split("/")[0] for name in wheel.namelist() if "dist-info" not in name} == {"omniagent"}


def test_the_linked_folders_templates_and_marker_are_inside(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for name in (
        "omniagent/model/errors.py",
        "omniagent/model/training/__init__.py",
        "omniagent/tools/types.py",
        "omniagent/tools/dialects/listed/lexicon/shapes.yaml",
        "omniagent/graphs/build.py",
        "omniagent/demo/app.py",
        "omniagent/demo/page/assets/page.css",
        "omniagent/demo/page/assets/page.js",
        "omniagent/demo/rendering/templates/message.html.j2",
        "omniagent/cli/app.py",
        "omniagent/templates/report.html.j2",
        "omniagent/py.typed",
    ):
        assert name in names, name
    tracked = ROOT / "omniagent" / "checkpoints"
    for path in tracked.rglob("*"):
        if path.is_file():
            assert path.relative_to(ROOT).as_posix() in names, path


def test_the_wheel_names_its_command_and_licence(wheel: zipfile.ZipFile) -> None:
    texts = {Path(name).name: wheel.read(name).decode() for name in wheel.namelist() if ".dist-info/" in name}
    assert "omniagent = omniagent.cli:main" in texts["entry_points.txt"]
    assert "License-Expression: Apache-2.0" in texts["METADATA"]
    assert "Apache License" in texts["LICENSE"]
