"""Instruments: counts, read text and pairs of pictures give evidence, and disagreement is never sure."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.model.errors import CriticBadOutput
from omniagent.model.profile import CriticProfile, Thresholds
from omniagent.model.requests import CancelToken, Options, Prompt, Questions
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.runs.status import evidence_of
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.instruments.agreement import agreed, answer_of
from omniagent.tools.instruments.reading import reading_evidence
from omniagent.tools.meter import CallMeter
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt, Evidence, Requirement, Stated, Verdict

PLAIN = CriticProfile(name="plain")
APPLES = Requirement(
    id="r1", kind="count", question="Are there exactly five apples?", stated=Stated(thing="apples", number=5)
)
KEPT = Requirement(id="r2", kind="preservation", question="Is the sofa as it was?")
SIGN = Requirement(id="r3", kind="text", question='Does the sign say "OPEN"?', stated=Stated(text="OPEN"))
RED = Requirement(id="r4", kind="attribute", question="Is it red?")


class Reads:
    """A reader that reads what it is told to."""

    def __init__(self, *lines: str) -> None:
        self._lines = lines

    def lines(self, image: Image.Image) -> tuple[str, ...]:
        return self._lines


def looked_at(
    folder: Path, checklist: Sequence[Requirement], critic: ScriptedCritic, reader: Reads | None = None
) -> list[Verdict]:
    """The verdicts on a picture that was made from another one."""
    store = ImageStore(folder / "images")
    context = ToolContext(
        runtime=ModelRuntime(ScriptedGenerator(), critic, reader=reader),
        store=store,
        trace=Trace(folder / "trace.jsonl", "test"),
        token=CancelToken(),
        calls=CallMeter(50),
    )
    striped = Image.effect_noise((64, 64), 90).convert("RGB")
    given, made = store.put(striped), store.put(striped.rotate(90))
    attempt = Attempt(id="a1", image=made, instruction="x", seed=0)
    return list(
        CRITIQUE(CritiqueIn(attempt=attempt, checklist=tuple(checklist), source=given), context).critique.verdicts
    )


def counting(number: str) -> Callable[[Prompt, tuple[str, ...]], str]:
    return lambda prompt, options: number


@pytest.mark.parametrize(
    ("says", "counts", "answer"),
    [(0.95, "5", "yes"), (0.95, "4", "unsure"), (0.05, "5", "unsure"), (0.05, "4", "no"), (0.5, "5", "yes")],
)
def test_a_count_holds_only_where_the_open_count_agrees(tmp_path: Path, says: float, counts: str, answer: str) -> None:
    critic = ScriptedCritic(lambda prompt, question: says, choices=counting(counts), profile=PLAIN)
    (verdict,) = looked_at(tmp_path, [APPLES], critic)
    assert verdict.answer == answer
    assert [one.instrument for one in verdict.evidence] == ["probability", "number"]
    assert f"counts {counts} apples" in evidence_of(verdict)
    (asked,) = (call for call in critic.calls if isinstance(call, Options))
    assert "How many apples" in str(asked.prompt.parts[-1]) and "five" not in str(asked.prompt.parts[-1])


def test_a_critic_that_cannot_count_leaves_the_question_alone(tmp_path: Path) -> None:
    def cannot(prompt: Prompt, options: tuple[str, ...]) -> str:
        raise CriticBadOutput("a few")

    critic = ScriptedCritic(lambda prompt, question: 0.9, choices=cannot, profile=PLAIN)
    (verdict,) = looked_at(tmp_path, [APPLES], critic)
    assert (verdict.answer, [one.instrument for one in verdict.evidence]) == ("yes", ["probability"])


def test_what_must_stay_is_asked_of_both_pictures_in_their_order(tmp_path: Path) -> None:
    critic = ScriptedCritic(lambda prompt, question: 0.9 if "red" in question else 0.1, profile=PLAIN)
    kept, red = looked_at(tmp_path, [KEPT, RED], critic)
    assert (kept.answer, red.answer) == ("no", "yes")
    assert [kept.evidence[0].instrument, red.evidence[0].instrument] == ["pair", "probability"]
    pictures = {
        call.questions: [part for part in call.prompt.parts if isinstance(part, Image.Image)]
        for call in critic.calls
        if isinstance(call, Questions)
    }
    sizes = sorted(len(shown) for shown in pictures.values())
    assert sizes == [1, 2]
    before, after = next(shown for shown in pictures.values() if len(shown) == 2)
    assert before.rotate(90).tobytes() == after.tobytes()


def test_a_critic_that_sees_one_picture_judges_what_must_stay_as_before(tmp_path: Path) -> None:
    critic = ScriptedCritic(lambda prompt, question: 0.9, profile=CriticProfile(dialect="listed"))
    (verdict,) = looked_at(tmp_path, [KEPT], critic)
    assert [one.instrument for one in verdict.evidence] == ["probability"]


@pytest.mark.parametrize(("read", "answer"), [("OPEN", "yes"), ("0 P E N", "yes"), ("OPFN", "unsure"), ("", "unsure")])
def test_a_text_holds_only_where_it_is_read(tmp_path: Path, read: str, answer: str) -> None:
    critic = ScriptedCritic(lambda prompt, question: 0.95, profile=PLAIN)
    (verdict,) = looked_at(tmp_path, [SIGN], critic, Reads(*filter(None, [read])))
    assert verdict.answer == answer and verdict.evidence[-1].instrument == "reading"


def test_without_a_reader_the_critic_reads_aloud(tmp_path: Path) -> None:
    critic = ScriptedCritic(lambda prompt, question: 0.95, texts=["A sign\nOPEN"], profile=PLAIN)
    (verdict,) = looked_at(tmp_path, [SIGN], critic)
    assert verdict.answer == "yes" and "reads “A sign / OPEN”" in evidence_of(verdict)


@pytest.mark.parametrize(
    ("wanted", "lines", "answer"),
    [
        ("BLUE NOTE, Friday 9 PM", ["BLUENOTE", "FRIDAY9PM"], "yes"),
        ("欢迎光临", ["欢迎光临！"], "yes"),
        ("欢迎光临", ["欢迎光监"], "no"),
        ("CLOSED", ["CLOSE"], "no"),
        ("CLOSED", ["CLOOSED"], "no"),
        ("Café", ["CAFE"], "no"),
        ("!!!", [], "yes"),
        ("SALE", [], "no"),
        ("Welcome", ["WeIcome"], "yes"),
        ("Welcome", ["Weicome"], "no"),
        ("GRAND OPENING", ["GRAND 0PENlNG"], "yes"),
        ("SALE 17", ["ＳＡＬＥ　１７！"], "yes"),
        ("SALE", ["SALES"], "no"),
        ("Thank You", ["TThank You"], "no"),
        ("SALE", ["WHOLESALE"], "unsure"),
        ("SALE", ["Big SALE today"], "yes"),
        ("9 PM", ["FRIDAY9PM"], "yes"),
        ("FRIDAY 9 PM", ["FRIDAY", "doors", "9 PM"], "unsure"),
        ("FRIDAY 9 PM", ["FRIDAY", "doors", "8 PM"], "no"),
        ("Coffee & Books", ["Coffee", "good", "Books"], "unsure"),
        ("Coffee & Books", ["Cofee&Books"], "no"),
        ("新年快乐", ["祝您新年快乐"], "yes"),
        ("新年快乐", ["新新年快乐"], "no"),
        ("新年快乐", ["大新年快乐"], "unsure"),
        ("कि", ["का"], "no"),
        ("हिन्दी", ["हिन्दी"], "yes"),
        ("हिन्दी", ["हनद"], "no"),
        ("ที่นี่", ["ที่นี้"], "no"),
        ("ที่นี่", ["ที่นี่"], "yes"),
        ("مَرْحَبًا", ["مرحبا"], "yes"),
        ("I ❤️ NY", ["I NY"], "yes"),
    ],
)
def test_read_lines_are_compared_letter_by_letter(wanted: str, lines: list[str], answer: str) -> None:
    assert reading_evidence(wanted, lines).answer == answer


@given(st.text("abcdef ", min_size=3, max_size=20), st.data())
def test_one_other_letter_is_never_taken_for_the_text(text: str, data: st.DataObject) -> None:
    letters = [at for at, sign in enumerate(text) if sign != " "]
    if len(letters) < 3:
        return
    at = data.draw(st.sampled_from(letters))
    assert reading_evidence(text, [text]).answer == "yes"
    assert reading_evidence(text, [f"{text[:at]}x{text[at + 1 :]}"]).answer == "no"


@given(st.text(max_size=30), st.lists(st.text(max_size=20), max_size=4))
def test_any_text_and_any_lines_can_be_compared(wanted: str, lines: list[str]) -> None:
    found = reading_evidence(wanted, lines)
    assert found.answer in ("yes", "no", "unsure") and found.instrument == "reading"
    assert reading_evidence(wanted, [wanted]).answer == "yes"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=3))
def test_instruments_that_disagree_are_never_sure(probabilities: list[float]) -> None:
    limits = Thresholds()
    evidence = [Evidence(instrument="probability", answer=answer_of(p, limits), probability=p) for p in probabilities]
    answer, mean = agreed(evidence, limits)
    assert min(probabilities) - 1e-9 <= mean <= max(probabilities) + 1e-9
    if {"yes", "no"} <= {one.answer for one in evidence}:
        assert answer == "unsure"
