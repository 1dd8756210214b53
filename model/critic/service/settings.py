"""What a critic's server is started with, and the command line that says so to vLLM."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from omniagent.model.critic.service.memory import Memory
from omniagent.model.critic.service.record import state_folder
from omniagent.model.errors import BadCheckpoint, BadSetting
from omniagent.model.wording import shown

MODULE = "vllm.entrypoints.openai.api_server"
HOST = "127.0.0.1"
PYTHON_VARIABLE = "OMNIAGENT_CRITIC_PYTHON"
PICTURES_A_CHAT = 6


class ServeSettings(BaseModel):
    """One server of one model. It listens on the loopback interface only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    python: Path = Field(description="the Python of the environment that vLLM is installed in")
    weights: Path = Field(description="folder of the Qwen2.5-VL: config.json and safetensors")
    processor: Path = Field(description="folder of its tokenizer and picture processor")
    name: str = Field(description="what the model is called in requests")
    key: str = Field(repr=False, description="the API key that requests must carry")
    port: int = Field(ge=1, le=65535)
    memory: Memory
    context: int = Field(ge=128, description="tokens of the longest chat")
    gpu: bool = False
    dtype: str = "auto"
    threads: int | None = Field(default=None, ge=1, description="CPU threads; None: as OMP_NUM_THREADS says, or all")
    more: tuple[str, ...] = Field(default=(), description="further arguments for vLLM, as they are")

    @property
    def url(self) -> str:
        """The server's base URL."""
        return f"http://{HOST}:{self.port}/v1"


def find_python(given: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The Python of a vLLM environment.

    The given one, `OMNIAGENT_CRITIC_PYTHON`, that of `omniagent critic install`, or `.venv-vllm` beside the checkout;
    None when there is none. A given one is not looked into; the others must hold vLLM.

    Raises:
        BadSetting: the given one, or the variable's, is no file.
    """
    named = given if given is not None else Path(environ[PYTHON_VARIABLE]) if environ.get(PYTHON_VARIABLE) else None
    if named is not None:
        named = named.expanduser()
        if not named.is_file():
            raise BadSetting(
                f"{shown(str(named))} is no Python; name the one of an environment with vLLM: …/bin/python"
            )
        return named.absolute()
    # Resolved: in a checkout this package is a link to its top folder.
    places = installed_folder(environ=environ), Path(__file__).resolve().parents[3] / ".venv-vllm"
    return next((place / "bin" / "python" for place in places if holds_vllm(place)), None)


def installed_folder(*, environ: Mapping[str, str] = os.environ) -> Path:
    """Where `omniagent critic install` puts the environment: beside the service's record."""
    return state_folder(environ=environ) / "vllm"


def holds_vllm(environment: Path) -> bool:
    """Whether vLLM is installed in a virtual environment."""
    return (environment / "bin" / "python").exists() and any(environment.glob("lib/python*/site-packages/vllm"))


def serving_folder(settings: ServeSettings, into: Path) -> Path:
    """A folder with links to weights and processor side by side, as vLLM wants to find them.

    Raises:
        BadCheckpoint: one of the two is missing.
    """
    into.mkdir(parents=True, exist_ok=True)
    for old in into.iterdir():
        old.unlink()
    for source, wanted in ((settings.processor, "tokenizer.json"), (settings.weights, "config.json")):
        if not (source / wanted).is_file():
            raise BadCheckpoint(f"{source} has no {wanted}, so no critic can be served from it")
        for path in source.iterdir():
            link = into / path.name
            if not link.exists():
                link.symlink_to(path.resolve())
    return into


def command_of(settings: ServeSettings, folder: Path, pipe: int) -> list[str]:
    """The server's command line. The key is not on it: others may read command lines."""
    memory = settings.memory
    flags: dict[str, str] = {
        "--model": str(folder),
        "--served-model-name": settings.name,
        "--host": HOST,
        "--port": str(settings.port),
        "--dtype": settings.dtype,
        "--max-model-len": str(settings.context),
        "--kv-cache-memory-bytes": str(memory.kv_bytes),
        "--limit-mm-per-prompt": json.dumps({"image": PICTURES_A_CHAT, "video": 0}),
    }
    if memory.share is not None:
        flags["--gpu-memory-utilization"] = f"{memory.share:.3f}"
    switches = ["--enable-prompt-tokens-details"]
    if memory.sleep:
        switches.append("--enable-sleep-mode")
    if not settings.gpu:
        # A block is the unit of a shared prefix; on CPUs it is 128 by default, more than a small picture's chat.
        flags["--block-size"] = "32"
        switches.append("--enforce-eager")
    words = [word for flag in flags.items() for word in flag]
    launcher = Path(__file__).with_name("launcher.py")
    return [str(settings.python), str(launcher), str(pipe), MODULE, *words, *switches, *settings.more]


def environment_of(settings: ServeSettings, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The server's environment: ours, without our own keys and Python paths, and with the key that it must ask for."""
    dropped = ("OMNIAGENT_", "VLLM_API_KEY", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    made = {name: value for name, value in environ.items() if not name.startswith(dropped)}
    made |= {
        "VLLM_API_KEY": settings.key,
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{settings.python.parent}{os.pathsep}{environ.get('PATH', os.defpath)}",
    }
    if settings.memory.sleep:
        # Opens /sleep and /wake_up, and with them other endpoints without a key: bearable on loopback only.
        made["VLLM_SERVER_DEV_MODE"] = "1"
    if not settings.gpu:
        made["CUDA_VISIBLE_DEVICES"] = ""
        threads = settings.threads or int(environ.get("OMP_NUM_THREADS") or 0) or os.cpu_count() or 1
        made |= {"OMP_NUM_THREADS": str(threads), "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
    return made
