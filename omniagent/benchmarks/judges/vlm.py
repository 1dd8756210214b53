"""A vision model behind an OpenAI-compatible server as a judge: it is asked in given words, its answers are kept."""

import hashlib
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from omniagent.benchmarks.items import Look
from omniagent.benchmarks.judgement import Call, Identity, Judgement, JudgeOptions, Outcome
from omniagent.benchmarks.judges.asks import Ask, Read
from omniagent.benchmarks.judges.served import TRIAL, file_name, outcome_of, trial_picture, unlike
from omniagent.data.ledger import Ledger
from omniagent.model.critic.openai.abilities import Abilities, blamed, listed
from omniagent.model.critic.openai.client import ChatClient
from omniagent.model.critic.openai.wire import ChatAnswer
from omniagent.model.errors import BadImage, BadSetting, BadTask, CriticBadOutput, UnknownModel
from omniagent.model.http.event_loop import BackgroundLoop
from omniagent.model.mllm.yes_no import without_thought
from omniagent.model.wording import cut, shown
from omniagent.tools.record.store import png_bytes

_DECLINED: Final = re.compile(
    r"\W*(?:(?:i['’]m|i am) (?:very |so )?(?:sorry|unable|not able)|sorry|i (?:can(?:['’]t|not)|won['’]t|must decline)|"
    r"(?:unfortunately|apologies),? i)\b",
    re.IGNORECASE,
)


class _Said(NamedTuple):
    call: Call
    outcome: Outcome
    reason: str = ""


Asks = Callable[[Look], Sequence[Ask]]
"""The questions about a picture. Raises: BadImage where its file cannot be read."""

Reads = Callable[[Ask, str], Read | None]
"""What an answer says, which comes without what the model thought aloud; None where it cannot be read."""

Combines = Callable[[Mapping[str, float]], Mapping[str, float]]
"""The scores of a picture from the parts that were read, with what follows from them."""


