"""What a start of the program imports, which is most of what it waits for."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from omniagent.model.imports import lean_imports
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
