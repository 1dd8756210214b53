"""The in-process critic against a plain forward pass of the same random Qwen2.5-VL."""

import time
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from omniagent.model.critic.local import QUESTIONS_AT_ONCE, LocalCritic
from omniagent.model.errors import BadCheckpoint, BadTask, Cancelled, CriticBadOutput
from omniagent.model.mllm.encoder import ChatEncoder
from omniagent.model.requests import CancelToken, Critic, Options, Prompt, Questions, Writing
from tests.support.tiny_models import save_mllm, save_processor

QUESTIONS = st.lists(st.text("abc redstar?<>é\n", max_size=30), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("critic")
    save_mllm(root / "mllm", save_processor(root / "processor"))
    return root


def load(folder: Path) -> LocalCritic:
    return LocalCritic.load(folder / "mllm", folder / "processor", device=torch.device("cpu"), dtype=torch.float32)


@pytest.fixture(scope="module")
def shared(folder: Path) -> LocalCritic:
    return load(folder)


@pytest.fixture
def critic(folder: Path) -> LocalCritic:
    return load(folder)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ChatEncoder:
    return ChatEncoder.load(folder / "processor")


def picture(seed: int, size: tuple[int, int] = (128, 128)) -> Image.Image:
    pixels = torch.randint(0, 256, (size[1], size[0], 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(pixels.to(torch.uint8).numpy())


def prompt(*pictures: Image.Image, text: str = "\n") -> Prompt:
    return Prompt(system="You check pictures.", parts=(*pictures, text))


def whole_logits(critic: LocalCritic, encoder: ChatEncoder, asked: Prompt) -> torch.Tensor:
    """The last token's logits by one plain forward pass of a freshly encoded chat."""
    chat = encoder.encode(asked)
    ids = torch.tensor([chat.ids])
    patches = [encoder.patches(image) for image in chat.pictures]
    with torch.no_grad():
        logits = critic.network(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            mm_token_type_ids=(ids == encoder.pad_id).int(),
            pixel_values=torch.cat([each.values for each in patches]) if patches else None,
            image_grid_thw=torch.cat([each.grid for each in patches]) if patches else None,
        ).logits
    return logits[0, -1]


def test_it_fills_the_role_of_a_critic(shared: LocalCritic) -> None:
    assert isinstance(shared, Critic)
    assert shared.backend == "local"


@settings(max_examples=15, deadline=None)
@given(questions=QUESTIONS, seed=st.integers(0, 3))
def test_questions_asked_together_are_answered_as_if_asked_alone(
    shared: LocalCritic, encoder: ChatEncoder, questions: list[str], seed: int
) -> None:
    asked = prompt(picture(seed))
    together = shared.yes_no(Questions(asked, tuple(questions))).probabilities
    alone = [
        LocalCritic(shared.network, encoder).yes_no(Questions(asked, (question,))).probabilities[0]
        for question in questions
    ]
    assert together == pytest.approx(alone, abs=1e-4)


@pytest.mark.parametrize("pictures", [0, 1, 2])
def test_a_probability_is_that_of_a_plain_forward_pass_over_all_spellings(
    critic: LocalCritic, encoder: ChatEncoder, pictures: int
) -> None:
    asked = prompt(*(picture(n, (64, 48 + 32 * n)) for n in range(pictures)))
    question = "is there a red circle?"
    odds = whole_logits(critic, encoder, asked.then(question)).softmax(-1)
    yes, no = (odds[ids].sum() for ids in encoder.answer_ids())
    (found,) = critic.yes_no(Questions(asked, (question, "no?"))).probabilities[:1]
    assert found == pytest.approx(float(yes / (yes + no)), abs=1e-5)
    assert encoder.answer_ids()[0] == sorted(
        encoder.tokenizer.convert_tokens_to_ids(word) for word in ("yes", "Yes", "Ġyes", "ĠYes")
    )


def test_different_pictures_and_questions_get_different_answers(shared: LocalCritic) -> None:
    first = shared.yes_no(Questions(prompt(picture(1)), ("is there a star?", "is there a ring?"))).probabilities
    second = shared.yes_no(Questions(prompt(picture(2)), ("is there a star?",))).probabilities
    assert len({*first, *second}) == 3


def test_more_questions_than_fit_one_batch_are_all_answered_in_order(shared: LocalCritic) -> None:
    questions = [f"is there {n}?" for n in range(QUESTIONS_AT_ONCE + 2)]
    together = shared.yes_no(Questions(prompt(picture(1)), tuple(questions))).probabilities
    assert together[-1] == pytest.approx(
        shared.yes_no(Questions(prompt(picture(1)), tuple(questions[-1:]))).probabilities[0], abs=1e-4
    )
    assert len(together) == len(questions)


def test_no_questions_need_no_pass(critic: LocalCritic) -> None:
    assert critic.yes_no(Questions(prompt(picture(1)), ())).probabilities == ()
    assert critic.stats["picture_features"].misses == 0


def test_a_second_set_of_questions_about_a_picture_does_not_look_again(critic: LocalCritic) -> None:
    critic.yes_no(Questions(prompt(picture(1)), ("is there a star?",)))
    critic.yes_no(Questions(prompt(picture(1).copy()), ("is there a ring?", "red?")))
    stats = critic.stats
    assert (stats["picture_features"].misses, stats["chat_prefixes"].misses, stats["chat_prefixes"].hits) == (1, 1, 1)
    critic.write(Writing(prompt(picture(1), text="describe"), max_tokens=2))
    assert (critic.stats["picture_features"].hits, critic.stats["picture_features"].misses) == (1, 1)


def test_a_picture_of_128_pixels_is_64_tokens_and_keeps_its_size(encoder: ChatEncoder) -> None:
    chat = encoder.encode(prompt(picture(1)))
    assert chat.grids == ((1, 16, 16),)
    assert chat.ids.count(encoder.pad_id) == 64


PROCESSORS = {
    "one number of pixels for every picture": {
        "patch_size": 8,
        "size": {"shortest_edge": 16384, "longest_edge": 16384},
    },
    "bounds far apart": {"size": {"shortest_edge": 3136, "longest_edge": 12845056}},
    "close bounds": {"patch_size": 14, "size": {"shortest_edge": 50176, "longest_edge": 65536}},
    "no resizing": {"patch_size": 8, "do_resize": False},
}
LONG = [(10_000, 10), (10, 10_000), (10_000, 1), (1, 10_000), (201, 1), (1, 401), (3000, 14), (200, 1), (2000, 10)]
SMALL = [(1, 1), (1, 3), (3, 1), (3, 3), (2, 200), (15, 17), (27, 29)]
USUAL = [(640, 480), (160, 128), (256, 128), (97, 41), (300, 200), (17, 16), (127, 129), (1080, 1920)]


@pytest.mark.parametrize("settings", PROCESSORS.values(), ids=PROCESSORS)
def test_a_picture_of_any_size_has_as_many_patches_as_its_tokens_foretell(
    encoder: ChatEncoder, settings: dict[str, Any]
) -> None:
    processor = Qwen2VLImageProcessorPil(**settings)
    looks = ChatEncoder(encoder.tokenizer, processor)
    random = Random(0)
    drawn = [(random.randint(1, 700), random.randint(1, 700)) for _ in range(40)]
    for size in (*LONG, *SMALL, *USUAL, *drawn):
        image = Image.new("RGB", size, "red")
        chat, patches = looks.encode(prompt(image)), looks.patches(image)
        rows, columns = patches.grid[0, 1:].tolist()
        assert chat.grids == ((1, rows, columns),), size
        assert len(patches.values) == rows * columns == 4 * chat.ids.count(looks.pad_id) > 0, size


@pytest.mark.parametrize("name", [name for name in PROCESSORS if name != "no resizing"])
def test_a_picture_has_as_many_tokens_as_the_processor_itself_gives_it(encoder: ChatEncoder, name: str) -> None:
    processor: Any = Qwen2VLImageProcessorPil(**PROCESSORS[name])
    looks, blank = ChatEncoder(encoder.tokenizer, processor), Image.new("RGB", (1, 1))
    sides = [*range(1, 40), *range(40, 2000, 61), 1080, 1999, 2000]
    for width in sides:
        for height in sides:
            if max(width, height) <= 200 * min(width, height):
                # The grid follows from the size alone, and pixels for all of these would take gigabytes.
                _, rows, columns = looks.grid_of(width, height)
                assert rows * columns == processor.get_number_of_image_patches(height, width), (width, height)
    for size in ((640, 480), (160, 128), (7, 900)):
        own = processor(images=[blank.resize(size)], return_tensors="pt")["image_grid_thw"]
        assert looks.patches(blank.resize(size)).grid.tolist() == own.tolist()


def test_a_picture_beyond_200_to_1_is_looked_at_as_one_of_200_to_1(encoder: ChatEncoder) -> None:
    for size, taken in (((2000, 2), (2000, 10)), ((1, 10_000), (50, 10_000))):
        assert encoder.grid_of(*size) == encoder.grid_of(*taken)
    halves = Image.new("RGB", (6000, 2), "black")
    halves.paste("white", (3000, 0, 6000, 2))
    looks = ChatEncoder(encoder.tokenizer, Qwen2VLImageProcessorPil(image_mean=[0.0] * 3, image_std=[1.0] * 3))
    # As much of both halves as the picture has, and no bars around them.
    assert looks.patches(halves).values.mean().item() == pytest.approx(0.5, abs=0.01)


def test_a_checkpoint_may_have_every_picture_looked_at_in_one_size(encoder: ChatEncoder, folder: Path) -> None:
    fixed = ChatEncoder.load(folder / "processor", (128, 96))
    for size in ((640, 480), (10_000, 10), (1, 1)):
        image = picture(5, (64, 48)).resize(size)
        assert fixed.encode(prompt(image)).grids == encoder.encode(prompt(Image.new("RGB", (128, 96)))).grids
        assert tuple(fixed.patches(image).grid[0].tolist()) == fixed.encode(prompt(image)).grids[0]


def test_pictures_of_odd_sizes_get_verdicts_and_texts(shared: LocalCritic) -> None:
    for size in ((1, 1), (10_000, 10), (3, 640), (160, 128)):
        asked = prompt(Image.new("RGB", size, "green"))
        (probability,) = shared.yes_no(Questions(asked, ("is it green?",))).probabilities
        assert 0 <= probability <= 1
        assert shared.write(Writing(asked, max_tokens=2)).completion_tokens >= 1


def test_writing_is_greedy_and_equals_plain_forward_passes_token_by_token(
    critic: LocalCritic, encoder: ChatEncoder
) -> None:
    asked = prompt(picture(3), text="what is there?")
    written = critic.write(Writing(asked, max_tokens=6))
    chat = encoder.encode(asked)
    ids, patches = list(chat.ids), encoder.patches(picture(3))
    with torch.no_grad():
        for _ in range(6):
            row = torch.tensor([ids])
            logits = critic.network(
                input_ids=row,
                attention_mask=torch.ones_like(row),
                mm_token_type_ids=(row == encoder.pad_id).int(),
                pixel_values=patches.values,
                image_grid_thw=patches.grid,
            ).logits[0, -1]
            ids.append(int(logits.argmax()))
    expected = encoder.tokenizer.decode(ids[len(chat.ids) :], skip_special_tokens=True)
    assert written.text == expected
    assert (written.cut, written.prompt_tokens, written.completion_tokens) == (True, len(chat.ids), 6)


def test_writing_ends_with_the_turn(critic: LocalCritic, encoder: ChatEncoder) -> None:
    def always_ones(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        return torch.ones_like(output)

    words = critic.network.model.language_model
    words.norm.register_forward_hook(always_ones)
    with torch.no_grad():
        words.embed_tokens.weight[encoder.id_of("<|im_end|>")] = 9.0
    completion = critic.write(Writing(prompt(text="hello"), max_tokens=5))
    assert (completion.text, completion.cut, completion.completion_tokens) == ("", False, 1)


def test_a_cancelled_or_expired_token_stops_every_kind_of_call(shared: LocalCritic) -> None:
    cancelled, expired = CancelToken(), CancelToken(deadline=time.monotonic() - 1)
    cancelled.cancel()
    for token in (cancelled, expired):
        with pytest.raises(Cancelled):
            shared.yes_no(Questions(prompt(picture(1)), ("a?",)), token=token)
        with pytest.raises(Cancelled):
            shared.write(Writing(prompt(picture(1))), token=token)


class CancelAfter(CancelToken):
    """Cancels itself at the given check."""

    def __init__(self, checks: int) -> None:
        super().__init__()
        self.left = checks

    def check(self) -> None:
        self.left -= 1
        if self.left < 0:
            self.cancel()
        super().check()


def test_writing_checks_its_token_between_tokens(shared: LocalCritic) -> None:
    token = CancelAfter(3)
    with pytest.raises(Cancelled):
        shared.write(Writing(prompt(picture(1)), max_tokens=50), token=token)
    assert shared.write(Writing(prompt(picture(1)), max_tokens=2)).completion_tokens == 2


def test_a_chat_longer_than_the_context_is_refused_with_both_figures(shared: LocalCritic) -> None:
    with pytest.raises(BadTask, match=r"\d+ tokens and its model takes 512"):
        shared.yes_no(Questions(prompt(text="é" * 600), ("a?",)))


def test_a_text_with_the_picture_mark_is_refused(shared: LocalCritic) -> None:
    with pytest.raises(BadTask, match=r"image_pad"):
        shared.yes_no(Questions(prompt(picture(1)), ("<|image_pad|>",)))


def test_weights_that_are_not_numbers_give_a_critic_error(critic: LocalCritic) -> None:
    with torch.no_grad():
        critic.network.model.language_model.norm.weight.fill_(float("nan"))
    with pytest.raises(CriticBadOutput, match="not finite"):
        critic.yes_no(Questions(prompt(picture(1)), ("a?",)))
    with pytest.raises(CriticBadOutput, match="not finite"):
        critic.write(Writing(prompt(picture(1))))


def test_a_folder_without_a_network_or_processor_is_a_bad_checkpoint(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"config\.json"):
        LocalCritic.load(tmp_path, folder / "processor", device=torch.device("cpu"), dtype=torch.float32)
    with pytest.raises(BadCheckpoint, match="processor"):
        LocalCritic.load(folder / "mllm", tmp_path, device=torch.device("cpu"), dtype=torch.float32)


def test_a_network_whose_weights_rest_elsewhere_is_woken_for_every_call(critic: LocalCritic, folder: Path) -> None:
    woken: list[str] = []

    class Hook:
        """What offloading leaves at a network; only a call of the whole network would run it."""

        def pre_forward(self, module: torch.nn.Module) -> None:
            woken.append(type(module).__name__)

    cast("Any", critic.network)._hf_hook = Hook()
    calls = (
        lambda: critic.yes_no(Questions(prompt(picture(1)), ("a?",))),
        lambda: critic.choose(Options(prompt(picture(1)), ("a", "b"))),
        lambda: critic.write(Writing(prompt(picture(1)), max_tokens=2)),
    )
    for number, call in enumerate(calls):
        call()
        assert len(woken) == number + 1
    assert set(woken) == {"Qwen2_5_VLForConditionalGeneration"}
    away = LocalCritic(critic.network, ChatEncoder.load(folder / "processor"), at=lambda: torch.device("meta"))
    assert away.device.type == "meta"


def test_texts_drawn_by_chance_follow_their_seed_and_differ_from_one_another(shared: LocalCritic) -> None:
    drawn = [shared.write(Writing(prompt(picture(1)), max_tokens=12, seed=seed)).text for seed in (1, 2, 3, 1)]
    assert drawn[0] == drawn[3] and len(set(drawn)) > 1
