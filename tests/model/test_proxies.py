"""Proxies of the environment: this machine is never asked through one, other hosts are, and a broken one is named."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub.utils import close_session

from omniagent.model.critic.openai.critic import OpenAICritic
from omniagent.model.critic.service.process import answers
from omniagent.model.errors import BadImage, BadSetting, CriticUnavailable, GeneratorUnavailable, HubUnreachable
from omniagent.model.files.hub import find_model
from omniagent.model.generator.remote import RemoteGenerator
from omniagent.model.http.proxies import client_options, is_here, no_proxies, proxy_advice
from omniagent.model.requests import GenerationRequest, Questions
from omniagent.tools.intake.fetch import fetch
from tests.support.openai_stub import PROMPT
from tests.support.stand_in_server import StandIn

NAMES = ("http_proxy", "https_proxy", "all_proxy")
DEAD = "http://127.0.0.1:9"
BROKEN = (DEAD, "socks5://127.0.0.1:9", "foo://bar", "http://[::1")
REQUEST = GenerationRequest(instruction="a")


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets the proxies of the environment, and no others."""

    def go(address: str, *names: str) -> None:
        for name in (*NAMES, "no_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name in names or (*NAMES, *map(str.upper, NAMES)):
            monkeypatch.setenv(name, address)
        # The hub's client is made once in a process, by the proxies of that time.
        close_session()

    yield go
    close_session()


class Pictures(BaseHTTPRequestHandler):
    """Gives every GET a few bytes, sends /away elsewhere, and answers as a proxy does when asked for a whole URL."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "/here")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"bytes")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def pictures() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Mine", (Pictures,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_this_machine_is_known_in_every_spelling_and_no_other_is() -> None:
    here = ("127.0.0.1", "127.9.9.9", "127.1", "localhost", "LOCALHOST.", "a.localhost", "0.0.0.0", "[::1]", "[::]")
    for host in (*here, "[::ffff:127.0.0.1]", "0x7f.1"):
        assert is_here(f"http://{host}:8000/v1"), host
    for host in ("example.org", "10.0.0.1", "128.0.0.1", "localhost.example.org", "[fe80::1]", "[::ffff:10.0.0.1]", ""):
        assert not is_here(f"http://{host}:8000/v1"), host
    assert not is_here("http://[::1")


@pytest.mark.parametrize("proxy", BROKEN)
def test_the_critic_of_this_machine_answers_whatever_the_proxies_are(proxy: str, through: Callable[..., None]) -> None:
    through(proxy)
    server = StandIn().start()
    critic = OpenAICritic(server.url, backoff=0.0, retries=0)
    try:
        assert answers(server.url)
        assert critic.connect() == "eye"
        assert critic.yes_no(Questions(PROMPT, ("red?",))).probabilities
    finally:
        critic.close()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("proxy", BROKEN)
def test_a_generator_and_pictures_of_this_machine_are_asked_directly(
    proxy: str, through: Callable[..., None], pictures: tuple[str, list[str]]
) -> None:
    through(proxy)
    url, asked = pictures
    assert fetch(f"{url}/a.png", 100) == b"bytes"
    assert fetch(f"{url}/away", 100) == b"bytes"
    assert asked == ["/a.png", "/away", "/here"]
    generator = RemoteGenerator((f"{url}/v1",), tries=1)
    # The server has no such API, which only an answer of its own can tell.
    with pytest.raises(BadSetting, match="501"):
        generator.generate(REQUEST)
    generator.close()


def test_other_hosts_are_asked_through_the_proxy(through: Callable[..., None], pictures: tuple[str, list[str]]) -> None:
    url, asked = pictures
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        through(url, name)
        assert fetch("http://pictures.test/a.png", 100) == b"bytes"
    assert asked == ["http://pictures.test/a.png"] * 3
    assert client_options("http://pictures.test") == {}


def test_a_dead_proxy_is_named_with_its_variable_and_without_its_password(through: Callable[..., None]) -> None:
    through("http://me:secret@127.0.0.1:9")
    critic = OpenAICritic("http://critic.test/v1", backoff=0.0, retries=0)
    generator = RemoteGenerator(("http://one.test/v1",), tries=1)
    for call, kind in (
        (critic.connect, CriticUnavailable),
        (lambda: generator.generate(REQUEST), GeneratorUnavailable),
        (lambda: fetch("http://pictures.test/a.png", 100), BadImage),
    ):
        with pytest.raises(kind, match=r"http_proxy=http://…@127\.0\.0\.1:9.*NO_PROXY") as raised:
            call()
        assert "secret" not in str(raised.value)
    critic.close()
    generator.close()


@pytest.mark.parametrize("proxy", BROKEN[1:])
def test_a_proxy_that_cannot_be_used_is_a_clear_error_for_other_hosts(
    proxy: str, through: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    through(proxy)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for call, kind in (
        (lambda: OpenAICritic("http://critic.test/v1"), BadSetting),
        (lambda: RemoteGenerator(("http://one.test/v1",)), BadSetting),
        (lambda: fetch("http://pictures.test/a.png", 100), BadImage),
        (lambda: find_model("nobody/nothing"), HubUnreachable),
    ):
        with pytest.raises(kind) as raised:
            call()
        assert f"http_proxy={proxy}" in str(raised.value)


def test_a_host_that_needs_no_proxy_is_not_blamed_on_one(
    through: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    through(DEAD)
    assert "http_proxy" in proxy_advice("http://critic.test/v1")
    monkeypatch.setenv("no_proxy", "critic.test")
    assert proxy_advice("http://critic.test/v1") == proxy_advice("http://127.0.0.1/v1") == ""


def test_the_environment_is_as_before_when_proxies_count_again(
    through: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    through(DEAD)
    monkeypatch.setenv("NO_PROXY", "a.test")
    before = dict(os.environ)
    with no_proxies():
        assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "*"
    assert dict(os.environ) == before


SERVE = """
import sys
from pathlib import Path
from omniagent.demo.app import serve
from tests.support.faces import repaired
print(serve(repaired(Path(sys.argv[1])), port=0, block=False))
"""


@pytest.mark.slow
@pytest.mark.parametrize("proxy", [DEAD, "socks5://127.0.0.1:9"])
def test_the_chat_starts_whatever_the_proxies_are(proxy: str, through: Callable[..., None], tmp_path: Path) -> None:
    through(proxy)
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", SERVE, str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    assert "http://127.0.0.1:" in done.stdout
