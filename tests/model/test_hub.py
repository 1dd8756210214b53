"""Which model a name means: folders, hub names, and what is downloaded of a repository."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from omniagent.cli.app import build_app
from omniagent.cli.options import make_agent
from omniagent.model.errors import (
    HubUnreachable,
    UnknownModel,
)
from omniagent.model.files import downloads, hub
from omniagent.model.pipeline.memory import PUBLISHED_CONFIG, PUBLISHED_NUMBERS
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.support.tiny_omnigen2 import tiny_pipeline


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    tiny_pipeline().save_pretrained(folder)
    return folder


def test_a_path_that_is_no_folder_is_an_unknown_model(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="no folder here and no hub name"):
        OmniGen2Pipeline.from_pretrained(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(UnknownModel, match="is a file"):
        OmniGen2Pipeline.from_pretrained(tmp_path / "file")


@pytest.mark.parametrize(
    "name",
    [
        "./missing",
        "../missing",
        "~/missing",
        ".missing/model",
        "owner/name.git",
        "owner/na--me",
        "~nobody/x",
        "x" * 5000,
    ],
    ids=lambda name: name[:20],
)
def test_a_name_that_no_repository_can_have_is_an_unknown_model(name: str) -> None:
    with pytest.raises(UnknownModel, match="give an existing folder or owner/name"):
        hub.find_model(name)


def test_a_hub_name_that_was_never_downloaded_says_that_the_hub_is_out_of_reach(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(HubUnreachable, match=r"'nobody/nothing'.*downloads are switched off"):
        OmniGen2Pipeline.from_pretrained("nobody/nothing", local_files_only=True)


def test_only_weights_configs_and_tokenizers_are_downloaded(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    asked: dict[str, object] = {}

    def download(name: str, **settings: object) -> str:
        asked.update(settings, name=name)
        return str(saved)

    monkeypatch.setattr(downloads, "snapshot_download", download)
    assert hub.find_model("OmniGen2/OmniGen2", revision="abc") == saved
    assert asked["revision"] == "abc"
    assert not any(str(pattern).endswith((".py", ".bin")) for pattern in downloads.WANTED)
    assert asked["allow_patterns"] == list(downloads.WANTED)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, int]]:
    """A hub on this machine with the published model's shapes; counts the bytes that it sends of each file."""
    sent: dict[str, int] = {}
    files: dict[str, tuple[bytes, int]] = {
        "model_index.json": (b"{}", 2),
        "transformer/config.json": (json.dumps(dict(PUBLISHED_CONFIG)).encode(), 0),
    }
    for part, numbers in PUBLISHED_NUMBERS.items():
        shards = 2 if part == "transformer" else 1
        for shard in range(shards):
            count = numbers // shards
            layout = {"w": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}
            header = json.dumps(layout).encode()
            files[f"{part}/w{shard}.safetensors"] = (struct.pack("<Q", len(header)) + header, 4 * count)

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            _, found, path = self.path.partition("/resolve/abc/")
            if self.path.startswith("/api/models/owner/published"):
                siblings = [{"rfilename": name, "size": size} for name, (_, size) in files.items()]
                data = json.dumps({"id": "owner/published", "sha": "abc", "siblings": siblings}).encode()
            elif found and path in files:
                data = files[path][0]
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if "Range" in self.headers else 200)
            for name, value in {"ETag": '"1"', "X-Repo-Commit": "abc", "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                sent[path or "api"] = sent.get(path or "api", 0) + len(data)
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    for name in ("constants.ENDPOINT", "hf_api.ENDPOINT", "hf_api.constants.ENDPOINT"):
        monkeypatch.setattr(f"huggingface_hub.{name}", address, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    yield sent
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_doctor_tells_what_a_model_at_the_hub_needs_by_headers_alone(stub: dict[str, int], tmp_path: Path) -> None:
    shown = CliRunner().invoke(build_app(), ["doctor", "--model", "owner/published", "--device", "cpu"], obj=make_agent)
    assert shown.exit_code == 0, shown.output
    assert "the first run downloads 31.2 GB" in shown.output
    assert "GiB: whole 32.4" in shown.output and "generator profile: omnigen2" in shown.output
    assert sum(stub.values()) < 10_000 and not list((tmp_path / "cache").rglob("*.json"))
    unknown = CliRunner().invoke(build_app(), ["doctor", "--model", "owner/other", "--device", "cpu"], obj=make_agent)
    assert unknown.exit_code == 2 and "no such repository" in unknown.output
