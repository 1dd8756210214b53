"""The tools as functions of the OpenAI APIs, and of whatever else speaks them: their schemas, and who does the work.

tools = schemas()
reply = client.chat.completions.create(model=…, messages=messages, tools=tools)
for call in reply.choices[0].message.tool_calls or ():
    content = dispatch(call.function.name, call.function.arguments, agent=agent)
    messages.append({"role": "tool", "tool_call_id": call.id, "content": content})
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ValidationError

from omniagent.agent import Agent
from omniagent.integrations.answers import DescribedImage, checked_answer, run_answer
from omniagent.integrations.arguments import (
    Arguments,
    CheckArguments,
    CreateArguments,
    DescribeArguments,
    EditArguments,
    refusal,
)
from omniagent.integrations.hosting import (
    CHECK_IMAGE,
    CREATE_IMAGE,
    DESCRIBE_IMAGE,
    EDIT_IMAGE,
    request_of,
    run_heard,
)
from omniagent.integrations.pictures import PictureReader
from omniagent.integrations.progress import Told
from omniagent.integrations.schemas import compact
from omniagent.model.errors import BadSetting, OmniAgentError
from omniagent.model.wording import cut, unknown
from omniagent.runs.status import error_json


class _Function(NamedTuple):
    description: str
    takes: type[Arguments]
    work: Callable[[Agent, PictureReader, Any, Callable[[Told], None]], BaseModel]


def schemas(api: Literal["chat", "responses"] = "chat") -> list[dict[str, Any]]:
    """The functions as an OpenAI API takes them in `tools`.

    Args:
        api: `chat` nests each under `function`, `responses` does not.
    """
    told: list[dict[str, Any]] = []
    for name, function in FUNCTIONS.items():
        parameters = compact(function.takes.model_json_schema(), given=True)
        parameters.pop("description", None)
        one = {"name": name, "description": function.description, "parameters": parameters}
        told.append({"type": "function", "function": one} if api == "chat" else {"type": "function", **one})
    return told


def dispatch(
    name: str,
    arguments: str | Mapping[str, Any],
    *,
    agent: Agent | None = None,
    roots: Sequence[Path] | None = None,
    hear: Callable[[Told], None] = lambda told: None,
) -> str:
    """Do what a model asked for; what to send back as the tool's content, as JSON, which an error is too.

    Args:
        name: Of the function.
        arguments: As the model gave them, in JSON or read.
        agent: Whose models work. None makes one for this call alone, which loads its models again.
        roots: Folders whose files the model may name as pictures, beside earlier runs; None: any that can be read.
        hear: Told how far a run is.
    """
    try:
        function = FUNCTIONS.get(name)
        if function is None:
            raise BadSetting(f"the function {unknown(name, FUNCTIONS)}")
        given = _read(arguments, function.takes)
        with Agent() if agent is None else nullcontext(agent) as at_work:
            return function.work(at_work, PictureReader.of(at_work, roots), given, hear).model_dump_json()
    except (OmniAgentError, OSError) as error:
        return json.dumps(error_json(error), ensure_ascii=False)


def _read(arguments: str | Mapping[str, Any], takes: type[Arguments]) -> Arguments:
    try:
        given = json.loads(arguments or "{}") if isinstance(arguments, str) else dict(arguments)
    except (ValueError, RecursionError) as error:
        raise BadSetting(f"the arguments are no JSON: {cut(str(error))}; give one object") from error
    try:
        return takes.model_validate(given)
    except ValidationError as error:
        raise BadSetting(refusal(error, takes)) from error


def _create(agent: Agent, reader: PictureReader, given: CreateArguments, hear: Callable[[Told], None]) -> BaseModel:
    return run_answer(run_heard(agent, request_of(agent, given, reader.read(given.images)), hear))


def _edit(agent: Agent, reader: PictureReader, given: EditArguments, hear: Callable[[Told], None]) -> BaseModel:
    return _create(agent, reader, given.as_create(), hear)


def _check(agent: Agent, reader: PictureReader, given: CheckArguments, hear: Callable[[Told], None]) -> BaseModel:
    (picture,) = reader.read((given.image,))
    return checked_answer(agent.check(picture, given.questions, task=given.task))


def _describe(agent: Agent, reader: PictureReader, given: DescribeArguments, hear: Callable[[Told], None]) -> BaseModel:
    (picture,) = reader.read((given.image,))
    return DescribedImage(text=agent.describe(picture, given.question))


FUNCTIONS: Final = MappingProxyType[str, _Function](
    {
        "create_image": _Function(CREATE_IMAGE, CreateArguments, _create),
        "edit_image": _Function(EDIT_IMAGE, EditArguments, _edit),
        "check_image": _Function(CHECK_IMAGE, CheckArguments, _check),
        "describe_image": _Function(DESCRIBE_IMAGE, DescribeArguments, _describe),
    }
)
"""By name; the same as those of MCP and LangChain."""
