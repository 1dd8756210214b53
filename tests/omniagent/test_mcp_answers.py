"""What MCP answers about earlier runs and pictures, in parts that stay under the hosts' limit."""

import base64
from pathlib import Path

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from PIL import Image

from omniagent.model.requests import GenerationRequest
from omniagent.model.scripted import Drawn, ScriptedGenerator
from tests.omniagent.test_mcp_runs import LIMIT, made, text_of, with_client
from tests.support.faces import TASK, repaired
from tests.support.scripted_runs import plan_draft, scripted_agent, texts


@pytest.mark.slow
def test_earlier_runs_are_listed_and_serve_as_pictures(tmp_path: Path) -> None:
    seen: list[GenerationRequest] = []

    def draw(request: GenerationRequest) -> Drawn:
        seen.append(request)
        return Image.new("RGB", (48, 48), "red")

    agent = scripted_agent(tmp_path, generator=ScriptedGenerator(draw))

    async def use(client: Client) -> None:
        assert made(await client.call_tool("list_runs", {})) == {"runs": [], "more": False}
        for name in ("first", "second", "third"):
            await client.call_tool("create_image", {"task": f"{TASK}, {name}", "thread_id": name})
        (tmp_path / "no-run").mkdir()
        listed = made(await client.call_tool("list_runs", {"limit": 2}))
        assert [run["run_id"] for run in listed["runs"]] == ["third", "second"] and listed["more"]
        assert all(run["status"] == "accepted" and Path(run["path"]).is_file() for run in listed["runs"])
        uris = [str(one.uri) for one in (await client.list_resources()).resources]
        assert uris == [f"omniagent://runs/{name}/picture.png" for name in ("third", "second", "first")]
        for given in ("first", uris[-1]):
            edited = made(await client.call_tool("edit_image", {"task": "make the circle red", "images": [given]}))
            assert edited["path"] and seen[-1].references[0].size == (48, 48)
            looked = await client.call_tool("check_image", {"image": given, "questions": "Is there a circle?"})
            assert made(looked)["accepted"]
        for nobody in ("omniagent://runs/nobody/picture.png", "omniagent://runs/..%2Ffirst/picture.png"):
            refused = await client.call_tool("describe_image", {"image": nobody})
            assert refused.is_error and "which has no result" in text_of(refused)

    with_client(agent, use)


def test_a_picture_is_described_and_asked_about(tmp_path: Path) -> None:
    Image.new("RGB", (40, 40), "white").save(tmp_path / "a.png")

    async def use(client: Client) -> None:
        told = await client.call_tool("describe_image", {"image": str(tmp_path / "a.png")})
        assert made(told) == {"text": "two"} and text_of(told) == "two"
        asked = {"image": str(tmp_path / "a.png"), "question": "how many circles?"}
        assert made(await client.call_tool("describe_image", asked)) == {"text": "two"}

    with_client(repaired(tmp_path / "runs"), use)


@pytest.mark.slow
def test_the_full_file_of_a_large_picture_comes_in_parts_under_the_limit(tmp_path: Path) -> None:
    noise = Image.effect_noise((1400, 1400), 90).convert("RGB")
    agent = scripted_agent(tmp_path, generator=ScriptedGenerator(lambda request: noise))

    async def use(client: Client) -> None:
        run = made(await client.call_tool("create_image", {"task": TASK, "thread_id": "mine"}))
        whole = b""
        for number in range(1, run["parts"] + 1):
            read = await client.read_resource(f"omniagent://runs/mine/parts/{number}")
            assert len(read.model_dump_json(by_alias=True)) < LIMIT
            whole += base64.b64decode(read.contents[0].blob)  # pyright: ignore[reportAttributeAccessIssue]
        assert whole == Path(run["path"]).read_bytes() and run["parts"] > 1
        for wrong in ("0", str(run["parts"] + 1), "-1", "x", "²", "9" * 30):
            with pytest.raises(MCPError, match="parts 1 to"):
                await client.read_resource(f"omniagent://runs/mine/parts/{wrong}")

    with_client(agent, use)


@pytest.mark.slow
def test_the_longest_answers_stay_under_the_limit(tmp_path: Path) -> None:
    long = "星" * 1_500
    questions = [f"Is there {long}, {number}?" for number in range(32)]
    noise = Image.effect_noise((900, 900), 90).convert("RGB")
    written = texts(
        plan_draft("generate", [f"Is there {'星' * 180}, {number}?" for number in range(12)], "星" * 900),
        answer="答" * 200_000,
    )
    agent = scripted_agent(
        tmp_path, lambda prompt, question: 0.97, written, generator=ScriptedGenerator(lambda request: noise)
    )

    async def use(client: Client) -> None:
        drawn = await client.call_tool("create_image", {"task": long, "thread_id": "mine"})
        assert len(made(drawn)["checks"]) >= 12
        told = [drawn, await client.call_tool("list_runs", {"limit": 50})]
        told.append(await client.call_tool("describe_image", {"image": "mine"}))
        told.append(await client.call_tool("check_image", {"image": "mine", "questions": questions}))
        told.append(await client.call_tool("check_image", {"image": "x" * 2_000_000, "questions": questions}))
        for one in told:
            assert len(one.model_dump_json(by_alias=True).encode()) < LIMIT

    with_client(agent, use)


def test_a_run_of_which_only_the_folder_is_left_is_called_unfinished(tmp_path: Path) -> None:
    result = repaired(tmp_path).run(TASK, thread_id="mine")
    (result.folder / "result.json").unlink()

    async def use(client: Client) -> None:
        told = made(await client.call_tool("get_run", {"run_id": "mine"}))
        assert told["status"] == "unfinished" and "thread_id mine" in told["message"]
        assert "nothing was stopped" not in told["message"]
        told = made(await client.call_tool("get_run", {"run_id": "mine", "cancel": True}))
        assert told["status"] == "unfinished" and "nothing was stopped" in told["message"]
        for wrong in ("nobody", "../mine", "a/b", ""):
            refused = await client.call_tool("get_run", {"run_id": wrong})
            assert refused.is_error and "\n" not in text_of(refused)

    with_client(repaired(tmp_path), use)
