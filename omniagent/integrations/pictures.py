"""What a text stands for that another program gives as a picture: a file, the picture itself, or an earlier run's."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from omniagent.agent import Agent, Picture
from omniagent.model.errors import BadImage, BadSetting
from omniagent.model.wording import shown
from omniagent.runs.request import check_thread_id
from omniagent.runs.result import RESULT_FILE, Result
from omniagent.tools.intake.confined import Confined

_RUN = re.compile(r"\s*omniagent://runs/([^/\s]+)/picture\.png\s*")
_URL = re.compile(r"\s*https?://", re.IGNORECASE)


class PictureReader:
    """Reads the picture arguments of tools.

    Args:
        runs_dir: Where the runs lie whose ids stand for their best pictures.
        roots: Folders whose files may be read; None allows every file that this process can read.
    """

    def __init__(self, runs_dir: Path, roots: Confined | None = None) -> None:
        self._runs_dir, self._roots = runs_dir, roots

    @classmethod
    def of(cls, agent: Agent, roots: Iterable[Path] | None) -> Self:
        """The reader for an agent's host: its runs, and files of these folders; None: every file that can be read."""
        runs_dir = agent.config.runs_dir
        return cls(runs_dir, None if roots is None else Confined([runs_dir, *roots]))

    def read(self, texts: tuple[str, ...]) -> tuple[Picture, ...]:
        """The pictures in their order.

        Raises:
            BadImage: one lies outside the folders, cannot be decoded, or is a run's that has none.
        """
        return tuple(self._one(text, f"image {number}") for number, text in enumerate(texts, start=1))

    def _one(self, text: str, name: str) -> Picture:
        found = _RUN.fullmatch(text)
        if (run := found[1] if found else self._run_called(text)) is not None:
            return self._of_run(run, name)
        if self._roots is None or _URL.match(text):
            return text
        return self._roots.located(text, name)

    def _run_called(self, text: str) -> str | None:
        try:
            name = check_thread_id(text.strip())
        except BadSetting:
            return None
        return name if (self._runs_dir / name / RESULT_FILE).is_file() else None

    def _of_run(self, run: str, name: str) -> Path:
        try:
            path = Result.load(self._runs_dir / check_thread_id(run)).image_path
        except BadSetting as error:
            raise BadImage(
                f"{name} is the run {shown(run)}, which has no result; list_runs tells which have"
            ) from error
        if path is None:
            raise BadImage(f"{name} is the run {shown(run)}, which has no picture")
        return path