class VlmJudge:
    """A `Judge`. A picture has a score when every question about it has one.

    Args:
        identity: Which judge it is, without the model and what the options say, which are added.
        options: The server, and how it is asked.
        asks: The questions about a picture.
        read: What an answer says.
        combine: The scores of a picture from their parts.
        published: The model that judged the published numbers; empty where it cannot be one behind a server.
        faults: Of `as_published`: how often each question is asked, the last answer standing, and the range of the
            random number that stands for an answer that cannot be read, by the part that it stands for.

    Raises:
        BadSetting: no server was named, or its URL is no http URL.
    """

    def __init__(
        self,
        identity: Identity,
        options: JudgeOptions,
        asks: Asks,
        read: Reads,
        *,
        combine: Combines = lambda parts: parts,
        published: str = "",
        faults: tuple[int, int, int] | None = None,
    ) -> None:
        if options.url is None:
            raise BadSetting("this benchmark is judged by a vision model; give its OpenAI-compatible URL with --judge")
        self._options = options
        self._asks, self._read, self._combine = asks, read, combine
        self._published = published
        self._faults = faults if options.as_published else None
        self._loop = BackgroundLoop("judge", self._renew)
        self._client = ChatClient(
            options.url,
            options.key,
            timeout=options.timeout,
            retries=options.retries,
            backoff=0.5,
            concurrency=options.concurrency,
            transport=options.transport,
        )
        self._cache = None if options.cache is None else Ledger(Path(options.cache))
        self._model = options.model
        self._abilities = Abilities()
        self._given = identity

    @property
    def identity(self) -> Identity:
        """Which judge it is; where no model was named, the server is asked for the first that it lists."""
        model = self._served()
        settings = {
            "temperature": "not sent" if self._options.temperature is None else f"{self._options.temperature:g}",
            "as_published": str(self._options.as_published).lower(),
        }
        return self._given.model_copy(
            update={
                "name": file_name(model),
                "model": model,
                "settings": {**self._given.settings, **settings},
                "differs": (*self._given.differs, *(unlike(self._published, model) if self._published else ())),
            }
        )

    @property
    def at_once(self) -> int:
        return self._options.concurrency

    def connect(self) -> None:
        """As `Judge.connect`: the server is asked for its models and, where these do not settle it, one small question.

        It is asked where there is a key, since some servers list their models without one, and where the model that was
        named is not in the list, since some take names that they do not list.

        Raises:
            CriticUnavailable, CriticTimeout, CriticBadOutput: it cannot be asked now.
            BadSetting: it refuses the key, or lists no model where none was named.
            UnknownModel, BadTask: it has no such model, or the model takes no such question.
        """
        names, model = self._listed(), self._served()
        if self._options.key is None and model in names:
            return
        ask = Ask("trial", TRIAL, (png_bytes(trial_picture()),), kind="png")
        try:
            self._answered(self._body(ask), ask.tokens)
        except (UnknownModel, BadTask) as error:
            if isinstance(error, BadTask) and outcome_of(error) is not None:
                return
            if model in names:
                raise
            told = ", ".join(map(cut, names[:20])) or "no model"
            raise type(error)(f"{error}; the judge's model is {shown(model)}, and the server lists {told}") from error

    def judge(self, look: Look) -> Judgement:
        """As `Judge.judge`.

        Raises:
            CriticUnavailable, CriticTimeout, CriticBadOutput: the server cannot be asked now.
            BadSetting, UnknownModel, BadTask: it refuses the key, the model or the request.
        """
        try:
            asks = self._asks(look)
        except BadImage as error:
            return Judgement(outcome="unreadable", reason=str(error))
        parts: dict[str, float] = {}
        calls: list[Call] = []
        reasons: list[str] = []
        for ask in asks:
            said = self._asked(ask, look.sample.key)
            calls += said.calls
            if said.read is None:
                return Judgement(outcome=said.outcome, reason=f"{ask.name}: {said.reason}", calls=tuple(calls))
            parts.update(said.read.scores)
            reasons.append(f"{ask.name}: {said.read.reason}" if said.read.reason else "")
        return Judgement(
            outcome="scored",
            scores=dict(self._combine(parts)),
            reason=" ".join(filter(None, reasons)),
            evidence=tuple(f"{call.name}: {call.answer}" for call in calls),
            calls=tuple(calls),
        )

    def close(self) -> None:
        """Close the connections and end the thread."""
        self._loop.run(self._client.close())
        self._loop.close()

    def _renew(self) -> None:
        self._client.renew()

    def _served(self) -> str:
        if self._model is None:
            self._listed()
        assert self._model is not None
        return self._model

    def _listed(self) -> list[str]:
        """The models that the server lists, of which the first is the judge where none was named."""
        try:
            models = self._loop.run(listed(self._client, named=self._model is not None)) or []
        except CriticBadOutput:
            if self._model is None:
                raise
            models = []
        if self._model is None:
            if not models:
                raise BadSetting(f"the judge at {self._client.url} lists no model; name one with --judge-model")
            self._model = models[0].name
        return [each.name for each in models]

    def _asked(self, ask: Ask, key: str) -> "_Asked":
        times = 1 if self._faults is None else self._faults[0]
        calls: list[Call] = []
        said, read = None, None
        for number in range(times):
            said = self._said(ask, number)
            calls.append(said.call)
            read = self._read(ask, without_thought(said.call.answer)) if said.outcome == "scored" else None
        assert said is not None
        if read is None and self._faults is not None and said.outcome == "scored":
            # The official script's own way; by the key, so that the same run gives the same number.
            _, low, high = self._faults
            guess = random.Random(f"{key} {ask.name}").randint(low, high)
            return _Asked(calls, Read({ask.name: float(guess)}, "a random number, as published"), "scored", "")
        if read is not None:
            return _Asked(calls, read, "scored", "")
        if said.outcome != "scored":
            return _Asked(calls, None, said.outcome, said.reason)
        declined = _DECLINED.match(without_thought(said.call.answer)) is not None
        why = "the judge declined: " if declined else "the answer cannot be read: "
        return _Asked(calls, None, "refused" if declined else "unreadable", why + said.call.answer[:300])

    def _said(self, ask: Ask, number: int) -> _Said:
        prompt, model, options = ask.prompt, self._served(), self._options
        told = [self._client.url, model, options.temperature, ask.tokens, prompt, number]
        key = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        if self._cache is not None and (kept := self._cache.recall(key, Call)) is not None:
            return _Said(kept.model_copy(update={"name": ask.name, "cached": True}), "scored")
        call = Call(name=ask.name, model=model, prompt=prompt, temperature=options.temperature)
        try:
            answer = self._answered(self._body(ask), ask.tokens)
        except BadTask as error:
            if (outcome := outcome_of(error)) is None:
                raise
            return _Said(call.model_copy(update={"date": _now()}), outcome, str(error))
        return self._kept(key, call, ask, answer)

    def _body(self, ask: Ask) -> dict[str, Any]:
        heat = self._options.temperature
        return {"model": self._served(), "messages": ask.messages, **({} if heat is None else {"temperature": heat})}

    def _answered(self, body: dict[str, Any], tokens: int) -> ChatAnswer:
        abilities = self._abilities
        given: dict[str, Any] = body if abilities.limit is None else {**body, abilities.limit: tokens}
        try:
            return self._loop.run(self._client.chat(**given))
        except BadTask as error:
            if abilities.limit is None or "limit" not in blamed(error):
                raise
        # Newer models of OpenAI take the limit under another name; another thread may have learned it meanwhile.
        if self._abilities is abilities:
            self._abilities = abilities.without("limit")
        return self._answered(body, tokens)

    def _kept(self, key: str, call: Call, ask: Ask, answer: ChatAnswer) -> _Said:
        choice = answer.choices[0]
        finish = str(choice.finish_reason or "")
        made = call.model_copy(
            update={"answer": choice.said, "finish": finish, "date": _now(), "model": answer.model or call.model}
        )
        if choice.message.refusal or finish == "content_filter":
            return _Said(made, "refused", choice.message.refusal or "the server's content filter")
        if not choice.said.strip():
            return _Said(made, "unreadable", f"an empty answer (finish: {finish or 'not told'})")
        if self._cache is not None and self._read(ask, without_thought(choice.said)) is not None:
            self._cache.keep(key, made)
        return _Said(made, "scored")


class _Asked(NamedTuple):
    calls: list[Call]
    read: Read | None
    outcome: Outcome
    reason: str


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
