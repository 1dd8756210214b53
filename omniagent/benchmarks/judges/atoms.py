"""GenEval 2's judge: how probable the right first token is of each question's answer (Soft-TIFA, arXiv 2512.16853)."""

import hashlib
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from PIL import Image

from omniagent.benchmarks.items import Look
from omniagent.benchmarks.judgement import Call, Identity, Judgement, JudgeOptions
from omniagent.benchmarks.judges.pictures import opened
from omniagent.benchmarks.judges.served import TRIAL, file_name, outcome_of, trial_picture, unlike
from omniagent.data.ledger import Ledger
from omniagent.model.cache import picture_key
from omniagent.model.critic.openai.critic import OpenAICritic
from omniagent.model.errors import BadImage, BadSetting, BadTask, CriticBadOutput
from omniagent.model.requests import Prompt

_NUMBERS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ASKED: Final = "{question} Answer in one word."


def spellings_of(answer: str) -> tuple[str, ...]:
    """The ways in which an answer may begin: small and capital, with and without a space, numbers also as digits."""
    word = answer.strip()
    digits = [str(_NUMBERS.index(word.lower()))] if word.lower() in _NUMBERS else []
    forms = [word.lower(), word.capitalize(), *digits]
    return tuple(dict.fromkeys(space + form for form in forms for space in ("", " ")))


def chance_of(answer: str, tokens: Sequence[tuple[str, float]]) -> float:
    """The summed probability of an answer's spellings among first tokens, at most 1.

    Where none of them is told, the least probability that is told, which it cannot exceed: the published judge has
    the whole vocabulary and never finds 0, and one 0 would make a geometric mean 0.
    """
    wanted = spellings_of(answer)
    found = [chance for token, chance in tokens if token in wanted]
    return min(sum(found), 1.0) if found else min((chance for _, chance in tokens), default=0.0)


def geometric_mean(values: Sequence[float]) -> float:
    """The geometric mean of values of 0 and more."""
    return math.exp(sum(map(math.log, values)) / len(values)) if min(values) > 0 else 0.0


class AtomJudge:
    """A `Judge` that asks an item's `facts["vqa_list"]`, pairs of question and answer.

    The parts of a score are `AM` and `GM`, the arithmetic and geometric mean over its questions, and for each skill
    its mean, with its number of questions under `questions: <skill>`.

    Args:
        options: The server, which must tell log-probabilities, and its model.
        published: The model of the published numbers.

    Raises:
        BadSetting: no server was named.
    """

    def __init__(self, options: JudgeOptions, published: str = "Qwen/Qwen3-VL-8B-Instruct") -> None:
        if options.url is None:
            raise BadSetting(
                "GenEval 2 is judged by a vision model that tells log-probabilities; give the URL of its server with "
                f"--judge, such as a vLLM that serves {published}"
            )
        self._options, self._published = options, published
        self._critic = OpenAICritic(
            options.url,
            options.model,
            options.key,
            timeout=options.timeout,
            retries=options.retries,
            concurrency=options.concurrency,
            transport=options.transport,
        )
        self._cache = None if options.cache is None else Ledger(Path(options.cache))

    @property
    def identity(self) -> Identity:
        """Which judge it is. Raises: as `OpenAICritic.connect`."""
        model = self._critic.connect()
        return Identity(
            name=file_name(model),
            model=model,
            settings={"wording": hashlib.sha256(ASKED.encode()).hexdigest()[:16], "picture": "before the words"},
            differs=unlike(self._published, model),
        )

    @property
    def at_once(self) -> int:
        return self._options.concurrency

    def connect(self) -> None:
        """As `Judge.connect`: one small question finds out whether the server tells log-probabilities.

        Raises: as `OpenAICritic.connect`; BadSetting, UnknownModel, BadTask as `judge`.
        """
        self._critic.connect()
        try:
            self._critic.first_tokens(Prompt(system="", parts=(trial_picture(), TRIAL)), spellings_of("red"))
        except BadTask as error:
            if outcome_of(error) is None:
                raise

    def judge(self, look: Look) -> Judgement:
        """As `Judge.judge`.

        Raises:
            CriticUnavailable, CriticTimeout: the server cannot be asked now.
            BadSetting, UnknownModel, BadTask: it tells no log-probabilities, or refuses the key, the model or the
                request.
        """
        pairs, skills = _atoms(look)
        try:
            picture = opened(look.picture)
        except BadImage as error:
            return Judgement(outcome="unreadable", reason=str(error))
        chances: list[float] = []
        calls: list[Call] = []
        for number, (question, answer) in enumerate(pairs):
            try:
                call = self._asked(f"atom {number}", picture, question, answer)
            except (CriticBadOutput, BadTask) as error:
                outcome = outcome_of(error) if isinstance(error, BadTask) else "unreadable"
                if outcome is None:
                    raise
                return Judgement(outcome=outcome, reason=f"{question}: {error}", calls=tuple(calls))
            calls.append(call)
            chances.append(chance_of(answer, [(str(token), float(p)) for token, p in json.loads(call.answer)]))
        scores = {"AM": sum(chances) / len(chances), "GM": geometric_mean(chances)}
        for skill in filter(None, dict.fromkeys(skills)):
            of_skill = [chance for chance, each in zip(chances, skills, strict=True) if each == skill]
            scores |= {skill: sum(of_skill) / len(of_skill), f"questions: {skill}": float(len(of_skill))}
        return Judgement(
            outcome="scored",
            scores=scores,
            evidence=tuple(
                f"{question} {answer}: {chance:.3f}" for (question, answer), chance in zip(pairs, chances, strict=True)
            ),
            calls=tuple(calls),
        )

    def close(self) -> None:
        """Close the connections and end the thread."""
        self._critic.close()

    def _asked(self, name: str, picture: Image.Image, question: str, answer: str) -> Call:
        words, model = ASKED.format(question=question), self._critic.connect()
        spellings = spellings_of(answer)
        prompt = hashlib.sha256(json.dumps([words, picture_key(picture), spellings]).encode()).hexdigest()
        key = hashlib.sha256(json.dumps([self._options.url, model, "first tokens", prompt]).encode()).hexdigest()
        if self._cache is not None and (kept := self._cache.recall(key, Call)) is not None:
            return kept.model_copy(update={"name": name, "cached": True})
        told = self._critic.first_tokens(Prompt(system="", parts=(picture, words)), spellings)
        call = Call(
            name=name,
            model=self._critic.model,
            prompt=prompt,
            temperature=0.0,
            answer=json.dumps(told.tokens),
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        if self._cache is not None:
            self._cache.keep(key, call)
        return call


def _atoms(look: Look) -> tuple[list[tuple[str, str]], list[str]]:
    facts = look.sample.item.facts
    listed, named = facts["vqa_list"], facts.get("skills")
    assert isinstance(listed, list)
    pairs = [(str(pair[0]), str(pair[1])) for pair in listed if isinstance(pair, list)]
    # Where skills are not one for each question, none is counted for the row.
    fits = isinstance(named, list) and len(named) == len(pairs)
    return pairs, [str(each) for each in named] if isinstance(named, list) and fits else [""] * len(pairs)
