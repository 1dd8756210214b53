"""Presets, ways of holding a model in memory, and the doctor that shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from omniagent.cli.app import build_app
from omniagent.cli.options import make_agent
from omniagent.model.denoising.presets import preset_named
from omniagent.model.denoising.schedulers import FlowMatchEulerDiscreteScheduler
from omniagent.model.errors import BadSetting, OutOfMemory
from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.loading import load_generator
from omniagent.model.pipeline.memory import MODES, Need, fit, hold, need_of, next_smaller
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import GenerationRequest
from tests.support.tiny_omnigen2 import tiny_pipeline

SMALL = GeneratorProfile(width=48, height=32, steps=10)
REQUEST = GenerationRequest(instruction="a red circle", references=(Image.new("RGB", (48, 32), "red"),))


def test_presets_leave_out_more_and_more_steps_and_quality_none() -> None:
    pipeline, counts = tiny_pipeline(), list[tuple[int, int]]()
    layers = [0, 0]
    pipeline.transformer.layers[0].register_forward_hook(lambda *_: layers.__setitem__(0, layers[0] + 1))
    for name in ("quality", "balanced", "fast"):
        steps = list[int]()
        layers[0] = 0
        generator = OmniGen2Generator(pipeline, SMALL, preset=name)
        generator.generate(REQUEST, on_step=lambda _done, all_steps, steps=steps: steps.append(all_steps))
        counts.append((steps[0], layers[0]))
    assert counts == [(10, 10), (5, 5), (3, 3)]


@pytest.mark.parametrize(("static", "tokens"), [(None, 128 * 128), (3.0, 256), (1.2, 256)])
def test_fast_moves_times_away_from_the_noise_and_the_others_keep_the_checkpoints(
    static: float | None, tokens: int
) -> None:
    own = FlowMatchEulerDiscreteScheduler(static_shift=static)
    for steps in (1, 5, 20):
        own.set_timesteps(steps, num_tokens=tokens)
        moved = preset_named("fast").timesteps(own, steps, tokens)
        assert moved is not None and len(moved) == steps and moved[0] == 0
        assert all(early < late < 1 for early, late in zip(own.times[1:-1], moved[1:], strict=True))
        assert preset_named("quality").timesteps(own, steps, tokens) is None
        assert preset_named("balanced").timesteps(own, steps, tokens) is None


@pytest.mark.parametrize(
    "own",
    [
        FlowMatchEulerDiscreteScheduler(dynamic_time_shift=False),
        FlowMatchEulerDiscreteScheduler(static_shift=1.0),
        FlowMatchEulerDiscreteScheduler(),
    ],
)
def test_times_that_no_shift_puts_near_the_noise_are_left_alone(own: FlowMatchEulerDiscreteScheduler) -> None:
    assert preset_named("fast").timesteps(own, 5, 256) is None


@pytest.mark.parametrize("steps", [None, 4])
def test_a_fast_picture_is_that_of_dpm_solver_at_the_moved_times_with_guidance_in_every_step(steps: int | None) -> None:
    pipeline, fast = tiny_pipeline(), preset_named("fast")
    own = FlowMatchEulerDiscreteScheduler(static_shift=3.0)
    pipeline.scheduler = own
    generator = OmniGen2Generator(pipeline, SMALL, preset="fast")
    picture = generator.generate(REQUEST.model_copy(update={"steps": steps, "seeds": (5,)}))[0]
    pipeline.scheduler = fast.scheduler(own)
    wanted = pipeline(
        REQUEST.instruction,
        REQUEST.negative,
        input_images=list(REQUEST.references),
        height=32,
        width=48,
        timesteps=fast.timesteps(own, steps or 3, 4 * 6),
        text_guidance_scale=SMALL.text_guidance,
        image_guidance_scale=SMALL.image_guidance,
        cfg_range=(0.0, 1.0),
        generator=torch.Generator("cpu").manual_seed(5),
    ).images[0]  # pyright: ignore[reportAttributeAccessIssue]
    assert picture.tobytes() == wanted.tobytes()


def test_what_a_request_names_is_not_changed_by_a_preset() -> None:
    generator = OmniGen2Generator(tiny_pipeline(), SMALL, preset="fast")
    bucket = generator.bucket(REQUEST.model_copy(update={"steps": 9, "cfg_range": (0.1, 0.9)}))
    assert (bucket.steps, bucket.guidance.start, bucket.guidance.end) == (9, 0.1, 0.9)
    with pytest.raises(BadSetting, match=r"preset='best'.*quality, balanced, fast"):
        preset_named("best")


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("name", ["quality", "balanced", "fast"])
def test_a_lossy_preset_uses_bfloat16_on_a_cpu_that_multiplies_it_and_the_mllm_never_does(
    name: str, native: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_pipeline().save_pretrained(tmp_path)
    monkeypatch.setattr("omniagent.model.loading.multiplies_bfloat16", lambda: native)
    generator = load_generator(tmp_path, device="cpu", preset=name)
    pipeline = generator.pipeline
    drawn = torch.bfloat16 if native and name != "quality" else torch.float32
    assert (pipeline.transformer.dtype, pipeline.vae.dtype, pipeline.mllm.dtype) == (drawn, drawn, torch.float32)
    assert generator.generate(REQUEST.model_copy(update={"steps": 2}))[0].size == (48, 32)
    asked = load_generator(tmp_path, device="cpu", preset=name, dtype=torch.float32)
    assert asked.pipeline.transformer.dtype == torch.float32


@given(st.tuples(*[st.integers(1, 2**36)] * 3), st.integers(1, 64), st.integers(0, 2**32), st.integers(0, 2**38))
def test_the_chosen_mode_fits_and_no_faster_one_does(
    weights: tuple[int, int, int], blocks: int, work: int, free: int
) -> None:
    need = Need(*weights, blocks, work)
    try:
        found = fit(need, free)
    except OutOfMemory:
        assert all(need.peak(mode) * 1.1 > free for mode in MODES)
        return
    assert found.peak * 1.1 <= free
    assert all(need.peak(mode) * 1.1 > free for mode in MODES[: MODES.index(found.mode)])


def test_modes_step_down_to_the_last() -> None:
    assert [next_smaller(mode) for mode in MODES] == [*MODES[1:], None]


@pytest.mark.parametrize("mode", ["whole", "group", "sequential"])
def test_a_picture_is_the_same_however_the_model_is_held(mode: str) -> None:
    wanted = OmniGen2Generator(tiny_pipeline(), SMALL).generate(REQUEST)[0]
    pipeline = tiny_pipeline()
    hold(pipeline, mode, torch.device("cpu"))
    (found,) = OmniGen2Generator(pipeline, SMALL).generate(REQUEST)
    assert max(abs(a - b) for a, b in zip(found.tobytes(), wanted.tobytes(), strict=True)) <= 1


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(BadSetting, match="memory mode='swap'"):
        hold(tiny_pipeline(), "swap", torch.device("cpu"))


def test_the_doctor_shows_the_machine_the_need_and_the_choice(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(tmp_path / "tiny")
    need = need_of(tmp_path / "tiny", 64, 4)
    assert need.transformer == sum(weight.nbytes for weight in pipeline.transformer.parameters())
    arguments = ["doctor", "--model", str(tmp_path / "tiny"), "--device", "cpu"]
    shown = CliRunner().invoke(build_app(), arguments, obj=make_agent)
    assert shown.exit_code == 0, shown.output
    assert "cpu:" in shown.output and "choice: whole" in shown.output and f"torch {torch.__version__}" in shown.output
    missing = CliRunner().invoke(build_app(), ["doctor", "--model", str(tmp_path / "nowhere")], obj=make_agent)
    assert missing.exit_code == 2
