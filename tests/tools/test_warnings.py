"""What a person is told before the pictures come: sizes that are not drawn as asked."""

from pathlib import Path

from rich.console import Console

from omniagent import Agent, Budget, Config, RenderSettings, ScriptedCritic, ScriptedGenerator
from omniagent.cli.progress.watcher import Watcher
from omniagent.model.runtime import ModelRuntime
from omniagent.runs.result import Result
from omniagent.runs.status import describe
from omniagent.tools.record.trace import AttemptMade, RunEnded, StepProgress, Warned
from tests.support.chat import page_of, text_of
from tests.support.scripted_runs import LISTED, texts

SAID = "this model draws sides of 96 to 160 pixels: what it draws at 128x128 is stretched to 512x512"


def agent(folder: Path, verdict: float = 0.99) -> Agent:
    drawer = ScriptedGenerator(remarks=[SAID])
    runtime = ModelRuntime(drawer, ScriptedCritic(lambda *_: verdict, texts(), profile=LISTED))
    return Agent(runtime=runtime, config=Config(), runs_dir=folder, budget=Budget(max_rounds=2))


def test_a_size_that_is_not_drawn_as_asked_is_said_once_before_the_first_step_and_in_the_end(tmp_path: Path) -> None:
    asked = RenderSettings(width=512, height=512)
    events = list(agent(tmp_path, 0.1).stream("a red circle", thread_id="t", settings=asked))
    kinds = [type(event) for event in events]
    assert kinds.count(Warned) == 1
    assert kinds.index(Warned) < min(kinds.index(StepProgress), kinds.index(AttemptMade))
    ended = events[-1]
    assert isinstance(ended, RunEnded) and ended.message.startswith("all 2 rounds are spent") and SAID in ended.message
    result = Result.load(tmp_path / "t")
    assert result.warnings == (SAID,) and SAID in result.message and SAID in describe(result)


def test_every_face_shows_what_is_not_drawn_as_asked(tmp_path: Path) -> None:
    console = Console(record=True, width=200)
    watcher, events = Watcher(console), list(agent(tmp_path).stream("a red circle", thread_id="t"))
    for event in events:
        watcher.show(event)
    assert f"note {SAID}" in console.export_text()
    assert "96 to 160 pixels" in text_of(page_of(events))
    assert SAID in (tmp_path / "t" / "report.html").read_text()


def test_a_run_that_goes_on_is_not_told_again_and_its_result_still_says_it(tmp_path: Path) -> None:
    mine = agent(tmp_path, 0.1)
    mine.run("a red circle", thread_id="t")
    events = list(mine.stream("a red circle", thread_id="t", budget=Budget(max_rounds=3)))
    assert not any(isinstance(event, Warned) for event in events)
    assert Result.load(tmp_path / "t").warnings == (SAID,)
