"""One real server for all tests here: the machine's service, started and stopped by the command line."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from omniagent.model.critic.local import LocalCritic
from omniagent.model.critic.service.process import STAGES
from omniagent.model.critic.service.record import FOLDER_VARIABLE, Record, read_record, state_folder
from tests.vllm.served import CHECKPOINT, local_critic

ROOT = Path(__file__).parents[2]


def omniagent(*words: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    line = [sys.executable, "-m", "omniagent.cli", *words]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Record]:
    """A vLLM that serves the bundled critic."""
    os.environ.setdefault(FOLDER_VARIABLE, str(tmp_path_factory.mktemp("service")))
    omniagent("critic", "stop")
    try:
        started = omniagent(
            "critic", "serve", "--model", str(CHECKPOINT), "--name", "shapes", "--port", "0", "--detach",
            "--start-limit", "1500", timeout=1600,
        )  # fmt: skip
        assert started.returncode == 0, started.stderr
        # A stage may pass between two looks at the log, so no single one but the last is sure to be told.
        told = [stage for _, stage in STAGES if stage in started.stderr]
        assert "ready" in told and len(told) > 1, f"the start tells its progress: {started.stderr}"
        record = read_record(state_folder())
        assert record is not None
        yield record
    finally:
        stopped = omniagent("critic", "stop")
    assert stopped.stdout.startswith("stopped"), stopped.stderr


@pytest.fixture(scope="session")
def local() -> LocalCritic:
    """The same weights in this process."""
    return local_critic()
