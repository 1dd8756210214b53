"""`python -m omniagent.cli`, the form in which `accelerate launch -m` starts the command line."""

from omniagent.cli.app import main

if __name__ == "__main__":
    main()
