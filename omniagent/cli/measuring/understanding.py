"""`omniagent understanding`: MMBench, MMMU and MM-Vet by lmms-eval, over the checkpoint's own MLLM."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, NamedTuple

import typer

from omniagent.cli import options as opt

_PICTURES_A_CHAT: Final = 8
"""Pictures that the served model takes in one question; MMMU has up to seven."""


class _At(NamedTuple):
    url: str
    model: str
    key: str


def run(
    harness: Annotated[
        Path, typer.Option(callback=opt.at_home, help="Python of the environment with lmms-eval, its own one.")
    ],
    model: opt.Model = None,
    revision: opt.Revision = None,
    url: Annotated[str | None, typer.Option(help="Ask this OpenAI-compatible server; none is started then.")] = None,
    served: Annotated[str | None, typer.Option(help="The model's name there. Default: the first.")] = None,
    python: Annotated[
        Path | None,
        typer.Option(callback=opt.at_home, help="Python of the environment with vLLM, as of critic serve."),
    ] = None,
    device: opt.Device = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="mmbench, mmmu or mmvet; repeats. Default: all.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many items a task.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Questions under way at once.")] = 16,
    start_limit: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long vLLM's start may take.")
    ] = 600.0,
    out: Annotated[Path, typer.Option(callback=opt.at_home, help="Folder of the results and the report.")] = Path(
        "understanding"
    ),
) -> None:
    """Serve the checkpoint's MLLM with vLLM, run lmms-eval over it, and read its results back.

    lmms-eval scores; its own grader is set by OPENAI_API_KEY. Without that key MMBench is scored by fixed rules, and
    MM-Vet cannot be. The key of --url is taken from OMNIAGENT_CRITIC_KEY.

    Exit code: 0 done, 2 bad usage, 3 failure, 130 cancelled.

    \b
    Examples:
      omniagent understanding run --model OmniGen2/OmniGen2 --harness harness/bin/python --task mmmu
      omniagent understanding run --url http://localhost:8000/v1 --harness harness/bin/python --limit 20
    """
    from omniagent.cli.guard import guarded, say

    with guarded():
        from omniagent.benchmarks.judges.served import file_name
        from omniagent.benchmarks.understanding.harness import checked_python, command_of, run_harness, tasks_for
        from omniagent.benchmarks.understanding.results import chosen
        from omniagent.model.wording import model_name

        tasks = tasks_for(chosen(task))
        lmms_eval = checked_python(harness)
        with _server(url, served, model, revision, python, device, start_limit, out) as at:
            say(f"lmms-eval asks {at.model} at {at.url}: {', '.join(tasks)}; its log is in {out}")
            # A folder a model: what an earlier run of another one left in `out` is none of its figures.
            results = out / file_name(at.model)
            run_harness(
                command_of(
                    lmms_eval, tasks, results, url=at.url, model=at.model, key=at.key, limit=limit, workers=workers
                ),
                out,
            )
        _report(results, out, model_name(model) if model else at.model)


def report(
    results: Annotated[Path, typer.Argument(callback=opt.at_home, help="Folder of results that lmms-eval wrote.")],
    out: Annotated[
        Path | None, typer.Option(callback=opt.at_home, help="Folder of the report; that of the results by default.")
    ] = None,
    model: Annotated[str, typer.Option(help="What the report calls the model.")] = "",
) -> None:
    """Read results of lmms-eval back, and write the report.

    Exit code: 0 done, 2 bad usage.

    \b
    Examples:
      omniagent understanding report understanding
    """
    from omniagent.cli.guard import guarded

    with guarded():
        _report(results, out or results, model)


def _report(results: Path, out: Path, model: str) -> None:
    from omniagent.benchmarks.understanding.report import write_understanding
    from omniagent.benchmarks.understanding.results import read_back
    from omniagent.cli.guard import say

    written = write_understanding(read_back(results), out, model)
    for warning in written.warnings:
        say(f"warning: {warning}")
    typer.echo(written.table.markdown())


@contextmanager
def _server(
    url: str | None,
    served: str | None,
    model: str | None,
    revision: str | None,
    python: Path | None,
    device: str | None,
    start_limit: float,
    out: Path,
) -> Generator[_At]:
    """The server that is asked: the given one, or a vLLM of the checkpoint's MLLM while it is needed."""
    from omniagent.cli.guard import say
    from omniagent.config import bundled_checkpoint
    from omniagent.model.critic.openai.critic import OpenAICritic
    from omniagent.model.critic.service.process import ServerProcess
    from omniagent.model.critic.service.service import card_of, plan_service
    from omniagent.model.files.hub import find_model

    if url is not None:
        key = os.environ.get("OMNIAGENT_CRITIC_KEY") or "EMPTY"
        critic = OpenAICritic(url, served, key, retries=0)
        try:
            yield _At(url.rstrip("/"), critic.connect(), key)
        finally:
            critic.close()
        return
    settings = plan_service(
        find_model(model or os.environ.get("OMNIAGENT_MODEL") or bundled_checkpoint(), revision=revision),
        python=python,
        name=served,
        port=0,
        card=card_of(device),
        shared=False,
        more=("--limit-mm-per-prompt", f'{{"image": {_PICTURES_A_CHAT}, "video": 0}}'),
    )
    process = ServerProcess(settings, out / "vllm.log")
    try:
        process.wait_ready(start_limit, progress=lambda seconds, stage: say(f"vLLM: {stage} ({seconds:.0f} s)"))
        yield _At(settings.url, settings.name, settings.key)
    finally:
        process.stop()


UNDERSTANDING_COMMANDS: Final = MappingProxyType[str, Callable[..., Any]]({"run": run, "report": report})
