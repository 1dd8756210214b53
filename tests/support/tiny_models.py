"""Tiny random models in the published layout, made on the spot from a fixed seed."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

MARKS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<|img|>",
)
PUBLISHED_PATCH = 14
WORDS = ("yes no Yes No is there a red circle blue star left of ring picture system user assistant question " * 4,)


def save_processor(folder: Path, patch: int = 8) -> PreTrainedTokenizerFast:
    """Write a byte-level tokenizer and a picture processor, and give the tokenizer.

    With patches of 14 pixels it takes pictures as large as the published one does.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(MARKS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(WORDS, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.save_pretrained(folder)
    size = {"shortest_edge": 1024, "longest_edge": 128 * 128}
    if patch == PUBLISHED_PATCH:
        size = {"shortest_edge": 3136, "longest_edge": 12_845_056}
    Qwen2VLImageProcessorPil(patch_size=patch, size=size).save_pretrained(folder)
    return tokenizer


def save_mllm(
    folder: Path, tokenizer: PreTrainedTokenizerFast, seed: int = 0, *, patch: int = 8, context: int = 512
) -> Qwen2_5_VLForConditionalGeneration:
    """Write a random Qwen2.5-VL of two layers, whose answers differ between pictures and texts, and give it.

    Its width is 32; with the published patch 64, since vLLM on CPUs wants heads of 32.
    """
    wide = patch == PUBLISHED_PATCH
    width = 64 if wide else 32
    marks = {mark: tokenizer.get_vocab()[mark] for mark in MARKS}
    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": width,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2 if wide else 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": context,
            "eos_token_id": marks["<|im_end|>"],
            "pad_token_id": marks["<|endoftext|>"],
            "bos_token_id": marks["<|endoftext|>"],
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [4, 6, 6] if wide else [1, 1, 2],
            },
        },
        vision_config={
            "depth": 2,
            "hidden_size": width,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": width,
            "patch_size": patch,
            "window_size": 4 * patch,
            "fullatt_block_indexes": [1],
        },
        image_token_id=marks["<|image_pad|>"],
        video_token_id=marks["<|video_pad|>"],
        vision_start_token_id=marks["<|vision_start|>"],
        vision_end_token_id=marks["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    network = Qwen2_5_VLForConditionalGeneration(config)
    network.generation_config.eos_token_id = marks["<|im_end|>"]
    with torch.no_grad():
        for weight in network.parameters():
            if weight.ndim > 1:
                weight.copy_(torch.randn_like(weight) / weight[0].numel() ** 0.5)
    network.save_pretrained(folder)
    return network.eval()
