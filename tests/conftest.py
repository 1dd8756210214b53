"""Fixtures that several test files share."""

from pathlib import Path

import pytest

from omniagent.agent import Agent
from tests.faces import end_to_end_agent


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """An agent of end-to-end tests: scripted, or the checkpoint that OMNIAGENT_MODEL names."""
    return end_to_end_agent(tmp_path / "runs")
