"""Work on a Ray cluster: actors a stage, with the resources that the recipe gives them."""

import hashlib
import importlib
import os
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from omniagent.data.executors.job import Done, Job, Worker
from omniagent.data.pipeline import Passing, Pipeline, set_aside
from omniagent.data.recipe import Resources
from omniagent.data.records import SetAside, Yielded
from omniagent.model.errors import BadSetting, HardFailure, OmniAgentError, RetryableError

_DEATHS: Final = 2
"""Workers that an item may cost before it is set aside."""


class RayExecutor:
    """An `Executor` on the Ray cluster that is at hand (`RAY_ADDRESS`), else on one that lives as long as the build.

    Consecutive stages with equal resources share their actors. Pools grow from `least` to `most` workers while there is
    work, and Ray Data's back-pressure keeps finished stages from running ahead. All machines must see the input and
    output folders under the same paths. Where the cluster has no GPU, stages run without one.
    """

    def run(self, job: Job, items: list[str]) -> Iterator[Done]:
        """As `Executor.run`.

        Raises:
            BadSetting: models were given, which stay in their process.
            HardFailure: Ray gave up for a reason of its own.
        """
        if job.models:
            raise BadSetting("models that were given cannot be sent to a cluster; take --executor local")
        groups = _groups(job)
        ray: Any = importlib.import_module("ray")
        own = not ray.is_initialized()
        if own:
            # Logical CPUs: each pool needs one to begin with, however few there are.
            local = "RAY_ADDRESS" not in os.environ
            more = {"num_cpus": max(os.cpu_count() or 1, len(groups) + 1), "include_dashboard": False} if local else {}
            try:
                ray.init(log_to_driver=False, **more)
            except Exception as error:
                # Ray raises plain exceptions here: a machine that is too busy, a port, an address without a cluster.
                ray.shutdown()
                raise HardFailure(f"Ray cannot start or be reached here ({error}); take --executor local") from error
        try:
            yield from _run(ray, job, items, groups)
        finally:
            if own:
                ray.shutdown()


class StageActor:
    """The work of consecutive stages, within an actor. Rows are dicts of text, so that no class travels with them.

    Args:
        job: The build.
        stages: The numbers of the stages.
    """

    def __init__(self, job: Job, stages: tuple[int, ...]) -> None:
        self._worker = Worker(job)
        self._stages = stages
        self._marks = job.cache / "under-way"

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        """A row with what the stages gave; one that was set aside before is passed on."""
        if row["aside"]:
            return row
        item = row["item"]
        mark = self._marks / f"{hashlib.sha256(item.encode()).hexdigest()[:24]}-{self._stages[0]}"
        deaths = int(mark.read_text()) if mark.is_file() else 0
        if deaths >= _DEATHS:
            message = f"the worker died {deaths} times on it (killed, or a crash in a library)"
            return row | {
                "aside": SetAside(source=item, stage="", error="ProcessDied", message=message).model_dump_json()
            }
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text(str(deaths + 1))
        try:
            return self._advanced(row)
        finally:
            mark.unlink(missing_ok=True)

    def _advanced(self, row: dict[str, str]) -> dict[str, str]:
        item = row["item"]
        try:
            passing = Passing.model_validate_json(row["passing"]) if row["passing"] else self._worker.begin(item)
            for number in self._stages:
                if isinstance(passing, SetAside):
                    break
                passing = self._worker.advance(number, passing)
        except RetryableError as error:
            aside = set_aside(item, "", error)
            return row | {"aside": aside.model_dump_json(), "retryable": "yes"}
        if isinstance(passing, SetAside):
            return row | {"aside": passing.model_dump_json()}
        return row | {"passing": passing.model_dump_json()}


def _groups(job: Job) -> list[tuple[tuple[int, ...], Resources]]:
    """Numbers of consecutive stages with equal resources, and these."""
    numbered = enumerate(choice.resources for choice in job.recipe.stages)
    return [
        (tuple(number for number, _ in members), resources)
        for resources, members in groupby(numbered, key=lambda each: each[1])
    ]


def _run(ray: Any, job: Job, items: list[str], groups: list[tuple[tuple[int, ...], Resources]]) -> Iterator[Done]:
    data: Any = importlib.import_module("ray.data")
    context = data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    # Marks of a build that was killed as a whole say nothing of its items.
    _clear(job.cache / "under-way")
    has_gpu = ray.cluster_resources().get("GPU", 0) > 0
    rows = [{"item": item, "passing": "", "aside": "", "retryable": ""} for item in items]
    if not rows:
        return
    # A block an item, so that what a dead worker had at hand is one item.
    flow = data.from_items(rows, override_num_blocks=len(rows))
    for stages, resources in groups:
        flow = flow.map(
            StageActor,
            fn_constructor_args=(job, stages),
            compute=data.ActorPoolStrategy(min_size=resources.least, max_size=max(resources.most, resources.least)),
            num_cpus=resources.cpus,
            num_gpus=resources.gpus if has_gpu else 0,
        )
    pipeline = Pipeline(job.recipe)
    try:
        for row in flow.iter_rows():
            if row["aside"]:
                yield Done(row["item"], SetAside.model_validate_json(row["aside"]), retryable=bool(row["retryable"]))
            else:
                given: Yielded = pipeline.finish(Passing.model_validate_json(row["passing"]))
                yield Done(row["item"], given)
    except ray.exceptions.RayError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OmniAgentError):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is not None:
            raise cause from error
        said = str(error).strip().splitlines()
        raise HardFailure(f"Ray gave up: {said[-1] if said else type(error).__name__}; run again to go on") from error


def _clear(folder: Path) -> None:
    for mark in folder.glob("*"):
        mark.unlink(missing_ok=True)
