"""Which of several edits of one picture is the best: a scorer of edits gives each two pairs of marks, k times.

The contract is EditScore's (arXiv 2509.23909; its prompts follow VIEScore, arXiv 2312.14867): of source and result how
far the change was made, and how little else was changed; of the result alone how natural it is, and how free of
artefacts. Each is a mark of 0 to 25. A pass is worth the geometric mean of the lesser mark of each pair; an edit is
worth the mean of k passes drawn by chance (its "Avg@k"). Such scorers rank well and cannot be held to a threshold, so
their marks order candidates and never accept one.
"""

import math
from collections.abc import Sequence
from typing import Final

from PIL import Image
from pydantic import Field, JsonValue

from omniagent.model.errors import BadSetting, BadTask, RetryableError, UnknownModel
from omniagent.model.requests import Prompt
from omniagent.tools.consult import Desk, consult
from omniagent.tools.dialects.fencing import fencer
from omniagent.tools.dialects.plain.reply.loose_json import values_in
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import ImageRef, Usage, Word

MOST_MARKS: Final = 25
_TOKENS: Final = 512
_TRIES: Final = 2
_CALLS: Final = 2
"""Of one pass over one edit."""
_fenced: Final = fencer("instruction")

_SYSTEM: Final = "You are a professional digital artist who judges edited pictures by fixed rules."
_ANSWER: Final = (
    "Reply with one JSON object and nothing else; keep the reasoning short:\n"
    '{"reasoning": "...", "score": [first, second]}'
)
_EDIT_RULES: Final = (
    "\nThe first picture is the source, the second an edited version of it. They may look the same where the edit "
    f"failed.\nGive two scores from 0 to {MOST_MARKS}.\n"
    f"First, the success of the edit: 0 when the second picture does not follow the instruction at all, {MOST_MARKS} "
    "when it follows it perfectly.\n"
    "Second, the degree of overediting: 0 when the second picture is completely different from the first, "
    f"{MOST_MARKS} when it is a minimal yet effective edit of it.\n{_ANSWER}\nEditing instruction: "
)
_PICTURE_RULES: Final = (
    f"\nThe picture was made by a model. Give two scores from 0 to {MOST_MARKS}.\n"
    f"First, naturalness: 0 when the scene looks wrong in distance, shadow or light, {MOST_MARKS} when it looks "
    "natural.\n"
    "Second, artefacts: 0 when there are many, such as distortions, blurred faces, odd body parts or things that do "
    f"not belong together, {MOST_MARKS} when there are none.\n{_ANSWER}"
)


class EditScores(Word):
    """The mean marks of one edit, each from 0 to 10; `overall` is the mean over passes of what a pass is worth."""

    success: float = Field(description="how far the change was made")
    kept: float = Field(description="how little else was changed")
    natural: float
    clean: float = Field(description="how free it is of artefacts")
    overall: float
    passes: int = Field(ge=1, description="that could be read")


class RankIn(Word):
    """Edits of one picture after one instruction."""

    source: ImageRef
    results: tuple[ImageRef, ...] = Field(min_length=1, max_length=16)
    instruction: str = Field(min_length=1)


class RankOut(Outcome):
    """The scores of each edit in the order given, and their places from the best on.

    `order` is empty where no ranking was possible: there is no scorer, it is away, or some edit's marks could not
    be read.
    """

    scores: tuple[EditScores | None, ...] = ()
    order: tuple[int, ...] = ()


