"""The command line under other programs: closed streams, readers that go away, SIGTERM, and a shell's background."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from omniagent import Result
from tests.support.faces import SCENARIO, TASK
from tests.support.paths import ROOT
from tests.support.processes import Process

LAUNCH = [sys.executable, "-m", "tests.support.launch"]


def in_shell(script: str, folder: Path) -> str:
    """What a POSIX shell says of a script that runs `omni`, with $OUT as a folder of its own."""
    environment = {**os.environ, "OUT": str(folder), "TASK": TASK}
    start = f'omni() {{ {" ".join(LAUNCH)} "$@"; }}\n'
    command = ["/bin/sh", "-c", start + script]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=120).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "streams",
    ['>&- 2>"$OUT/err"', ">&- 2>&-", ">&- 2>&- <&-", '>"$OUT/out" 2>&-'],
    ids=["no stdout", "no output", "no stream at all", "no stderr"],
)
def test_a_run_with_closed_streams_writes_its_result_and_tells_by_its_exit_code(tmp_path: Path, streams: str) -> None:
    assert in_shell(f'omni run "$TASK" --out "$OUT/run" {streams}; echo $?', tmp_path) == "0\n"
    assert Result.load(tmp_path / "run").accepted


@pytest.mark.slow
@pytest.mark.parametrize("streams", ["", "2>&1"])
def test_a_run_whose_reader_went_away_writes_its_result_and_tells_by_its_exit_code(
    tmp_path: Path, streams: str
) -> None:
    script = f'{{ omni run "$TASK" --out "$OUT/run" {streams}; echo $? >"$OUT/code"; }} 2>/dev/null | true'
    in_shell(script, tmp_path)
    assert (tmp_path / "code").read_text() == "0\n"
    assert Result.load(tmp_path / "run").accepted


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_result_that_cannot_be_printed_is_a_failure_and_stays_in_the_folder(tmp_path: Path) -> None:
    assert in_shell('omni run "$TASK" --json --out "$OUT/run" >/dev/full; echo $?', tmp_path) == "3\n"
    assert Result.load(tmp_path / "run").accepted


def started(folder: Path, *, ignoring: str = "", scenario: str = "stuck") -> Process:
    """A run that has finished one picture and hangs in the second; `ignoring` names what its shell had ignored."""
    # Whatever this process was started with ignored, as in a shell's background or under nohup.
    code = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += "for number in (signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_DFL)\n"
    code += "from omniagent.cli import main; from tests.support.faces import make_test_agent\n"
    code += f"for name in {ignoring.split()!r}: signal.signal(getattr(signal, name), signal.SIG_IGN)\n"
    code += "main(make=make_test_agent)"
    process = Process(
        [sys.executable, "-c", code, "run", TASK, "--json", "--out", str(folder)],
        cwd=ROOT,
        env={**os.environ, SCENARIO: scenario},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("edit"):
            break
    return process


@pytest.mark.slow
@pytest.mark.parametrize(
    ("numbers", "ignoring"),
    [
        ([signal.SIGTERM], ""),
        ([signal.SIGHUP], ""),
        ([signal.SIGTERM, signal.SIGTERM], ""),
        ([signal.SIGINT, signal.SIGTERM], "SIGINT"),
        ([signal.SIGHUP, signal.SIGTERM], "SIGHUP"),
    ],
    ids=["SIGTERM", "SIGHUP", "SIGTERM twice", "SIGTERM in the background", "SIGTERM under nohup"],
)
def test_a_signal_that_ends_programs_keeps_and_reports_the_best_so_far(
    tmp_path: Path, numbers: list[signal.Signals], ignoring: str
) -> None:
    with started(tmp_path / "run", ignoring=ignoring) as process:
        for number in numbers:
            process.send_signal(number)
        told, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert json.loads(told)["status"] == "cancelled"
    result = Result.load(tmp_path / "run")
    assert result.stop_reason == "cancelled" and result.image is not None


def test_a_signal_before_there_is_a_run_ends_the_command_like_ctrl_c(tmp_path: Path) -> None:
    code = "import os, signal\nfrom omniagent.cli import main\n"
    code += "def make(options):\n    os.kill(os.getpid(), signal.SIGTERM)\n    raise AssertionError\n"
    code += "main(['run', 'a circle'], make=make)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (130, "cancelled before there was anything to keep\n")


@pytest.mark.slow
def test_sigterm_ends_the_chat_cleanly(tmp_path: Path) -> None:
    environment = {**os.environ, "OMNIAGENT_RUNS_DIR": str(tmp_path)}
    with Process(
        [*LAUNCH, "demo", "--port", "0"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "http://127.0.0.1" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    # 130 where the signal came before the server waits.
    assert process.returncode in (0, 130)


def test_sigterm_ends_the_mcp_server_though_its_host_keeps_stdin_open(tmp_path: Path) -> None:
    command = [*LAUNCH, "mcp", "--runs-dir", str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with Process(command, cwd=ROOT, text=True, **pipes) as process:
        assert process.stdin is not None and process.stdout is not None
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        assert "omniagent" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)
    assert process.returncode == 130
