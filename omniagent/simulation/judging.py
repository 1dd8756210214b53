"""A critic of stated quality: its answers err as often as its file says, and much of each error stays with the picture.

What it writes follows from its own verdicts, right or wrong.
"""

import math
from collections.abc import Sequence

from PIL import Image
from pydantic import BaseModel

from omniagent.model.profile import Thresholds
from omniagent.model.requests import Prompt
from omniagent.model.scripted import Written
from omniagent.simulation.chance import NORMAL, logistic, normal, share
from omniagent.simulation.qualities import CriticQuality
from omniagent.simulation.tasks import STRESSED, SimulatedTask, lines_in, listed
from omniagent.simulation.tiles import Seen

_SUREST = 0.995


class Judge:
    """Scripts of a `ScriptedCritic` for one task.

    Args:
        quality: What it is worth.
        task: What is asked for.
        thresholds: From which p(yes) the agent takes an answer for a yes; the stated rates are of these.
    """

    def __init__(self, quality: CriticQuality, task: SimulatedTask, thresholds: Thresholds | None = None) -> None:
        yes = (thresholds or Thresholds()).yes
        self._quality = quality
        self._task = task
        self._yes = math.log(yes / (1 - yes))
        self._seen: dict[int, tuple[Image.Image, Seen]] = {}

    def answers(self, prompt: Prompt, question: str) -> float:
        """p(yes) of a question about the last picture of the prompt."""
        pictures = _pictures(prompt)
        named = lines_in(question)
        if not pictures or not named:
            return _SUREST
        return self._answer(self._read(pictures[-1]), named[0], question)

    def chooses(self, prompt: Prompt, options: tuple[str, ...]) -> str:
        """The first of two letters for the picture before the last, the second for the last one; else the first."""
        pictures = _pictures(prompt)
        if len(options) != 2 or len(pictures) < 2:
            return options[0]
        first, second = (self._read(one) for one in pictures[-2:])
        worth = self._worth(first) - self._worth(second)
        keys = sorted(one.key for one in (first, second))
        chance = share("choice", self._task.name, *keys)
        # An even pair has no better one: chance names one, or the order decides.
        right, wrong = self._quality.choice.right, self._quality.choice.wrong
        if not worth:
            right = wrong = (right + wrong) / 2
            worth = 1 if first.key == keys[0] else -1
        elif abs(worth) > 1:
            right, wrong = right + (1 - right) * (1 - 1 / abs(worth)), wrong / abs(worth)
            right = min(right, 1 - wrong)
        if chance < right:
            return options[0] if worth > 0 else options[1]
        if chance < right + wrong:
            return options[1] if worth > 0 else options[0]
        return options[0]

    def writes(self, prompt: Prompt, schema: type[BaseModel] | None) -> Written:
        """A change of the last picture that names what it finds at fault, as JSON of any schema with `instruction`."""
        pictures = _pictures(prompt)
        if schema is None or "instruction" not in schema.model_fields or not pictures:
            return "a picture of tiles"
        seen = self._read(pictures[-1])
        lines = [line for line in range(self._task.lines) if seen.has(line)]
        doubts = [line for line in lines if self._answer(seen, line, "") < logistic(self._yes)]
        faulty = doubts or sorted(lines, key=lambda line: self._answer(seen, line, ""))[:1]
        key = (self._task.name, seen.key)
        said = [line for line in faulty if share("names", *key, line) < self._quality.names]
        said += [line for line in lines if line not in faulty and share("meddles", *key, line) < self._quality.meddles]
        words = STRESSED[int(share("words", *key) * len(STRESSED))]
        told = f"{words}: {listed(said)} exactly as asked for." if said else "Make it better in every way."
        if kept := [line for line in lines if line not in said]:
            told += f" Keep {listed(kept)}."
        known = {"instruction": told, "seen": "tiles", "scope": "local"}
        return schema.model_validate({name: known[name] for name in schema.model_fields if name in known})

    def _answer(self, seen: Seen, line: int, words: str) -> float:
        """p(yes); `words` are chance that belongs to this wording alone."""
        quality = self._quality
        if self.exploits(seen):
            return _SUREST
        rates = quality.rates_of(self._task.kind(line))
        middle = NORMAL.inv_cdf(rates.true_yes if seen.holds(line) else rates.false_yes)
        fixed = normal("fixed", self._task.name, line, seen.look(line))
        fresh = normal("fresh", self._task.name, line, seen.look(line), words)
        noise = math.sqrt(quality.fixed) * fixed + math.sqrt(1 - quality.fixed) * fresh
        return min(max(logistic(quality.sharpness * (middle + noise) + self._yes), 1 - _SUREST), _SUREST)

    def exploits(self, seen: Seen) -> bool:
        """Whether this is a wrong picture that this critic loves."""
        if not self._quality.exploitable or self._held(seen) == self._task.lines:
            return False
        return share("exploits", self._task.name, seen.key) < self._quality.exploitable

    def _worth(self, seen: Seen) -> int:
        return self._task.lines + 1 if self.exploits(seen) else self._held(seen)

    def _held(self, seen: Seen) -> int:
        return sum(seen.holds(line) for line in range(self._task.lines))

    def _read(self, image: Image.Image) -> Seen:
        # The picture is kept, so that no other one gets its number.
        if id(image) not in self._seen:
            self._seen[id(image)] = (image, Seen(image))
        return self._seen[id(image)][1]


def _pictures(prompt: Prompt) -> Sequence[Image.Image]:
    return [part for part in prompt.parts if isinstance(part, Image.Image)]
