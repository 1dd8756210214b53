"""Many tasks from one file; run it again and only what is missing is done.

python examples/batch.py
"""

import json
from pathlib import Path

from omniagent import Agent
from omniagent.batch import run_batch

if __name__ == "__main__":
    tasks = Path("tasks.jsonl")
    words = ["a red circle", "two blue squares", "a yellow star above a green ring"]
    lines = [json.dumps({"id": number, "task": task}) for number, task in enumerate(words, start=1)]
    tasks.write_text("\n".join(lines) + "\n")
    for line in run_batch(Agent(), tasks, Path("results")):
        print(line.id, line.status, line.image)
