"""Answering a question about pictures in words."""

from omniagent.tools.consult import write
from omniagent.tools.prompts import answer_prompt
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Task, Word


class AnswerIn(Word):
    """A question and its pictures."""

    task: Task


class AnswerOut(Outcome):
    """The answer, a word or a phrase."""

    answer: str


def answer(arguments: AnswerIn, context: ToolContext) -> AnswerOut:
    """Answer a question about the given pictures in a few words."""
    images = [context.store.get(ref) for ref in arguments.task.images]
    prompt = answer_prompt(arguments.task.instruction, images)
    completion, usage = write(context, "answer", prompt, context.config.answer_tokens)
    text = completion.text.strip()
    return AnswerOut(answer=text, usage=usage, summary=text)


ANSWER = tool(answer)
