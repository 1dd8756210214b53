"""What a start of the program imports, which is most of what it waits for."""

import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from types import ModuleType, new_class
from typing import Any, cast

import pytest

from omniagent.model.imports import lean_imports
from omniagent.model.imports.deferral import DeferredModule, Deferring, Rule, StandIn
from tests.support.paths import ROOT


def named(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


PLAIN = named("omniagent")
WORDS = PLAIN | named("typer shellingham annotated_doc")
AGENT = PLAIN | named(
    "PIL pydantic pydantic_core pydantic_settings annotated_types typing_extensions typing_inspection dotenv",
    "safetensors",
)
SHOWN = named("rich filelock")
GRAPH = named(
    "langgraph langgraph_sdk langchain_core langchain_protocol langsmith orjson ormsgpack jsonpatch jsonpointer",
    "tenacity uuid_utils xxhash zstandard requests requests_toolbelt urllib3 certifi charset_normalizer idna packaging",
    "httpx2 httpcore2 h11 sniffio anyio distro psutil truststore opentelemetry brotli google platformdirs",
)
MODELS = named(
    "torch torchgen numpy transformers tokenizers safetensors huggingface_hub regex jinja2 markupsafe diffusers",
    "accelerate llguidance tqdm yaml rapidfuzz scipy cython_runtime peft",
)
WAITING = named(
    "transformers transformers.models peft torch._dynamo torch.distributed.tensor torch.distributed.fsdp",
    "torch.distributed.checkpoint torch.export scipy.optimize diffusers.hooks diffusers.models.transformers",
    "diffusers.models.autoencoders diffusers.models.unets",
)
ABSENT = named("sympy openai gradio mcp pandas numba torchvision torch._inductor")

OTHERS = named("omniagent.cli.serving.demo omniagent.cli.train omniagent.tools.record.trace omniagent.runs.session")

TELL = """
import sys
from omniagent.model.imports.deferral import DeferredModule
tops = {n.split(".")[0] for n in sys.modules if not n.startswith("_")}
print("MODULES", *sorted(tops - set(sys.stdlib_module_names)))
print("WAITING", *sorted(n for n, m in sys.modules.items() if isinstance(m, DeferredModule) and m.waits))
print("ALL", *sorted(sys.modules))
"""
RUN = """
from omniagent.cli.app import main
try:
    main({words})
except SystemExit:
    pass
"""


def loaded_by(code: str) -> dict[str, set[str]]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    lines = [line.split() for line in done.stdout.splitlines()]
    told = {line[0]: set(line[1:]) for line in lines if line and line[0] in ("MODULES", "WAITING", "ALL")}
    return {**told, "STDERR": {done.stderr}, "STDOUT": {done.stdout}}


def test_the_package_alone_imports_nothing_and_an_agent_no_model_library():
    bare = loaded_by(
        "import sys; import omniagent; from omniagent import BadImage" + TELL.replace("\nimport sys", "", 1)
    )
    assert bare["MODULES"] <= PLAIN and "asyncio" not in bare["ALL"]
    agent = loaded_by("from omniagent import Agent; Agent()" + TELL)
    assert agent["MODULES"] <= AGENT, agent["MODULES"] - AGENT


def test_help_names_every_command_and_imports_the_command_line_alone():
    told = loaded_by(RUN.format(words=["--help"]) + TELL)
    assert told["MODULES"] <= WORDS, told["MODULES"] - WORDS
    (text,) = told["STDOUT"]
    assert all(f"\n  {name} " in text for name in ("run", "batch", "demo", "mcp", "report", "version"))


def test_the_first_line_of_a_run_waits_for_settings_alone():
    tell = "from omniagent.cli.progress import watcher\n\ndef say(line):\n    exec(TELL, {})\n    raise SystemExit\n\n"
    told = loaded_by(f"{tell}watcher.say, TELL = say, {TELL!r}" + RUN.format(words=["run", "a red circle"]))
    assert told["MODULES"] <= WORDS | AGENT, told["MODULES"] - (WORDS | AGENT)
    assert not OTHERS & told["ALL"], OTHERS & told["ALL"]


@pytest.mark.bundled
def test_a_run_tells_its_id_before_the_models_load_and_imports_only_what_it_uses(tmp_path: Path):
    words = ["run", "a red circle", "--steps", "1", "--max-rounds", "1", "--thread", "mine", "--out", str(tmp_path)]
    told = loaded_by(RUN.format(words=words) + TELL)
    used = WORDS | AGENT | SHOWN | GRAPH | MODELS
    assert told["MODULES"] <= used, told["MODULES"] - used
    assert told["WAITING"] >= WAITING, WAITING - told["WAITING"]
    assert not ABSENT & told["ALL"]
    (errors,) = told["STDERR"]
    assert errors.splitlines()[0] == "loading the models… shapes and its critic for run mine"
    assert (tmp_path / "picture.png").is_file()


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


def test_libraries_that_waited_are_whole_for_the_rest_of_the_program():
    code = (
        "from omniagent.model.imports import lean_imports\n"
        "with lean_imports():\n    import omniagent.model.loading\n"
        "import torch, transformers\n"
        "from diffusers.models.autoencoders import AutoencoderTiny\n"
        "from diffusers.hooks import HookRegistry, apply_layerwise_casting\n"
        "from torch.distributed.tensor import DTensor, Replicate\n"
        "assert Replicate() == Replicate() and transformers.AutoConfig.for_model('bert').vocab_size\n"
        "step = torch.compile(lambda x: x + 1, backend='eager')\n"
        "assert step(torch.zeros(2)).tolist() == [1, 1]\n"
        "exported = torch.export.export(torch.nn.Linear(2, 1), (torch.zeros(1, 2),))\n"
        "assert exported.module()(torch.zeros(1, 2)).shape == (1, 1)\n"
        "from torch._library.utils import get_source\n"
        "assert get_source(1).endswith(':14'), get_source(1)\n"
        "from copy import deepcopy\n"
        "from transformers.core_model_loading import WeightRenaming\n"
        "known = deepcopy(WeightRenaming(r'^model\\.(\\w+)', r'inner.\\1')).compiled_sources\n"
        "assert known.search('model.layers').group('g0') == 'model.layers' and not known.search('a.model.b')\n"
        "assert dict(known.groupindex) == {'g0': 1} and known.flags == 32\n"
        "from diffusers.loaders import single_file_model, single_file_utils as utils\n"
        "error = single_file_model.SingleFileComponentError\n"
        "try: raise error\n"
        "except error: assert utils.waits\n"
        "assert utils.fetch_original_config and utils.SingleFileComponentError is error\n"
        "print('MODULES fine')\n"
    )
    assert loaded_by(code)["MODULES"] == {"fine"}


def test_collecting_garbage_rests_while_libraries_are_imported(monkeypatch: pytest.MonkeyPatch):
    assert gc.isenabled()
    monkeypatch.setenv("OMNIAGENT_LEAN_IMPORTS", "0")
    with lean_imports():
        assert gc.isenabled()
    monkeypatch.delenv("OMNIAGENT_LEAN_IMPORTS")
    with lean_imports():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_what_is_imported_is_old_for_the_collector_and_what_a_program_froze_stays_so():
    code = (
        "import gc\n"
        "from omniagent.model.imports import lean_imports\n"
        "with lean_imports():\n    import torch\n"
        "young = sum(len(gc.get_objects(generation)) for generation in (0, 1))\n"
        "assert young < 5_000 < len(gc.get_objects(2)) and gc.get_freeze_count() == 0, young\n"
        "gc.freeze()\n"
        "frozen = gc.get_freeze_count()\n"
        "with lean_imports():\n    import omniagent.model.loading\n"
        "assert 0.9 * frozen < gc.get_freeze_count() <= frozen, frozen\n"
        "print('MODULES fine')\n"
    )
    assert loaded_by(code)["MODULES"] == {"fine"}
