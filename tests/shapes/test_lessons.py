"""Lessons: what heads are asked follows from the words, and facts agree with the answers they stand behind."""

import re

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase, Qwen2_5_VLForConditionalGeneration

from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.training.attention import write_out_attention
from omniagent.model.training.captions import Caption, CaptionProbe
from omniagent.model.training.dit import spread_times
from omniagent.shapes.scene.world import BACKGROUNDS, COLOURS, FILLS, SHAPES, SIZES, SPOTS
from omniagent.shapes.tasks.task import draw_task, some_scene
from omniagent.shapes.training.architecture import TRANSFORMER
from omniagent.shapes.training.lessons import CAPTION_CLASSES, caption_of
from omniagent.shapes.words.statements import FACTS, statements


def test_a_caption_asks_of_each_phrase_what_its_words_say() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        scene = some_scene(rng)
        caption = caption_of(scene, rng.permutation(len(scene.items)).tolist())
        start = caption.text.index(":")
        assert len(caption.ends) == len(scene.items)
        for end, (size, fill, colour, shape, column, row, ground) in zip(caption.ends, caption.classes, strict=True):
            said = caption.text[start + 1 : end].replace(";", "").split()
            start = end
            assert list(COLOURS)[colour] in said and SHAPES[shape] in said
            assert [s for s in SIZES if s in said] == [s for s in (None, *SIZES)[size : size + 1] if s]
            assert [f for f in FILLS if f in said] == [f for f in (FILLS[fill],) if f != "solid"]
            assert said[-2:] in ([SPOTS[column], SPOTS[row]], ["inside", "it"])
            assert f"on a {list(BACKGROUNDS)[ground]} background" in caption.text


def test_a_number_behind_a_count_question_makes_its_answer_true_or_false() -> None:
    rng = np.random.default_rng(1)
    asked = 0
    for _ in range(200):
        scene = some_scene(rng)
        wanted = draw_task(rng, some_scene(rng)).wanted
        assert wanted is not None
        for one in statements(rng, scene, wanted):
            assert 0 <= one.fact < FACTS
            if number := re.search(r"exactly (\d+) ", one.question):
                asked += 1
                assert one.true == (one.fact == int(number.group(1))), one
    assert asked > 200


def test_a_probe_reads_the_state_at_the_end_of_each_phrase(
    mllm: Qwen2_5_VLForConditionalGeneration, tokenizer: PreTrainedTokenizerBase
) -> None:
    """What stands after a phrase cannot change what is read at its end."""
    probe = CaptionProbe(mllm, CAPTION_CLASSES, FACTS)
    first = "draw on a gray background: red star at c c"
    longer = f"{first}; blue ring at m m"
    classes = (0, 0, 0, 3, 2, 2, 2)
    alone = Caption(first, (len(first),), (classes,))
    among = Caption(longer, (len(first),), (classes,))
    with torch.no_grad():
        losses = [probe(tokenizer, [caption]).loss for caption in (alone, among)]
    torch.testing.assert_close(losses[0], losses[1], atol=1e-5, rtol=1e-5)


def test_captions_without_phrases_ask_nothing_and_still_measure_drift(
    mllm: Qwen2_5_VLForConditionalGeneration, tokenizer: PreTrainedTokenizerBase
) -> None:
    with torch.no_grad():
        told = CaptionProbe(mllm, CAPTION_CLASSES, FACTS)(tokenizer, [Caption("make the ring red", (), ())], mllm)
    assert float(told.loss) == 0.0 and float(told.drift) == 0.0


def test_drift_is_nothing_for_the_same_weights_and_grows_with_change(
    mllm: Qwen2_5_VLForConditionalGeneration, tokenizer: PreTrainedTokenizerBase
) -> None:
    torch.manual_seed(3)
    other = Qwen2_5_VLForConditionalGeneration(mllm.config).eval()
    text = "draw on a gray background: red star at c c"
    captions = [Caption(text, (len(text),), ((0, 0, 0, 3, 2, 2, 2),))]
    probe = CaptionProbe(mllm, CAPTION_CLASSES, FACTS)
    with torch.no_grad():
        assert float(probe(tokenizer, captions, mllm).drift) == 0.0
        assert float(probe(tokenizer, captions, other).drift) > 0.5


def test_attention_written_out_gives_the_same_velocity() -> None:
    torch.manual_seed(0)
    transformer = OmniGen2Transformer2DModel(**TRANSFORMER).eval()
    with torch.no_grad():
        for weight in transformer.parameters():
            if weight.ndim == 2 and not weight.any():
                weight.normal_(std=0.02)
    latents, states = torch.randn(2, 8, 16, 16), torch.randn(2, 9, 256)
    mask = torch.tensor([[1] * 9, [1] * 5 + [0] * 4])
    references = [[torch.randn(8, 16, 16)], []]

    def velocity() -> torch.Tensor:
        with torch.no_grad():
            made = transformer(latents, torch.tensor([0.2, 0.7]), states, mask, references).sample
        assert isinstance(made, torch.Tensor)
        return made

    before = velocity()
    assert float(before.abs().max()) > 0.01
    write_out_attention(transformer)
    torch.testing.assert_close(velocity(), before, atol=1e-5, rtol=1e-4)


def test_times_of_a_batch_cover_their_distribution_evenly() -> None:
    parts = spread_times([16, 16, 8], -0.8, torch.Generator().manual_seed(0))
    assert [len(part) for part in parts] == [16, 16, 8]
    times = torch.cat(parts)
    expected = torch.sigmoid(torch.special.ndtri((torch.arange(40) + 0.5) / 40) - 0.8)
    assert float((times.sort().values - expected).abs().max()) < 0.1
    assert not torch.equal(times, times.sort().values)
