"""lmms-eval as a process in its own environment, asked about a model behind a URL."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from omniagent.benchmarks.understanding.tasks import HARNESS, HARNESS_VERSION, TASKS
from omniagent.model.errors import BadSetting, HardFailure
from omniagent.model.wording import shown
from omniagent.tools.record.files import writing

MODULE: Final = "lmms_eval"
LOG_FILE: Final = "lmms-eval.log"
GRADER_KEY: Final = "OPENAI_API_KEY"
"""What lmms-eval takes the grader's key from; `OPENAI_API_URL`, `API_TYPE` and `MODEL_VERSION` say which grader."""

_GRACE: Final = 10.0


def tasks_for(names: Sequence[str], environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """lmms-eval's tasks for names of `TASKS`: without a grader's key those that need none.

    Raises:
        BadSetting: one of them cannot do without a grader.
    """
    if environ.get(GRADER_KEY):
        return tuple(TASKS[name].task for name in names)
    if lacking := [TASKS[name].label for name in names if TASKS[name].plain is None]:
        raise BadSetting(
            f"{lacking[0]} is graded by a model that {HARNESS} asks: set {GRADER_KEY} for it (and OPENAI_API_URL, "
            "MODEL_VERSION for another one), or leave it out with --task"
        )
    return tuple(plain for name in names if (plain := TASKS[name].plain) is not None)


def command_of(
    python: Path, tasks: Sequence[str], out: Path, *, url: str, model: str, key: str, limit: int | None, workers: int
) -> list[str]:
    """The command line. lmms-eval leaves the key out of its results."""
    told = {"model_version": model, "base_url": url, "api_key": key, "num_cpus": str(workers)}
    return [
        str(python), "-m", MODULE, "--model", "async_openai",
        "--model_args", ",".join(f"{name}={value}" for name, value in told.items()),
        "--tasks", ",".join(tasks), "--batch_size", "1", "--log_samples", "--output_path", str(out),
        *(["--limit", str(limit)] if limit is not None else []),
    ]  # fmt: skip


def checked_python(given: Path) -> Path:
    """The Python of an environment that holds lmms-eval.

    Raises:
        BadSetting: it is no Python, or lmms-eval is not there.
    """
    python = given.expanduser().absolute()
    given_as = shown(str(given))
    make = f"make one: python -m venv harness && harness/bin/pip install {HARNESS}=={HARNESS_VERSION}"
    try:
        looked = subprocess.run(
            [str(python), "-c", f"import importlib.util, sys; sys.exit(importlib.util.find_spec({MODULE!r}) is None)"],
            capture_output=True,
            timeout=60,
            env=_environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadSetting(f"{given_as} is no Python of an environment with {HARNESS} ({error}); {make}") from error
    if looked.returncode:
        raise BadSetting(f"{HARNESS} is not installed for {given_as}; {make}")
    return python


def run_harness(command: Sequence[str], out: Path) -> None:
    """Run it to its end; what it says goes into `lmms-eval.log` in `out`.

    Raises:
        HardFailure: it failed; the message has its last words.
        OutputUnwritable, StorageFull: `out` cannot be written.
    """
    log = out / LOG_FILE
    with writing(log):
        out.mkdir(parents=True, exist_ok=True)
        output = log.open("wb")
    with output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=_environment()
        )
        try:
            code = child.wait()
        except BaseException:
            child.terminate()
            try:
                child.wait(_GRACE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            raise
    if code:
        lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise HardFailure(f"{HARNESS} ended with code {code}: {(lines or ['it said nothing'])[-1][-300:]} (see {log})")


def _environment() -> dict[str, str]:
    """Ours, without what would lead its Python to our own packages."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "OMNIAGENT_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
