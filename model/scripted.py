"""Public fakes of the two model roles: they answer from a script, at once, without torch.

They obey tokens and raise the same typed errors as the real ones, so that whatever is tested with them
holds with a model too. Slowness is an event, never a sleep: with a `gate`, a call waits until the gate is set.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from PIL import Image, ImageDraw
from pydantic import BaseModel

from omniagent.model.errors import BadSetting, CriticBadOutput
from omniagent.model.perception.boxes import Found
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.requests import (
    CancelToken,
    Chosen,
    Completion,
    GenerationRequest,
    Options,
    Prompt,
    Questions,
    Step,
    Watching,
    Writing,
    YesNo,
    check_request,
)

T = TypeVar("T")

Drawn = Image.Image | Sequence[Image.Image] | Exception
Drawing = Sequence[Drawn] | Callable[[GenerationRequest], Drawn]
"""One item a call (a picture for every seed, one picture each, or an error), or a function of the request."""

Judged = float | Sequence[float] | Exception
Verdicts = Sequence[Judged] | Callable[[Prompt, str], float]
"""One item a call (p(yes) for all its questions, one each, or an error), or a function of prompt and question."""

Written = str | BaseModel | Completion | Exception
Texts = Sequence[Written] | Callable[[Prompt, type[BaseModel] | None], Written]
"""One item a call (text, an object to write as JSON, a completion, or an error), or a function of prompt and schema."""


Choices = Sequence[str | Exception] | Callable[[Prompt, tuple[str, ...]], str]
"""One item a call (the option that is chosen, or an error), or a function of prompt and options."""


Places = Mapping[str, Sequence[tuple[float, float, float, float]]]
"""Boxes (left, top, right, bottom) in pixels, by the name of the thing."""


@dataclass(slots=True)
class _Pace:
    """Errors by call number, and the gate that holds a call back. `started` is set once any call has begun."""

    errors: Mapping[int, Exception]
    gate: threading.Event | None
    started: threading.Event = field(default_factory=threading.Event)

    def begin(self, number: int, token: CancelToken | None) -> None:
        if token is not None:
            token.check()
        self.started.set()
        if number in self.errors:
            raise self.errors[number]

    def wait(self, token: CancelToken | None) -> None:
        while self.gate is not None and not self.gate.wait(0.005):
            if token is not None:
                token.check()
        if token is not None:
            token.check()


def picture_for(instruction: str, seed: int, size: tuple[int, int] = (128, 128)) -> Image.Image:
    """A flat disc on a flat ground whose colours and place depend on instruction and seed alone.

    Different pairs give different pictures. `size` is (width, height) in pixels.
    """
    digest = hashlib.sha256(f"{seed}\n{instruction}".encode()).digest()
    width, height = size
    image = Image.new("RGB", size, (digest[0], digest[1], digest[2]))
    radius = max(2, min(width, height) // 6)
    x = radius + digest[6] % max(1, width - 2 * radius)
    y = radius + digest[7] % max(1, height - 2 * radius)
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*digest[3:6],))
    return image


class ScriptedGenerator:
    """A `Generator` that draws from a script, or one distinct picture for each instruction and seed.

    Args:
        script: What to draw; None draws `picture_for(instruction, seed)`.
        errors: Errors to raise, by call number counted from 0.
        gate: While given and not set, calls wait before every step; cancelling or a deadline frees them.
        steps: Steps reported to `on_step` when the request names none; each shows `picture_for` in 16 pixels.
        size: (width, height) in pixels when neither the request nor a single reference gives one.
        model: The name shown in traces.
        profile: What it leaves open and can draw; the default is `GeneratorProfile()`.
        remarks: What it says beforehand of every request.
        reuses_source: Whether it says that its edits take from their source what does not change.

    Attributes:
        calls: Every request that arrived, in order, also those that failed.
        started: Set once a call has begun; wait on it before you cancel from another thread.
    """

    def __init__(
        self,
        script: Drawing | None = None,
        *,
        errors: Mapping[int, Exception] | None = None,
        gate: threading.Event | None = None,
        steps: int = 4,
        size: tuple[int, int] = (128, 128),
        model: str = "scripted",
        profile: GeneratorProfile | None = None,
        remarks: Sequence[str] = (),
        reuses_source: bool = False,
    ) -> None:
        self._reuses_source = reuses_source
        self._remarks = tuple(remarks)
        self.calls: list[GenerationRequest] = []
        self._profile = profile or GeneratorProfile(source="scripted")
        self._script = script if script is None or callable(script) else _Turns(script, "pictures")
        self._pace = _Pace(errors or {}, gate)
        self._steps = steps
        self._size = size
        self._model = model
        self._lock = threading.Lock()
        self.started = self._pace.started

    @property
    def model(self) -> str:
        return self._model

    @property
    def profile(self) -> GeneratorProfile:
        return self._profile

    @property
    def takes_loras(self) -> bool:
        return True

    @property
    def reuses_source(self) -> bool:
        return self._reuses_source

    def remarks(self, request: GenerationRequest) -> tuple[str, ...]:
        """What the script says of every request."""
        check_request(request)
        return self._remarks

    def generate(
        self, request: GenerationRequest, *, token: CancelToken | None = None, on_step: Step | None = None
    ) -> list[Image.Image]:
        """The script's pictures for this call, RGB, one for each seed.

        Raises:
            BadSetting: the request is out of range, or the script has nothing for this call.
            Cancelled: the token was cancelled or expired; checked at each step.
            Exception: whatever the script says.
        """
        check_request(request)
        with self._lock:
            number = len(self.calls)
            self.calls.append(request)
        self._pace.begin(number, token)
        steps = request.steps or self._steps
        for done in range(1, steps + 1):
            self._pace.wait(token)
            if isinstance(on_step, Watching):
                on_step.look(lambda: [picture_for(request.instruction, seed, (16, 16)) for seed in request.seeds])
            if on_step is not None:
                on_step(done, steps)
        if self._script is None:
            return [picture_for(request.instruction, seed, self._size_of(request)) for seed in request.seeds]
        drawn = self._script.take() if isinstance(self._script, _Turns) else self._script(request)
        if isinstance(drawn, Exception):
            raise drawn
        pictures = [drawn] * len(request.seeds) if isinstance(drawn, Image.Image) else list(drawn)
        if len(pictures) != len(request.seeds):
            raise BadSetting(
                f"the script draws {len(pictures)} pictures, "
                f"but the request has {len(request.seeds)} seeds; script one picture for each seed"
            )
        return [picture.convert("RGB") for picture in pictures]

    def _size_of(self, request: GenerationRequest) -> tuple[int, int]:
        width, height = request.references[0].size if len(request.references) == 1 else self._size
        return (request.width or width, request.height or height)


class ScriptedCritic:
    """A `Critic` that answers from a script; without one, every answer is a sure yes.

    Token counts are counts of words; pictures count nothing.

    Args:
        verdicts: P(yes) in [0, 1]; `True` and `False` serve as 1 and 0. None says 0.99 to everything.
        texts: What to write. None lets `write` raise BadSetting.
        choices: Which option to choose. None chooses the first; of numbers none, so that nothing is counted.
        errors: Errors to raise, by call number counted from 0 over all kinds of call.
        gate: While given and not set, calls wait; cancelling or a deadline frees them.
        model: The name shown in traces.
        profile: How it is asked; the default is `CriticProfile()`, that is the plain dialect.

    Attributes:
        calls: Every call that arrived, in order, also those that failed.
        started: Set once a call has begun; wait on it before you cancel from another thread.
    """

    def __init__(
        self,
        verdicts: Verdicts | None = None,
        texts: Texts | None = None,
        *,
        choices: Choices | None = None,
        errors: Mapping[int, Exception] | None = None,
        gate: threading.Event | None = None,
        model: str = "scripted",
        profile: CriticProfile | None = None,
    ) -> None:
        self.calls: list[Questions | Options | Writing] = []
        self._profile = profile or CriticProfile(source="scripted")
        self._choices = choices if choices is None or callable(choices) else _Turns(choices, "choices")
        self._verdicts = verdicts if verdicts is None or callable(verdicts) else _Turns(verdicts, "verdicts")
        self._texts = texts if texts is None or callable(texts) else _Turns(texts, "texts")
        self._pace = _Pace(errors or {}, gate)
        self._model = model
        self._lock = threading.Lock()
        self.started = self._pace.started

    @property
    def backend(self) -> str:
        return "scripted"

    @property
    def model(self) -> str:
        return self._model

    @property
    def profile(self) -> CriticProfile:
        return self._profile

    def yes_no(self, call: Questions, *, token: CancelToken | None = None) -> YesNo:
        """The script's probabilities, one for each question.

        Raises:
            BadSetting: the script has nothing, or the wrong number of answers, for this call.
            Cancelled: the token was cancelled or expired.
            Exception: whatever the script says.
        """
        prompt, questions = call.prompt, call.questions
        self._arrive(call, token)
        if self._verdicts is None:
            answers = [0.99] * len(questions)
        elif not isinstance(self._verdicts, _Turns):
            answers = [float(self._verdicts(prompt, question)) for question in questions]
        else:
            judged = self._verdicts.take()
            if isinstance(judged, Exception):
                raise judged
            answers = [float(p) for p in (judged if isinstance(judged, Sequence) else [judged] * len(questions))]
        if len(answers) != len(questions):
            raise BadSetting(
                f"the script gives {len(answers)} verdicts, "
                f"but {len(questions)} questions were asked; script one for each question"
            )
        words = _words(prompt) + sum(len(question.split()) for question in questions)
        return YesNo(probabilities=tuple(answers), prompt_tokens=words, completion_tokens=len(questions))

    def choose(self, call: Options, *, token: CancelToken | None = None) -> Chosen:
        """All probability on the script's option.

        Raises:
            BadSetting: the script has nothing for this call, or names no option of it.
            Cancelled: the token was cancelled or expired.
            Exception: whatever the script says.
        """
        self._arrive(call, token)
        picked: str | Exception = call.options[0]
        if self._choices is None and all(option.isdigit() for option in call.options):
            raise CriticBadOutput("this ScriptedCritic has no choices to count with; give choices=[...] or a function")
        if self._choices is not None:
            script = self._choices
            picked = script.take() if isinstance(script, _Turns) else script(call.prompt, call.options)
        if isinstance(picked, Exception):
            raise picked
        if picked not in call.options:
            raise BadSetting(f"the script chooses {picked!r}, but the options are {', '.join(call.options)}")
        return Chosen(
            probabilities=tuple(1.0 if option == picked else 0.0 for option in call.options),
            prompt_tokens=_words(call.prompt),
            completion_tokens=1,
        )

    def write(self, call: Writing, *, token: CancelToken | None = None) -> Completion:
        """The script's text, cut after `max_tokens` words when it is longer.

        Raises:
            BadSetting: the script has nothing for this call.
            Cancelled: the token was cancelled or expired.
            Exception: whatever the script says.
        """
        prompt, schema, max_tokens = call.prompt, call.schema, call.max_tokens
        self._arrive(call, token)
        if self._texts is None:
            raise BadSetting("this ScriptedCritic has no texts to write; give texts=[...] or a function")
        written = self._texts.take() if isinstance(self._texts, _Turns) else self._texts(prompt, schema)
        if isinstance(written, Exception):
            raise written
        if isinstance(written, Completion):
            return written
        text = written if isinstance(written, str) else written.model_dump_json()
        words = text.split(" ")
        return Completion(
            text=" ".join(words[:max_tokens]),
            cut=len(words) > max_tokens,
            prompt_tokens=_words(prompt),
            completion_tokens=min(len(words), max_tokens),
        )

    def _arrive(self, call: Questions | Options | Writing, token: CancelToken | None) -> None:
        with self._lock:
            number = len(self.calls)
            self.calls.append(call)
        self._pace.begin(number, token)
        self._pace.wait(token)


class ScriptedFinder:
    """A `BoxFinder` that finds what it is told to.

    Args:
        places: Boxes (left, top, right, bottom) in pixels by the name of the thing, or a function of the picture that
            gives these.

    Attributes:
        calls: The names of every call, in order.
    """

    def __init__(self, places: Places | Callable[[Image.Image], Places]) -> None:
        self._places = places
        self.calls: list[tuple[str, ...]] = []

    def find(self, image: Image.Image, names: Sequence[str]) -> tuple[Found, ...]:
        """The places of those names, as sure as can be."""
        self.calls.append(tuple(names))
        places = self._places(image) if callable(self._places) else self._places
        return tuple(Found(name, *box, confidence=1.0) for name in names for box in places.get(name, ()))


class _Turns(Generic[T]):
    """A script read item by item; a call that failed before it got here has taken none."""

    def __init__(self, items: Sequence[T], what: str) -> None:
        self._items = items
        self._what = what
        self._taken = 0
        self._lock = threading.Lock()

    def take(self) -> T:
        with self._lock:
            turn = self._taken
            self._taken += 1
        if turn >= len(self._items):
            raise BadSetting(
                f"the script has {self._what} for {len(self._items)} calls and this is call {turn + 1}; "
                "script more, or give a function"
            )
        return self._items[turn]


def _words(prompt: Prompt) -> int:
    return len(prompt.system.split()) + sum(len(part.split()) for part in prompt.parts if isinstance(part, str))
