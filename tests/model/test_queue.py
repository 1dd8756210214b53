"""Requests drawn together: the same pictures, fair turns, bounds, stopping, and faults that stay with their request."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from PIL import Image

from omniagent.model.errors import BadSetting, Cancelled, OutOfMemory, QueueFull
from omniagent.model.generator.batch import PictureBatch
from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.generator.queue import RequestQueue
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import CancelToken, GenerationRequest
from tests.support.tiny_omnigen2 import tiny_pipeline

SMALL = GeneratorProfile(width=48, height=32, steps=3)
RED, BLUE = Image.new("RGB", (48, 32), "red"), Image.new("RGB", (32, 48), "blue")
REQUESTS = [
    GenerationRequest(instruction="a red circle", seeds=(1, 2)),
    GenerationRequest(instruction="a large blue star left of a ring", seeds=(3,), text_guidance=4.0),
    GenerationRequest(instruction="repaint it", references=(RED,), seeds=(4,), width=48, height=32),
    GenerationRequest(instruction="two in one", references=(RED, BLUE), seeds=(5,), negative="blur"),
]


class Held(OmniGen2Generator):
    """Waits before its first batch, so that requests can gather, and notes the size of each batch."""

    def __init__(self, pipeline: OmniGen2Pipeline, batch: int = 4) -> None:
        super().__init__(pipeline, SMALL, batch=batch)
        self.gate = threading.Event()
        self.begun = threading.Event()
        self.batches: list[list[int]] = []
        self.broken: Callable[[int], None] = lambda _size: None

    def start(self, pictures: object) -> PictureBatch:
        self.begun.set()
        assert self.gate.wait(60)
        assert isinstance(pictures, list)
        self.batches.append([seed for _, seed in pictures])
        self.broken(len(pictures))
        return super().start(pictures)


@pytest.fixture(scope="module")
def pipeline() -> OmniGen2Pipeline:
    return tiny_pipeline()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as threads:
        yield threads


def pixels(pictures: list[Image.Image]) -> list[bytes]:
    return [picture.tobytes() for picture in pictures]


def gathered(
    queue: RequestQueue, generator: Held, pool: ThreadPoolExecutor, requests: list[GenerationRequest]
) -> list[Future[list[Image.Image]]]:
    """Requests that wait behind a first batch which is held, in their order."""
    first = pool.submit(queue.draw, GenerationRequest(instruction="first", seeds=(0,)))
    assert generator.begun.wait(60)
    futures = [first]
    for request in requests:
        before = queue.waiting
        futures.append(pool.submit(queue.draw, request))
        count = before + len(request.seeds)
        assert queue.wait_until(lambda count=count: queue.waiting >= count, 60)
    return futures


def test_pictures_drawn_in_company_are_those_drawn_alone_bit_for_bit(
    pipeline: OmniGen2Pipeline, pool: ThreadPoolExecutor
) -> None:
    alone = [pixels(OmniGen2Generator(pipeline, SMALL).generate(request)) for request in REQUESTS]
    for order in (REQUESTS, REQUESTS[::-1]):
        generator = Held(pipeline)
        queue = RequestQueue(generator, nullcontext)
        futures = gathered(queue, generator, pool, list(order))
        generator.gate.set()
        found = [pixels(future.result(60)) for future in futures[1:]]
        assert found == [alone[REQUESTS.index(request)] for request in order]
        assert sorted(map(sorted, generator.batches)) == [[0], [1, 2, 3], [4, 5]]
        queue.close()


def test_a_long_request_lets_others_in_between_its_pictures(
    pipeline: OmniGen2Pipeline, pool: ThreadPoolExecutor
) -> None:
    generator = Held(pipeline, batch=2)
    queue = RequestQueue(generator, nullcontext)
    long = GenerationRequest(instruction="a", seeds=(1, 2, 3, 4, 5))
    short = GenerationRequest(instruction="b", seeds=(9,))
    futures = gathered(queue, generator, pool, [long, short])
    generator.gate.set()
    assert [len(future.result(60)) for future in futures] == [1, 5, 1]
    assert generator.batches == [[0], [1, 9], [2, 3], [4, 5]]
    queue.close()


def test_a_full_queue_turns_a_request_away_at_once_and_takes_it_later(
    pipeline: OmniGen2Pipeline, pool: ThreadPoolExecutor
) -> None:
    generator = Held(pipeline)
    queue = RequestQueue(generator, nullcontext, most_waiting=3)
    futures = gathered(queue, generator, pool, [REQUESTS[0]])
    with pytest.raises(QueueFull, match="2 pictures wait already and 2 more exceed 3"):
        queue.draw(REQUESTS[0])
    generator.gate.set()
    assert all(future.result(60) for future in futures)
    assert len(queue.draw(REQUESTS[0])) == 2
    queue.close()


def test_a_cancelled_request_leaves_within_a_step_and_the_others_come_out_as_ever(
    pipeline: OmniGen2Pipeline, pool: ThreadPoolExecutor
) -> None:
    generator, token, seen = Held(pipeline), CancelToken(), list[int]()
    wanted = pixels(OmniGen2Generator(pipeline, SMALL).generate(REQUESTS[0]))
    generator.gate.set()
    queue = RequestQueue(generator, nullcontext)
    generator.gate.clear()
    first = pool.submit(queue.draw, GenerationRequest(instruction="first", seeds=(0,)))
    assert generator.begun.wait(60)
    staying = pool.submit(queue.draw, REQUESTS[0])

    def on_step(done: int, _steps: int) -> None:
        seen.append(done)
        token.cancel()

    leaving = pool.submit(queue.draw, REQUESTS[1], token, on_step)
    assert queue.wait_until(lambda: queue.waiting >= 3, 60)
    generator.gate.set()
    with pytest.raises(Cancelled):
        leaving.result(60)
    assert pixels(staying.result(60)) == wanted and first.result(60)
    assert seen == [1]
    queue.close()


def test_a_request_that_waits_can_be_cancelled_before_its_turn(
    pipeline: OmniGen2Pipeline, pool: ThreadPoolExecutor
) -> None:
    generator, token = Held(pipeline), CancelToken()
    queue = RequestQueue(generator, nullcontext)
    (first,) = gathered(queue, generator, pool, [])
    waiting = pool.submit(queue.draw, REQUESTS[0], token)
    token.cancel()
    with pytest.raises(Cancelled):
        waiting.result(60)
    generator.gate.set()
    assert first.result(60)
    assert generator.batches == [[0]]
    queue.close()


def test_progress_counts_the_steps_of_all_pictures_of_one_request(pipeline: OmniGen2Pipeline) -> None:
    queue, seen = RequestQueue(OmniGen2Generator(pipeline, SMALL, batch=2), nullcontext), list[tuple[int, int]]()
    queue.draw(REQUESTS[0], on_step=lambda done, steps: seen.append((done, steps)))
    assert seen == [(2, 6), (4, 6), (6, 6)]
    queue.close()


def test_a_fault_of_one_request_does_not_reach_the_others(pipeline: OmniGen2Pipeline, pool: ThreadPoolExecutor) -> None:
    generator = Held(pipeline)
    queue = RequestQueue(generator, nullcontext)
    with pytest.raises(BadSetting, match="width=7"):
        queue.draw(GenerationRequest(instruction="a", width=7))
    with pytest.raises(BadSetting, match="steps=0"):
        queue.draw(GenerationRequest(instruction="a", steps=0))

    def fail(*_: int) -> None:
        raise LookupError("mine")

    futures = gathered(queue, generator, pool, [REQUESTS[0]])
    failing = pool.submit(queue.draw, REQUESTS[1], None, fail)
    assert queue.wait_until(lambda: queue.waiting >= 3, 60)
    generator.gate.set()
    with pytest.raises(LookupError, match="mine"):
        failing.result(60)
    assert all(future.result(60) for future in futures)
    queue.close()


def test_too_little_memory_for_a_batch_is_answered_with_smaller_ones(
    pipeline: OmniGen2Pipeline, pool: ThreadPoolExecutor
) -> None:
    generator = Held(pipeline)
    queue = RequestQueue(generator, nullcontext)
    futures = gathered(queue, generator, pool, REQUESTS[:2])

    def broken(size: int) -> None:
        if size > 1:
            raise RuntimeError("CUDA out of memory")

    generator.broken = broken
    wanted = [pixels(OmniGen2Generator(pipeline, SMALL).generate(request)) for request in REQUESTS[:2]]
    generator.gate.set()
    assert [pixels(future.result(60)) for future in futures[1:]] == wanted
    assert [len(batch) for batch in generator.batches] == [1, 3, 1, 1, 1]

    def hopeless(_size: int) -> None:
        raise RuntimeError("CUDA out of memory")

    generator.broken = hopeless
    with pytest.raises(OutOfMemory):
        queue.draw(REQUESTS[1])
    queue.close()


def test_closing_finishes_the_batch_under_way_and_ends_those_that_wait(
    pipeline: OmniGen2Pipeline, pool: ThreadPoolExecutor
) -> None:
    generator = Held(pipeline)
    queue = RequestQueue(generator, nullcontext)
    first, waiting = gathered(queue, generator, pool, [REQUESTS[0]])
    closing = pool.submit(queue.close)
    assert queue.wait_until(lambda: queue.closed, 60)
    with pytest.raises(BadSetting, match="closed"):
        queue.draw(REQUESTS[0])
    generator.gate.set()
    closing.result(60)
    assert len(first.result(60)) == 1
    with pytest.raises(Cancelled, match="closed"):
        waiting.result(60)
    queue.close()


_PROGRAM = """
import threading
from omniagent.config import Config
from omniagent.models import load_runtime
from omniagent.model.requests import GenerationRequest

generator = load_runtime(Config(), generator=None, critic=None).generator
begun = threading.Event()
steps = {steps}
request = GenerationRequest(instruction="a red circle", seeds=(1,), steps=steps)
tell = {{"on_step": lambda *_: begun.set()}}
work = threading.Thread(target=generator.generate, args=(request,), kwargs=tell, daemon=True)
work.start()
begun.wait() if steps > 2 else work.join()
"""


@pytest.mark.bundled
@pytest.mark.parametrize("steps", [1, 1000])
def test_a_program_that_ends_right_after_or_amid_a_drawing_ends_well(steps: int) -> None:
    program = [sys.executable, "-c", _PROGRAM.format(steps=steps)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stderr[-800:]
