"""A scripted consultation: what a critic writes and chooses is told beforehand, what it is asked is kept."""

from collections.abc import Sequence
from typing import NamedTuple

from pydantic import BaseModel

from omniagent.model.errors import CriticBadOutput
from omniagent.model.profile import CriticProfile
from omniagent.model.requests import Completion, Prompt


class Asked(NamedTuple):
    """One call as it reached the critic."""

    prompt: Prompt
    schema: type[BaseModel] | None
    max_tokens: int

    @property
    def text(self) -> str:
        return "".join(part for part in self.prompt.parts if isinstance(part, str))


class ScriptedConsultation:
    """Gives its texts in order, the last one again and again; an exception among them is raised."""

    def __init__(
        self,
        *texts: str | Completion | Exception,
        choice: int | None = None,
        profile: CriticProfile | None = None,
    ) -> None:
        self._texts = list(texts)
        self._choice = choice
        self._profile = profile or CriticProfile()
        self.asked: list[Asked] = []
        self.offered: list[tuple[Prompt, tuple[str, ...]]] = []

    @property
    def profile(self) -> CriticProfile:
        return self._profile

    def yes_no(self, prompt: Prompt, questions: Sequence[str]) -> tuple[float, ...]:
        return tuple(1.0 for _ in questions)

    def choose(self, prompt: Prompt, options: Sequence[str]) -> tuple[float, ...]:
        self.offered.append((prompt, tuple(options)))
        if self._choice is None:
            raise CriticBadOutput("no letter was among the likely tokens")
        return tuple(0.9 if place == self._choice else 0.1 / len(options) for place in range(len(options)))

    def write(self, prompt: Prompt, *, max_tokens: int, schema: type[BaseModel] | None = None) -> Completion:
        self.asked.append(Asked(prompt, schema, max_tokens))
        said = self._texts.pop(0) if len(self._texts) > 1 else self._texts[0]
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Completion) else Completion(text=said)
