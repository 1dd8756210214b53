"""Processes of tests."""

import subprocess
from types import TracebackType


class Process(subprocess.Popen[str]):
    """A child that is killed when its block fails: a test must not wait for a process that heeds nobody."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.kill()
        super().__exit__(kind, error, trace)
