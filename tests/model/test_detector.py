"""The detector: a tiny random Grounding DINO finds boxes of what it is asked for, or says what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoProcessor,
    SwinConfig,
)
from transformers.models.grounding_dino.image_processing_pil_grounding_dino import GroundingDinoImageProcessorPil

from omniagent.model.errors import BadCheckpoint, UnknownModel
from omniagent.model.perception.boxes import GroundingDino

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    ".",
    "a",
    "the",
    "red",
    "hat",
    "cat",
    "face",
    "person",
    "motorcycle",
    "very",
    "large",
    "old",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Grounding DINO of 0.4 million parameters."""
    import torch

    torch.manual_seed(0)
    where = tmp_path_factory.mktemp("detector")
    words = BertTokenizer(vocab={word: number for number, word in enumerate(WORDS)})
    swin: dict[str, Any] = {
        "image_size": 64,
        "patch_size": 4,
        "embed_dim": 16,
        "depths": [1, 1, 1, 1],
        "num_heads": [1, 2, 2, 2],
        "window_size": 4,
        "out_features": ["stage2", "stage3", "stage4"],
    }
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(**swin),
        text_config=BertConfig(
            vocab_size=len(words),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
        ),
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=10,
        max_text_len=16,
        encoder_n_points=2,
        decoder_n_points=2,
    )
    images = GroundingDinoImageProcessorPil(size={"shortest_edge": 96, "longest_edge": 160})
    GroundingDinoProcessor(images, words).save_pretrained(where)
    GroundingDinoForObjectDetection(config).save_pretrained(where)
    return where


@pytest.mark.parametrize("size", [(128, 96), (8, 8), (1, 1), (1000, 100), (40, 900)])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_every_box_lies_in_the_picture_and_bears_a_name_that_was_asked_for(
    folder: Path, size: tuple[int, int], mode: str
) -> None:
    finder = GroundingDino(folder, device="cpu", least=0.0)
    found = finder.find(Image.new(mode, size), ["red hat", "Cat."])
    assert found and {one.name for one in found} <= {"red hat", "Cat."}
    assert [one.confidence for one in found] == sorted((one.confidence for one in found), reverse=True)
    for one in found:
        assert 0 <= one.left < one.right <= size[0] and 0 <= one.top < one.bottom <= size[1]
        assert 0 <= one.confidence <= 1


def test_names_beyond_one_caption_are_found_in_several_and_the_same_again(folder: Path) -> None:
    finder = GroundingDino(folder, device="cpu", least=0.0, offload=True)
    names = ["a very large old red hat", "the cat", "a face", "the person", "motorcycle", " ".join(["old"] * 40)]
    found = finder.find(Image.new("RGB", (64, 64), "red"), names)
    assert {one.name for one in found} <= set(names) and len({one.name for one in found}) > 1
    assert finder.find(Image.new("RGB", (64, 64), "red"), names) == found


def test_nothing_is_found_without_a_name_or_below_the_confidence(folder: Path, tmp_path: Path) -> None:
    picture = Image.new("RGB", (64, 64))
    # Without a name nothing is loaded.
    assert GroundingDino(tmp_path).find(picture, []) == ()
    assert GroundingDino(tmp_path).find(picture, ["?!", " "]) == ()
    assert GroundingDino(folder, device="cpu", least=1.0).find(picture, ["hat"]) == ()


def test_a_folder_that_is_missing_or_no_detector_is_named(folder: Path, tmp_path: Path) -> None:
    picture = Image.new("RGB", (64, 64))
    with pytest.raises(UnknownModel, match="nowhere"):
        GroundingDino("/nowhere/at/all")
    with pytest.raises(BadCheckpoint, match="cannot be loaded"):
        GroundingDino(tmp_path).find(picture, ["hat"])
    BertConfig().save_pretrained(tmp_path)
    with pytest.raises(BadCheckpoint, match="is a bert, not a grounding-dino"):
        GroundingDino(tmp_path).find(picture, ["hat"])
    torn = tmp_path / "torn"
    torn.mkdir()
    for path in folder.iterdir():
        content = path.read_bytes()
        (torn / path.name).write_bytes(content[:-100] if path.suffix == ".safetensors" else content)
    with pytest.raises(BadCheckpoint, match="cannot be loaded"):
        GroundingDino(torn).find(picture, ["hat"])
