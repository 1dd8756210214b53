"""Which model a name means: folders, hub names, and what is downloaded of a repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from omniagent.model.errors import (
    HubUnreachable,
    UnknownModel,
)
from omniagent.model.files import hub
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

    monkeypatch.setattr(hub, "snapshot_download", download)
    assert hub.find_model("OmniGen2/OmniGen2", revision="abc") == saved
    assert asked["revision"] == "abc"
    assert not any(str(pattern).endswith((".py", ".bin")) for pattern in hub.WANTED)
    assert asked["allow_patterns"] == list(hub.WANTED)
