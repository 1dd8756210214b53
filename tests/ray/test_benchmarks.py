"""A benchmark drawn by two workers of a Ray cluster, and by two processes: `make test-ray`."""

from functools import partial
from pathlib import Path

import pytest

from omniagent.benchmarks.catalogue import benchmark_named
from omniagent.benchmarks.running.folder import RunFolder
from omniagent.benchmarks.session import Chosen, Session, in_processes, on_ray
from omniagent.comparison import Variant
from omniagent.config import Config
from omniagent.tools.types import RenderSettings
from tests.support.benchmark_data import ShadeJudge, drawing_agent, write_geneval

# Ray warns of its own code.
pytestmark = pytest.mark.filterwarnings("default")
SINGLE = Variant("single", "single")


def test_two_workers_of_ray_and_two_processes_give_the_report_of_one_byte_for_byte(tmp_path: Path) -> None:
    write_geneval(tmp_path / "data")
    made: list[list[bytes]] = []
    for name in ("here", "beside", "ray"):
        session = Session(benchmark_named("geneval"), tmp_path / name, Chosen(data=tmp_path / "data", samples=2))
        folder: RunFolder = session.run_folder(SINGLE, 1)
        session.generate(
            partial(drawing_agent, tmp_path / name / "agent"),
            Config(),
            SINGLE,
            1,
            folder,
            spread={"here": in_processes(1), "beside": in_processes(2)}.get(name)
            or on_ray(2, 0, folder.path / "marks"),
            settings=RenderSettings(width=32, height=32, steps=1),
        )
        session.judge(folder, ShadeJudge("correct"))
        session.report(folder)
        made.append([(folder.path / file).read_bytes() for file in ("report.md", "report.json", "report.html")])
        made[-1] += [path.read_bytes() for path in sorted(folder.pictures.rglob("*.png"))]
    assert made[0] == made[1] == made[2] and len(made[0]) == 3 + 12
