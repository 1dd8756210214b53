"""An environment that looks like one with vLLM: its server is the stand-in of the fault tests."""

import sys
from pathlib import Path

from omniagent.model.critic.service.memory import Memory
from omniagent.model.critic.service.process import free_port
from omniagent.model.critic.service.settings import ServeSettings

CONFIG = '{"text_config": {"hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2, \
"num_hidden_layers": 2, "max_position_embeddings": 512}}'


def fake_python(folder: Path) -> Path:
    """The Python of such an environment."""
    package = folder / "site" / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    for each in (package, package.parent, package.parent.parent):
        (each / "__init__.py").touch()
    stand_in = Path(__file__).with_name("stand_in_server.py")
    (package / "api_server.py").write_text(f"import runpy\nrunpy.run_path({str(stand_in)!r}, run_name='__main__')\n")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{folder / "site"}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return python


def fake_checkpoint(folder: Path) -> Path:
    """A checkpoint with just enough of a critic to be served."""
    for name, file, text in (("mllm", "config.json", CONFIG), ("processor", "tokenizer.json", "{}")):
        (folder / name).mkdir(parents=True)
        (folder / name / file).write_text(text)
    return folder


def fake_settings(folder: Path) -> ServeSettings:
    """What a service of the fake model is started with."""
    checkpoint = fake_checkpoint(folder / "checkpoint")
    return ServeSettings(
        python=fake_python(folder / "environment"),
        weights=checkpoint / "mllm",
        processor=checkpoint / "processor",
        name="eye",
        key="secret",
        port=free_port(),
        memory=Memory(64 * 2**20),
        context=512,
    )
