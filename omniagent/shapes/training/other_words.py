"""The share of lessons whose requests are in other people's words, brought to known ones as they are at run time."""

from dataclasses import replace
from typing import Literal

import numpy as np

from omniagent.shapes.said.tasks import said_question, said_task
from omniagent.shapes.said.vocabulary import Speech, understood
from omniagent.shapes.scene.world import Scene, Split
from omniagent.shapes.tasks.questions import Question
from omniagent.shapes.tasks.task import Kind, ShapesTask
from omniagent.shapes.words.frames import Wording
from omniagent.tools.dialects.listed.plain_words import plain_request

PlanKind = Literal["text", "seen"]

CHINESE = {"draw": 0.12, "edit": 0.1, "question": 0.06}
"""Share of the requests of a kind that are in Chinese."""
UNREAD = 0.08
"""Share of the English ones that the model gets just as they were said, for what the lexicon misses."""
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
        """A task of the kind; its request is what the model reads."""
        foreign = self._rng.random() < CHINESE.get(kind, 0) if chinese is None else chinese
        task = said_task(self._rng, kind, Speech(self._wording, chinese=foreign), self._split)
        return replace(task, instruction=self._read(task.instruction, foreign))

    def question(self, usual: Question, scene: Scene) -> Question:
        """A question about the scene in other words, or the usual one."""
        if self._share <= 0 or self._rng.random() >= self._share:
            return usual
        asked = said_question(self._rng, Speech(self._wording), scene)
        return usual if asked is None else replace(asked, text=self._read(asked.text, False))

    def _read(self, words: str, chinese: bool) -> str:
        raw = not chinese and self._rng.random() < UNREAD
        return plain_request(words) if raw else understood(words)
