"""Answering a question about pictures in words."""

from omniagent.tools.consult import Desk, consult
from omniagent.tools.dialects import dialect_of
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Task, Word


class AnswerIn(Word):
    """A question and its pictures."""

    task: Task


class AnswerOut(Outcome):
    """The answer in words."""

    answer: str


def answer(arguments: AnswerIn, context: ToolContext) -> AnswerOut:
    """Answer a question about the given pictures."""
    images = [context.store.get(ref) for ref in arguments.task.images]

    def write(desk: Desk) -> str:
        profile = desk.profile
        seen = [desk.describe(image) for image in images] if profile.describe_first else []
        prompt = dialect_of(profile).answer(arguments.task.instruction, images, seen)
        return desk.write(prompt, max_tokens=profile.answer_tokens).text.strip()

    consulted = consult(context, "answer", write)
    return AnswerOut(answer=consulted.value, usage=consulted.usage, summary=consulted.value)


ANSWER = tool(answer)
