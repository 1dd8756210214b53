"""The ray executor, on a cluster of this machine."""

import hashlib
from pathlib import Path

import pytest

from omniagent.data.build import build
from omniagent.data.executors.job import Job
from omniagent.data.executors.ray import RayExecutor, StageActor
from omniagent.data.recipe import load_recipe
from omniagent.data.records import SetAside
from omniagent.model.errors import BadSetting
from tests.support.children import children_named
from tests.support.shapes_media import pictures


def job(source: Path, out: Path) -> Job:
    return Job(load_recipe("inpaint-edit", ["test_share=0", "holes.tries=1"], "shapes"), source, out, out)


def row(item: str) -> dict[str, str]:
    return {"item": item, "passing": "", "aside": "", "retryable": ""}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_gives_the_bytes_of_one_process_though_a_worker_is_killed(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 5)
    recipe = job(source, tmp_path).recipe
    # A worker a pool: each is a process that imports everything.
    stages = [choice.model_copy(update={"resources": choice.resources.model_copy(update={"most": 1})})
              for choice in recipe.stages]  # fmt: skip
    recipe = recipe.model_copy(update={"stages": tuple(stages)})
    killed: list[int] = []

    def kill_one(_: object) -> None:
        workers = children_named("StageActor")
        if not killed and workers:
            killed.append(workers[0].pid)
            workers[0].kill()

    build(recipe, source, tmp_path / "ray", executor=RayExecutor(), tell=kill_one)
    build(recipe, source, tmp_path / "local")
    one, other = (tmp_path / name / "train" / "1-of-1.jsonl" for name in ("ray", "local"))
    assert killed and one.read_bytes() == other.read_bytes()


def test_an_item_that_killed_two_workers_is_set_aside_by_the_third(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 1)
    actor = StageActor(job(source, tmp_path / "out"), (0, 1))
    clean = actor(row("p00.png"))
    assert clean["passing"] and not list((tmp_path / "out" / "under-way").iterdir())
    # What two deaths leave behind: the mark that was written last.
    name = hashlib.sha256(b"p00.png").hexdigest()[:24]
    (tmp_path / "out" / "under-way" / f"{name}-0").write_text("2")
    aside = SetAside.model_validate_json(actor(row("p00.png"))["aside"])
    assert aside.error == "ProcessDied" and "2 times" in aside.message


def test_models_that_were_given_stay_in_their_process(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 1)
    with pytest.raises(BadSetting, match="take --executor local"):
        build(
            job(source, tmp_path).recipe, source, tmp_path / "out", executor=RayExecutor(), models={"filler": object()}
        )
