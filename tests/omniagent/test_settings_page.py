"""docs/settings.md says what the settings say of themselves."""

from omniagent.config import Config
from omniagent.settings_page import page
from tests.support.paths import ROOT


def test_the_page_of_settings_is_in_step_with_their_descriptions() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == page(), (
        "run python -m omniagent.settings_page > docs/settings.md"
    )


def test_every_setting_is_on_the_page_and_says_what_it_is_for() -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| `")]
    assert all(row[2].strip(" |") for row in rows), [row[0] for row in rows if not row[2].strip(" |")]
    for name in Config.model_fields:
        assert any(f"OMNIAGENT_{name.upper()}" in row[0] for row in rows), name
