"""The chat: words and pictures in, the reflection step by step, the picture out. Needs `omniagent[demo]`."""

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes import Soft

from omniagent.agent import Agent
from omniagent.demo.messages import Steps, failure, picture, plain
from omniagent.model.errors import BadSetting, OmniAgentError
from omniagent.result import Result
from omniagent.tools.intake import MAX_IMAGES
from omniagent.tools.trace import RunStarted
from omniagent.tools.types import Budget

TITLE = "OmniAgent"
GREETING = f"""### {TITLE}
Say what picture you want. Add up to {MAX_IMAGES} pictures and call them "image 1", "image 2", …"""
EXAMPLES = (
    "three small red circles above a large blue square on a white background",
    "a striped yellow star inside a large purple ring, black background",
    "two green triangles to the left of an orange circle on a gray background",
)
# Sharing would send the picture to somebody else's server.
CSS = """
#chat button[aria-label="Share"] { display: none }
#chat .image-container img, #chat .message img { max-height: 320px; width: auto; margin: 0 }
"""
Turn = tuple[list[Any], Any]


def build_app(agent: Agent) -> gr.Blocks:
    """The chat over an agent, with telemetry off. `serve` launches it with the runs folder among `allowed_paths`."""
    running: dict[str, str] = {}

    async def respond(
        message: dict[str, Any], history: list[Any], seed: float, rounds: float, request: gr.Request
    ) -> AsyncIterator[Turn]:
        task, files = str(message.get("text") or ""), list(message.get("files") or [])
        said = [*history, _said(task, files)]
        yield said, _box(busy=True)
        steps, session = Steps(), str(request.session_hash)
        shown: list[Any] = []
        try:
            budget = Budget.model_validate({**agent.config.budget.model_dump(), "max_rounds": int(rounds)})
            folder = Path()
            async with aclosing(agent.astream(task, files, seed=int(seed), budget=budget)) as events:
                async for event in events:
                    if isinstance(event, RunStarted):
                        running[session], folder = event.run_id, Path(event.folder)
                    steps.add(event)
                    shown = steps.messages
                    yield [*said, *shown], gr.skip()
            steps.finish(Result.load(folder))
            shown = steps.messages
        except OmniAgentError as error:
            shown = [*shown, failure(str(error))]
        except Exception as error:
            shown = [*shown, failure(f"unexpected {type(error).__name__}: {error}")]
            logging.getLogger(__name__).exception("a chat turn failed")
        finally:
            running.pop(session, None)
        yield [*said, *shown], _box(busy=False)

    def stop(request: gr.Request) -> None:
        if (run_id := running.get(str(request.session_hash))) is not None:
            agent.cancel(run_id)

    def choose(picked: gr.SelectData) -> dict[str, Any]:
        return {"text": picked.value["text"], "files": []}

    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_height=True) as app:
        chat = gr.Chatbot(
            elem_id="chat",
            show_label=False,
            scale=1,
            layout="bubble",
            placeholder=GREETING,
            examples=[{"text": example} for example in EXAMPLES],
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
            seed = gr.Number(0, label="Seed", precision=0, minimum=0)
            rounds = gr.Slider(1, 12, agent.config.budget.max_rounds, step=1, label="Rounds at most")
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
    app = build_app(agent)
    try:
        _, address, _ = app.launch(
            server_name=host,
            server_port=port or _free_port(host),
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
        raise BadSetting(f"cannot listen on {host}:{port}: {error}; give another host or port") from error
    print(f"OmniAgent is at {address}", flush=True)
    if block:
        app.block_thread()
    return address


def _said(task: str, files: list[str]) -> gr.ChatMessage:
    return gr.ChatMessage(role="user", content=[*map(picture, files), plain(task)])


def _box(*, busy: bool) -> gr.MultimodalTextbox:
    if busy:
        return gr.MultimodalTextbox(value=None, interactive=False, submit_btn=False, stop_btn=True)
    return gr.MultimodalTextbox(interactive=True, submit_btn=True, stop_btn=False)


def _free_port(host: str) -> int:
    import socket

    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
