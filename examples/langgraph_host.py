"""The agent as one node of your own LangGraph graph.

python examples/langgraph_host.py
"""

from typing import TypedDict

from langgraph.graph import END, START, StateGraph

from omniagent import Agent


class Card(TypedDict, total=False):
    """A greeting card: who it is for, the task that follows from it, and the picture's path."""

    name: str
    task: str
    picture: str


def write_task(card: Card) -> Card:
    return {"task": f"a yellow star above {len(card['name'])} blue circles on a black background"}


def draw(card: Card) -> Card:
    result = Agent().run(card["task"])
    return {"picture": str(result.image_path)}


if __name__ == "__main__":
    graph = StateGraph(Card)
    graph.add_node("write_task", write_task)
    graph.add_node("draw", draw)
    graph.add_edge(START, "write_task")
    graph.add_edge("write_task", "draw")
    graph.add_edge("draw", END)
    print(graph.compile().invoke({"name": "Ada"}))
