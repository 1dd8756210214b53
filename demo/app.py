"""The chat: words and pictures in, the reflection step by step, the picture out. Needs `omniagent[demo]`."""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes import Soft
from pydantic import ValidationError

from omniagent.agent import Agent
from omniagent.demo.address import address_of, free_port, open_to_others
from omniagent.demo.messages import Steps, failure, picture, plain
from omniagent.integrations.arguments import CreateArguments, refusal
from omniagent.integrations.hosting import Request, request_of
from omniagent.model.errors import BadSetting, OmniAgentError
from omniagent.model.http.proxies import no_proxies
from omniagent.model.limits import MAX_REFERENCES
from omniagent.model.wording import cut, shown
from omniagent.runs.result import Result
from omniagent.tools.record.trace import RunStarted

TITLE = "OmniAgent"
GREETING = f"""### {TITLE}
Say what picture you want. Add up to {MAX_REFERENCES} pictures and call them "image 1", "image 2", …"""
EXAMPLES = (
    "a red fox asleep in fresh snow, soft morning light",
    "a watercolour of a lighthouse on a cliff, with a small sailing boat on the sea",
    "two cups of coffee on a wooden table beside a window, seen from above",
)
"""Of a generator whose profile suggests none."""
# Sharing would send the picture to somebody else's server.
CSS = """
#chat button[aria-label="Share"] { display: none }
#chat .image-container img, #chat .message img { max-height: 320px; width: auto; margin: 0 }
"""
Turn = tuple[list[Any], Any]


def examples_of(agent: Agent) -> tuple[str, ...]:
    """The tasks that the chat suggests; no model is loaded for them."""
    return agent.generator_profile.examples or EXAMPLES


def build_app(agent: Agent) -> gr.Blocks:
    """The chat over an agent, with telemetry off. `serve` launches it with the runs folder among `allowed_paths`."""
    running: dict[str, str] = {}

    async def respond(
        message: dict[str, Any], history: list[Any], seed: object, rounds: object, request: gr.Request
    ) -> AsyncIterator[Turn]:
        task, files = str(message.get("text") or ""), list(message.get("files") or [])
        said = [*history, _said(task, files)]
        yield said, _box(busy=True)
        steps, session = Steps(), str(request.session_hash)
        told: list[Any] = []
        try:
            folder, asked = Path(), _request(agent, task, seed, rounds)
            stream = agent.astream(task, files, seed=asked["seed"], budget=asked["budget"])
            async with aclosing(stream) as events:
                async for event in events:
                    if isinstance(event, RunStarted):
                        running[session], folder = event.run_id, Path(event.folder)
                    steps.add(event)
                    told = steps.messages
                    yield [*said, *told], gr.skip()
            steps.finish(Result.load(folder))
            told = steps.messages
        except OmniAgentError as error:
            told = [*told, failure(_named(str(error), files))]
        except Exception as error:
            told = [*told, failure(f"unexpected {type(error).__name__}: {cut(str(error), 400)}")]
            logging.getLogger(__name__).exception("a chat turn failed")
        finally:
            running.pop(session, None)
        yield [*said, *told], _box(busy=False)

    def stop(request: gr.Request) -> None:
        if (run_id := running.get(str(request.session_hash))) is not None:
            agent.cancel(run_id)

    def choose(picked: gr.SelectData) -> dict[str, Any]:
        return {"text": picked.value["text"], "files": []}

    # Sent pictures and reports are copied to a folder of Gradio's: a day later, or at the end, they are gone.
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_height=True, delete_cache=(3600, 86400)) as app:
        chat = gr.Chatbot(
            elem_id="chat",
            show_label=False,
            scale=1,
            layout="bubble",
            placeholder=GREETING,
            examples=[{"text": example} for example in examples_of(agent)],
            buttons=["copy"],
            feedback_options=None,
            latex_delimiters=[],
            allow_tags=False,
        )
        box = gr.MultimodalTextbox(
            elem_id="task",
            show_label=False,
            placeholder="What should the picture show?",
            file_types=["image"],
            file_count="multiple",
            max_plain_text_length=20_000,
            autofocus=True,
        )
        with gr.Accordion("Settings", open=False), gr.Row():
            # What is out of range is told in the chat, where the words that were sent stay.
            seed = gr.Number(0, label="Seed", info="The same seed gives the same picture; empty or -1: a random one")
            rounds = gr.Number(agent.config.budget.max_rounds, label="Rounds at most", info="1 to 100")
        box.submit(respond, [box, chat, seed, rounds], [chat, box], show_progress="hidden", api_visibility="private")
        box.stop(stop, queue=False, api_visibility="private")
        chat.example_select(choose, None, box, queue=False, api_visibility="private")
        chat.clear(stop, queue=False, api_visibility="private")
    return app


def serve(agent: Agent, *, host: str = "127.0.0.1", port: int = 7860, block: bool = True) -> str:
    """Serve the chat until Ctrl-C; returns its address at once with `block=False`.

    Args:
        agent: What draws; its runs folder is readable through the server.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        block: Whether to wait for Ctrl-C.

    Raises:
        BadSetting: the host is not of this machine, or the port is taken.
    """
    app, port = build_app(agent), free_port(host, port)
    try:
        # Gradio asks its own server whether it is up, through whatever proxy the environment names.
        with no_proxies():
            app.launch(
                server_name=host,
                server_port=port,
                share=False,
                prevent_thread_lock=True,
                quiet=True,
                footer_links=[],
                run_history=False,
                allowed_paths=[str(agent.config.runs_dir.resolve())],
                max_file_size="64mb",
                css=CSS,
                theme=Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
            )
    except OSError as error:
        # Gradio's own words speak of its variables and functions.
        raise BadSetting(f"cannot listen on {host}:{port}, it was taken meanwhile; give another port") from error
    address = address_of(host, port)
    print(f"OmniAgent is at {address}", flush=True)
    if open_to_others(host):
        runs = agent.config.runs_dir
        print(
            f"warning: whoever can reach this machine can use this chat and read every run in {runs}; "
            "--host 127.0.0.1 keeps it to this machine",
            file=sys.stderr,
            flush=True,
        )
    if block:
        app.block_thread()
    return address


def _request(agent: Agent, task: str, seed: object, rounds: object) -> Request:
    """What the boxes ask for, whatever was typed into them."""
    try:
        asked = CreateArguments.model_validate({"task": task, "seed": seed, "max_rounds": rounds})
    except ValidationError as error:
        raise BadSetting(refusal(error, CreateArguments)) from error
    return request_of(agent, asked)


def _named(message: str, files: list[str]) -> str:
    """The message with the names of the sent files in place of where the server keeps them."""
    for file in files:
        for spelling in (shown(file), file):
            message = message.replace(spelling, Path(file).name)
    return message


def _said(task: str, files: list[str]) -> gr.ChatMessage:
    return gr.ChatMessage(role="user", content=[*map(picture, files), plain(task)])


def _box(*, busy: bool) -> gr.MultimodalTextbox:
    if busy:
        return gr.MultimodalTextbox(value=None, interactive=False, submit_btn=False, stop_btn=True)
    return gr.MultimodalTextbox(interactive=True, submit_btn=True, stop_btn=False)
