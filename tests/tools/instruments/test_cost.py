"""The cost of evidence: calls and prefills are counted for every picture, and stay near those of one plain question."""

from pathlib import Path

import pytest
from PIL import Image

from omniagent.model.checkpoint.settings import critic_profile_in
from omniagent.model.profile import CRITICS, CriticProfile
from omniagent.model.requests import CancelToken, Prompt
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.runs.status import cost_of, evidence_cost
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.dialects import dialect_of
from omniagent.tools.meter import CallMeter
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import CriticConsulted, Trace, read_trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt, Critique, Requirement, RequirementKind
from tests.support.faces import TASK, repaired
from tests.support.paths import ROOT

PLAIN_QUESTION = 1
"""Prefills of one verdict before there was evidence: all yes/no questions over one picture's shared prefix."""

MOST_MORE = 2
LISTED_LINES: tuple[tuple[RequirementKind, str], ...] = (
    ("count", "Are there exactly 2 red stars?"),
    ("relation", "Is the red star left of the blue ring?"),
    ("attribute", "Is the background black?"),
)
PLAIN_LINES: tuple[tuple[RequirementKind, str], ...] = (
    ("count", "Are there exactly two foxes?"),
    ("relation", "Is the fox left of the tent?"),
    ("text", 'Does the sign say "OPEN"?'),
    ("attribute", "Is the fox red?"),
    ("preservation", "Is the sofa as it was?"),
)


def judged(
    folder: Path, profile: CriticProfile, lines: tuple[tuple[RequirementKind, str], ...], *, edit: bool, says: float
) -> tuple[Critique, list[CriticConsulted]]:
    """The critique of a noisy picture, and the calls that the trace tells of."""

    def write(prompt: Prompt, schema: object) -> str:
        return "black background; star (red, left); ring (blue, right)"

    critic = ScriptedCritic(lambda prompt, question: says, write, choices=lambda prompt, options: "2", profile=profile)
    store, trace = ImageStore(folder / "images"), Trace(folder / "trace.jsonl", "test")
    context = ToolContext(
        runtime=ModelRuntime(ScriptedGenerator(), critic),
        store=store,
        trace=trace,
        token=CancelToken(),
        calls=CallMeter(50),
    )
    noise = Image.effect_noise((128, 128), 90).convert("RGB")
    needs = [
        Requirement(id=f"r{at}", kind=kind, question=text, stated=dialect_of(profile).stated(kind, text))
        for at, (kind, text) in enumerate(lines)
    ]
    attempt = Attempt(id="a1", image=store.put(noise), instruction="x", seed=0)
    source = store.put(noise.rotate(90)) if edit else None
    made = CRITIQUE(CritiqueIn(attempt=attempt, checklist=tuple(needs), source=source), context).critique
    return made, [event for event in read_trace(folder / "trace.jsonl") if isinstance(event, CriticConsulted)]


@pytest.mark.parametrize("edit", [False, True], ids=["draw", "edit"])
@pytest.mark.parametrize("says", [0.9, 0.5], ids=["sure", "unsure"])
def test_the_bundled_critic_reads_a_picture_at_most_twice_more_than_for_one_question(
    tmp_path: Path, edit: bool, says: float
) -> None:
    profile = critic_profile_in(ROOT / "omniagent" / "checkpoints" / "shapes" / "mllm")
    assert profile.dialect == "listed" and profile.describe_first
    made, calls = judged(tmp_path, profile, LISTED_LINES, edit=edit, says=says)
    assert made.cost.prefills == sum(call.prefills for call in calls) <= PLAIN_QUESTION + MOST_MORE
    assert made.cost.calls == len(calls)
    assert made.cost.prompt_tokens == sum(call.prompt_tokens for call in calls) > 0


def test_every_instrument_of_a_plain_critic_counts_and_questions_share_one_reading(tmp_path: Path) -> None:
    made, calls = judged(tmp_path, CRITICS["qwen2.5-vl"], PLAIN_LINES, edit=True, says=0.5)
    # The picture's questions, both pictures together, the text read aloud, and the boxes; asked again or counted
    # openly, nothing is read anew.
    assert made.cost.prefills == 4 < made.cost.calls == len(calls)
    assert [call.prefills for call in calls] == [1, 0, 1, 0, 1, 1, 0]


def test_a_runs_report_and_result_say_what_evidence_took_a_picture(tmp_path: Path) -> None:
    result = repaired(tmp_path).run(TASK, seed=5)
    assert all(one.cost.calls for one in result.critiques)
    assert result.usage.prefills >= sum(one.cost.prefills for one in result.critiques) > 0
    page = (result.folder / "report.html").read_text()
    for one in result.critiques:
        assert cost_of(one) in page
    assert evidence_cost(result.critiques) in page and "critic call" in evidence_cost(result.critiques)
