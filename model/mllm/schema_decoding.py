"""Decoding held to a JSON schema, token by token, in this process.

A grammar made of the schema (llguidance) says which tokens may follow; the model chooses among these. Near the token
limit only tokens that lead to the end are left, so that any network, with random weights too, writes whole JSON.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.hf import from_tokenizer
from pydantic import BaseModel
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from omniagent.model.mllm.schemas import bounded, fullest

WHITE_SPACE = r"[ \n]{0,12}"
SPARE_TOKENS = 16
log = logging.getLogger("omniagent.critic")


class Grammar(NamedTuple):
    """A compiled schema, and how many tokens at the end of a text are kept for closing what is open."""

    matcher: LLMatcher
    closing: int


class _Closers(NamedTuple):
    """Tokens that lead to the end of a JSON text, and two letters: only within a text may both of them follow."""

    quote: int | None = None
    brace: int | None = None
    bracket: int | None = None
    first: int | None = None
    last: int | None = None


class SchemaDecoding:
    """Grammars of one tokenizer, by schema. Thread-safe; each text is a `SchemaText` of its own.

    Args:
        tokenizer: A fast tokenizer.
        vocabulary: Number of the network's logits.
        stops: Ids of the tokens that end a text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, vocabulary: int, stops: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._stops = sorted(stops)
        self._words: LLTokenizer | None = None
        self._closers = _Closers()
        self._grammars: dict[str, Grammar | None] = {}
        self._lock = threading.Lock()

    def begin(self, schema: type[BaseModel], max_tokens: int) -> SchemaText | None:
        """A text held to the schema; None for a schema that no grammar can be made of, which is logged once.

        Args:
            schema: The class whose JSON is written; texts and lists without a limit of their own get one.
            max_tokens: The text's limit.
        """
        told = json.dumps(bounded(schema.model_json_schema()))
        with self._lock:
            if told not in self._grammars:
                self._grammars[told] = self._compiled(told, schema.__name__)
            grammar = self._grammars[told]
        if grammar is None:
            return None
        return SchemaText(grammar.matcher.deep_copy(), max_tokens - grammar.closing, self._closers, self._stops)

    def _compiled(self, schema: str, name: str) -> Grammar | None:
        try:
            words = self._vocabulary_of()
            options: Any = {"whitespace_flexible": True, "whitespace_pattern": WHITE_SPACE}
            matcher = LLMatcher(words, LLMatcher.grammar_from_json_schema(schema, overrides=options), log_level=0)
            fault = matcher.get_error()
            # The grammar is checked as it is used, so its first step shows what is wrong with it.
            matcher.deep_copy().compute_bitmask()
            closing = len(self._ids(fullest(json.loads(schema)))) + SPARE_TOKENS
        except Exception as error:
            fault, matcher, closing = str(error) or type(error).__name__, None, 0
        if fault or matcher is None:
            log.warning("decoding cannot be held to the schema %s (%s); replies are checked afterwards", name, fault)
            return None
        return Grammar(matcher, closing)

    def _vocabulary_of(self) -> LLTokenizer:
        if self._words is None:
            fast = cast(PreTrainedTokenizerFast, self._tokenizer)
            self._words = from_tokenizer(fast, n_vocab=self._vocabulary, eos_token=self._stops)
            self._closers = _Closers(*(self._single(mark) for mark in ('"', "}", "]", "a", "z")))
        return self._words

    def _single(self, mark: str) -> int | None:
        ids = self._ids(mark)
        return ids[0] if len(ids) == 1 else None

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))


class SchemaText:
    """One text on its way: `choose` its tokens one by one, until there is none left to choose."""

    def __init__(self, matcher: LLMatcher, room: int, closers: _Closers, stops: Sequence[int]) -> None:
        self._matcher = matcher
        self._room = room
        self._closers = closers
        self._stops = stops
        self._written = 0

    @property
    def whole(self) -> bool:
        """Whether what was chosen so far is JSON of the schema."""
        return self._matcher.is_accepting()

    def choose(self, logits: torch.Tensor) -> int | None:
        """The likeliest token that may follow; None when the text is whole.

        Args:
            logits: (vocabulary,) or (1, vocabulary), finite.
        """
        if self._matcher.is_stopped():
            return None
        row = logits.reshape(-1)
        bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8), bitorder="little")
        allowed = torch.from_numpy(bits[: len(row)].astype(bool)).to(row.device)
        token = self._closing(allowed) if self._written >= self._room else None
        if token is None:
            token = int(row.masked_fill(~allowed, float("-inf")).argmax())
        if token in self._stops or not self._matcher.consume_token(token):
            return None
        self._written += 1
        return token

    def _closing(self, allowed: torch.Tensor) -> int | None:
        """A token that ends the text, or leads to its end; None where the schema leaves no such choice."""
        marks = self._closers
        within = all(token is not None and bool(allowed[token]) for token in (marks.first, marks.last))
        order = (*self._stops, *((marks.quote,) if within else (marks.brace, marks.bracket, marks.quote)))
        return next((token for token in order if token is not None and bool(allowed[token])), None)
