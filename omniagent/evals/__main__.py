"""`python -m omniagent.evals SUITE…` is `omniagent eval SUITE…`."""

import sys

from omniagent.cli import main

if __name__ == "__main__":
    main(["eval", *sys.argv[1:]])
