"""Makes the environment that vLLM lives in, apart from this program's, since it pins torch and transformers hard."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from omniagent.model.critic.service.settings import holds_vllm
from omniagent.model.errors import BadSetting, HardFailure, OutputUnwritable
from omniagent.model.wording import cut, shown

WANTED: Final = "vllm>=0.32,<0.33"
"""The versions whose HTTP behaviour this program was tested with."""


def install_commands(folder: Path, python: Path | None = None, more: Sequence[str] = ()) -> list[list[str]]:
    """The commands that make a virtual environment with vLLM in `folder`; a finished one is brought up to date.

    Args:
        folder: Of the environment.
        python: What makes it; None: the Python of this process.
        more: Further arguments for pip, such as an index of wheels for another accelerator.
    """
    own = str(folder / "bin" / "python")
    make = [] if Path(own).exists() else [[str(python or sys.executable), "-m", "venv", str(folder)]]
    return [*make, [own, "-m", "pip", "install", "--disable-pip-version-check", WANTED, *more]]


def install(folder: Path, *, python: Path | None = None, more: Sequence[str] = (), tell: Callable[[str], None]) -> Path:
    """Make the environment, and give its Python. What broke off goes on when it is called again.

    Args:
        folder: Of the environment; other files in it are left alone.
        python: As of `install_commands`.
        more: As of `install_commands`.
        tell: Is told each command, and each line that it prints.

    Raises:
        BadSetting: there is something else in the folder, or no such Python.
        OutputUnwritable: the folder cannot be made.
        HardFailure: a command failed; the message has its last line.
    """
    if folder.exists() and not (folder / "pyvenv.cfg").is_file() and any(folder.iterdir()):
        raise BadSetting(f"{shown(str(folder))} holds something else; give an empty or a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(f"{folder} cannot be made ({error}); give another folder") from error
    for command in install_commands(folder, python, more):
        tell(" ".join(command))
        _run(command, tell)
    if not holds_vllm(folder):
        raise HardFailure(f"pip ended without an error, but there is no vLLM in {folder}; look at its words above")
    return folder / "bin" / "python"


def _run(command: Sequence[str], tell: Callable[[str], None]) -> None:
    last = ""
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError as error:
        raise BadSetting(f"{command[0]} cannot be run ({error}); name a Python with --python") from error
    with process:
        for line in process.stdout or ():
            last = line.strip() or last
            tell(line.rstrip())
    if process.returncode:
        raise HardFailure(f"{Path(command[0]).name} {command[2]} failed with code {process.returncode}: {cut(last)}")
