"""A generator of stated quality: what it draws is chance, fixed by the task, the words, the seed and the source."""

from collections.abc import Sequence

from PIL import Image

from omniagent.model.requests import GenerationRequest
from omniagent.simulation.chance import centre_for, normal, share
from omniagent.simulation.qualities import GeneratorQuality
from omniagent.simulation.tasks import SimulatedTask, asked_in, lines_in, stressed_in
from omniagent.simulation.tiles import Seen, paint, reds

LINES_OF_RIGHT = 4
"""How many lines the pictures have of which `GeneratorQuality.right` tells how many are right."""


def centre_of(quality: GeneratorQuality) -> float:
    """Where a line of a task that is not blocked stands before any noise."""
    spread = (quality.task_spread**2 + quality.picture_spread**2) ** 0.5
    return centre_for(quality.right / (1 - quality.blocked), spread, LINES_OF_RIGHT)


class SimulatedGenerator:
    """A script of a `ScriptedGenerator` for one task.

    Args:
        quality: What it is worth.
        centre: Its `centre_of`.
        task: What is asked for.
    """

    def __init__(self, quality: GeneratorQuality, centre: float, task: SimulatedTask) -> None:
        self._quality = quality
        self._task = task
        self._hard = centre + quality.task_spread * normal("task", task.name)
        self._blocked = task.blocked_line(quality.blocked)

    def source(self) -> Image.Image:
        """The picture that an edit starts from: what shall change does not hold yet, all else does."""
        task = self._task
        changing = task.lines - task.kept
        return paint(tuple(line >= changing for line in range(task.lines)), reds(f"source {task.name}"))

    def __call__(self, request: GenerationRequest) -> Sequence[Image.Image]:
        """One picture a seed: drawn afresh, or changed where there is a reference."""
        draw = self._changed if request.references else self._fresh
        return [draw(request, seed) for seed in request.seeds]

    def _fresh(self, request: GenerationRequest, seed: int) -> Image.Image:
        return self._drawn(request.instruction, seed, len(self._task.checklist))

    def _drawn(self, words: str, seed: int, lines: int) -> Image.Image:
        quality, name = self._quality, self._task.name
        named, stressed = lines_in(words), stressed_in(words)
        picture = self._hard + quality.picture_spread * normal("picture", name, words, seed)
        holds = tuple(
            line in named
            and not self._stuck(line, words)
            and picture + quality.stress * (line in stressed) + normal("line", name, words, seed, line) > 0
            for line in range(lines)
        )
        return paint(holds, reds(f"{name} {words} {seed}"))

    def _stuck(self, line: int, words: str) -> bool:
        """Whether a blocked line stays out with these words: those of the task never bring it, others may."""
        if line != self._blocked:
            return False
        return not stressed_in(words) or share("freed", self._task.name, words) >= self._quality.freed

    def _changed(self, request: GenerationRequest, seed: int) -> Image.Image:
        """The picture with other tiles for the lines that are named, and for those that suffer."""
        edit, words = self._quality.edit, request.instruction
        seen = Seen(request.references[0])
        key = (self._task.name, words, seed, seen.key)
        lines, asked = [line for line in range(self._task.lines) if seen.has(line)], asked_in(words)
        anew = share("repaints", *key) < edit.repaints
        damages = 1.0 if anew else min(1.0, edit.damages * edit.drift**seen.wear)
        picture = self._hard + self._quality.picture_spread * normal("changed", *key)
        to: dict[int, bool] = {}
        for line in lines:
            if line in asked and not seen.holds(line):
                to[line] = self._mended(line, words, picture, key)
            elif share("damages", *key, line) < (damages if line not in asked else damages / 2):
                # What is drawn anew may come out right all the same.
                to[line] = anew and line != self._blocked and picture + normal("anew", *key, line) > 0
        return seen.changed(to, reds("\x1f".join(map(str, key))))

    def _mended(self, line: int, words: str, picture: float, key: tuple[object, ...]) -> bool:
        """Whether a line at fault that the words name holds afterwards.

        The change that an edit was asked for comes as lines of fresh pictures do, a repair by its own chance.
        """
        edit, name = self._quality.edit, self._task.name
        if self._task.mode == "edit":
            stress = self._quality.stress * (line in stressed_in(words))
            return not self._stuck(line, words) and picture + stress + normal("mends", *key, line) > 0
        if share("hopeless", name, line) < edit.hopeless:
            return False
        return share("mends", *key, line) < (edit.mends_blocked if line == self._blocked else edit.mends)
