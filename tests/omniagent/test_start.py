"""What a start of the program imports, which is most of what it waits for."""

import gc
import subprocess
import sys
from collections.abc import Callable
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
WORDS = PLAIN | named("typer rich shellingham annotated_doc pygments typing_extensions click")
AGENT = WORDS | named(
    "PIL pydantic pydantic_core pydantic_settings annotated_types typing_inspection dotenv filelock safetensors"
)
GRAPH = named(
    "langgraph langgraph_sdk langchain_core langchain_protocol langsmith orjson ormsgpack jsonpatch jsonpointer",
    "tenacity uuid_utils xxhash zstandard requests requests_toolbelt urllib3 certifi charset_normalizer idna packaging",
    "httpx2 httpcore2 h11 sniffio anyio distro psutil truststore opentelemetry brotli google platformdirs",
)
MODELS = named(
    "torch torchgen numpy transformers tokenizers safetensors huggingface_hub regex jinja2 markupsafe diffusers",
    "accelerate llguidance tqdm yaml httpx rapidfuzz scipy cython_runtime peft",
)
WAITING = named(
    "transformers transformers.models peft torch._dynamo torch.distributed.tensor torch.distributed.fsdp",
    "torch.distributed.checkpoint scipy.optimize diffusers.hooks diffusers.models.transformers",
    "diffusers.models.autoencoders diffusers.models.unets",
)
ABSENT = named("sympy openai gradio mcp pandas numba torchvision torch._inductor")

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


@pytest.mark.bundled
def test_a_run_tells_its_id_before_the_models_load_and_imports_only_what_it_uses(tmp_path: Path):
    words = ["run", "a red circle", "--steps", "1", "--max-rounds", "1", "--thread", "mine", "--out", str(tmp_path)]
    told = loaded_by(RUN.format(words=words) + TELL)
    assert told["MODULES"] <= AGENT | GRAPH | MODELS, told["MODULES"] - (AGENT | GRAPH | MODELS)
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

    with package({"slowlib": Rule("whole"), "slowlib.part": Rule("whole", made={"marked": marker})}):
        part: Any = import_module("slowlib.part")
        kind, work = part.Kind, part.work
        assert part.marked(mine) is mine
    assert isinstance(kind, StandIn) and not isinstance(3, cast("type", kind)) and not ran()
    assert work(1) == 2 and ran() == ["slowlib", "part", "mine"]
    # The package ran first, as it would have without waiting, and each module once.
    real = part.Kind
    assert isinstance(real(), cast("type", kind)) and not isinstance(3, cast("type", kind))
    assert issubclass(new_class("Mine", (cast("type", kind),)), real)
    assert import_module("slowlib.other").here == 1 and ran() == ["slowlib", "part", "mine", "other"]


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
