"""The command line on scripted models, for tests that need a process of their own.

python -m tests.support.launch run …
"""

import signal

from omniagent.cli import main
from tests.support.faces import make_test_agent

if __name__ == "__main__":
    # Tests that were started in the background, or under nohup, hand down what is ignored there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    main(make=make_test_agent)
