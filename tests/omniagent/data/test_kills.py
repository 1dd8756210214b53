"""Kills at random moments; `python -m tests.bench data_kills` does 200 of them."""

from pathlib import Path

import pytest

from tests.bench.training_data.kills import Kills


@pytest.mark.slow
def test_builds_that_are_killed_at_any_moment_give_every_record_once_and_little_work_again(tmp_path: Path) -> None:
    killed, kills = Kills(tmp_path), 0
    while kills < 6:
        number, same, again = killed.round(6 - kills)
        assert same and again <= number
        kills += number
