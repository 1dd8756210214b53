"""Starts vLLM's server in its own environment, and ends the whole process group when whoever started it is gone.

Run as a file by that environment's Python: `python launcher.py FD MODULE ARGUMENTS`. FD is the reading end of a pipe
that the starter holds open and never writes to; it closes with the starter, however that ends.
"""

import os
import runpy
import signal
import sys
import threading
import time

GRACE = 10.0


def _follow(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_follow, args=(int(sys.argv[1]),), daemon=True).start()
    module = sys.argv[2]
    sys.argv = [module, *sys.argv[3:]]
    # Not this file's folder: vLLM must find its own modules only.
    sys.path.pop(0)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
