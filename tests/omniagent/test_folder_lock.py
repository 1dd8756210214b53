"""One run at a time in a folder, on every system: without file locks a lease serves, and no kill leaves it shut."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from omniagent.model.errors import OutputUnwritable
from omniagent.runs.folder import LEASE_SECONDS, owned
from tests.support.faces import TASK, repaired
from tests.support.paths import ROOT
from tests.support.processes import Process

NO_LOCKS = """
import errno, fcntl
def flock(file, operation):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = flock
"""
WINDOWS = """
import os, signal, sys
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("fork", "register_at_fork", "setsid", "killpg"):
    delattr(os, name)
for name in ("SIGHUP", "SIGKILL", "SIGUSR1"):
    delattr(signal, name)
"""
HELD = """
import sys
from pathlib import Path
from omniagent.runs.folder import owned
with owned(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def process(code: str, *arguments: str) -> Process:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return Process([sys.executable, "-c", code, *arguments], cwd=ROOT, text=True, **pipes)


@pytest.mark.parametrize("system", ["", NO_LOCKS], ids=["file locks", "no file locks"])
def test_a_folder_is_barred_while_its_run_is_at_work_and_free_after_a_kill(tmp_path: Path, system: str) -> None:
    with process(system + HELD, str(tmp_path)) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        told = process(system + HELD, str(tmp_path)).communicate(timeout=60)[1]
        assert "another run is at work" in told
        holder.kill()
    with process(system + HELD, str(tmp_path)) as after:
        assert after.communicate(timeout=60)[0] == "held\n"


def test_a_file_system_without_locks_is_no_other_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    agent = repaired(tmp_path)
    assert agent.run(TASK, thread_id="t").accepted
    with owned(tmp_path / "t"), pytest.raises(OutputUnwritable, match="another run is at work"):
        agent.run(TASK, thread_id="t")
    assert agent.run(TASK, thread_id="t").accepted
    assert not (tmp_path / "t" / ".lock-lease").exists()


def test_a_lock_file_that_a_machine_left_behind_does_not_bar_the_folder_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    monkeypatch.setattr("omniagent.runs.folder.LEASE_SECONDS", 1.0)
    lease = tmp_path / ".lock-lease"
    with owned(tmp_path):
        elsewhere = "\n".join(
            "host=elsewhere" if line.startswith("host=") else line for line in lease.read_text().splitlines()
        )
    lease.write_text(elsewhere + "\n")
    lease.chmod(0o600)
    with pytest.raises(OutputUnwritable, match="another run is at work"), owned(tmp_path):
        pass
    os.utime(lease, (0, 0))
    with owned(tmp_path):
        assert "host=elsewhere" not in lease.read_text()
    assert LEASE_SECONDS > 1


def test_a_folder_that_can_hold_no_lock_at_all_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    (tmp_path / ".lock-lease").mkdir()
    with pytest.raises(OutputUnwritable, match=r"cannot be locked \(No locks available\)|another run"), owned(tmp_path):
        pass


@pytest.mark.slow
def test_a_run_needs_nothing_that_only_unix_has(tmp_path: Path) -> None:
    code = (
        WINDOWS + "import omniagent\nfrom omniagent.cli import main\nfrom tests.support.faces import make_test_agent\n"
    )
    code += "main(sys.argv[1:], make=make_test_agent)"
    with process(code, "run", TASK, "--out", str(tmp_path / "run")) as done:
        told, errors = done.communicate(timeout=120)
    assert done.returncode == 0, errors
    assert "accepted" in told
