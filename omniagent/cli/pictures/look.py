"""`omniagent check` and `omniagent describe`: the critic looks at a picture from anywhere."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from omniagent.cli import options as opt

if TYPE_CHECKING:
    from omniagent.agent import Agent

Image = Annotated[str, typer.Argument(metavar="IMAGE", help="A picture file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, errors too, and nothing else.")]


def check(
    context: typer.Context,
    image: Image,
    questions: Annotated[
        list[str] | None, typer.Argument(metavar="[QUESTION]...", help="Yes/no questions, at most 32.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Without questions: the words that the picture should fit.")] = None,
    model: opt.Model = None,
    revision: opt.Revision = None,
    critic: opt.Critic = None,
    device: opt.Device = None,
    as_json: AsJson = False,
    allow_urls: opt.AllowUrls = False,
) -> None:
    """Ask yes/no questions about IMAGE, each answered with a probability.

    Exit code: 0 every answer is yes, 1 one is not, 2 bad usage, 3 failure, 4 every answer is yes, but not all of the
    task was asked for, 130 cancelled.

    \b
    Examples:
      omniagent check picture.png "Is the circle red?" "Are there two stars?"
      omniagent check picture.png --task "two blue stars on a black background" --json
    """
    from omniagent.cli.guard import guarded

    with guarded(as_json=as_json):
        from omniagent.integrations.answers import checked_answer, checked_lines

        with _agent(context, model, revision, critic, device, allow_urls) as agent:
            _load(agent)
            found = agent.check(image, questions or (), task=task)
        answer = checked_answer(found)
        typer.echo(answer.model_dump_json() if as_json else checked_lines(answer))
        raise typer.Exit(0 if found.accepted else 4 if found.critique.accepted else 1)


def describe(
    context: typer.Context,
    image: Image,
    question: Annotated[str | None, typer.Argument(help="Answer this in place of a description.")] = None,
    model: opt.Model = None,
    revision: opt.Revision = None,
    critic: opt.Critic = None,
    device: opt.Device = None,
    as_json: AsJson = False,
    allow_urls: opt.AllowUrls = False,
) -> None:
    """Say what is in IMAGE, or answer QUESTION about it.

    Exit code: 0 answered, 2 bad usage, 3 failure, 130 cancelled.

    \b
    Examples:
      omniagent describe picture.png
      omniagent describe picture.png "how many stars are there?"
    """
    from omniagent.cli.guard import guarded

    with guarded(as_json=as_json):
        with _agent(context, model, revision, critic, device, allow_urls) as agent:
            _load(agent)
            text = agent.describe(image, question)
        typer.echo(json.dumps({"text": text}) if as_json else text)


def _agent(
    context: typer.Context,
    model: str | None,
    revision: str | None,
    critic: str | None,
    device: str | None,
    allow_urls: bool,
) -> "Agent":
    return opt.agent_of(context, opt.ModelOptions(model, revision, critic, device, allow_urls or None))


def _load(agent: "Agent") -> None:
    """Load the models, which may take long, with a sign of it."""
    from omniagent.cli.progress.watcher import Watcher

    with Watcher(quiet=True) as watcher:
        watcher.loading(agent)
        agent.preload()
