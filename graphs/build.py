"""The state machine. Every edge is drawn here and nowhere else.

    START → [ask (interrupt)] → plan
    plan ─┬─ answer → decide → END
          └─ render → critique → looks → decide ─┬─ accept, stop → END
                                                 ├─ edit → repair → critique
                                                 └─ regenerate, refine, roll back, advance → render
    looks: reread, prefer, restore (what it makes is judged next), survey, suggest, refine; each where a rule wants it

A fault in any node leads to decide, which alone gives stop reasons. A run that goes on after a stop enters where it
was.
"""

from functools import cache
from typing import Any, Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from omniagent.graphs import doubts, rules
from omniagent.graphs.context import GraphContext
from omniagent.graphs.history import standing, unseen
from omniagent.graphs.nodes import deciding, drawing, looking, reading
from omniagent.graphs.nodes.node import node
from omniagent.graphs.state import AgentState
from omniagent.tools.dialects import dialect_of
from omniagent.tools.types import Budget

Graph = CompiledStateGraph[AgentState, GraphContext, AgentState, AgentState]


def build(checkpointer: BaseCheckpointSaver[Any] | None = None) -> Graph:
    """The agent's graph, compiled. Run it with a `GraphContext` as context and durability `sync`."""
    return _drawn().copy({"checkpointer": checkpointer})


@cache
def _drawn() -> Graph:
    """Compiled once a process: that takes longer than a short run's own steps, and holds nothing of any run."""
    graph = StateGraph(AgentState, context_schema=GraphContext)
    looks = (looking.critique, reading.reread, looking.prefer, looking.suggest, looking.refine, looking.survey)
    drawn = (drawing.render, drawing.repair, drawing.restore)
    for work in (reading.plan, reading.answer, *drawn, *looks, deciding.decide):
        graph.add_node(work.__name__, node(work))
    graph.add_node("ask", reading.ask)
    graph.add_conditional_edges(START, enter)
    graph.add_conditional_edges("plan", after_plan)
    graph.add_edge("ask", "plan")
    graph.add_edge("answer", "decide")
    graph.add_conditional_edges("render", after_drawing)
    graph.add_conditional_edges("repair", after_drawing)
    graph.add_conditional_edges("critique", after_critique)
    graph.add_conditional_edges("reread", after_critique)
    graph.add_conditional_edges("prefer", after_critique)
    graph.add_conditional_edges("restore", after_critique)
    graph.add_conditional_edges("suggest", after_suggestion)
    graph.add_edge("refine", "decide")
    graph.add_edge("survey", "decide")
    graph.add_conditional_edges("decide", after_decision)
    return graph.compile(name="omniagent")


def enter(
    state: AgentState, runtime: Runtime[GraphContext]
) -> Literal[
    "ask",
    "plan",
    "render",
    "critique",
    "reread",
    "prefer",
    "restore",
    "suggest",
    "refine",
    "survey",
    "decide",
    "answer",
]:
    """Where a run begins, or goes on after a stop: where it would have gone without the stop.

    What the person has to say comes before the plan, as a reading of the task may fail without it.
    """
    if state.plan is None:
        return "plan" if reading.question_of(state, runtime.context) is None else "ask"
    if state.plan.mode == "answer":
        return "answer"
    return after_critique(state, runtime) if state.attempts else "render"


def after_plan(state: AgentState) -> Literal["answer", "render", "decide"]:
    """Words or a picture."""
    if state.fault is not None or state.plan is None:
        return "decide"
    return "answer" if state.plan.mode == "answer" else "render"


def after_drawing(state: AgentState) -> Literal["critique", "decide"]:
    """Look at what was drawn."""
    return "decide" if state.fault is not None else "critique"


def after_critique(
    state: AgentState, runtime: Runtime[GraphContext]
) -> Literal["critique", "reread", "prefer", "restore", "suggest", "refine", "survey", "decide"]:
    """Look at the next candidate; then read the task again where the plan is in doubt, choose between equal pictures,
    take back what the best one changed and was not to, look at what was given, if that decides, or have a repair
    written that may follow.
    """
    if state.fault is not None:
        return "decide"
    if unseen(state):
        return "critique"
    token = runtime.context.tools.token
    if doubts.wants_reread(state, cancelled=token.cancelled, expired=token.expired):
        return "reread"
    stopping = token.expired or token.cancelled
    if not stopping and looking.may_compare(state, runtime.context) and doubts.wants_choice(state):
        return "prefer"
    if not stopping and doubts.to_restore(state) is not None:
        return "restore"
    if rules.wants_survey(state):
        return "survey"
    wanted = rules.wants_suggestion(state, cancelled=token.cancelled, expired=token.expired)
    return "suggest" if wanted else after_suggestion(state, runtime)


def after_suggestion(state: AgentState, runtime: Runtime[GraphContext]) -> Literal["refine", "decide"]:
    """Have a new instruction written where the next picture is drawn afresh by a critic that can write one."""
    tools = runtime.context.tools
    refines = dialect_of(tools.config.over(tools.runtime.critic.profile)).refines
    stopping = {"cancelled": tools.token.cancelled, "expired": tools.token.expired}
    if state.fault is None and refines and rules.wants_refinement(state, **stopping):
        return "refine"
    return "decide"


def after_decision(state: AgentState) -> Literal["render", "repair", "__end__"]:
    """Do what was decided."""
    if state.stop is not None:
        return "__end__"
    decision = standing(state)
    return "repair" if decision is not None and decision.action == "edit" else "render"


def step_limit(budget: Budget) -> int:
    """More steps than any run within the budget takes: LangGraph's own limit never ends a run before the rules do."""
    return 16 + budget.max_rounds * 10 + budget.max_images * 6
