"""A worker that says it is ready, is killed in the middle of what it says, and cannot be started the next time at once.

Run in the place of `omniagent.http.desk.process.worker`; TORN_LINE is what it has said when it dies, and TORN_STARTS a
file in which it counts its starts: the second one fails for want of memory, the third one ends every run well.
"""

import os
import signal
import sys
from pathlib import Path


def main() -> None:
    counted = Path(os.environ["TORN_STARTS"])
    counted.write_text("x" * (1 + (len(counted.read_text()) if counted.exists() else 0)))
    start = len(counted.read_text())
    sys.stdin.buffer.readline()
    if start == 2:
        from omniagent.http.desk.lines import error_line
        from omniagent.model.errors import OutOfMemory

        os.write(1, b"0 " + error_line(OutOfMemory("the card is still full")).encode() + b"\n")
        return
    os.write(1, b"0 \n")
    sys.stdin.buffer.readline()
    if start == 1:
        os.write(1, os.environ["TORN_LINE"].encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.write(1, b"1 \n")
    sys.stdin.buffer.read()


main()
