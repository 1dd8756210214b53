"""The nodes that read the task: the question to the person, the plan, its second reading, an answer in words."""

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from omniagent.graphs import amount, doubts, rules
from omniagent.graphs.context import GraphContext
from omniagent.graphs.history import over
from omniagent.graphs.policy import capped
from omniagent.graphs.state import AgentState, Fault, StateUpdate
from omniagent.tools.answer import ANSWER, AnswerIn
from omniagent.tools.dialects import dialect_of
from omniagent.tools.plan import PLAN, PlanIn, refusal
from omniagent.tools.record.trace import Planned, Warned
from omniagent.tools.reread import REREAD, RereadIn


def plan(state: AgentState, context: GraphContext) -> StateUpdate:
    """Read the task, once."""
    made = PLAN(_reading(state), context.tools)
    takes = context.tools.runtime.generator.profile.references
    most = min(state.budget.max_rounds, state.budget.max_images) if state.policy.in_steps else 0
    if len(made.plan.steps) > most or any(1 + len(step.references) > takes for step in made.plan.steps):
        # Without a round for each step, or room for its pictures, all is drawn at once.
        made = made.model_copy(update={"plan": made.plan.model_copy(update={"steps": ()})})
    context.tools.trace.add(Planned(plan=made.plan))
    # By now a critic behind a URL has told its name, and with it what was measured of it.
    policy = capped(state.policy, context.tools.runtime.critic.profile)
    if takes < 1:
        # It cannot edit, so that there are no repairs.
        policy = policy.model_copy(update={"local_failures": 0})
    update: StateUpdate = {"plan": made.plan, "policy": policy, "usage": made.usage}
    if (message := amount.fewer_candidates(state, policy)) is not None and made.plan.mode not in ("answer", "refuse"):
        context.tools.trace.add(Warned(message=message))
        update["warnings"] = (*state.warnings, message)
    if made.plan.mode == "refuse":
        generator = context.tools.runtime.generator
        update["fault"] = Fault(
            stop="refused", message=refusal(generator.model, generator.profile, made.plan.assumptions)
        )
    return update


def reread(state: AgentState, context: GraphContext) -> StateUpdate:
    """Read the task a second time; the pictures so far are judged by what stands of both readings."""
    assert state.plan is not None, "a second reading follows a first"
    arguments = RereadIn(**dict(_reading(state)), plan=state.plan, fruitless=doubts.fruitless(state))
    made = REREAD(arguments, context.tools)
    context.tools.trace.add(Planned(plan=made.plan))
    again = tuple(over(one, made.plan.checklist) for one in state.critiques)
    return {"plan": made.plan, "critiques": again, "given": None, "usage": made.usage}


def _reading(state: AgentState) -> PlanIn:
    words = "\n".join(filter(None, (state.task.instruction, state.clarification)))
    task = state.task.model_copy(update={"instruction": words})
    return PlanIn(task=task, settings=state.settings, mode=state.mode, clarified=state.clarification is not None)


def ask(state: AgentState, runtime: Runtime[GraphContext]) -> StateUpdate:
    """Put the open question to the person. No side effect may stand here: LangGraph runs the node again on resume."""
    return {"clarification": str(interrupt(question_of(state, runtime.context)))}


def question_of(state: AgentState, context: GraphContext) -> str | None:
    """What to ask the person before the task is read, or None."""
    dialect = dialect_of(context.tools.config.over(context.tools.runtime.critic.profile))
    return rules.open_question(state, dialect.contradictions(state.task.instruction))


def answer(state: AgentState, context: GraphContext) -> StateUpdate:
    """Answer a question about pictures."""
    made = ANSWER(AnswerIn(task=state.task), context.tools)
    return {"answer": made.answer, "usage": made.usage}
