"""The node that decides by the rules."""

from omniagent.graphs import rules
from omniagent.graphs.context import GraphContext
from omniagent.graphs.history import round_number, undone
from omniagent.graphs.state import AgentState, StateUpdate
from omniagent.tools.record.trace import Decided
from omniagent.tools.types import Usage


def decide(state: AgentState, context: GraphContext) -> StateUpdate:
    """Apply the rules."""
    token = context.tools.token
    made = rules.decide(state, cancelled=token.cancelled, expired=token.expired)
    decided = Decided(decision=made, round=round_number(state))
    # A run that was stopped before it drew decides the same again when it goes on: that is one decision.
    again = made.stop is None and made == undone(state)
    if again:
        context.tools.trace.tell(decided)
    else:
        context.tools.trace.add(decided)
    redraws = made.action in ("regenerate", "roll_back")
    wasted = Usage() if context.ahead is None or redraws else context.ahead.free()
    return {"decisions": () if again else (made,), "stop": made.stop, "usage": wasted}
