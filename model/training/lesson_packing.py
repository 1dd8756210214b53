"""Lessons of an MLLM as tensors: prompts over pictures with one or more answered endings.

Endings of one lesson share its prefix, as a checklist shares one look at a picture: they are packed into one sequence,
each sees the prefix and itself alone, and each starts at the position right after the prefix.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from omniagent.model.mllm.chat_template import ANSWER_TURN, open_chat
from omniagent.model.requests import Prompt
from omniagent.model.training.captions import Caption

IGNORE = -100
MASKED = -1e4
TOGETHER = 6
"""Lessons that are padded to one length, on a CPU; an accelerator wants more at once."""
STRESS = 8.0


@dataclass(frozen=True)
class Lesson:
    """A prompt whose pictures are `pictures` (indices into the batch), and its (ending, answer) pairs."""

    topic: str
    prompt: Prompt
    pictures: tuple[int, ...]
    endings: tuple[tuple[str, str], ...]
    closed: bool = True
    """Whether the mark that ends an answer is learned too; not where one token is all that is ever read."""
    facts: tuple[int, ...] = ()
    """For each ending, the class of the fact that its one-token answer follows from; none to ask nothing more."""
    stressed: tuple[str, ...] = ()
    """Parts of the answers whose tokens count `STRESS` times: few tokens on which all depends."""


@dataclass(frozen=True)
class LessonBatch:
    """Pictures (P, H, W, 3) uint8 and lessons over them, in groups of one topic each."""

    pictures: Tensor
    groups: tuple[tuple[Lesson, ...], ...]
    captions: tuple[Caption, ...] = ()


class PackedGroup(NamedTuple):
    """Lessons of one topic as tensors, a few lessons in each chunk; whether facts behind the answers are asked."""

    topic: str
    chunks: tuple[dict[str, Tensor], ...]
    factual: bool


class PackedBatch(NamedTuple):
    """A `LessonBatch` as tensors."""

    pictures: Tensor
    groups: tuple[PackedGroup, ...]
    captions: tuple[Caption, ...]


@dataclass
class _Sequence:
    ids: list[int]
    labels: list[int]
    branch: list[int]
    positions: list[tuple[int, int, int]]
    facts: list[int]
    weights: list[float]


class LessonPacker:
    """Turns lessons into token sequences with 3-axis positions, labels and branch numbers (0 is the prefix)."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        image_token: int,
        side: int,
        together: int = TOGETHER,
        multiple: int = 1,
    ) -> None:
        """`side`: merged tokens along one edge of a picture; `together`: lessons in a chunk; `multiple`: of lengths."""
        self.tokenizer, self._image, self._side, self._together = tokenizer, image_token, side, together
        self._multiple = multiple

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]  # pyright: ignore[reportAssignmentType]
        spread: list[int] = []
        for token in ids:
            spread += [token] * (self._side**2 if token == self._image else 1)
        return spread

    def _positions(self, ids: Sequence[int], start: int) -> tuple[list[tuple[int, int, int]], int]:
        """Positions of Qwen2.5-VL: text counts on all axes, a picture spreads over rows and columns."""
        found: list[tuple[int, int, int]] = []
        at, index = start, 0
        while index < len(ids):
            if ids[index] == self._image:
                found += [(at, at + r, at + c) for r in range(self._side) for c in range(self._side)]
                at, index = at + self._side, index + self._side**2
            else:
                found.append((at, at, at))
                at, index = at + 1, index + 1
        return found, at

    def pack(self, lesson: Lesson) -> _Sequence:
        """One lesson as one sequence."""
        head = open_chat(lesson.prompt)
        single = len(lesson.endings) == 1
        ids = [] if single else self._encode(head)
        positions, after = self._positions(ids, 0)
        n = len(ids)
        packed = _Sequence(ids, [IGNORE] * n, [0] * n, positions, [IGNORE] * n, [0.0] * n)
        for number, (ending, answer) in enumerate(lesson.endings, start=1):
            asked = self._encode(f"{head if single else ''}{ending}{ANSWER_TURN}")
            told = self._encode(f"{answer}<|im_end|>" if lesson.closed else answer)
            packed.ids += asked + told
            packed.labels += [IGNORE] * len(asked) + told
            packed.branch += [number] * (len(asked) + len(told))
            packed.positions += self._positions(asked + told, after)[0]
            fact = lesson.facts[number - 1] if lesson.facts else IGNORE
            packed.facts += [IGNORE] * len(asked) + [fact] * len(told)
            packed.weights += [0.0] * len(asked) + self._stress(answer, lesson.stressed, len(told))
        return packed

    def _stress(self, answer: str, stressed: Sequence[str], length: int) -> list[float]:
        """A weight for each of an answer's tokens."""
        parts = [(at, at + len(part)) for part in stressed if part and (at := answer.find(part)) >= 0]
        if not parts:
            return [1.0] * length
        spans: list[tuple[int, int]] = self.tokenizer(answer, add_special_tokens=False, return_offsets_mapping=True)[
            "offset_mapping"
        ]  # pyright: ignore[reportAssignmentType]
        weights = [STRESS if any(s < end and e > start for s, e in parts) else 1.0 for start, end in spans]
        return weights + [1.0] * (length - len(weights))

    def packed(self, batch: LessonBatch) -> PackedBatch:
        """The batch as tensors."""
        groups = (PackedGroup(g[0].topic, tuple(self.chunks(g)), bool(g[0].facts)) for g in batch.groups)
        return PackedBatch(batch.pictures, tuple(groups), batch.captions)

    def chunks(self, lessons: Sequence[Lesson]) -> Iterator[dict[str, Tensor]]:
        """The lessons collated a few at a time, those of like length together, so that little of a batch is padding."""
        packed = sorted(((lesson, self.pack(lesson)) for lesson in lessons), key=lambda pair: len(pair[1].ids))
        for at in range(0, len(packed), self._together):
            chosen = packed[at : at + self._together]
            yield self._collate([lesson for lesson, _ in chosen], [one for _, one in chosen])

    def collate(self, lessons: Sequence[Lesson]) -> dict[str, Tensor]:
        """Padded ids, labels, facts and branch numbers (B, L), positions (3, B, L) and picture order."""
        return self._collate(lessons, [self.pack(lesson) for lesson in lessons])

    def _collate(self, lessons: Sequence[Lesson], sequences: Sequence[_Sequence]) -> dict[str, Tensor]:
        length = -(-max(len(s.ids) for s in sequences) // self._multiple) * self._multiple
        b = len(sequences)
        ids = torch.zeros(b, length, dtype=torch.long)
        labels = torch.full((b, length), IGNORE, dtype=torch.long)
        facts = torch.full((b, length), IGNORE, dtype=torch.long)
        weights = torch.zeros(b, length)
        branch = torch.full((b, length), -1, dtype=torch.long)
        positions = torch.zeros(3, b, length, dtype=torch.long)
        for row, s in enumerate(sequences):
            n = len(s.ids)
            ids[row, :n], labels[row, :n] = torch.tensor(s.ids), torch.tensor(s.labels)
            facts[row, :n], weights[row, :n] = torch.tensor(s.facts), torch.tensor(s.weights)
            branch[row, :n], positions[:, row, :n] = torch.tensor(s.branch), torch.tensor(s.positions).T
        return {
            "ids": ids,
            "labels": labels,
            "facts": facts,
            "weights": weights,
            "positions": positions,
            "branch": branch,
            "pictures": torch.tensor([p for lesson in lessons for p in lesson.pictures], dtype=torch.long),
        }


def branch_mask(branch: Tensor, dtype: torch.dtype) -> Tensor:
    """The additive mask (B, 1, L, L) of branch numbers (B, L): a token sees what came before in its branch and in 0."""
    length = branch.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=branch.device).tril()
    same = (branch[:, None, :] == branch[:, :, None]) | (branch[:, None, :] == 0)
    return torch.zeros(same.shape, dtype=dtype, device=branch.device).masked_fill_(~(same & causal), MASKED)[:, None]
