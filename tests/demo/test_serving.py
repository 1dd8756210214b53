"""The chat's server: its address, what it suggests, a port that is taken, warnings, and the width of reports."""

import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from omniagent.agent import Agent
from omniagent.config import bundled_checkpoint
from omniagent.demo.address import address_of, listening, open_to_others
from omniagent.demo.app import warning_of
from omniagent.demo.events.views import EXAMPLES, examples_of
from omniagent.model.checkpoint.settings import Profiles, read_profiles
from omniagent.model.errors import BadSetting
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.scripted import ScriptedGenerator
from omniagent.shapes.training import export
from tests.support.paths import ROOT
from tests.support.scripted_runs import scripted_agent


def test_the_address_is_one_that_can_be_opened() -> None:
    assert address_of("127.0.0.1", 7860) == "http://127.0.0.1:7860"
    assert address_of("::1", 80) == "http://[::1]:80"
    everywhere = urlsplit(address_of("0.0.0.0", 7860))
    assert everywhere.hostname not in ("0.0.0.0", "localhost", None) and everywhere.port == 7860
    hosts = ("127.0.0.1", "localhost", "::1", "127.0.0.2", "0.0.0.0", "::", "192.0.2.7", "box.example")
    assert [open_to_others(host) for host in hosts] == [False] * 4 + [True] * 4


def test_the_examples_are_those_of_the_generators_profile_and_no_model_is_loaded_for_them(tmp_path: Path) -> None:
    own = ("a small boat", "a large boat")
    assert examples_of(scripted_agent(tmp_path)) == EXAMPLES
    given = ScriptedGenerator(profile=GeneratorProfile(examples=own))
    assert examples_of(scripted_agent(tmp_path, generator=given)) == own
    Profiles(GeneratorProfile(examples=own), CriticProfile()).save(tmp_path)
    # A folder without weights could not be loaded.
    assert examples_of(Agent(tmp_path, runs_dir=tmp_path / "runs")) == own
    assert examples_of(Agent("someone/not-here", runs_dir=tmp_path / "runs")) == EXAMPLES
    assert examples_of(Agent(generator="http://127.0.0.1:1/v1", critic="http://127.0.0.1:1/v1")) == EXAMPLES


def test_the_bundled_model_suggests_what_it_can_draw() -> None:
    profile = read_profiles(Path(bundled_checkpoint())).generator
    assert (profile.examples, profile.domain, profile.instead) == (export.EXAMPLES, export.DOMAIN, export.INSTEAD)
    assert profile.examples and Agent(bundled_checkpoint()).generator_profile == profile


@pytest.mark.slow
def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "tests.support.launch", "demo", "--port", str(port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert f"error: cannot listen on 127.0.0.1:{port}" in done.stderr and "Traceback" not in done.stderr
    assert "address already in use" in done.stderr and "gradio" not in done.stderr.lower()


def test_a_port_is_held_from_the_moment_it_is_told() -> None:
    with listening("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
        with pytest.raises(BadSetting, match=f"127.0.0.1:{port}"):
            listening("127.0.0.1", port)
    with pytest.raises(BadSetting, match="give another host"):
        listening("203.0.113.1", 0)


def test_a_server_that_is_open_to_others_says_what_that_means() -> None:
    assert "--auth" in warning_of("0.0.0.0", logins=False) and "its own threads" in warning_of("0.0.0.0", logins=False)
    assert "HTTPS" in warning_of("0.0.0.0", logins=True)


def test_logins_that_are_none_end_the_command_before_the_server_starts() -> None:
    command = [sys.executable, "-m", "tests.support.launch", "demo", "--port", "0", "--auth", "ann"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "") and "NAME:PASSWORD" in done.stderr
