"""The bundled checkpoint: what ships is small, whole, and does the whole job for real."""

import json
from pathlib import Path

import pytest
from PIL import Image
from safetensors import safe_open

from omniagent import Agent, Budget
from omniagent.config import bundled_checkpoint
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Item, Scene

pytestmark = pytest.mark.bundled

FOLDER = Path(bundled_checkpoint())
CIRCLE = Scene("white", (Item("circle", "red", "solid", 64, 64, 18),))


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    return Agent(budget=Budget(max_rounds=2, max_images=3), runs_dir=tmp_path_factory.mktemp("runs"))


def test_the_checkpoint_has_the_published_layout_in_bf16_and_under_40_mb() -> None:
    index = json.loads((FOLDER / "model_index.json").read_text())
    assert index["transformer"] == ["transformer_omnigen2", "OmniGen2Transformer2DModel"]
    assert index["scheduler"] == ["scheduling_flow_match_euler_discrete", "FlowMatchEulerDiscreteScheduler"]
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 40e6
    for weights in FOLDER.rglob("*.safetensors"):
        with safe_open(weights, "pt") as file:
            assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"BF16"}, weights  # noqa: SIM118


def test_the_model_card_tells_data_compute_figures_and_limits() -> None:
    card = (FOLDER / "README.md").read_text()
    for heading in ("Data", "Training", "Figures", "Limits"):
        assert f"## {heading}" in card


def test_a_request_is_read_drawn_looked_at_and_kept(agent: Agent) -> None:
    result = agent.run("a large red circle on a white background", seed=1)
    assert result.plan is not None and result.plan.mode == "generate"
    assert [one.question for one in result.checklist] == [
        "Is there exactly 1 large red circle?",
        "Is the background white?",
        "Is there exactly 1 object in total?",
    ]
    assert result.image is not None and result.image.size == (128, 128)
    assert result.usage.images == len(result.attempts) >= 1
    assert result.critique is not None and len(result.critique.verdicts) == 3
    assert result.stop_reason in ("accepted", "round_limit", "image_limit", "stagnation", "oscillation")


def test_the_same_seed_draws_the_same_picture(agent: Agent) -> None:
    first, again = (agent.run("two small blue stars on a black background", seed=3) for _ in range(2))
    assert [one.image.sha256 for one in first.attempts] == [one.image.sha256 for one in again.attempts]


def test_a_task_outside_the_domain_is_refused_with_a_way_out(agent: Agent) -> None:
    result = agent.run("a photo of a cat on a sofa in the style of Van Gogh")
    assert result.stop_reason == "refused"
    assert result.image is None
    assert "OmniGen2/OmniGen2" in (result.message or "")


def test_an_edit_starts_from_the_given_picture(agent: Agent) -> None:
    result = agent.run("make the circle green", [Image.fromarray(render(CIRCLE))], seed=2)
    assert result.plan is not None and result.plan.mode == "edit"
    assert result.attempts and result.attempts[0].references