def rank(arguments: RankIn, context: ToolContext) -> RankOut:
    """Put several edits of a picture in order, by a scorer of edits where there is one.

    A scorer that fails costs nothing but the order, and marks take half of the critic calls that are left at most. Of
    equal edits the earlier comes first.
    """
    ranker = context.runtime.ranker
    if ranker is None:
        return RankOut(summary="there is no scorer of edits")
    samples = context.config.over(ranker.profile).samples
    passes = min(samples, context.calls.left // 2 // (_CALLS * len(arguments.results)))
    if passes < 1:
        return RankOut(summary="too few critic calls are left to rank edits")
    source = context.store.get(arguments.source)
    pictures = [context.store.get(ref) for ref in arguments.results]
    used = context.calls.used

    def scored(desk: Desk) -> tuple[EditScores | None, ...]:
        return tuple(_score(desk, source, picture, arguments.instruction, passes) for picture in pictures)

    try:
        consulted = consult(context, "rank", scored, ranker)
    except (RetryableError, BadTask, BadSetting, UnknownModel) as error:
        spent = Usage(critic_calls=context.calls.used - used)
        return RankOut(usage=spent, summary=f"the scorer of edits cannot be asked ({error})")
    scores, usage = consulted.value, consulted.usage
    overall = [one.overall for one in scores if one is not None]
    if len(overall) < len(scores):
        return RankOut(scores=scores, usage=usage, summary="some marks of the scorer of edits could not be read")
    order = tuple(sorted(range(len(overall)), key=lambda place: -overall[place]))
    said = ", ".join(f"{place + 1}: {overall[place]:.1f}" for place in order)
    return RankOut(scores=scores, order=order, usage=usage, summary=f"marks of 10, the best first: {said}")


def first_of(scores: Sequence[EditScores | None]) -> int | None:
    """The place of the best edit; None where two are best, or some edit has no marks."""
    overall = [one.overall for one in scores if one is not None]
    if not overall or len(overall) < len(scores) or overall.count(max(overall)) > 1:
        return None
    return overall.index(max(overall))


def edit_prompt(source: Image.Image, result: Image.Image, instruction: str) -> Prompt:
    """Asks for the marks of source and result together."""
    return Prompt(system=_SYSTEM, parts=(source, result, f"{_EDIT_RULES}{_fenced('instruction', instruction)}"))


def picture_prompt(result: Image.Image) -> Prompt:
    """Asks for the marks of the result alone."""
    return Prompt(system=_SYSTEM, parts=(result, _PICTURE_RULES))


def read_marks(text: str) -> tuple[float, float] | None:
    """The two marks of a reply, each 0 to 25; None where it has none or one out of range."""
    for value in values_in(text):
        found = _marks(value.get("score")) if isinstance(value, dict) else _marks(value)
        if found is not None:
            return found
    return None


def _marks(value: JsonValue) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    marks: list[float] = []
    for one in value:
        try:
            marks.append(float(one) if isinstance(one, int | float | str) and not isinstance(one, bool) else math.nan)
        except ValueError:
            return None
    first, second = marks
    return (first, second) if all(0 <= mark <= MOST_MARKS for mark in marks) else None


def _score(desk: Desk, source: Image.Image, result: Image.Image, instruction: str, passes: int) -> EditScores | None:
    made: list[tuple[float, float, float, float]] = []
    for number in range(passes):
        change = _asked(desk, edit_prompt(source, result, instruction), number)
        picture = None if change is None else _asked(desk, picture_prompt(result), number)
        if change is not None and picture is not None:
            made.append((*change, *picture))
    if not made:
        return None
    worth = [math.sqrt(min(one[:2]) * min(one[2:])) for one in made]
    means = [_mean([one[place] for one in made]) for place in range(4)]
    success, kept, natural, clean = means
    return EditScores(success=success, kept=kept, natural=natural, clean=clean, overall=_mean(worth), passes=len(made))


def _asked(desk: Desk, prompt: Prompt, number: int) -> tuple[float, float] | None:
    """The marks of one pass; a reply that cannot be read is drawn once more, while calls are left."""
    for again in range(_TRIES):
        if again and not desk.context.calls.left:
            return None
        reply = desk.sample(prompt, max_tokens=_TOKENS, seed=number + 1000 * again)
        if (marks := read_marks(reply.text)) is not None:
            return marks
    return None


def _mean(marks: Sequence[float]) -> float:
    """Of marks up to 25, on the scale of 10."""
    return sum(marks) / len(marks) / MOST_MARKS * 10


RANK = tool(rank)
