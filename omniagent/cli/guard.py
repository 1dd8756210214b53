"""Errors become one line and an exit code; Ctrl-C becomes a request to stop."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from types import FrameType, MappingProxyType
from typing import Any, NoReturn

import typer

from omniagent.model.errors import BadSetting, CallerError, Cancelled, OmniAgentError
from omniagent.model.wording import fault

DEBUG_VARIABLE = "OMNIAGENT_DEBUG"
BAD_USAGE = 2
RUNTIME_FAILURE = 3
CANCELLED = 130
_STOPS = ("SIGTERM", "SIGHUP", "SIGBREAK")
_EXTRAS = MappingProxyType(
    {
        "gradio": "demo",
        "mcp": "mcp",
        "langchain_core": "langchain",
        "fastapi": "serve",
        "uvicorn": "serve",
        "prometheus_client": "serve",
        "ray": "ray",
    }
)


def say(text: str) -> None:
    """One line on stderr; also from within a signal's handler."""
    line = " ".join(text.split()) + "\n"
    try:
        sys.stderr.write(line)
        sys.stderr.flush()
    except RuntimeError:
        # The signal came while another line was being written, and Python refuses to write in the middle of that.
        with suppress(OSError):
            os.write(2, line.encode(errors="backslashreplace"))


@contextmanager
def guarded(*, as_json: bool = False) -> Generator[None]:
    """Leaves the command with an exit code in place of an error: 2 caller's mistake, 3 failure, 130 cancelled.

    SIGTERM and SIGHUP count as Ctrl-C. An unforeseen error is one line too; `OMNIAGENT_DEBUG=1` shows its
    traceback. With `as_json` the error also goes to stdout as JSON.
    """
    try:
        with _signals(_interrupt, _STOPS), told_as_json() if as_json else nullcontext():
            yield
    except (typer.Exit, typer.Abort, typer.BadParameter, BrokenPipeError):
        raise
    except (KeyboardInterrupt, Cancelled) as error:
        say("cancelled before there was anything to keep")
        raise typer.Exit(CANCELLED) from error
    except OmniAgentError as error:
        _leave(f"error: {error}", BAD_USAGE if isinstance(error, CallerError) else RUNTIME_FAILURE, error)
    except Exception as error:
        if known := _settings_error(error):
            _leave(f"error: {known}", BAD_USAGE, error)
        if known := _missing_extra(error):
            _leave(f"error: {known}", RUNTIME_FAILURE, error)
        if os.environ.get(DEBUG_VARIABLE):
            raise
        text = f"{type(error).__name__}: {error}"
        _leave(f"error: unexpected {text[:400]}; set {DEBUG_VARIABLE}=1 for the details", RUNTIME_FAILURE, error)


@contextmanager
def told_when_stopped() -> Generator[None]:
    """Leaves with 130 and says that the work goes on where it was, for commands that keep each finished part."""
    try:
        yield
    except (KeyboardInterrupt, Cancelled) as error:
        say("stopped; what was finished is kept: run the same again to go on")
        raise typer.Exit(CANCELLED) from error


@contextmanager
def told_as_json() -> Generator[None]:
    """Prints the error that ends its body as JSON on stdout; the end of a finished run is none."""
    from omniagent.runs.status import error_json

    try:
        yield
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except (KeyboardInterrupt, Cancelled):
        typer.echo(json.dumps(error_json(Cancelled("cancelled before there was anything to keep"))))
        raise
    except Exception as error:
        # Typer's own errors of usage have their sentence in another place.
        usage = getattr(error, "format_message", None)
        typer.echo(json.dumps(error_json(BadSetting(usage()) if usage is not None else error)))
        raise


def _leave(text: str, code: int, error: BaseException) -> None:
    say(text)
    raise typer.Exit(code) from error


def _settings_error(error: Exception) -> str | None:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return None
    return f"the setting {fault(error)}; check the OMNIAGENT_… variables"


def _missing_extra(error: Exception) -> str | None:
    package = (error.name or "").split(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    extra = _EXTRAS.get(package)
    return extra and f"the package {package} is not installed; run pip install 'omniagent[{extra}]'"


@contextmanager
def stop_on_interrupt(stop: Callable[[], bool]) -> Generator[None]:
    """The first Ctrl-C, SIGTERM or SIGHUP calls `stop`; one that `stop` answers with False raises KeyboardInterrupt.

    So does a second Ctrl-C. Others are sent twice by programs that mean them once, such as `timeout`.
    """
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked and number != signal.SIGINT:
            return
        if asked or not stop():
            raise KeyboardInterrupt
        asked = True
        say("stopping with the best so far; Ctrl-C again to quit at once")

    with _signals(handle, ("SIGINT", *_STOPS)):
        yield


def leave_at_once(code: int) -> NoReturn:
    """End the process now, whatever its threads are doing."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(code)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _signals(handle: Callable[[int, FrameType | None], None], names: Sequence[str]) -> Generator[None]:
    """Handle signals of these names for the block, as far as the system has them and they are not ignored.

    A shell starts programs in the background with SIGINT ignored, and nohup with SIGHUP.
    """
    before: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in (int(getattr(signal, name)) for name in names if hasattr(signal, name)):
                # None: a handler of another language, which Python could not put back.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    before[number] = signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
