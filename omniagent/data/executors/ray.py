"""Work on a Ray cluster: actors a stage, with the resources that the recipe gives them."""

import hashlib
import importlib
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, Final, TypeVar

from omniagent.data.executors.errand import WordErrand
from omniagent.data.executors.job import Done, Job, Worker
from omniagent.data.pipeline import Passing, Pipeline, set_aside
from omniagent.data.recipe import Resources
from omniagent.data.records import SetAside, Yielded
from omniagent.model.errors import BadSetting, HardFailure, OmniAgentError, RetryableError
from omniagent.tools.types import Word

_DEATHS: Final = 2
"""Workers that an item may cost before it is set aside."""
W = TypeVar("W", bound=Word)


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
        with _cluster(len(groups)) as ray:
            yield from _run(ray, job, items, groups)

    def spread(self, errand: WordErrand[W], items: list[str], marks: Path, needs: Resources) -> Iterator[W]:
        """The answers of an errand, in the order of the items.

        Args:
            errand: The work; its answers travel as JSON.
            items: What is worked on.
            marks: A folder for notes of what is under way, for items that kill their worker.
            needs: What each worker takes, and how many there may be.

        Raises:
            BadSetting: the errand holds what stays in its process.
            HardFailure: Ray gave up for a reason of its own.
        """
        errand.check_sent()
        with _cluster(1) as ray:
            flow = _flow(ray, [{"item": item, "given": ""} for item in items], marks)
            if flow is None:
                return
            flow = flow.map(ErrandActor, fn_constructor_args=(errand, marks), **_asked(ray, needs))
            with _told():
                for row in flow.iter_rows():
                    yield errand.kind.model_validate_json(row["given"])


@contextmanager
def _cluster(pools: int) -> Generator[Any]:
    """Ray, on the cluster at hand, else on one of this machine that ends with the block."""
    ray: Any = importlib.import_module("ray")
    own = not ray.is_initialized()
    if own:
        # Logical CPUs: each pool needs one to begin with, however few there are.
        local = "RAY_ADDRESS" not in os.environ
        more = {"num_cpus": max(os.cpu_count() or 1, pools + 1), "include_dashboard": False} if local else {}
        try:
            ray.init(log_to_driver=False, **more)
        except Exception as error:
            # Ray raises plain exceptions here: a machine that is too busy, a port, an address without a cluster.
            ray.shutdown()
            raise HardFailure(f"Ray cannot start or be reached here ({error}); take --executor local") from error
    try:
        yield ray
    finally:
        if own:
            ray.shutdown()


@contextmanager
def _told() -> Generator[None]:
    """Raises Ray's errors as ours: that of the work where it has one."""
    ray: Any = importlib.import_module("ray")
    try:
        yield
    except ray.exceptions.RayError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, OmniAgentError):
            cause = getattr(cause, "cause", None) or cause.__cause__
        if cause is not None:
            raise cause from error
        said = str(error).strip().splitlines()
        raise HardFailure(f"Ray gave up: {said[-1] if said else type(error).__name__}; run again to go on") from error


class _Mark:
    """A file that says that an item is under way, with how many workers died of it before."""

    def __init__(self, folder: Path, item: str, part: str) -> None:
        self._path = folder / f"{hashlib.sha256(item.encode()).hexdigest()[:24]}-{part}"

    @property
    def deaths(self) -> int:
        return int(self._path.read_text()) if self._path.is_file() else 0

    @contextmanager
    def set(self) -> Generator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(str(self.deaths + 1))
        try:
            yield
        finally:
            self._path.unlink(missing_ok=True)


class ErrandActor:
    """The work of an errand, within an actor."""

    def __init__(self, errand: WordErrand[Any], marks: Path) -> None:
        self._errand, self._marks = errand, marks
        self._work = errand.begin()

    def __call__(self, row: dict[str, str]) -> dict[str, str]:
        """A row with the answer for its item."""
        item = row["item"]
        mark = _Mark(self._marks, item, "errand")
        if mark.deaths >= _DEATHS:
            lost = self._errand.lost(item, _died(mark.deaths))
            return row | {"given": lost.model_dump_json()}
        with mark.set():
            return row | {"given": self._work(item).model_dump_json()}


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
        mark = _Mark(self._marks, item, str(self._stages[0]))
        if mark.deaths >= _DEATHS:
            message = _died(mark.deaths)
            return row | {
                "aside": SetAside(source=item, stage="", error="ProcessDied", message=message).model_dump_json()
            }
        with mark.set():
            return self._advanced(row)

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


def _died(deaths: int) -> str:
    return f"the worker died {deaths} times on it (killed, or a crash in a library)"


def _flow(ray: Any, rows: list[dict[str, str]], marks: Path) -> Any:
    """The rows as a data set in which order is kept; None where there are none."""
    data: Any = importlib.import_module("ray.data")
    context = data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    # Marks of a build that was killed as a whole say nothing of its items.
    for mark in marks.glob("*"):
        mark.unlink(missing_ok=True)
    # A block an item, so that what a dead worker had at hand is one item.
    return data.from_items(rows, override_num_blocks=len(rows)) if rows else None


def _asked(ray: Any, needs: Resources) -> dict[str, Any]:
    """What a pool of actors is asked for; without a GPU where the cluster has none."""
    data: Any = importlib.import_module("ray.data")
    return {
        "compute": data.ActorPoolStrategy(min_size=needs.least, max_size=max(needs.most, needs.least)),
        "num_cpus": needs.cpus,
        "num_gpus": needs.gpus if ray.cluster_resources().get("GPU", 0) > 0 else 0,
    }


def _run(ray: Any, job: Job, items: list[str], groups: list[tuple[tuple[int, ...], Resources]]) -> Iterator[Done]:
    rows = [{"item": item, "passing": "", "aside": "", "retryable": ""} for item in items]
    flow = _flow(ray, rows, job.cache / "under-way")
    if flow is None:
        return
    for stages, resources in groups:
        flow = flow.map(StageActor, fn_constructor_args=(job, stages), **_asked(ray, resources))
    pipeline = Pipeline(job.recipe)
    with _told():
        for row in flow.iter_rows():
            if row["aside"]:
                yield Done(row["item"], SetAside.model_validate_json(row["aside"]), retryable=bool(row["retryable"]))
            else:
                given: Yielded = pipeline.finish(Passing.model_validate_json(row["passing"]))
                yield Done(row["item"], given)
