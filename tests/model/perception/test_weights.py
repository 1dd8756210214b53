"""What is told of a model's weights before they are downloaded."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from omniagent.model.errors import HubUnreachable
from omniagent.model.perception import weights


class _Hub:
    """A hub whose cards say this, and that downloads to a folder once."""

    def __init__(self, card: object, folder: Path) -> None:
        self.card, self.folder, self.downloads = card, folder, list[str]()

    def model_info(self, name: str, **_: object) -> SimpleNamespace:
        if isinstance(self.card, Exception):
            raise self.card
        return SimpleNamespace(card_data=self.card)

    def find(self, name: str | Path, *, revision: str | None = None, local_files_only: bool = False) -> Path:
        if local_files_only:
            raise HubUnreachable(f"{name} is not here")
        self.downloads.append(str(name))
        return self.folder


@pytest.mark.parametrize(
    ("name", "card", "told"),
    [
        ("facebook/dinov2-base", SimpleNamespace(license="apache-2.0", license_name=None), "apache-2.0 by its card"),
        ("someone/thing", SimpleNamespace(license="other", license_name="strange-1"), "strange-1 by its card"),
        ("openai/clip-vit-base-patch32", SimpleNamespace(license=None, license_name=None), "MIT, its card names none"),
        ("black-forest-labs/FLUX.1-Fill-dev", OSError("no network"), "gated, not for commercial use (its card could"),
        ("someone/thing", None, "unknown, its card names none"),
    ],
)
def test_a_licence_is_told_before_the_download_begins(
    name: str,
    card: object,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    hub = _Hub(card, tmp_path)
    monkeypatch.setattr(weights, "find_model", hub.find)
    monkeypatch.setattr("huggingface_hub.HfApi", lambda: hub)
    seen = list[int]()
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(len(hub.downloads))  # type: ignore[method-assign]
    weights.log.addHandler(handler)
    try:
        assert weights.fetch(name) == tmp_path
    finally:
        weights.log.removeHandler(handler)
    assert told in caplog.text and name in caplog.text
    assert seen == [0] and hub.downloads == [name]


def test_weights_that_are_here_are_taken_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "config.json").write_text("{}")
    assert weights.fetch(tmp_path) == tmp_path and not caplog.records
