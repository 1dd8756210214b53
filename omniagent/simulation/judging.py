"""A critic of stated quality: its answers err as often as its file says, and much of each error stays with the picture.

What it writes follows from its own verdicts, right or wrong.
"""

import json
import math
from collections.abc import Sequence

from PIL import Image
from pydantic import BaseModel

from omniagent.model.profile import Thresholds
from omniagent.model.requests import Prompt
from omniagent.model.scripted import Written
from omniagent.simulation.chance import NORMAL, logistic, normal, share
from omniagent.simulation.qualities import CriticQuality
from omniagent.simulation.tasks import STRESSED, SimulatedTask, asked_in, lines_in, listed
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
        """What is asked for of the last picture: a change of it, a new instruction for it, or boxes."""
        pictures = _pictures(prompt)
        if not pictures:
            return "a picture of tiles"
        seen = self._read(pictures[-1])
        asked = " ".join(part for part in prompt.parts if isinstance(part, str))
        if schema is None:
            return self._boxes(seen, asked) if "bbox_2d" in asked else "a picture of tiles"
        lines = [line for line in range(self._task.lines) if seen.has(line)]
        faulty = _told_faulty(asked, lines)
        key = (self._task.name, seen.key)
        said = [line for line in faulty if share("names", *key, line) < self._quality.names]
        said += [line for line in lines if line not in faulty and share("meddles", *key, line) < self._quality.meddles]
        words = STRESSED[int(share("words", *key) * len(STRESSED))]
        told = f"{words}: {listed(said)} exactly as asked for." if said else "Make it better in every way."
        kept = f" Keep {listed(set(lines) - set(said))}." if len(said) < len(lines) else ""
        if "wrong" not in schema.model_fields:
            return json.dumps({"seen": "tiles", "instruction": told + kept, "scope": "local"})
        # A whole new instruction says the task too; what holds at a second look, in other words, needs none.
        right = not self._faulty(seen, lines, "once more")
        whole = f"{self._task.words} {told}" + (kept if self._task.mode == "edit" else "")
        return json.dumps({"wrong": listed(faulty), "right": right, "instruction": whole})

    def _faulty(self, seen: Seen, lines: Sequence[int], words: str) -> list[int]:
        """The lines that it does not find to hold when it is asked in these words."""
        return [line for line in lines if self._answer(seen, line, words) < logistic(self._yes)]

    def _boxes(self, seen: Seen, asked: str) -> str:
        """Where the lines are that a change names; where it errs, the place of another line."""
        found: list[dict[str, object]] = []
        for line in asked_in(asked):
            if share("locates", self._task.name, seen.key, line) >= self._quality.locates:
                line = (line + 1) % self._task.lines
            if (box := seen.box(line)) is not None:
                found.append({"bbox_2d": box, "label": "change"})
        return json.dumps(found)

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


def _told_faulty(asked: str, lines: Sequence[int]) -> list[int]:
    """The lines that a prompt says failed or may not hold: those of its last list."""
    told = asked.rpartition("<checklist>")[2].partition("</checklist>")[0]
    return [line for line in lines if line in lines_in(told)]


def _pictures(prompt: Prompt) -> Sequence[Image.Image]:
    return [part for part in prompt.parts if isinstance(part, Image.Image)]
