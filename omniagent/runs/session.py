"""One run at work: a thread that drives the graph, and the queue of its events."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from omniagent.graphs.build import Graph, build, step_limit
from omniagent.graphs.context import GraphContext
from omniagent.graphs.leading import best_of
from omniagent.graphs.policy import capped, policy_of
from omniagent.graphs.speculate import DrawAhead
from omniagent.graphs.state import AgentState
from omniagent.model import lifetime
from omniagent.model.errors import BadSetting, HardFailure, OmniAgentError
from omniagent.model.requests import CancelToken
from omniagent.model.wording import shown
from omniagent.runs.folder import checkpoints, owned, run_in
from omniagent.runs.request import Order
from omniagent.runs.result import ATTEMPTS_FOLDER, TRACE_FILE, Result
from omniagent.tools.meter import CallMeter
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Asked, Event, Planned, RunEnded, RunStarted, Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Budget, StopReason, Task, Usage

if TYPE_CHECKING:
    from omniagent.model.runtime import ModelRuntime

RESUMABLE: tuple[StopReason, ...] = (
    "cancelled",
    "critic_unavailable",
    "failed",
    "time_limit",
    "round_limit",
    "image_limit",
)
"""Stops after which the same thread goes on when asked again; the others are the end of a thread."""

_PACKAGES = ("omniagent", "torch", "transformers", "diffusers", "langgraph")


@dataclass(slots=True, eq=False, weakref_slot=True)
class Session:
    """A run in a thread of its own. `start` once; then `next_event` and `wait` from any thread.

    With a `listener`, it is called with each event in the run's thread, with None after the last, and `next_event`
    gives nothing. `waiter` is the thread that wants the result, by default the one that starts it. A run that a process
    leaves behind is cancelled and waited for when the process ends (`lifetime`).
    """

    order: Order
    runtime: "ModelRuntime"
    on_question: Callable[[str], str] | None = None
    token: CancelToken = field(default_factory=CancelToken)
    listener: Callable[[Event | None], None] | None = None
    waiter: threading.Thread | None = None
    _events: "queue.SimpleQueue[Event | None]" = field(default_factory=lambda: queue.SimpleQueue[Event | None]())
    _work: lifetime.Work = field(init=False)
    _result: Result | None = None
    _error: BaseException | None = None
    _began: bool = False
    _last: RunEnded | None = None

    def __post_init__(self) -> None:
        self._work = lifetime.Work(self.token.cancel)

    @property
    def run_id(self) -> str:
        """Names the run, its thread and, by default, its folder."""
        return self.order.run_id

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self._work.over.is_set()

    def start(self) -> None:
        """Begin to work.

        Raises:
            HardFailure: the program is ending.
        """
        self._work.waiter = self.waiter or threading.current_thread()
        lifetime.begin(self._work)
        lifetime.fork_with(self)
        threading.Thread(target=self._run_to_end, name=f"omniagent-{self.run_id}", daemon=True).start()

    def cancel(self) -> None:
        """Ask the run to stop with its best picture."""
        self.token.cancel()

    def next_event(self) -> Event | None:
        """The next event, waiting for it; None after the last."""
        self._work.waiter = threading.current_thread()
        event = self._events.get()
        if event is None:
            self._events.put(None)
        return event

    def wait(self) -> Result:
        """The result, once the run is over.

        Raises: whatever ended the run in place of a result; KeyboardInterrupt leaves the run at work.
        """
        self._work.waiter = threading.current_thread()
        # Not Thread.join: an interrupted one takes the thread for finished.
        self._work.over.wait()
        if self._error is not None:
            raise self._error
        assert self._result is not None, "a run without an error has a result"
        return self._result

    def close(self) -> None:
        """Cancel the started run if it is at work, and wait for its end, in a process that ends for a little only."""
        self.cancel()
        lifetime.wait_for_end(self._work.over)

    def forked(self) -> None:
        """In a child process the run's thread is not there: waiting for it raises."""
        if not self._work.over.is_set():
            self._error = HardFailure(
                f"the run {self.run_id} is at work in another process, from which this one was forked; wait there"
            )
            self._work = lifetime.Work(self.token.cancel)
            self._work.over.set()
            self._events = queue.SimpleQueue[Event | None]()
            self._events.put(None)

    def _hear(self, event: Event) -> None:
        # The end is told when every file is written.
        if isinstance(event, RunEnded):
            self._last = event
        else:
            self._put(event)

    def _put(self, event: Event | None) -> None:
        if self.listener is None:
            self._events.put(event)
        else:
            self.listener(event)

    def _run_to_end(self) -> None:
        try:
            with owned(self.order.folder):
                trace = Trace(self.order.folder / TRACE_FILE, self.run_id, self._hear)
                try:
                    self._result = self._run(trace)
                except BaseException as error:
                    self._tell_failure(trace, error)
                    raise
        except BaseException as error:
            self._error = error
        finally:
            if self._last is not None:
                self._put(self._last)
            self._work.over.set()
            self._put(None)

    def _tell_failure(self, trace: Trace, error: BaseException) -> None:
        if self._began and self._last is None:
            ended = RunEnded(
                stop_reason="failed",
                accepted=False,
                message=f"{type(error).__name__}: {error}",
                folder=str(self.order.folder),
            )
            try:
                trace.add(ended)
            except OmniAgentError:
                # The disk is what failed: those who listen are told all the same.
                self._hear(ended.model_copy(update={"run_id": self.run_id, "time": time.time()}))

    def _run(self, trace: Trace) -> Result:
        order = self.order
        store = ImageStore(order.folder / "images")
        task = Task(
            instruction=order.instruction,
            images=tuple(store.put(picture) for picture in order.pictures),
            mask=None if order.region is None else store.put(order.region.mask),
        )
        with checkpoints(order.folder) as saver:
            graph = build(saver)
            thread: RunnableConfig = {"configurable": {"thread_id": self.run_id}}
            known = graph.get_state(thread)
            state = AgentState.model_validate(known.values) if known.values else None
            # A killed run goes on as it was; only one that came to a stop takes a new budget.
            budget = state.budget if state is not None and known.next else order.config.budget
            thread["recursion_limit"] = step_limit(budget)
            over = state is not None and not known.next and not self._goes_on(state)
            self._check(task, state, over=over)
            self._start(trace, task, state, budget)
            if state is not None and state.plan is not None:
                trace.tell(Planned(plan=state.plan))
            if state is not None and over:
                return self._finish(trace, state)
            entry: Any = self._entry(task, state, resumed=bool(known.next))
            self._drive(graph, entry, thread, self._context(store, trace, state, budget), trace)
            return self._finish(trace, AgentState.model_validate(graph.get_state(thread).values))

    def _goes_on(self, state: AgentState) -> bool:
        limits = state.stop in ("round_limit", "image_limit", "time_limit")
        return state.stop in RESUMABLE and (not limits or state.budget != self.order.config.budget)

    def _entry(self, task: Task, state: AgentState | None, *, resumed: bool) -> dict[str, Any] | None:
        if resumed:
            return None
        budget = self.order.config.budget
        policy = policy_of(self.order.config.loop, self.runtime.generator.profile)
        if state is not None:
            policy = capped(policy, self.runtime.critic.profile)
            return {"budget": budget, "policy": policy, "fault": None, "stop": None}
        return {
            "task": task,
            "seed": self.order.seed,
            "settings": self.order.settings,
            "mode": self.order.mode,
            "budget": budget,
            "policy": policy,
        }

    def _check(self, task: Task, state: AgentState | None, *, over: bool) -> None:
        """Refuse another request under the name of this run: its pictures would be taken for those asked for now."""
        order = self.order
        given = (task, order.seed, order.settings, order.mode)
        if state is not None and (state.task, state.seed, state.settings, state.mode) != given:
            asked = state.settings.model_dump(exclude_none=True) or "none"
            raise BadSetting(
                f"the thread {self.run_id!r} already works on {shown(state.task.instruction)} with "
                f"{len(state.task.images)} pictures, seed {state.seed}, settings {asked} and mode {state.mode}; "
                "give the same again to go on, or another thread_id"
            )
        held, painter = run_in(order.folder), self.runtime.generator.model
        if over and held is not None and held.generator != painter:
            raise BadSetting(
                f"the run {self.run_id!r} in {order.folder} is over and was drawn by {held.generator}, not by "
                f"{painter}; give another folder or thread_id"
            )

    def _start(self, trace: Trace, task: Task, state: AgentState | None, budget: Budget) -> None:
        order, generator, critic = self.order, self.runtime.generator, self.runtime.critic
        self._began = True
        trace.add(
            RunStarted(
                task=task,
                budget=budget,
                seed=order.seed,
                settings=order.settings,
                folder=str(order.folder),
                generator=generator.model,
                critic_backend=critic.backend,
                critic=critic.model,
                generator_profile=generator.profile.label,
                critic_profile=critic.profile.label,
                versions=_versions(),
                resumed=state is not None,
            )
        )

    def _context(self, store: ImageStore, trace: Trace, state: AgentState | None, budget: Budget) -> GraphContext:
        spent = state.usage if state is not None else Usage()
        self.token.deadline = time.monotonic() + budget.time_limit - spent.seconds
        tools = ToolContext(
            runtime=self.runtime,
            store=store,
            trace=trace,
            token=self.token,
            calls=CallMeter(budget.max_critic_calls, spent.critic_calls),
            config=self.order.config.tools,
            region=self.order.region,
            previews=self.order.previews,
        )
        # Drawing ahead makes sense only where the critic does not wait for the generator's device.
        policy = policy_of(self.order.config.loop, self.runtime.generator.profile)
        ahead = DrawAhead(tools) if policy.draw_ahead and self.runtime.overlaps else None
        return GraphContext(tools=tools, attempts=self.order.folder / ATTEMPTS_FOLDER, ahead=ahead)

    def _drive(self, graph: Graph, entry: Any, thread: RunnableConfig, context: GraphContext, trace: Trace) -> None:
        try:
            while True:
                graph.invoke(entry, thread, context=context, durability="sync")
                waiting = graph.get_state(thread).interrupts
                if not waiting:
                    return
                question = str(waiting[0].value)
                reply = "" if self.on_question is None else self.on_question(question)
                # A terminal may give bytes that are no UTF-8; the run's files take none.
                reply = reply.encode(errors="replace").decode()
                trace.add(Asked(question=question, answer=reply))
                entry = Command(resume=reply)
        finally:
            if context.ahead is not None:
                context.ahead.free()

    def _finish(self, trace: Trace, state: AgentState) -> Result:
        assert state.stop is not None, "the graph ends with a stop reason"
        best, last = best_of(state), state.decisions[-1]
        ended = RunEnded(
            stop_reason=state.stop,
            accepted=state.stop == "accepted",
            best=None if best is None else best.id,
            usage=state.usage,
            answer=state.answer,
            message="; ".join((last.reason, *state.warnings)),
            folder=str(self.order.folder),
        )
        result = Result(
            run_id=self.run_id,
            folder=self.order.folder,
            task=state.task,
            seed=state.seed,
            budget=state.budget,
            plan=state.plan,
            attempts=state.attempts,
            critiques=state.critiques,
            decisions=state.decisions,
            best=best,
            stop_reason=ended.stop_reason,
            accepted=ended.accepted,
            answer=ended.answer,
            message=ended.message,
            error=None if state.fault is None else state.fault.error,
            usage=state.usage,
            warnings=state.warnings,
        )
        trace.add(ended)
        result.write()
        result.put_picture()
        _report(self.order.folder)
        return result


def _report(folder: Path) -> None:
    from omniagent.runs.report import write_report

    write_report(folder)


@cache
def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
