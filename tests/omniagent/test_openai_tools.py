"""The tools as functions of the OpenAI APIs: schemas as they want them, and one JSON answer to every call."""

import json
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletionFunctionToolParam
from openai.types.responses import FunctionToolParam
from PIL import Image
from pydantic import TypeAdapter

from omniagent.integrations.openai_tools import FUNCTIONS, dispatch, schemas
from omniagent.integrations.progress import Told
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from tests.support.faces import TASK, repaired
from tests.support.scripted_runs import LISTED, texts


def test_the_schemas_are_those_of_the_official_client_and_cost_little() -> None:
    chat, responses = schemas(), schemas("responses")
    for one in chat:
        TypeAdapter(ChatCompletionFunctionToolParam).validate_python(one, extra="forbid")
        assert one["function"]["parameters"]["additionalProperties"] is False
    for one in responses:
        TypeAdapter(FunctionToolParam).validate_python({**one, "strict": False}, extra="forbid")
    assert [one["function"]["name"] for one in chat] == [one["name"] for one in responses] == list(FUNCTIONS)
    assert len(json.dumps(chat)) / 4 < 1_500


def test_a_model_draws_checks_describes_and_edits_by_its_calls(tmp_path: Path) -> None:
    agent, told = repaired(tmp_path), list[Told]()

    def call(name: str, **arguments: Any) -> dict[str, Any]:
        return json.loads(dispatch(name, json.dumps(arguments), agent=agent, hear=told.append))

    made = call("create_image", task=TASK, thread_id="mine", seed=3)
    assert (made["status"], made["seed"], made["run_id"]) == ("accepted", 3, "mine")
    assert [check["verdict"] for check in made["checks"]] == ["yes"] * 3 and told[-1].done == told[-1].total
    with Image.open(made["path"]) as picture:
        assert picture.size == (made["width"], made["height"])
    assert call("check_image", image="mine", questions=["Is there a circle?"])["accepted"]
    assert call("describe_image", image="mine") == {"text": "two"}
    assert call("edit_image", task="make the circle red", images=["mine"])["attempts"] >= 1


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("paint", "{}", "'paint' is not known"),
        ("create_image", "{", "the arguments are no JSON"),
        ("create_image", "[1]", "valid dictionary"),
        ("create_image", "", "task is missing"),
        ("create_image", {"task": TASK, "steps": 3}, "'steps' is not known"),
        ("create_image", {"task": TASK, "images": ["/etc/passwd"]}, "lies outside the folders"),
        ("edit_image", {"task": TASK}, "images is missing"),
        ("check_image", {"image": "nobody.png"}, "lies outside the folders"),
    ],
)
def test_a_wrong_call_is_answered_by_its_reason(tmp_path: Path, name: str, arguments: Any, said: str) -> None:
    answer = json.loads(dispatch(name, arguments, agent=repaired(tmp_path), roots=[tmp_path / "mine"]))
    assert answer["status"] == "error" and said in answer["message"] and "pydantic" not in answer["message"]


def test_without_an_agent_one_is_made_for_the_call_and_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made: list[ModelRuntime] = []

    def load(*given: Any, **more: Any) -> ModelRuntime:
        made.append(ModelRuntime(ScriptedGenerator(), ScriptedCritic(None, texts(), profile=LISTED)))
        return made[-1]

    monkeypatch.setattr("omniagent.models.load_runtime", load)
    assert json.loads(dispatch("create_image", {"task": TASK}))["status"] == "accepted"
    with pytest.raises(Exception, match="runtime is closed"):
        made[0].critic.write(None)  # pyright: ignore[reportArgumentType]


def test_without_an_agent_wrong_settings_are_answered_and_wrong_calls_need_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMNIAGENT_BUDGET__MAX_ROUNDS", "many")
    for name, arguments, said in (
        ("create_image", {"task": TASK}, "budget.max_rounds='many'"),
        ("paint", {}, "'paint' is not known"),
        ("create_image", {}, "task is missing"),
    ):
        answer = json.loads(dispatch(name, arguments))
        assert (answer["status"], answer["error"]) == ("error", "BadSetting") and said in answer["message"]
