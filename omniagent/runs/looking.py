"""Looking at a picture from elsewhere, with the agent's own tools; nothing is kept."""

import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from omniagent.config import Config
from omniagent.graphs.policy import policy_of
from omniagent.model.errors import BadTask
from omniagent.model.requests import CancelToken
from omniagent.model.wording import shown
from omniagent.runs.options import Picture
from omniagent.tools.answer import ANSWER, AnswerIn
from omniagent.tools.consult import Desk, consult
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.intake.task import read_images, read_instruction
from omniagent.tools.meter import CallMeter
from omniagent.tools.plan import PLAN, PlanIn
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt, Critique, Requirement, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from omniagent.model.runtime import ModelRuntime

MAX_QUESTIONS: Final = 32


class Checked(NamedTuple):
    """The requirements, the verdict of each, and the parts of the task that none asks for."""

    checklist: tuple[Requirement, ...]
    critique: Critique
    unchecked: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether every answer is yes, and the checks ask for all of the task."""
        return self.critique.accepted and not self.unchecked


class Looking:
    """Answers about pictures from outside, each within the time limit and critic calls of the settings' budget.

    Args:
        load: Gives the loaded models; called when the request is known to be right.
        config: The agent's settings.
        token: Cancels the work, and gets its deadline.
    """

    def __init__(self, load: "Callable[[], ModelRuntime]", config: Config, token: CancelToken | None = None) -> None:
        self._load, self._config, self._token = load, config, token or CancelToken()

    def check(self, image: Picture, questions: Sequence[str] = (), task: str | None = None) -> Checked:
        """Ask yes/no questions about a picture, or those that a task's plan asks."""
        picture = read_images([image], allow_urls=self._config.allow_urls)[0]
        given = [questions] if isinstance(questions, str) else questions
        asked = [read_instruction(question) for question in given]
        if len(asked) > MAX_QUESTIONS or not (asked or task):
            raise BadTask(f"{len(asked)} questions were given; give 1 to {MAX_QUESTIONS}, or a task")
        with self._context() as context:
            checklist, unchecked = _own(asked) if asked else _planned(read_instruction(task or ""), context)
            attempt = Attempt(id="given", image=context.store.put(picture), instruction=task or "", seed=0)
            made = CRITIQUE(CritiqueIn(attempt=attempt, checklist=checklist, confirm=self._confirm(context)), context)
            return Checked(checklist, made.critique, unchecked)

    def describe(self, image: Picture, question: str | None = None) -> str:
        """A picture in words, or the answer to a question about it."""
        picture = read_images([image], allow_urls=self._config.allow_urls)[0]
        asked = None if question is None else read_instruction(question)
        with self._context() as context:
            if asked is not None:
                task = Task(instruction=asked, images=(context.store.put(picture),))
                return ANSWER(AnswerIn(task=task), context).answer

            def see(desk: Desk) -> str:
                return desk.describe(picture)

            return consult(context, "answer", see).value

    def _confirm(self, context: ToolContext) -> bool:
        return policy_of(self._config.loop, context.runtime.generator.profile).confirm

    @contextmanager
    def _context(self) -> Generator[ToolContext]:
        budget, runtime = self._config.budget, self._load()
        self._token.deadline = time.monotonic() + budget.time_limit
        with tempfile.TemporaryDirectory(prefix="omniagent-") as folder:
            yield ToolContext(
                runtime=runtime,
                store=ImageStore(Path(folder) / "images"),
                trace=Trace(Path(folder) / "trace.jsonl", "check"),
                token=self._token,
                calls=CallMeter(budget.max_critic_calls),
                config=self._config.tools,
            )


def _own(questions: Sequence[str]) -> tuple[tuple[Requirement, ...], tuple[str, ...]]:
    numbered = enumerate(questions, start=1)
    return tuple(Requirement(id=f"r{number}", kind="attribute", question=one) for number, one in numbered), ()


def _planned(task: str, context: ToolContext) -> tuple[tuple[Requirement, ...], tuple[str, ...]]:
    """The checklist of a task's plan, and what it does not ask for."""
    plan = PLAN(PlanIn(task=Task(instruction=task)), context).plan
    if not plan.checklist:
        raise BadTask(f"the task {shown(task)} asks for no picture that could be checked; give yes/no questions")
    return plan.checklist, plan.unchecked
