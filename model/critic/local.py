"""The critic in this process: a Qwen2.5-VL (arXiv 2502.13923) by transformers.

Every verdict about one picture shares the chat up to the question. That prefix is computed once, its keys and
values are kept, and all questions then run over it as one batch: a checklist costs about as much as one question.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from transformers import DynamicCache, Qwen2_5_VLForConditionalGeneration

from omniagent.model.cache import ByteCache, CacheStats
from omniagent.model.checkpoint.folder import load_mllm
from omniagent.model.checkpoint.settings import critic_profile_in
from omniagent.model.device import wake, with_memory_fault
from omniagent.model.errors import BadSetting, BadTask, CriticBadOutput
from omniagent.model.mllm.encoder import ChatEncoder, ChatInputs
from omniagent.model.mllm.schema_decoding import SchemaDecoding
from omniagent.model.profile import CRITICS, CriticProfile
from omniagent.model.requests import (
    TEMPERATURE,
    CancelToken,
    Chosen,
    Completion,
    Options,
    Prompt,
    Questions,
    Writing,
    YesNo,
)

T = TypeVar("T")
QUESTIONS_AT_ONCE = 32
STOP_MARKS = ("<|im_end|>", "<|endoftext|>")


class Prefix(NamedTuple):
    """A chat's first `length` tokens as the model remembers them.

    `layers` are the keys and values of each layer, each (1, kv heads, length, head size); `position` is the rotary
    position of the token that follows; `state` (1, hidden) is the last token's final hidden state.
    """

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    length: int
    position: int
    state: torch.Tensor


class LocalCritic:
    """A `Critic` over an in-process Qwen2.5-VL. Calls are independent; one device should run one at a time.

    Args:
        network: The model, on its device, in evaluation mode.
        encoder: Its tokenizer and picture processor.
        model: The name shown in traces.
        profile: How it is asked; None: as the family that its network tells.
        cache_bytes: Budget, in bytes, for picture features and, as much again, for chat prefixes.
        weights: Folder that the network was loaded from.
        at: Where the network computes; None: where its weights lie.

    Attributes:
        network: The model as given.
    """

    def __init__(
        self,
        network: Qwen2_5_VLForConditionalGeneration,
        encoder: ChatEncoder,
        *,
        model: str = "local",
        profile: CriticProfile | None = None,
        cache_bytes: int = 256 * 2**20,
        weights: Path | None = None,
        at: Callable[[], torch.device] | None = None,
    ) -> None:
        self._at = at
        self.weights = weights
        self.network = network.eval()
        self._profile = profile or CRITICS["qwen2.5-vl"]
        self._encoder = encoder
        self._model = model
        self._body: Any = network.model
        self._text_config: Any = network.config.text_config
        self._yes, self._no = encoder.answer_ids()
        self._stops = {encoder.id_of(mark) for mark in STOP_MARKS}
        # The network's own number of logits may exceed the tokenizer's words.
        self._schemas = SchemaDecoding(encoder.tokenizer, network.lm_head.out_features, sorted(self._stops))
        self._features: ByteCache[str, torch.Tensor] = ByteCache(cache_bytes, _bytes_of)
        self._prefixes: ByteCache[tuple[tuple[int, ...], tuple[str, ...]], Prefix] = ByteCache(
            cache_bytes, lambda prefix: sum(_bytes_of(keys) + _bytes_of(values) for keys, values in prefix.layers)
        )

    @classmethod
    def load(
        cls,
        folder: Path,
        processor: Path,
        *,
        device: torch.device,
        dtype: torch.dtype,
        cache_bytes: int = 256 * 2**20,
        model: str | None = None,
        profile: CriticProfile | None = None,
    ) -> LocalCritic:
        """Read the network from `folder` (safetensors only) and its tokenizer and picture processor from `processor`.

        `model` is its name in traces; None takes the folder's. `profile` None takes the checkpoint's or its family's.

        Raises:
            BadCheckpoint: a file is missing or broken, or the network is no Qwen2.5-VL.
        """
        profile = profile or critic_profile_in(folder)
        encoder = ChatEncoder.load(processor, profile.picture_size)
        network = load_mllm(folder, dtype)
        return cls(
            network.to(device),  # pyright: ignore[reportArgumentType]
            encoder,
            model=model or str(folder),
            profile=profile,
            cache_bytes=cache_bytes,
            weights=folder,
        )

    @property
    def backend(self) -> str:
        return "local"

    @property
    def model(self) -> str:
        return self._model

    @property
    def profile(self) -> CriticProfile:
        return self._profile

    @property
    def device(self) -> torch.device:
        """Where the network computes, also while its weights rest elsewhere between calls."""
        return self.network.device if self._at is None else self._at()

    def _awake(self, what: str, work: Callable[[], T]) -> T:
        """What `work` gives with the network on its device: parts of it are called, which wakes no offloaded one."""

        def awake() -> T:
            wake(self.network)
            return work()

        return with_memory_fault(self.device, what, awake)

    @property
    def stats(self) -> dict[str, CacheStats]:
        """Counters of the caches `picture_features` and `chat_prefixes`."""
        return {"picture_features": self._features.stats, "chat_prefixes": self._prefixes.stats}

    def yes_no(self, call: Questions, *, token: CancelToken | None = None) -> YesNo:
        """p(yes) of each question, from one pass over the shared prefix and one batch over the endings.

        The token is checked before each batch of `QUESTIONS_AT_ONCE` questions.

        Raises:
            BadTask: the chat is longer than the model's context, or a text holds a picture placeholder.
            CriticBadOutput: a probability is not a number.
            OutOfMemory: the device has too little memory.
            Cancelled: the token was cancelled or expired.
        """
        return self._awake("the critic's verdicts", lambda: self._yes_no(call, token))

    def choose(self, call: Options, *, token: CancelToken | None = None) -> Chosen:
        """The probability of each option by its first token, among the options alone.

        Raises: as `yes_no`; BadSetting when two options begin with the same token.
        """
        return self._awake("the critic's choice", lambda: self._choose(call, token))

    def write(self, call: Writing, *, token: CancelToken | None = None) -> Completion:
        """Greedy text, or one drawn by chance after the call's seed, up to the turn's end or `max_tokens`.

        The token is checked before each new token.

        A text with a schema is held to it token by token; see `omniagent.model.mllm.schema_decoding`.

        Raises:
            BadTask: the chat is longer than the model's context, or a text holds a picture placeholder.
            CriticBadOutput: the network's numbers are not finite.
            OutOfMemory: the device has too little memory.
            Cancelled: the token was cancelled or expired.
        """
        return self._awake("the critic's text", lambda: self._write(call, token))

    @torch.inference_mode()
    def _yes_no(self, call: Questions, token: CancelToken | None) -> YesNo:
        prompt, questions = call.prompt, call.questions
        if not questions:
            return YesNo(probabilities=())
        chats = [self._encode(prompt.then(question)) for question in questions]
        shared = _common_length([self._encoder.encode(prompt).ids, *(chat.ids[:-1] for chat in chats)])
        _check(token)
        prefix = self._prefix(chats[0], shared)
        probabilities: list[float] = []
        for start in range(0, len(chats), QUESTIONS_AT_ONCE):
            _check(token)
            endings = [chat.ids[shared:] for chat in chats[start : start + QUESTIONS_AT_ONCE]]
            probabilities += self._probabilities(self._endings(prefix, endings))
        return YesNo(
            probabilities=tuple(probabilities),
            prompt_tokens=shared + sum(len(chat.ids) - shared for chat in chats),
            completion_tokens=len(chats),
        )

    @torch.inference_mode()
    def _choose(self, call: Options, token: CancelToken | None) -> Chosen:
        ids = [self._encoder.tokenizer.encode(option, add_special_tokens=False)[:1] for option in call.options]
        firsts = [first for each in ids for first in each]
        if not firsts or len(set(firsts)) < len(call.options):
            raise BadSetting(f"the options {', '.join(call.options)} do not differ in their first token; give letters")
        chat = self._encode(call.prompt)
        # The questions of `yes_no` about the same picture were put after the same beginning.
        shared = _common_length([self._encoder.encode(call.prompt.before_last_words()).ids, chat.ids[:-1]])
        _check(token)
        state = self._endings(self._prefix(chat, shared), [chat.ids[shared:]])
        chances = torch.softmax(self._logits(state)[0, firsts], dim=-1)
        return Chosen(probabilities=tuple(chances.tolist()), prompt_tokens=len(chat.ids), completion_tokens=1)

    @torch.inference_mode()
    def _write(self, call: Writing, token: CancelToken | None) -> Completion:
        chat = self._encode(call.prompt)
        _check(token)
        prefix = self._prefix(chat, len(chat.ids))
        memory = _memory(prefix)
        state, written = prefix.state, list[int]()
        room = min(call.max_tokens, self._context() - prefix.length)
        free = call.schema is None or call.seed is not None
        held = None if free or call.schema is None else self._schemas.begin(call.schema, room)
        source = None if call.seed is None else torch.Generator().manual_seed(call.seed)
        while len(written) < room:
            logits = self._logits(state)
            if source is not None:
                choice = int(torch.multinomial(torch.softmax(logits[0].cpu() / TEMPERATURE, 0), 1, generator=source))
            else:
                choice = int(logits.argmax()) if held is None else held.choose(logits[0])
            if choice is None or choice in self._stops:
                break
            written.append(choice)
            _check(token)
            state = self._run(torch.tensor([[choice]]), prefix.position + len(written) - 1, memory)[:, -1]
        cut = len(written) >= room and (held is None or not held.whole)
        text = str(self._encoder.tokenizer.decode(written, skip_special_tokens=True))
        return Completion(
            text=text, cut=cut, prompt_tokens=prefix.length, completion_tokens=len(written) + (0 if cut else 1)
        )

    def _encode(self, prompt: Prompt) -> ChatInputs:
        chat = self._encoder.encode(prompt)
        if len(chat.ids) >= self._context():
            raise BadTask(
                f"the chat with the critic has {len(chat.ids)} tokens and its model takes {self._context()}; "
                "give a shorter text, or fewer or smaller pictures"
            )
        return chat

    def _context(self) -> int:
        return int(self._text_config.max_position_embeddings)

    def _prefix(self, chat: ChatInputs, length: int) -> Prefix:
        """The first `length` tokens of a chat, which hold all of its pictures, from the cache or computed."""
        key = (chat.ids[:length], chat.keys)
        return self._prefixes.get_or_make(key, lambda: self._prefill(chat, length))

    def _prefill(self, chat: ChatInputs, length: int) -> Prefix:
        body = self._body
        ids = torch.tensor([chat.ids[:length]])
        is_picture = ids == self._encoder.pad_id
        grids = torch.tensor(chat.grids) if chat.grids else None
        positions, _ = body.get_rope_index(ids, mm_token_type_ids=is_picture.int(), image_grid_thw=grids)
        embedded = body.get_input_embeddings()(ids.to(self.device))
        if chat.pictures:
            features = torch.cat([self._look(chat, number) for number in range(len(chat.pictures))])
            embedded[is_picture.to(self.device)] = features.to(embedded.dtype)
        memory: Any = DynamicCache(config=self._text_config)
        states = body.language_model(
            inputs_embeds=embedded, position_ids=positions.to(self.device), past_key_values=memory, use_cache=True
        ).last_hidden_state
        layers = tuple((layer.keys, layer.values) for layer in memory.layers)
        return Prefix(layers, length, int(positions.max()) + 1, states[:, -1])

    def _look(self, chat: ChatInputs, number: int) -> torch.Tensor:
        """Vision features (merged tokens, hidden) of one picture of a chat, by content."""

        def see() -> torch.Tensor:
            patches = self._encoder.patches(chat.pictures[number])
            seen = self._body.get_image_features(
                patches.values.to(self.device), patches.grid.to(self.device), return_dict=True
            )
            return torch.cat(tuple(seen.pooler_output))

        return self._features.get_or_make(chat.keys[number], see)

    def _endings(self, prefix: Prefix, endings: Sequence[Sequence[int]]) -> torch.Tensor:
        """Final hidden state (n, hidden) of each ending's last token. Padding follows it, so no mask is needed."""
        longest = max(map(len, endings))
        ids = torch.tensor([[*ending, *([0] * (longest - len(ending)))] for ending in endings])
        states = self._run(ids, prefix.position, _memory(prefix, len(endings)))
        last = torch.tensor([len(ending) - 1 for ending in endings], device=states.device)
        return states[torch.arange(len(endings), device=states.device), last]

    def _run(self, ids: torch.Tensor, position: int, memory: DynamicCache) -> torch.Tensor:
        """Hidden states (n, length, hidden) of text tokens `ids` (n, length) that follow what `memory` holds."""
        body = self._body
        positions = torch.arange(position, position + ids.shape[1], device=self.device).expand(3, ids.shape[0], -1)
        return body.language_model(
            input_ids=ids.to(self.device), position_ids=positions, past_key_values=memory, use_cache=True
        ).last_hidden_state

    def _logits(self, states: torch.Tensor) -> torch.Tensor:
        logits = self.network.lm_head(states).float()
        if not torch.isfinite(logits).all():
            raise CriticBadOutput(f"the critic {self._model} gave numbers that are not finite; ask again or reload it")
        return logits

    def _probabilities(self, states: torch.Tensor) -> list[float]:
        logits = self._logits(states)
        yes, no = (torch.logsumexp(logits[:, ids], dim=-1) for ids in (self._yes, self._no))
        return [min(1.0, max(0.0, value)) for value in torch.sigmoid(yes - no).tolist()]


def _memory(prefix: Prefix, copies: int = 1) -> DynamicCache:
    """A growing memory that begins with `prefix`; growing it leaves the prefix as it is."""
    return DynamicCache([(k.expand(copies, -1, -1, -1), v.expand(copies, -1, -1, -1)) for k, v in prefix.layers])


def _common_length(sequences: Sequence[Sequence[int]]) -> int:
    """How many leading items all sequences share."""
    shortest = min(map(len, sequences))
    return next((i for i in range(shortest) if len({ids[i] for ids in sequences}) > 1), shortest)


def _bytes_of(tensor: torch.Tensor) -> int:
    return math.prod(tensor.shape) * tensor.element_size()


def _check(token: CancelToken | None) -> None:
    if token is not None:
        token.check()
