"""The share of lessons whose requests are in other people's words, brought to known ones as they are at run time."""

from dataclasses import replace
from typing import Literal

import numpy as np

from omniagent.shapes.said.mentions import contradicts, holds_all, in_order_of
from omniagent.shapes.said.tasks import said_question, said_task
from omniagent.shapes.said.vocabulary import Speech, understood
from omniagent.shapes.scene.world import Scene, Split
from omniagent.shapes.tasks.questions import Question
from omniagent.shapes.tasks.task import Kind, ShapesTask
from omniagent.shapes.words.arrange import layout_instruction
from omniagent.shapes.words.frames import Wording
from omniagent.shapes.words.phrases import checklist
from omniagent.tools.dialects.listed.plain_words import plain_request

PlanKind = Literal["text", "seen"]

CHINESE = {"draw": 0.12, "edit": 0.1, "question": 0.06}
"""Share of the requests of a kind that are in Chinese."""
UNREAD = 0.2
"""Share of those in English that are said in the world's own words and not read: frames without the lexicon's turns."""
WHOLE = 0.2
"""Share of the rest in English that is read whole where rules can, which leaves little to the model."""
QUESTIONS, REFERENCES = 0.08, 0.3


class OtherWords:
    """Hands out tasks in other people's words for its share of the plans, and nothing for the rest."""

    def __init__(
        self, rng: np.random.Generator, split: Split, share: float, outside: float, wording: Wording = "train"
    ) -> None:
        self._rng, self._share, self._outside = rng, share, outside
        self._split: Split = split
        self._wording: Wording = wording

    def plan(self, kind: PlanKind) -> ShapesTask | None:
        """A task for a plan, from words alone or from pictures; None where the old wording has its turn."""
        if self._share <= 0 or self._rng.random() >= self._share:
            return None
        draw = self._rng.random()
        if kind == "seen":
            return self.task("reference" if draw < REFERENCES else "edit")
        if draw < self._outside:
            return self.task("outside")
        return self.task("question" if draw < self._outside + QUESTIONS else "draw")

    def task(self, kind: Kind, *, chinese: bool | None = None) -> ShapesTask:
        """A task of the kind; its request is what the model reads, and its plan names things in that order."""
        foreign = self._rng.random() < CHINESE.get(kind, 0) if chinese is None else chinese
        while foreign or self._rng.random() >= UNREAD:
            task = said_task(self._rng, kind, Speech(self._wording, chinese=foreign), self._split)
            whole = foreign or self._rng.random() < WHOLE
            words = understood(task.instruction, len(task.scenes), whole=whole)
            if _faithful(words, task) or kind == "outside":
                return as_read(task, words or plain_request(task.instruction))
            foreign = False
        task = said_task(self._rng, kind, Speech(self._wording, share=0), self._split)
        return as_read(task, plain_request(task.instruction))

    def question(self, usual: Question, scene: Scene) -> Question:
        """A question about the scene in other words, or the usual one."""
        if self._share <= 0 or self._rng.random() >= self._share:
            return usual
        asked = said_question(self._rng, Speech(self._wording), scene)
        words = None if asked is None else understood(asked.text)
        return usual if asked is None or words is None else replace(asked, text=words)


def _faithful(words: str | None, task: ShapesTask) -> bool:
    """Whether the reading kept what was meant: a lesson on one that did not would teach to misread."""
    if words is None or not holds_all(words, task.essential):
        return False
    return task.kind != "draw" or task.wanted is None or not contradicts(words, task.wanted)


def as_read(task: ShapesTask, words: str) -> ShapesTask:
    """The task with its request in these words; a draw's plan follows the order in which they name its things."""
    if task.kind != "draw" or task.wanted is None:
        return replace(task, instruction=words)
    wanted = in_order_of(words, task.wanted)
    instruction = layout_instruction(wanted)
    if instruction is None or wanted == task.wanted:
        return replace(task, instruction=words)
    plan = task.plan.model_copy(update={"instruction": instruction, "checklist": checklist(wanted)})
    return replace(task, instruction=words, wanted=wanted, plan=plan)
