"""Go on with a run that came to the end of its budget: the same thread id, a larger budget.

python examples/resume.py
"""

from omniagent import Agent, Budget

if __name__ == "__main__":
    agent, task = Agent(), "a small blue star inside a large red ring"
    first = agent.run(task, thread_id="ring", budget=Budget(max_rounds=1))
    print(first.stop_reason, "after", len(first.attempts), "pictures")
    if first.stop_reason == "round_limit":
        more = agent.run(task, thread_id="ring", budget=Budget(max_rounds=3))
        print(more.stop_reason, "after", len(more.attempts), "pictures;", more.image_path)
