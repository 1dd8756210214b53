"""Photos of any size on a real vLLM with the processor of the published family: each goes through plan and verdict.

The weights are random; what is tried is that no chat is longer than the model's context.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from omniagent.model.critic.local import LocalCritic
from omniagent.model.critic.service.keeper import Keeper
from omniagent.model.critic.service.service import plan_service
from omniagent.model.critic.vllm import VllmCritic
from omniagent.model.profile import CRITICS
from omniagent.model.requests import CancelToken, Critic
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedGenerator
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.meter import CallMeter
from omniagent.tools.plan import PLAN, PlanIn
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import CriticConsulted, Trace, read_trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt, Requirement, Task
from tests.support.tiny_models import save_mllm, save_processor
from tests.vllm.served import CHECKPOINT

pytestmark = pytest.mark.timeout(1800)

CONTEXT = 8192
# Random weights have nothing to say, so their texts are short here.
PROFILE = CRITICS["qwen2.5-vl"].model_copy(update={"plan_tokens": 32, "description_tokens": 16})
PHOTOS = {
    "12 megapixels": [(4032, 3024)],
    "24 megapixels": [(6000, 4000)],
    "48 megapixels": [(8064, 6048)],
    "five of 12 megapixels": [(4032, 3024)] * 5,
    "a panorama of 10 to 1": [(10000, 1000)],
    "an icon of 8 pixels": [(8, 8)],
}
LINES = (
    Requirement(id="r1", kind="attribute", question="Is the sky blue?"),
    Requirement(id="r2", kind="preservation", question="Is the house as it was?"),
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    (folder / "processor").mkdir()
    shutil.copy(CHECKPOINT / "processor" / "chat_template.jinja", folder / "processor")
    save_mllm(folder / "mllm", save_processor(folder / "processor", patch=14), patch=14, context=CONTEXT)
    return folder


@pytest.fixture(scope="module")
def served(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Critic]:
    keeper = Keeper(plan_service(checkpoint, port=0), tmp_path_factory.mktemp("log") / "vllm.log", start_limit=1200.0)
    settings = keeper.settings
    critic = VllmCritic(settings.url, settings.name, settings.key, keeper=keeper, profile=PROFILE)
    try:
        critic.await_start()
        yield critic
    finally:
        critic.close()
        keeper.close()


@pytest.fixture(scope="module")
def in_process(checkpoint: Path) -> Critic:
    import torch

    return LocalCritic.load(
        checkpoint / "mllm", checkpoint / "processor", device=torch.device("cpu"), dtype=torch.float32,
        profile=PROFILE,
    )  # fmt: skip


@pytest.mark.parametrize("where", ["served", "in_process"])
@pytest.mark.parametrize("name", PHOTOS)
def test_every_photo_goes_through_plan_and_verdict(
    request: pytest.FixtureRequest, tmp_path: Path, where: str, name: str
) -> None:
    critic: Critic = request.getfixturevalue(where)
    context = ToolContext(
        runtime=ModelRuntime(ScriptedGenerator(), critic),
        store=ImageStore(tmp_path / "images"),
        trace=Trace(tmp_path / "trace.jsonl", "photos"),
        token=CancelToken(),
        calls=CallMeter(50),
    )
    refs = tuple(context.store.put(_photo(size, number)) for number, size in enumerate(PHOTOS[name]))
    plan = PLAN(PlanIn(task=Task(instruction="make the sky of image 1 pink", images=refs), mode="edit"), context).plan
    assert plan.checklist
    attempt = Attempt(id="a1", image=context.store.put(_photo(PHOTOS[name][0], 9)), instruction="x", seed=0)
    made = CRITIQUE(CritiqueIn(attempt=attempt, checklist=LINES, source=refs[0]), context).critique
    assert [one.evidence[0].instrument for one in made.verdicts] == ["probability", "pair"]
    asked = [event for event in read_trace(context.trace.path) if isinstance(event, CriticConsulted)]
    assert len(asked) >= 3
    # A plan's prompt and the tokens that it may be answered with share the context.
    assert max(event.prompt_tokens for event in asked) + CRITICS["qwen2.5-vl"].plan_tokens <= CONTEXT


def _photo(size: tuple[int, int], shade: int) -> Image.Image:
    small = Image.effect_noise((max(8, size[0] // 64), max(8, size[1] // 64)), 60 + 10 * shade).convert("RGB")
    return small.resize(size)
