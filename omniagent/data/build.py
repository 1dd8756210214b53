"""A build: the items of a folder through a recipe, by an executor, to files that the trainer reads."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from omniagent.data.executors.job import Executor, Job
from omniagent.data.executors.local import LocalExecutor
from omniagent.data.models.roles import Role
from omniagent.data.models.room import NOTHING
from omniagent.data.output import Output
from omniagent.data.pipeline import Pipeline
from omniagent.data.recipe import Recipe
from omniagent.data.records import SetAside
from omniagent.model.errors import BadSetting, CriticUnavailable
from omniagent.runs.folder import owned
from omniagent.tools.types import Word

_MOST_FAULTS: Final = 5
"""Items in a row that a passing fault may cost before the build ends: then it is the server, not the items."""


class Built(Word):
    """How many items were worked on, and how many lines of each kind they gave; duplicates are not written."""

    items: int
    train: int
    test: int
    rejected: int
    set_aside: int
    duplicates: int


class Progress(Word):
    """One finished item: how many of how many are done, and what it gave in one line."""

    done: int
    total: int
    line: str


def build(
    recipe: Recipe,
    source: Path,
    out: Path,
    *,
    shard: tuple[int, int] = (1, 1),
    limit: int | None = None,
    cache: Path | None = None,
    executor: Executor | None = None,
    models: Mapping[Role, object] = NOTHING,
    waits: tuple[float, ...] = (1.0, 5.0, 20.0),
    tell: Callable[[Progress], None] = lambda _: None,
) -> Built:
    """Build records into `out`; run again to go on. Output files are replaced whole at the end.

    Args:
        recipe: What to do.
        source: Folder of the items.
        out: Gets `mix.yml`, `images/` and one file a shard in `train/`, `test/`, `rejected/`, `set-aside/`.
        shard: Number i of n: every n-th item, beginning with the i-th; counted from 1.
        limit: At most so many items of the shard.
        cache: Gets `ledger/` and `work/` (pictures between the stages); recipes that begin with the same stages may
            share one. None means `out`.
        executor: Who works; by default this process.
        models: Models that are there already, by role, in place of those that the recipe names.
        waits: Seconds before each further try after a passing fault.
        tell: Told each finished item.

    Raises:
        BadSetting: the recipe, the shard or the source is wrong.
        StorageFull, OutputUnwritable: `out` cannot be written, or another build of this shard is at work in it.
        CriticUnavailable: passing faults cost five items in a row.
        OmniAgentError: a model cannot be loaded, or the machine gave up.
    """
    number, shards = shard
    if not 1 <= number <= shards:
        raise BadSetting(f"shard={number}/{shards} is not allowed; give i/n with i from 1 to n")
    if not source.is_dir():
        raise BadSetting(f"the input folder {source} does not exist; give the folder that holds the items")
    items = Pipeline(recipe).ids(source)[number - 1 :: shards][:limit]
    job = Job(recipe, source, out, cache or out, waits, dict(models))
    name, faults = f"{number}-of-{shards}", 0
    with owned(out / "locks" / name), Output(out, name) as output:
        for done in (executor or LocalExecutor()).run(job, items):
            output.add(done.given)
            faults = faults + 1 if done.retryable else 0
            if faults >= _MOST_FAULTS and isinstance(done.given, SetAside):
                raise CriticUnavailable(f"{faults} items in a row failed, the last by: {done.given.message}; run again")
            tell(Progress(done=output.counts["items"], total=len(items), line=_told(done.item, done.given)))
        output.commit(recipe.name)
        counts = output.counts
    return Built(
        items=counts["items"],
        train=counts["train"],
        test=counts["test"],
        rejected=counts["rejected"],
        set_aside=counts["set-aside"],
        duplicates=counts["duplicates"],
    )


def _told(item: str, given: object) -> str:
    if isinstance(given, SetAside):
        return f"{item}: set aside by {given.stage or 'the build'}: {given.message}"
    records, rejected = getattr(given, "records", ()), getattr(given, "rejected", ())
    return f"{item}: {len(records)} records, {len(rejected)} rejected"
