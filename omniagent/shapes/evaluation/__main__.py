"""`python -m omniagent.shapes.evaluation SUITE…` is `omniagent eval SUITE…`."""

import sys

from omniagent.cli import main

if __name__ == "__main__":
    main(["eval", *sys.argv[1:]])
