"""What a critic says of a place where an edit changed nothing is held to what it says of the given picture."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from omniagent.model.profile import CriticProfile
from omniagent.model.requests import CancelToken, Prompt, Questions
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.runs.status import evidence_of
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.dialects import dialect_of
from omniagent.tools.instruments.edits.untouched import unchanged_in
from omniagent.tools.meter import CallMeter
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt, Box, Requirement, Verdict

LISTED = CriticProfile(name="one", dialect="listed")
SQUARE = Requirement(id="r1", kind="presence", question="Is there a square (red, left)?")
CIRCLE = Requirement(id="r2", kind="presence", question="Is there a circle (green, right)?")
TOTAL = Requirement(id="r3", kind="count", question="Are there exactly 2 objects in total?")


def scene(circle: str, square: str = "red", side: int = 96) -> Image.Image:
    made = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(made)
    pen.rectangle((6, side // 2 - 8, 22, side // 2 + 8), fill=square)
    pen.ellipse((side - 24, side // 2 - 8, side - 8, side // 2 + 8), fill=circle)
    return made


BEFORE, AFTER = scene("blue"), scene("green")


class Forgetful:
    """A critic that misses the square in every picture but the given one."""

    def __init__(self, *, given: float = 0.97, described: str = "", before: str = "") -> None:
        self.given, self.texts = given, {"before": before, "after": described}
        profile = LISTED.model_copy(update={"describe_first": bool(described)})
        self.critic = ScriptedCritic(self.judge, self.write, profile=profile)

    def judge(self, prompt: Prompt, question: str) -> float:
        if "square" not in question:
            return 0.97
        return self.given if self.sees(prompt) == "before" else 0.03

    def write(self, prompt: Prompt, schema: object) -> str:
        return self.texts[self.sees(prompt)]

    def sees(self, prompt: Prompt) -> str:
        pictures = [part for part in prompt.parts if isinstance(part, Image.Image)]
        return "before" if pictures[-1].tobytes() == BEFORE.tobytes() else "after"

    def verdicts(
        self,
        folder: Path,
        after: Image.Image,
        *checklist: Requirement,
        before: Image.Image | None = BEFORE,
        calls: int = 50,
    ) -> dict[str, Verdict]:
        store = ImageStore(folder / "images")
        context = ToolContext(
            runtime=ModelRuntime(ScriptedGenerator(), self.critic),
            store=store,
            trace=Trace(folder / "trace.jsonl", "test"),
            token=CancelToken(),
            calls=CallMeter(calls),
        )
        attempt = Attempt(id="a1", image=store.put(after), instruction="make the circle green", seed=0)
        given = None if before is None else store.put(before)
        made = CRITIQUE(CritiqueIn(attempt=attempt, checklist=checklist, source=given), context).critique
        return {one.requirement: one for one in made.verdicts}

    @property
    def looks_at_given(self) -> int:
        asked = (call for call in self.critic.calls if isinstance(call, Questions))
        return sum(self.sees(call.prompt) == "before" for call in asked)


def test_what_is_missed_at_a_place_without_a_change_holds_as_of_the_given_picture(tmp_path: Path) -> None:
    critic = Forgetful()
    said = critic.verdicts(tmp_path, AFTER, SQUARE, CIRCLE, TOTAL)
    assert [said[name].answer for name in ("r1", "r2", "r3")] == ["yes", "yes", "yes"]
    assert said["r1"].probability == pytest.approx(0.97) and "nothing has changed there" in evidence_of(said["r1"])
    assert critic.looks_at_given == 1


@pytest.mark.parametrize(
    ("after", "before", "given", "looks"),
    [
        (scene("green", square="orange"), BEFORE, 0.97, 0),
        (scene("green"), None, 0.97, 0),
        (scene("green", side=128), BEFORE, 0.97, 0),
        (AFTER, BEFORE, 0.03, 1),
    ],
)
def test_a_no_stands_where_something_changed_or_the_given_picture_has_it_no_more(
    tmp_path: Path, after: Image.Image, before: Image.Image | None, given: float, looks: int
) -> None:
    critic = Forgetful(given=given)
    said = critic.verdicts(tmp_path, after, SQUARE, CIRCLE, before=before)
    assert (said["r1"].answer, said["r2"].answer) == ("no", "yes")
    assert critic.looks_at_given == looks


def test_what_holds_is_not_asked_about_the_given_picture(tmp_path: Path) -> None:
    critic = Forgetful()
    assert critic.verdicts(tmp_path, AFTER, CIRCLE, TOTAL)["r2"].answer == "yes"
    assert critic.looks_at_given == 0


def test_a_description_that_misses_it_too_gives_way_to_that_of_the_given_picture(tmp_path: Path) -> None:
    both = "white background; square (red, left); circle (blue, right)"
    critic = Forgetful(described="white background; circle (green, right)", before=both)
    assert critic.verdicts(tmp_path / "one", AFTER, SQUARE, CIRCLE)["r1"].answer == "yes"
    neither = Forgetful(described="white background; circle (green, right)", before="white background")
    assert neither.verdicts(tmp_path / "two", AFTER, SQUARE, CIRCLE)["r1"].answer == "no"


@pytest.mark.parametrize(("calls", "answer"), [(2, "no"), (3, "no"), (4, "yes")])
def test_the_last_calls_are_not_spent_on_the_given_picture(tmp_path: Path, calls: int, answer: str) -> None:
    both = "white background; square (red, left); circle (blue, right)"
    critic = Forgetful(described="white background; circle (green, right)", before=both)
    assert critic.verdicts(tmp_path, AFTER, SQUARE, CIRCLE, calls=calls)["r1"].answer == answer


def test_only_questions_that_name_one_of_nine_places_tell_where_to_compare() -> None:
    listed, plain = dialect_of(LISTED), dialect_of(CriticProfile(name="plain"))
    box = listed.place_of(SQUARE.question, (96, 48))
    assert box is not None and (box.left, box.top, box.right, box.bottom) == (0, 16, 32, 32)
    for question in (TOTAL.question, "Is there a star (red)?", "Is there a cat on the sofa?", ""):
        assert listed.place_of(question, (96, 48)) is None
    assert plain.place_of(SQUARE.question, (96, 48)) is None


def test_noise_of_the_decoder_is_no_change_and_a_lost_pattern_is() -> None:
    whole = Box(label="all", left=0, top=0, right=96, bottom=96)
    noisy = Image.blend(BEFORE, Image.effect_noise(BEFORE.size, 60).convert("RGB"), 0.04)
    assert unchanged_in(whole, BEFORE, noisy)
    striped = BEFORE.copy()
    pen = ImageDraw.Draw(striped)
    for row in range(40, 57, 4):
        pen.line((6, row, 22, row), fill="white", width=2)
    assert not unchanged_in(Box(label="square", left=0, top=32, right=32, bottom=64), BEFORE, striped)


@pytest.mark.parametrize("side", [1, 2, 3, 5])
def test_places_of_tiny_pictures_that_hold_no_pixel_tell_nothing(side: int) -> None:
    tiny = Image.new("RGB", (side, side), "red")
    for cell in ("top left", "centre", "bottom right"):
        box = dialect_of(LISTED).place_of(f"Is there a star (red, {cell})?", tiny.size)
        assert box is not None
        empty = round(box.right) <= round(box.left)
        assert unchanged_in(box, tiny, tiny) is not empty
