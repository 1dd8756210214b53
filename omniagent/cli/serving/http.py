"""`omniagent serve`: the OpenAI images API, runs, health and metrics over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from omniagent.cli import options as opt


def serve(
    context: typer.Context,
    host: Annotated[
        str, typer.Option(help="Address to listen on; other machines can reach it if it is not loopback.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    keys_file: Annotated[
        Path | None,
        typer.Option(callback=opt.at_home, help="File of API keys, one name:key a line. Or OMNIAGENT_SERVE_KEYS."),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Runs at work at once. Default: 4.")] = None,
    queue: Annotated[
        int | None, typer.Option(min=0, max=10_000, help="Runs that may wait; the next gets 429. Default: 16.")
    ] = None,
    model: opt.Model = None,
    revision: opt.Revision = None,
    critic: opt.Critic = None,
    generator: opt.Generator = None,
    device: opt.Device = None,
    preset: opt.Preset = None,
    runs_dir: Annotated[
        Path | None,
        typer.Option(callback=opt.at_home, help="Folder for the runs. Default: OMNIAGENT_RUNS_DIR, or runs."),
    ] = None,
    replicas: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Processes that draw, under Ray Serve, each with models of its own."),
    ] = None,
    gpus: Annotated[
        float, typer.Option(min=0, max=16, help="With --replicas: GPUs of each of them; 0 draws on CPUs.")
    ] = 1,
    ray_address: Annotated[
        str | None,
        typer.Option(help="With --replicas: a Ray cluster to join, for example auto. Default: a new one here."),
    ] = None,
) -> None:
    """Serve the OpenAI images API and runs over HTTP.

    \b
    Examples:
      omniagent serve
      omniagent serve --port 0 --keys-file keys.txt --workers 2
    """
    from omniagent.cli.guard import guarded, say

    with guarded():
        from omniagent.http.app import build_app
        from omniagent.http.server import serve as run
        from omniagent.http.settings import HttpSettings

        options = opt.ModelOptions(
            model, revision, critic, device, runs_dir=runs_dir, preset=preset, generator=generator
        )
        agent = opt.served_agent(context, options)
        settings = HttpSettings.read(keys_file=keys_file, workers=workers, queue=queue)
        engine = None
        make = opt.maker_of(context, options, agent.config)
        if replicas is not None:
            from omniagent.http.desk.ray_engine import RayEngine

            engine = RayEngine(
                make,
                agent.config.runs_dir,
                replicas=replicas,
                gpus=gpus,
                at_once=max(1, settings.workers // replicas),
                address=ray_address,
            )
        elif settings.separate:
            from omniagent.http.desk.process.engine import ProcessEngine

            engine = ProcessEngine(make)
        run(build_app(agent, settings, engine), host=host, port=port, say=say)
