"""The command line on scripted models, for tests that need a process of their own.

    python -m tests.support.launch run …
"""

from omniagent.cli import main
from tests.support.faces import make_test_agent

if __name__ == "__main__":
    main(make=make_test_agent)
