"""One picture of a benchmark drawn by the agent, and the errand that executors carry out."""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from omniagent.batch import folder_name
from omniagent.benchmarks.base import Benchmark
from omniagent.benchmarks.items import Sample
from omniagent.benchmarks.running.folder import About, RunFolder
from omniagent.benchmarks.running.ledger import Line
from omniagent.comparison import Variant, capped, caps_of, rules_of
from omniagent.model import errors
from omniagent.model.errors import (
    BadCheckpoint,
    CallerError,
    Cancelled,
    GenerationFailed,
    HardFailure,
    OutputUnwritable,
    RetryableError,
    UnknownModel,
)
from omniagent.model.wording import cut
from omniagent.tools.record.files import write_whole
from omniagent.tools.record.store import png_bytes

if TYPE_CHECKING:
    from omniagent.agent import Agent

T = TypeVar("T")
_WAITS: Final = (1.0, 5.0, 20.0)
"""Seconds before each further try after a passing fault."""


class Drawn(Line):
    """What became of one picture.

    Attributes:
        outcome: `fault`: a passing fault outlasted all tries; such a line is not kept, and the picture is tried again.
        sha256: Of the picture's file.
        stop: The run's stop reason, or the class of the error.
        message: Why there is no picture.
        pictures: How many were drawn for it.
        calls: Critic calls.
        seconds: From beginning to end.
    """

    outcome: Literal["drawn", "not_drawn", "fault"]
    sha256: str = ""
    stop: str = ""
    message: str = ""
    seed: int = 0
    pictures: int = 0
    calls: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Drawing:
    """The errand of a run's pictures, by their keys.

    Attributes:
        make: Makes the agent in the process that draws; it must be importable for other processes.
        benchmark: Whose pictures.
        about: How they are drawn.
        folder: Gets them.
        samples: What is drawn, by key.
        waits: Seconds before each further try after a passing fault.
    """

    make: "Callable[[], Agent]"
    benchmark: Benchmark
    about: About
    folder: RunFolder
    samples: Mapping[str, Sample]
    waits: tuple[float, ...] = _WAITS

    @property
    def kind(self) -> type[Drawn]:
        """As `WordErrand.kind`."""
        return Drawn

    def check_sent(self) -> None:
        """As `Errand.check_sent`: what cannot be pickled is refused by the executor itself."""

    def begin(self) -> Callable[[str], Drawn]:
        """As `Errand.begin`.

        Raises:
            UnknownModel, BadCheckpoint, HubUnreachable, OutOfMemory: the models cannot be loaded.
        """
        from omniagent.agent import Agent

        given = self.make()
        variant = Variant(self.about.policy, _policy(self.about), rules_of(_texts(self.about)))
        config = capped(given.config, caps_of(variant, self.about.pictures, given.config.budget))
        agent = Agent(config=config, runtime=given.runtime)

        def draw(key: str) -> Drawn:
            # The agent that loaded the models must live as long as they are used.
            assert given is not agent
            return self._drawn(agent, self.samples[key])

        return draw

    def lost(self, item: str, message: str) -> Drawn:
        """As `Errand.lost`."""
        return Drawn(key=item, outcome="not_drawn", stop="ProcessDied", message=message)

    def _drawn(self, agent: "Agent", sample: Sample) -> Drawn:
        drawn = self._once(agent, sample)
        for wait in self.waits:
            if drawn.outcome != "fault":
                break
            time.sleep(wait)
            drawn = self._once(agent, sample)
        return drawn

    def _once(self, agent: "Agent", sample: Sample) -> Drawn:
        item, about = sample.item, self.about
        line = Drawn(key=sample.key, outcome="not_drawn", seed=self.benchmark.seed_of(item, sample.number, about.seed))
        folder = self.folder.runs / folder_name(sample.key)
        try:
            result = agent.run(
                item.prompt,
                list(item.images),
                seed=line.seed,
                thread_id=folder.name,
                out=folder,
                settings=about.settings,
                mode=item.mode,
            )
        except (OutputUnwritable, UnknownModel, BadCheckpoint, HardFailure, Cancelled) as error:
            if not isinstance(error, GenerationFailed):
                raise
            return line.model_copy(update={"stop": "GenerationFailed", "message": cut(str(error), 500)})
        except RetryableError as error:
            return line.model_copy(
                update={"outcome": "fault", "stop": type(error).__name__, "message": cut(str(error), 500)}
            )
        except CallerError as error:
            return line.model_copy(update={"stop": type(error).__name__, "message": cut(str(error), 500)})
        usage = result.usage
        line = line.model_copy(
            update={
                "stop": result.stop_reason,
                "message": cut(result.message, 500),
                "pictures": usage.images,
                "calls": usage.critic_calls,
                "seconds": usage.seconds,
            }
        )
        if result.stop_reason == "cancelled":
            raise Cancelled("stopped; run the same again to go on")
        if _passing(result.stop_reason, result.error):
            # A finished run would give the same result again.
            shutil.rmtree(folder, ignore_errors=True)
            return line.model_copy(update={"outcome": "fault"})
        if (picture := result.image) is None:
            return line
        data = png_bytes(picture)
        write_whole(self.folder.pictures / sample.path, data)
        return line.model_copy(update={"outcome": "drawn", "message": "", "sha256": sha256(data).hexdigest()})


def _passing(stop: str, error: str | None) -> bool:
    """Whether a run ended by what is no fault of the picture: a server that is gone, a machine that gave up."""
    kind: object = getattr(errors, error or "", None)
    if stop != "failed" or not isinstance(kind, type):
        return stop == "critic_unavailable"
    return issubclass(kind, RetryableError | HardFailure) and not issubclass(kind, GenerationFailed)


def _policy(about: About) -> Literal["single", "best-of-n", "agent"]:
    match about.policy.split(",")[0]:
        case "single":
            return "single"
        case "best-of-n":
            return "best-of-n"
        case _:
            return "agent"


def _texts(about: About) -> list[str]:
    return [f"{name}={value}" for name, value in about.rules.items()]
