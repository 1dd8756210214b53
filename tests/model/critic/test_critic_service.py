"""The critic's server as a service: started, watched, restarted, found and stopped. vLLM itself is stood in for."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from omniagent.config import Config
from omniagent.model.critic.service.install import install
from omniagent.model.critic.service.keeper import Keeper
from omniagent.model.critic.service.memory import Card
from omniagent.model.critic.service.process import answers
from omniagent.model.critic.service.record import read_record
from omniagent.model.critic.service.service import plan_service
from omniagent.model.critic.service.settings import (
    PYTHON_VARIABLE,
    ServeSettings,
    command_of,
    environment_of,
    find_python,
    holds_vllm,
    installed_folder,
)
from omniagent.model.critic.vllm import VllmCritic
from omniagent.model.errors import BadCheckpoint, BadSetting, CriticUnavailable, HardFailure
from omniagent.model.pipeline.memory import need_from
from omniagent.model.requests import Prompt, Questions
from omniagent.models import served_critic
from tests.support.fake_vllm import fake_checkpoint, fake_python, fake_settings
from tests.support.paths import ROOT

PROMPT = Prompt(system="You check pictures.", parts=(Image.new("RGB", (8, 6), "red"), "\n"))
Keep = Callable[..., Keeper]


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A process that ended and was not fetched yet still has an entry.
    return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()


def soon(held: Callable[[], bool]) -> bool:
    """Whether something comes true within a generous time."""
    patience = threading.Event()
    for _ in range(1200):
        if held():
            return True
        patience.wait(0.05)
    return False


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Keep]:
    keepers: list[Keeper] = []

    def make(settings: ServeSettings | None = None, **options: Any) -> Keeper:
        options = {"backoff": 0.0, "beat": 0.05} | options
        keepers.append(Keeper(settings or fake_settings(tmp_path), tmp_path / "log", **options))
        return keepers[-1]

    yield make
    for keeper in keepers:
        keeper.close()


@pytest.fixture
def ask() -> Iterator[Callable[[Keeper], VllmCritic]]:
    critics: list[VllmCritic] = []

    def make(keeper: Keeper, **options: Any) -> VllmCritic:
        settings = keeper.settings
        critics.append(VllmCritic(settings.url, settings.name, settings.key, keeper=keeper, backoff=0.01, **options))
        return critics[-1]

    yield make
    for critic in critics:
        critic.close()


def test_a_server_is_started_waited_for_asked_with_its_key_and_stopped(keep: Keep, ask: Any) -> None:
    keeper = keep()
    critic = ask(keeper)
    assert critic.yes_no(Questions(PROMPT, ("Is there a circle?",))).probabilities == pytest.approx((0.95,))
    assert critic.backend == "vllm"
    pid = keeper.pid
    critic.close()
    assert gone(pid) and not answers(keeper.settings.url)


def test_a_server_that_was_killed_is_started_again_and_the_question_is_answered(keep: Keep, ask: Any) -> None:
    keeper = keep()
    critic = ask(keeper)
    critic.yes_no(Questions(PROMPT, ("Is there a circle?",)))
    first = keeper.pid
    os.killpg(first, signal.SIGKILL)
    assert critic.yes_no(Questions(PROMPT, ("Is there a circle?",))).probabilities == pytest.approx((0.95,))
    assert keeper.pid != first and keeper.generation == 2


def test_a_server_that_hangs_is_killed_and_started_again(keep: Keep) -> None:
    keeper = keep(hung_after=0.2)
    keeper.wait_ready()
    first = keeper.pid
    os.killpg(first, signal.SIGSTOP)
    assert soon(lambda: keeper.generation == 2)
    assert gone(first) and keeper.pid != first


def test_a_server_that_keeps_dying_is_given_up_with_its_last_words(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN", "dies")
    keeper = keep(restarts=2)
    with pytest.raises(CriticUnavailable, match=r"failed 3 times.*ValueError: this stand-in dies at once"):
        keeper.wait_ready()
    assert keeper.join(10)


def test_a_server_that_never_answers_is_given_up(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN", "never")
    keeper = keep(restarts=0, start_limit=0.2)
    with pytest.raises(CriticUnavailable, match="did not answer within"):
        keeper.wait_ready()


def test_a_call_does_not_wait_long_for_a_server_when_another_critic_stands_in(
    keep: Keep, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN", "never")
    with pytest.raises(CriticUnavailable, match="not up"):
        ask(keep(), patience=0.0).yes_no(Questions(PROMPT, ("Is there a circle?",)))


def test_the_server_ends_with_whoever_started_it_even_when_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from omniagent.model.critic.service.keeper import Keeper\n"
        "from tests.support.fake_vllm import fake_settings\n"
        "keeper = Keeper(fake_settings(Path(sys.argv[1])), Path(sys.argv[1]) / 'log')\n"
        "keeper.wait_ready(); print(keeper.pid, flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert not gone(pid)
        starter.kill()
    assert soon(lambda: gone(pid))


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMNIAGENT_CRITIC_DIR": str(folder / "state")}
    line = [sys.executable, "-m", "omniagent.cli", "critic", *words]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow
def test_the_command_line_serves_tells_refuses_a_second_and_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, checkpoint = fake_python(tmp_path / "environment"), fake_checkpoint(tmp_path / "checkpoint")
    serve = ("serve", "--python", str(python), "--model", str(checkpoint), "--name", "eye", "--port", "0", "--detach")
    assert command(tmp_path, "status").returncode == 1
    try:
        started = command(tmp_path, *serve)
        assert started.returncode == 0, started.stderr
        assert "ready" in started.stderr
        record = read_record(tmp_path / "state")
        assert record is not None and record.url.startswith("http://127.0.0.1:")
        assert (tmp_path / "state" / "critic.json").stat().st_mode & 0o077 == 0
        assert int((tmp_path / "state" / "critic.pid").read_text()) == record.pid
        told = command(tmp_path, "status", "--json")
        status = json.loads(told.stdout)
        assert (told.returncode, status["answers"], status["model"], status["url"]) == (0, True, "eye", record.url)
        assert any("no batches" in line for line in status["lacks"])
        second = command(tmp_path, *serve)
        assert (second.returncode, "at work already" in second.stderr) == (2, True)
        monkeypatch.setenv("OMNIAGENT_CRITIC_DIR", str(tmp_path / "state"))
        attached = served_critic(Config(model=str(checkpoint), critic="auto"))
        assert attached is not None
        assert attached.connect() == "eye"
        attached.close()
        assert answers(record.url)
    finally:
        stopped = command(tmp_path, "stop")
    assert stopped.stdout.startswith("stopped eye")
    assert not answers(record.url) and gone(record.pid) and gone(record.server)
    assert command(tmp_path, "stop").stdout.strip() == "no service is at work"


def test_auto_starts_a_server_of_its_own_where_there_is_vllm_and_room_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # A test before may have kept the log's words for the console.
    monkeypatch.setattr(logging.getLogger("omniagent.critic"), "propagate", True)
    monkeypatch.setenv("OMNIAGENT_CRITIC_DIR", str(tmp_path / "state"))
    monkeypatch.setenv(PYTHON_VARIABLE, str(fake_python(tmp_path / "environment")))
    checkpoint = fake_checkpoint(tmp_path / "eye")
    critic = served_critic(Config(model=str(checkpoint), critic="auto"))
    assert critic is not None
    try:
        critic.await_start()
        assert critic.connect() == "eye"
    finally:
        critic.close()
    with monkeypatch.context() as small:
        small.setattr("omniagent.model.critic.service.service.card_of", lambda device: Card(2**30, 2**30))
        need = need_from({"transformer": 10, "mllm": 10, "vae": 10}, {}, 1024)
        small.setattr("omniagent.model.critic.service.service.drawer_of", lambda checkpoint: need)
        assert served_critic(Config(model=str(checkpoint), critic="auto")) is None
    assert "use --critic local" in caplog.text and "the model's own judges" in caplog.text
    monkeypatch.setattr("omniagent.model.critic.service.settings.find_python", lambda: None)
    assert served_critic(Config(model=str(checkpoint), critic="auto")) is None


def test_the_server_listens_on_loopback_and_its_key_is_on_no_command_line(tmp_path: Path) -> None:
    settings = fake_settings(tmp_path)
    line = command_of(settings, tmp_path, 7)
    assert line[line.index("--host") + 1] == "127.0.0.1"
    assert settings.key not in " ".join(line)
    ours = {"OMNIAGENT_CRITIC_KEY": "mine", "PYTHONPATH": "x", "HOME": "/home/me", "OMP_NUM_THREADS": "3"}
    theirs = environment_of(settings, ours)
    assert theirs["VLLM_API_KEY"] == settings.key
    assert not {"OMNIAGENT_CRITIC_KEY", "PYTHONPATH", "VLLM_SERVER_DEV_MODE"} & theirs.keys()
    assert (theirs["HOME"], theirs["OMP_NUM_THREADS"]) == ("/home/me", "3")
    sleeping = settings.model_copy(update={"memory": settings.memory._replace(sleep=True)})
    assert environment_of(sleeping, ours)["VLLM_SERVER_DEV_MODE"] == "1"
    assert "--enable-sleep-mode" in command_of(sleeping, tmp_path, 7)


def test_what_cannot_be_served_is_said_before_anything_starts(tmp_path: Path) -> None:
    python = fake_python(tmp_path / "environment")
    with pytest.raises(BadCheckpoint, match=r"config\.json"):
        plan_service(tmp_path, python=python)
    with pytest.raises(BadSetting, match="is no Python"):
        find_python(tmp_path / "nowhere")
    with pytest.raises(BadSetting, match="is no Python"):
        find_python(environ={PYTHON_VARIABLE: "/nowhere"})


@pytest.mark.slow
def test_install_makes_an_environment_that_auto_finds_and_goes_on_where_it_broke_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    fake_wheel(wheels, "vllm", "0.32.9")
    monkeypatch.setenv("OMNIAGENT_CRITIC_DIR", str(tmp_path / "state"))
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    said: list[str] = []
    folder = installed_folder()
    with pytest.raises(HardFailure, match="pip failed with code 1"):
        install(folder, more=("--no-index", "--find-links", str(tmp_path)), tell=said.append)
    made = install(folder, more=("--no-index", "--find-links", str(wheels)), tell=said.append)
    assert find_python() == made and holds_vllm(folder)
    assert sum("-m venv" in line for line in said) == 1 and any("Successfully installed" in line for line in said)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letters").touch()
    with pytest.raises(BadSetting, match="holds something else"):
        install(tmp_path / "full", tell=said.append)
    shown = command(tmp_path, "install", "--dry-run", "--into", str(tmp_path / "x"), "--", "--pre")
    assert shown.stdout.splitlines()[-1].endswith("--pre") and not (tmp_path / "x").exists()


def fake_wheel(folder: Path, name: str, version: str) -> None:
    """A wheel with an empty package."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD")))
