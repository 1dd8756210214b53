"""Pictures that servers draw: an agent told where, over real HTTP, and who looks at them."""

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from omniagent.agent import Agent
from omniagent.cli import build_app
from omniagent.cli.options import make_agent
from omniagent.model.errors import BadSetting
from omniagent.model.requests import Prompt, Writing
from omniagent.model.scripted import ScriptedCritic
from tests.support.scripted_runs import texts
from tests.support.tiny_models import save_mllm, save_processor

PROMPT = Prompt(system="You check pictures.", parts=("ring",))


class Painter(BaseHTTPRequestHandler):
    """Draws everything red, and keeps what it was asked."""

    asked: list[dict[str, object]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append({"path": self.path, **json.loads(body)})
        buffer = io.BytesIO()
        Image.new("RGB", (64, 64), "red").save(buffer, "PNG")
        answer = json.dumps({"data": [{"b64_json": base64.b64encode(buffer.getvalue()).decode()}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def painter() -> Iterator[tuple[str, list[dict[str, object]]]]:
    asked: list[dict[str, object]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Mine", (Painter,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_agent_draws_by_the_servers_it_is_told_of(
    painter: tuple[str, list[dict[str, object]]], tmp_path: Path
) -> None:
    url, asked = painter
    critic = ScriptedCritic(lambda _prompt, _question: 0.9, texts())
    result = Agent(generator=f"{url}, {url}", critic=critic, runs_dir=tmp_path).run("a red circle")
    assert result.accepted and result.image is not None and result.image.getpixel((0, 0)) == (255, 0, 0)
    assert [each["path"] for each in asked] == ["/v1/images/generations"]
    assert asked[0]["prompt"] == "a red circle" and asked[0]["model"] == "OmniGen2/OmniGen2"


def test_a_checkpoint_may_look_at_what_is_drawn_elsewhere(tmp_path: Path) -> None:
    save_mllm(tmp_path / "mllm", save_processor(tmp_path / "processor"))
    with Agent(tmp_path, generator="http://127.0.0.1:9/v1").runtime as runtime:
        assert runtime.generator.model == "OmniGen2/OmniGen2"
        assert runtime.critic.model == str(tmp_path)
        runtime.critic.write(Writing(PROMPT, max_tokens=2))


def test_what_is_drawn_elsewhere_needs_somebody_named_to_look(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"OmniGen2/OmniGen2 needs a critic.*--critic URL"):
        _ = Agent(generator="http://127.0.0.1:9/v1", runs_dir=tmp_path).runtime


def test_a_critic_that_is_neither_local_nor_a_url_is_refused_for_what_is_drawn_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="critic='nobody'"):
        _ = Agent(tmp_path, generator="http://127.0.0.1:9/v1", critic="nobody").runtime


def test_the_command_line_refuses_a_generator_that_is_no_url(tmp_path: Path) -> None:
    words = ["run", "a red circle", "--generator", "http://127.0.0.1:9/v1,nowhere", "--out", str(tmp_path)]
    outcome = CliRunner().invoke(build_app(), words, obj=make_agent)
    assert outcome.exit_code == 2 and "nowhere" in outcome.output
