"""The events of a run as they happen: plan, pictures, verdicts, decisions.

python examples/stream.py
"""

from omniagent import Agent
from omniagent.tools.record.trace import AttemptMade, Critiqued, Decided, Planned

if __name__ == "__main__":
    for event in Agent().stream("two green triangles to the left of an orange circle"):
        match event:
            case Planned():
                print("plan:", *(need.question for need in event.plan.checklist), sep="\n  ")
            case AttemptMade():
                print("drew", event.attempt.id)
            case Critiqued():
                print(event.critique.passed, "of", len(event.critique.verdicts), "requirements hold")
            case Decided():
                print(event.decision.action, "because", event.decision.reason)
            case _:
                pass
