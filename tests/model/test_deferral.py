"""Modules whose code waits until something of them is used."""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import ModuleType, new_class
from typing import Any, cast

import pytest

from omniagent.model.imports.deferral import DeferredModule, Deferring, Rule, StandIn


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Rule]], Deferring]:
    """A library of three modules that say when their code runs, and a finder with rules for it."""
    folder = tmp_path / "slowlib"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "import slowlib_log\nslowlib_log.ran.append('slowlib')\nfrom .part import Kind, work\n"
    )
    (folder / "part.py").write_text(
        "import slowlib_log\nslowlib_log.ran.append('part')\nclass Kind: pass\ndef work(n): return n + 1\n"
        "def marked(fn): return slowlib_log.ran.append(fn.__name__) or fn\n"
    )
    (folder / "other.py").write_text("import slowlib_log\nslowlib_log.ran.append('other')\nhere = 1\n")
    log = ModuleType("slowlib_log")
    log.__dict__["ran"] = []
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "slowlib_log", log)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    for name in ("slowlib", "slowlib.part", "slowlib.other"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def made(rules: dict[str, Rule]) -> Deferring:
        return Deferring(rules)

    return made


def ran() -> list[str]:
    return cast("list[str]", sys.modules["slowlib_log"].__dict__["ran"])


def test_a_submodule_is_imported_without_its_package_which_runs_when_used(
    package: Callable[[dict[str, Rule]], Deferring],
):
    with package({"slowlib": Rule("alone", homes={"Kind": "part", "other": ""})}):
        import_module("slowlib.other")
        library: Any = import_module("slowlib")
        kind = library.Kind
    assert ran() == ["other", "part"]
    assert library.work(1) == 2 and library.Kind is kind and ran() == ["other", "part", "slowlib"]
    with pytest.raises(AttributeError, match="nothing"):
        _ = library.nothing


def test_stand_ins_of_a_waiting_module_become_the_real_things_when_they_are_used(
    package: Callable[[dict[str, Rule]], Deferring],
):
    def marker(module: DeferredModule) -> Callable[[Callable[..., object]], object]:
        return lambda fn: module.after(lambda real: real.__dict__["marked"](fn)) or fn

    def mine() -> None: ...

    rules = {"slowlib": Rule("whole"), "slowlib.part": Rule("whole", ("Kind", "wor*"), made={"marked": marker})}
    with package(rules):
        part: Any = import_module("slowlib.part")
        kind, work = part.Kind, part.work
        assert part.marked(mine) is mine
    assert isinstance(kind, StandIn) and not isinstance(3, cast("type", kind)) and not ran()
    assert work(1) == 2 and ran() == ["slowlib", "part", "mine"]
    cast("DeferredModule", sys.modules["slowlib"]).after(lambda real: ran().append(real.__name__ + " is there"))
    assert ran().pop() == "slowlib is there"
    # The package ran first, as it would have without waiting, and each module once.
    real = part.Kind
    assert isinstance(real(), cast("type", kind)) and not isinstance(3, cast("type", kind))
    assert issubclass(new_class("Mine", (cast("type", kind),)), real)
    assert import_module("slowlib.other").here == 1 and ran() == ["slowlib", "part", "mine", "other"]


def test_only_listed_names_are_stood_in_for_and_only_in_the_thread_that_asked_for_it(
    package: Callable[[dict[str, Rule]], Deferring],
):
    with package({"slowlib": Rule("whole", ("Kind",)), "slowlib.other": Rule("whole", ("here",))}):
        import_module("slowlib")
        with ThreadPoolExecutor(1) as other:
            assert other.submit(lambda: import_module("slowlib").Kind).result() is vars(sys.modules["slowlib"])["Kind"]
        assert isinstance(import_module("slowlib.other").here, StandIn) and ran() == ["slowlib", "part"]
        with pytest.raises(ImportError, match="nonsense"):
            exec("from slowlib.other import nonsense", {})
    assert ran() == ["slowlib", "part", "other"]


def test_code_that_fails_is_run_again_as_of_any_module(package: Callable[[dict[str, Rule]], Deferring], tmp_path: Path):
    (tmp_path / "slowlib" / "other.py").write_text("import slowlib_log\nhere = slowlib_log.ready\n")
    with package({"slowlib.other": Rule("alone")}):
        other: Any = import_module("slowlib.other")
    for _ in range(2):
        with pytest.raises(AttributeError, match="ready"):
            _ = other.here
    sys.modules["slowlib_log"].__dict__["ready"] = 1
    assert other.here == 1 and import_module("slowlib.other") is other and not other.waits


def test_a_thread_waits_for_the_end_of_code_that_another_one_runs(
    package: Callable[[dict[str, Rule]], Deferring], tmp_path: Path
):
    (tmp_path / "slowlib" / "other.py").write_text(
        "import slowlib_log as log\nlog.ran.append('other')\nlog.begun.set()\nlog.more.wait(20)\nhere = 1\n"
    )
    begun, more, asked = threading.Event(), threading.Event(), threading.Event()
    sys.modules["slowlib_log"].__dict__.update(begun=begun, more=more)
    with package({"slowlib.other": Rule("alone")}):
        other: Any = import_module("slowlib.other")

    def ask() -> int:
        try:
            return other.here
        finally:
            asked.set()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(lambda: other.here)
        assert begun.wait(20)
        second = threads.submit(ask)
        # It has no answer yet.
        assert not asked.wait(0.1)
        more.set()
        assert first.result() == second.result() == 1
    assert ran().count("other") == 1


def test_threads_whose_modules_import_each_others_do_not_wait_for_ever(
    package: Callable[[dict[str, Rule]], Deferring], tmp_path: Path
):
    # Each has its own module under way before it asks for the other's.
    (tmp_path / "slowlib" / "other.py").write_text(
        "import slowlib_log as log\nlog.one.set(), log.two.wait(20)\nfrom slowlib_user import here\n"
    )
    (tmp_path / "slowlib_user.py").write_text(
        "import slowlib_log as log\nlog.two.set(), log.one.wait(20)\nfrom slowlib import part\nhere = part.work(1)\n"
    )
    sys.modules["slowlib_log"].__dict__.update(one=threading.Event(), two=threading.Event())
    with package({"slowlib.other": Rule("alone"), "slowlib.part": Rule("alone")}):
        other: Any = import_module("slowlib.other")
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(other.here), daemon=True),
        threading.Thread(target=lambda: found.append(import_module("slowlib_user").here), daemon=True),
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(30)
    sys.modules.pop("slowlib_user", None)
    assert found == [2, 2]
