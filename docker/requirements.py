"""Print what the package and some of its extras require, so that an image can install that before the sources.

python requirements.py demo,serve
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
wanted = [name for name in sys.argv[1].split(",") if name]
if unknown := [name for name in wanted if name not in extras]:
    sys.exit(f"there is no extra {', '.join(unknown)}; there are {', '.join(extras)}")
lines = [*project["dependencies"], *(line for name in wanted for line in extras[name])]
print(*(line for line in lines if not line.startswith("omniagent[")), sep="\n")
