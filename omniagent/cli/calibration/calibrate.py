"""`omniagent calibrate`: the critic's error rates on pictures whose truth is known."""

import json
import time
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from omniagent.cli import options as opt

if TYPE_CHECKING:
    from omniagent.calibration.judged import JudgedPicture

QUICK = 120


def calibrate(
    context: typer.Context,
    model: opt.Model = None,
    revision: opt.Revision = None,
    critic: opt.Critic = None,
    device: opt.Device = None,
    pictures: Annotated[
        str | None,
        typer.Option(metavar="SET,…", help="scenes, posters, photos. Default: those that fit the critic."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many pictures, of all sets by turns.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help=f"As --limit {QUICK}: minutes, wide intervals.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask about every picture again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measurement as JSON, errors too.")] = False,
) -> None:
    """Measure the critic on pictures with planted faults, and let the agent use what follows.

    Thresholds, weights of instruments and the most candidates of a round are kept with the critic's identity; what you
    set yourself stands above them. Stopped, it goes on when run again. The table goes to stdout.

    Exit code: 0 measured, 2 bad usage, 3 failure, 130 cancelled.

    \b
    Examples:
      omniagent calibrate --quick
      omniagent calibrate --critic http://localhost:8000/v1 --json
    """
    from omniagent.cli.guard import CANCELLED, RUNTIME_FAILURE, guarded, say

    with guarded(as_json=as_json):
        from omniagent.calibration.calibrate import calibrate as run
        from omniagent.calibration.figures import table
        from omniagent.model.critic.calibration.store import calibration_folder
        from omniagent.model.errors import Cancelled, OmniAgentError, RetryableError
        from omniagent.runs.status import error_json

        options = opt.ModelOptions(model=model, revision=revision, critic=critic, device=device)
        agent = opt.agent_of(context, options)
        folder = calibration_folder(agent.config.calibration_dir)
        started, done = time.monotonic(), 0

        def tell(number: int, judged: "JudgedPicture") -> None:
            nonlocal done
            done = number
            wrong = sum(line.answer != ("yes" if line.holds else "no") for line in judged.lines)
            truth = "right" if judged.right else "wrong"
            fault = f", {wrong} of {len(judged.lines)} verdicts off" if wrong else ""
            say(f"{number}: {judged.name}, a {truth} picture{fault} ({time.monotonic() - started:.0f} s)")

        def leave(error: OmniAgentError, code: int) -> NoReturn:
            if as_json:
                typer.echo(json.dumps(error_json(error)))
            raise typer.Exit(code) from error

        try:
            made = run(
                agent.runtime,
                folder,
                sets=[name.strip() for name in pictures.split(",")] if pictures else (),
                limit=limit or (QUICK if quick else None),
                fresh=fresh,
                config=agent.config.tools,
                tell=tell,
            )
        except (KeyboardInterrupt, Cancelled):
            words = f"cancelled after {done} pictures, which are kept; run again to go on"
            say(words)
            leave(Cancelled(words), CANCELLED)
        except RetryableError as error:
            say(f"error: {error}; {done} pictures are judged and kept, run again to go on")
            leave(error, RUNTIME_FAILURE)
        say(f"kept in {made.path}")
        typer.echo(made.measurement.model_dump_json(indent=1) if as_json else table(made.measurement))
