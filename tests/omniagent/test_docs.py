"""The documentation is true: its Python runs, every error has its remedy, and the image's own scripts work.

That all pages are made without warnings, and ask no other machine for anything, is `make docs`.
"""

import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from omniagent.model import errors
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from tests.support.paths import ROOT
from tests.support.scripted_runs import LISTED, texts

DOCS = ROOT / "docs"
BLOCKS = {
    f"{page}-{number}": code
    for page in ("quickstart", "api", "own-models", "langchain")
    for number, code in enumerate(
        re.findall(r"^```python\n(.*?)^```", (DOCS / f"{page}.md").read_text(), re.MULTILINE | re.DOTALL)
    )
}


@pytest.mark.parametrize("block", BLOCKS)
def test_the_python_of_a_page_runs_in_an_empty_folder(
    block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fakes = ModelRuntime(ScriptedGenerator(), ScriptedCritic(None, texts(), profile=LISTED))
    monkeypatch.setattr("omniagent.models.load_runtime", lambda *given, **more: fakes)
    exec(compile(BLOCKS[block], f"docs, {block}", "exec"), {"__name__": "docs"})


def test_every_typed_error_has_its_remedy_in_the_words_of_the_code() -> None:
    page = (DOCS / "troubleshooting.md").read_text()
    kinds = {errors.OmniAgentError, errors.CallerError, errors.RetryableError, errors.HardFailure}
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == errors.__name__]
    assert len(found) > 20
    for kind in found:
        if kind in kinds:
            continue
        section = re.search(rf"^### {kind.__name__}\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
        assert section and kind.__doc__, kind
        said = " ".join(section[1].split())
        first = re.split(r"[,.;]", kind.__doc__)[0]
        assert said.startswith(first) and len(said) > len(kind.__doc__) + 20, kind


def test_the_image_installs_what_the_package_and_its_extras_require() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    script = [sys.executable, str(ROOT / "docker" / "requirements.py")]
    told = subprocess.run([*script, "serve"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == [*project["dependencies"], *project["optional-dependencies"]["serve"]]
    wrong = subprocess.run([*script, "serv"], cwd=ROOT, capture_output=True, text=True)
    assert wrong.returncode == 1 and "there is no extra serv; there are demo" in wrong.stderr


def test_the_image_is_made_of_files_that_are_there_and_runs_as_a_user_without_rights() -> None:
    lines = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text()).splitlines()
    sources = [word for line in lines if re.match(r"COPY (?!--)", line) for word in line.split()[1:-1]]
    let_in = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert all((ROOT / source).exists() for source in sources)
    assert {source.split("/")[0] for source in sources} == let_in
    default = re.search(r'^ARG EXTRAS="([\w,]+)"', "\n".join(lines), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert default and set(default[1].split(",")) <= set(extras)
    assert "USER 10001:10001" in lines and "VOLUME /data" in lines
    assert any(line.startswith("HEALTHCHECK ") for line in lines)


def test_the_image_is_healthy_while_its_server_answers_without_a_failure() -> None:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path[1:]))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        codes = [healthy(f"http://127.0.0.1:{server.server_port}/{status}") for status in (200, 401, 503)]
        server.shutdown()
        serving.join()
    assert codes == [0, 0, 1] and healthy(f"http://127.0.0.1:{server.server_port}/200") == 1


def healthy(url: str) -> int:
    environment = {"HEALTH_URL": url, "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run([sys.executable, "-I", str(ROOT / "docker" / "healthy.py")], env=environment).returncode
