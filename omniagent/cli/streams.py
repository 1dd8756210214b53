"""Standard streams that may be closed or lose their reader: the work goes on, and the exit code stays true."""

import errno
import io
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

_GONE = (errno.EPIPE, errno.ESHUTDOWN, errno.EBADF)


class _Patient(io.TextIOWrapper):
    """Text to a file descriptor, and to nowhere once it has no reader."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        # Windows says EINVAL of a pipe without a reader.
        if error.errno not in _GONE and not (os.name == "nt" and error.errno == errno.EINVAL):
            raise error
        # What else is written there, by native code too, is dropped in the same way.
        _to_nowhere(self.fileno())
        super().flush()


@contextmanager
def patient_streams() -> Generator[None]:
    """stdout and stderr that drop what has no reader; streams that are closed at the start are opened on nothing.

    Without that the next file that the process opens would take a closed stream's place, and what is written to it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            _to_nowhere(descriptor)
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stdout, sys.stderr = _patient(sys.stdout, 1), _patient(sys.stderr, 2)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                # A full disk was told of when it was met; what is left here cannot be written either.
                _to_nowhere(stream.fileno())
                stream.flush()
        sys.stdin, sys.stdout, sys.stderr = before


def _patient(stream: TextIO | None, descriptor: int) -> TextIO:
    errors = "backslashreplace" if descriptor == 2 else "strict"
    if stream is not None:
        try:
            # Windows' console takes other calls than a file.
            if stream.fileno() != descriptor or (os.name == "nt" and stream.isatty()):
                return stream
        except (OSError, ValueError):
            # A notebook's or a test's own stream.
            return stream
        stream.flush()
    return _Patient(
        open(descriptor, "wb", closefd=False),
        encoding="utf-8" if stream is None else stream.encoding,
        errors=errors if stream is None else stream.errors,
        line_buffering=descriptor == 2 or os.isatty(descriptor),
    )


def _to_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
