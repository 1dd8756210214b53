"""Edits that compute the tokens of their region alone and take the rest from their source."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.model.denoising.guidance import Guidance
from omniagent.model.denoising.loop import Denoising, denoise
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.reuse.memory import Source, Work
from omniagent.model.denoising.reuse.regions import changed_tokens, grown, tokens_in
from omniagent.model.denoising.reuse.settings import RegionReuse, Schedule
from omniagent.model.denoising.reuse.step import ReusingField
from omniagent.model.denoising.schedulers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from omniagent.model.denoising.step_cache import TeaCache
from omniagent.model.errors import BadSetting
from omniagent.model.generator.key_room import KeyRoom
from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.generator.queue import RequestQueue
from omniagent.model.limits import Part
from omniagent.model.network.cpu_linear import LEAST_ROWS
from omniagent.model.network.padded import Grid
from omniagent.model.network.text_states import TextStates
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pictures import Size
from omniagent.model.pipeline.memory import PUBLISHED_CONFIG, need_from
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import GenerationRequest, check_request
from tests.support.tiny_omnigen2 import CONFIG, tiny_pipeline, tiny_transformer

NET = tiny_transformer()
STEPS = 6
GUIDANCE = Guidance(text_scale=3.0, image_scale=1.5)
OFTEN = RegionReuse(found=Schedule(0.2, every=3), known=Schedule(0.05, every=3, repeat=2))
CORNER: Part = (0.0, 0.0, 0.4, 0.4)
SIDES = (8, 12)
"""Latent pixels: 4 by 6 tokens, of which the corner has 2 by 3."""


def latents(seed: int, height: int = SIDES[0], width: int = SIDES[1]) -> torch.Tensor:
    return torch.randn(16, height, width, generator=torch.Generator().manual_seed(seed))


def text(net: OmniGen2Transformer2DModel, lengths: Sequence[int], seed: int) -> TextStates:
    states = torch.randn(
        len(lengths), max(lengths), CONFIG["text_feat_dim"], generator=torch.Generator().manual_seed(seed)
    )
    with torch.no_grad():
        return net.encode_text(states, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None])


SAME, OTHER, SMALL = latents(11), latents(12), latents(13, 4, 4)
REFERENCES = [[SAME], [OTHER, SMALL], [SMALL, OTHER], [], [SMALL]]
SOURCES = [Source(CORNER), Source((0.6, 0.5, 1.0, 1.0)), Source(CORNER), Source(), Source(CORNER)]


def batch(
    rows: Sequence[int], *, dpm: bool = False, guidance: Guidance = GUIDANCE, steps: int = STEPS, **settings: Any
) -> Denoising:
    """Some of five: with a source, with a picture beside it, with it as the second, from words, with a smaller one."""
    scheduler = (DPMSolverMultistepScheduler if dpm else FlowMatchEulerDiscreteScheduler)()
    scheduler.set_timesteps(steps, "cpu", num_tokens=math.prod(SIDES))
    sources = settings.pop("sources", SOURCES)
    return Denoising(
        NET,
        scheduler,
        torch.stack([latents(20 + row) for row in rows]),
        text(NET, (4, 7, 4, 5, 4), 1).select(list(rows)),
        text(NET, (3, 3, 5, 3, 3), 2).select(list(rows)),
        [REFERENCES[row] for row in rows],
        guidance,
        sources=[sources[row] for row in rows],
        **settings,
    )


@pytest.mark.parametrize("guidance", [GUIDANCE, Guidance(text_scale=3.0), Guidance(text_scale=1.0)])
@pytest.mark.parametrize("off", ["exact", "exact-trimmed", "exact-tabled_rotation", "reference"])
def test_tokens_that_go_through_alone_have_the_velocities_of_the_whole_where_nothing_else_moved(
    guidance: Guidance, off: str
) -> None:
    field = ReusingField(
        NET,
        torch.tensor([0.3, 0.6]),
        SIDES,
        text(NET, (4, 7), 1),
        text(NET, (3, 5), 2),
        [[SAME, SMALL], [OTHER]],
        computation=Computation.named(off),
    )
    noise, passes = torch.stack([latents(1), latents(2)]), guidance.passes(0, 1, has_references=True)
    some = torch.tensor([1, 2, 9, 23])
    with torch.no_grad():
        wanted = field.at(0, noise, passes)
        whole = field.partly(0, noise, passes, [Work(keeps=True)] * 2)
        part = field.partly(
            0, noise, passes, [Work(tuple(some.tolist()), context=False, references=False), Work(references=False)]
        )
    for first, second, third in zip(wanted, whole, part, strict=True):
        torch.testing.assert_close(second, first, atol=2e-5, rtol=0)
        torch.testing.assert_close(third[1], first[1], atol=2e-5, rtol=0)
        inside = torch.zeros(24, dtype=torch.bool)
        inside[some] = True
        mask = inside.view(4, 6).repeat_interleave(2, 0).repeat_interleave(2, 1)
        torch.testing.assert_close(third[0], first[0] * mask, atol=2e-5, rtol=0)


@pytest.mark.parametrize(
    ("row", "source"),
    [
        (0, Source((0.0, 0.0, 1.0, 1.0))),
        (0, Source((-3.0, -0.5, 1.5, 0.9))),
        (0, Source()),
        (2, Source(CORNER)),
        (4, Source(CORNER)),
        (4, Source()),
        (3, Source()),
    ],
    ids=["whole", "most", "changes all over", "first is smaller", "smaller", "smaller, not known", "from words"],
)
def test_an_edit_that_has_nothing_to_reuse_is_the_exact_one_bit_for_bit(row: int, source: Source) -> None:
    sources = list(SOURCES)
    sources[row] = source
    found = batch([row], reuse=RegionReuse(), sources=sources)
    assert torch.equal(denoise(found), denoise(batch([row])))
    assert found.regions == [None] and found.ended == [False]


@pytest.mark.parametrize("dpm", [False, True])
def test_pictures_do_not_depend_on_the_company_in_which_they_reuse_their_sources(dpm: bool) -> None:
    alone = [denoise(batch([row], dpm=dpm, reuse=OFTEN))[0] for row in range(5)]
    together = denoise(batch(range(5), dpm=dpm, reuse=OFTEN))
    left = batch(range(5), dpm=dpm, reuse=OFTEN)
    left.step()
    left.step()
    left.keep([1, 3, 0])
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))
    assert all(torch.equal(alone[row], found) for row, found in zip((1, 3, 0), denoise(left), strict=True))


def test_keys_of_pictures_that_left_or_ended_their_reuse_are_let_go() -> None:
    alone = batch([0], reuse=OFTEN)
    alone.step()
    together = batch([0, 1, 0, 1], reuse=OFTEN)
    together.step()
    # Each has its own, so that none holds on to the row.
    assert together.key_bytes > 3 * alone.key_bytes > 0
    together.keep([0])
    assert together.key_bytes == alone.key_bytes
    ending = batch([0], reuse=RegionReuse(found=Schedule(0.2)), sources=[Source()])
    denoise(ending)
    assert ending.regions == [None] and ending.key_bytes == 0


def test_as_many_edits_are_drawn_at_once_as_half_of_the_free_memory_holds_keys_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pipeline = tiny_pipeline()
    room = KeyRoom(pipeline, lambda: 2**24)
    alone = batch([0], reuse=OFTEN)
    alone.step()
    size = Size(8 * SIDES[0], 8 * SIDES[1])
    # A text counts as 256 tokens.
    assert 2**23 // room.edits(size, [size], GUIDANCE) > alone.key_bytes
    assert room.edits(size, [size] * 5, GUIDANCE) < room.edits(size, [size], GUIDANCE)
    assert KeyRoom(pipeline, lambda: 0).edits(size, [size], GUIDANCE) == 1
    asked = GenerationRequest(instruction="a", references=(PICTURE,), seeds=(1, 2, 3, 4))

    def free(device: torch.device) -> int:
        return 2**21 - 2**19

    monkeypatch.setattr("omniagent.model.generator.key_room.free_bytes", free)
    edit = OmniGen2Generator(pipeline, PROFILE, preset="edit", batch=8)
    assert edit.bucket(asked).most == 2
    sizes, start = list[int](), edit.start
    monkeypatch.setattr(edit, "start", lambda each: sizes.append(len(each)) or start(each))  # pyright: ignore
    edit.generate(asked)
    queue = RequestQueue(edit, nullcontext)
    queue.draw(asked)
    queue.close()
    assert sizes == [2] * 4
    assert edit.bucket(GenerationRequest(instruction="a")).most is None
    assert OmniGen2Generator(pipeline, PROFILE, batch=8).bucket(asked).most is None
    numbers = {"transformer": 0, "mllm": 0, "vae": 0}
    need, reusing = (need_from(numbers, PUBLISHED_CONFIG, 1024, reuse=reuse) for reuse in (False, True))
    assert 2.2e9 < reusing.work - need.work < 2.4e9


def test_regions_of_few_tokens_grow_where_few_rows_are_multiplied_in_another_order() -> None:
    # Without layouts the default library multiplies, as of large networks.
    rows, how = range(3), Computation.named("exact-laid_out")
    boxes = [(0.0, 0.0, 0.2, 0.2), (0.5, 0.5, 0.6, 0.6), (0.3, 0.3, 0.31, 0.31)]

    def drawing(chosen: Sequence[int]) -> Denoising:
        scheduler = FlowMatchEulerDiscreteScheduler()
        scheduler.set_timesteps(3, "cpu", num_tokens=256)
        return Denoising(
            NET,
            scheduler,
            torch.stack([latents(20 + row, 16, 16) for row in chosen]),
            text(NET, (4, 4, 4), 1).select(list(chosen)),
            text(NET, (3, 3, 3), 2).select(list(chosen)),
            [[latents(40 + row, 16, 16)] for row in chosen],
            GUIDANCE,
            sources=[Source(boxes[row]) for row in chosen],
            reuse=RegionReuse(),
            computation=how,
        )

    together = drawing(rows)
    assert all(torch.equal(denoise(drawing([row]))[0], one) for row, one in enumerate(denoise(together)))
    assert [None if each is None else len(each) for each in together.regions] == [LEAST_ROWS] * 3


def test_a_region_grows_by_the_tokens_that_are_nearest_to_it() -> None:
    grid = Grid(3, 4)
    assert grown(torch.tensor([0]), grid, 3).tolist() == [0, 1, 4]
    assert grown(torch.tensor([5, 6]), grid, 2).tolist() == [5, 6]
    assert grown(torch.tensor([5]), grid, 99).tolist() == list(range(12)) and not len(grown(torch.tensor([]), grid, 3))


@pytest.mark.parametrize("dpm", [False, True])
def test_outside_of_a_given_region_a_picture_ends_at_its_source(dpm: bool) -> None:
    found = batch([0], dpm=dpm, reuse=RegionReuse(known=Schedule(0.05, last=0)))
    picture, exact = denoise(found)[0], denoise(batch([0], dpm=dpm))[0]
    torch.testing.assert_close(picture[:, 4:], SAME[:, 4:], atol=1e-5, rtol=0)
    torch.testing.assert_close(picture[:, :4, 6:], SAME[:, :4, 6:], atol=1e-5, rtol=0)
    inside = picture[:, :4, :6]
    assert float((inside - SAME[:, :4, :6]).abs().mean()) > 3 * float((inside - exact[:, :4, :6]).abs().mean()) > 0


def test_a_region_is_found_where_the_estimate_differs_and_the_rest_is_left_out() -> None:
    first = batch([0])
    first.step()
    # A source that the network's first estimate is near to, but for a corner.
    near = first.foreseen[0].clone()
    near[:, :4, :6] += 3.0
    reuse = RegionReuse(found=Schedule(0.01, last=0), threshold=1.0)
    found = batch([0], reuse=reuse, sources=[Source(latents=(near,))])
    picture = denoise(found)[0]
    (region,) = found.regions
    assert region is not None and region.tolist() == tokens_in(CORNER, Grid(4, 6)).tolist() == [0, 1, 2, 6, 7, 8]
    torch.testing.assert_close(picture[:, 4:], near[:, 4:], atol=1e-5, rtol=0)
    estimate = batch([0], reuse=replace(reuse, outside="estimate"), sources=[Source(latents=(near,))])
    torch.testing.assert_close(denoise(estimate)[0][:, 4:], first.foreseen[0][:, 4:], atol=1e-5, rtol=0)


def test_what_changes_later_joins_the_region_at_the_next_full_step_and_most_of_the_picture_ends_reuse() -> None:
    first = batch([0])
    first.step()
    near = first.foreseen[0].clone()
    near[:, :4, :6] += 3.0
    for most, ends in ((1.0, False), (0.3, True)):
        reuse = RegionReuse(found=Schedule(0.01, every=2, last=0), threshold=0.8, most=most)
        found = batch([0], reuse=reuse, sources=[Source(latents=(near,))])
        found.step()
        (before,) = found.regions
        denoise(found)
        (after,) = found.regions
        assert before is not None and before.tolist() == [0, 1, 2, 6, 7, 8] and after is not None
        # A picture that did reuse its source is no exact one, and says which part of it was drawn.
        assert found.ended == [ends] and (before.tolist() == after.tolist()) == ends
        assert set(before.tolist()) <= set(after.tolist())


def test_guidance_that_begins_later_makes_a_whole_step_of_it() -> None:
    late = Guidance(text_scale=3.0, image_scale=1.5, start=0.5, end=0.8)
    found = batch([0], reuse=RegionReuse(known=Schedule(0.05, last=0)), guidance=late)
    counts = list[int]()
    while found.done < found.steps:
        before = found.token_layers
        found.step()
        counts.append(found.token_layers - before)
    # One pass in the first three and in the last step, three in the two between; whole in the first and the fourth.
    assert counts[1] == counts[2] == counts[5] < counts[4] < counts[0] < counts[3]


def test_an_edit_with_a_known_region_takes_less_than_half_the_work_of_one_that_looks_for_it() -> None:
    known = RegionReuse()
    looked = replace(known, known=known.found)
    counts = list[int]()
    for reuse in (known, looked, None):
        made = batch([0], steps=20, reuse=reuse)
        denoise(made)
        counts.append(made.token_layers)
    assert 2 * counts[0] < counts[1] and 2 * counts[1] < counts[2]


@given(
    st.tuples(*[st.floats(-1, 2)] * 4).filter(lambda b: b[0] < min(b[2], 1) and b[1] < min(b[3], 1)),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 2),
)
def test_the_tokens_of_a_box_are_all_that_it_touches_and_at_least_one(
    box: Part, rows: int, columns: int, margin: int
) -> None:
    if min(box[2:]) <= 0:
        with pytest.raises(BadSetting, match="region"):
            tokens_in(box, Grid(rows, columns), margin)
        return
    found = tokens_in(box, Grid(rows, columns), margin).tolist()
    assert (
        found == sorted(set(found))
        and 1 <= len(found) <= rows * columns
        and found[0] >= 0
        and found[-1] < rows * columns
    )
    for row in range(rows):
        for column in range(columns):
            across = box[0] < (column + 1) / columns and column / columns < box[2]
            touched = across and box[1] < (row + 1) / rows and row / rows < box[3]
            assert not touched or row * columns + column in found


@given(st.sets(st.integers(0, 23), max_size=24), st.integers(0, 1))
def test_changed_tokens_are_those_that_moved_and_their_neighbours(moved: set[int], margin: int) -> None:
    there = torch.zeros(16, *SIDES)
    for token in moved:
        row, column = divmod(token, 6)
        there[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = 1.0
    found = set(changed_tokens(there, torch.zeros(16, *SIDES), 2, 0.5, margin).tolist())
    near = {
        row * 6 + column
        for row in range(4)
        for column in range(6)
        if any(abs(row - t // 6) <= margin and abs(column - t % 6) <= margin for t in moved)
    }
    assert found == near


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("first", lambda: Schedule(0.0)),
        ("first", lambda: Schedule(1.5)),
        ("first", lambda: Schedule(cast("Any", "a"))),
        ("every", lambda: Schedule(0.5, every=-1)),
        ("every", lambda: Schedule(0.5, every=cast("Any", 2.5))),
        ("last", lambda: Schedule(0.5, last=-1)),
        ("repeat", lambda: Schedule(0.5, repeat=1)),
        ("threshold", lambda: RegionReuse(threshold=math.nan)),
        ("margin", lambda: RegionReuse(margin=-1)),
        ("margin", lambda: RegionReuse(margin=cast("Any", 1.5))),
        ("most", lambda: RegionReuse(most=0)),
        ("outside", lambda: RegionReuse(outside=cast("Any", "noise"))),
    ],
)
def test_settings_of_reuse_outside_of_their_ranges_are_refused_by_name(name: str, wrong: Callable[[], object]) -> None:
    with pytest.raises(BadSetting, match=f"region reuse {name}="):
        wrong()


@pytest.mark.parametrize("row", [0, 3], ids=["edit", "words"])
def test_a_step_cache_together_with_reuse_is_refused(row: int) -> None:
    with pytest.raises(BadSetting, match="exclude each other"):
        batch([row], reuse=RegionReuse(), cache=TeaCache())


def test_a_pipeline_refuses_settings_of_reuse_that_would_do_nothing() -> None:
    pipeline, reuse = tiny_pipeline(), RegionReuse()
    picture, odd = PICTURE, cast("Any", "abcd")
    for wrong, settings in (
        ("without a reference", {"region": CORNER, "reuse": reuse}),
        ("without a reference", {"region": CORNER, "reuse": reuse, "input_images": [[picture], None]}),
        ("without reuse", {"region": CORNER, "input_images": picture}),
        ("exclude each other", {"reuse": reuse, "step_cache": TeaCache()}),
        ("region='abcd'", {"region": odd, "reuse": reuse, "input_images": picture}),
        ("region=5", {"region": cast("Any", 5), "reuse": reuse, "input_images": picture}),
    ):
        several: Any = settings
        prompt = ["a", "b"] if isinstance(several.get("input_images"), list) else "a"
        with pytest.raises(BadSetting, match=wrong):
            pipeline(prompt, num_inference_steps=1, **several)


PICTURE = Image.effect_noise((96, 64), 90).convert("RGB")
PROFILE = GeneratorProfile(width=96, height=64, steps=STEPS)


@pytest.mark.parametrize(
    "region",
    [
        (1.0, 0.0, 2.0, 1.0),
        (0.5, 0.5, 0.5, 0.9),
        (0.0, 0.9, 1.0, 0.1),
        (math.nan, 0.0, 1.0, 1.0),
        (-1.0, 0.0, 0.0, 1.0),
    ],
)
def test_a_region_with_nothing_of_the_picture_in_it_or_without_a_picture_is_refused(region: Part) -> None:
    with pytest.raises(BadSetting, match="region"):
        check_request(GenerationRequest(instruction="a", references=(PICTURE,), region=region))
    with pytest.raises(BadSetting, match="without a reference"):
        check_request(GenerationRequest(instruction="a", region=CORNER))


def test_the_edit_preset_draws_words_exactly_and_repairs_from_what_it_drew_before() -> None:
    pipeline = tiny_pipeline()
    exact, edit = (OmniGen2Generator(pipeline, PROFILE, preset=name) for name in ("quality", "edit"))
    words = GenerationRequest(instruction="a red circle")
    (drawn,) = edit.generate(words)
    assert drawn.tobytes() == exact.generate(words)[0].tobytes()
    repair = GenerationRequest(instruction="make it blue", references=(drawn,), region=CORNER)
    (known,) = edit.prepare(repair).source.latents
    assert known is not None and edit.prepare(repair).source.region == CORNER
    (decoded,) = cast("list[Image.Image]", pipeline.decode(known[None]))
    assert decoded.tobytes() == drawn.tobytes()
    whole = repair.model_copy(update={"region": (0.0, 0.0, 1.0, 1.0)})
    (part,), (all_of_it,) = edit.generate(repair), edit.generate(whole)
    assert all_of_it.tobytes() == exact.generate(repair)[0].tobytes() != part.tobytes()
    edit.forget()
    assert edit.prepare(repair).source.latents == (None,)
