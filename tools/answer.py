"""Answering a question about pictures in words."""

from omniagent.tools.consult import describe, write
from omniagent.tools.plain import plain_request
from omniagent.tools.prompts import answer_prompt
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Task, Usage, Word


class AnswerIn(Word):
    """A question and its pictures."""

    task: Task


class AnswerOut(Outcome):
    """The answer, a word or a phrase."""

    answer: str


def answer(arguments: AnswerIn, context: ToolContext) -> AnswerOut:
    """Answer a question about the given pictures in a few words."""
    images = [context.store.get(ref) for ref in arguments.task.images]
    seen, usage = list[str](), Usage()
    for image in images if context.config.describe_first else ():
        told, spent = describe(context, "answer", image)
        seen.append(told)
        usage = usage.plus(**spent.model_dump())
    question = arguments.task.instruction
    prompt = answer_prompt(plain_request(question) if context.config.plain_requests else question, images, seen)
    completion, spent = write(context, "answer", prompt, context.config.answer_tokens)
    usage = usage.plus(**spent.model_dump())
    text = completion.text.strip()
    return AnswerOut(answer=text, usage=usage, summary=text)


ANSWER = tool(answer)
