"""The page: history and settings at the side, the thread, and the box below it."""

from pathlib import Path
from typing import Any, Final

from omniagent.demo.events.handlers import Handlers
from omniagent.demo.events.views import LANGUAGE_COOKIE
from omniagent.demo.rendering.words import Words
from omniagent.demo.widgets import gr

TITLE: Final = "OmniAgent"
_ASSETS: Final = Path(__file__).parent / "assets"
_HEADING: Final = """<header class="bar"><h1>OmniAgent</h1>
<button type="button" class="plainly" data-gallery>▦ <span data-gallery-name></span></button></header>
<p id="announced" class="unseen" role="status"></p>"""

_REMEMBER: Final = (
    f"(chosen) => {{ document.cookie = `{LANGUAGE_COOKIE}=${{chosen}}; path=/; max-age=31536000; SameSite=Lax`; "
    "return [chosen]; }"
)


def asset(name: str) -> str:
    """A file of the page: its style or its script."""
    return (_ASSETS / name).read_text(encoding="utf-8")


def build_page(handlers: Handlers) -> gr.Blocks:
    """The page over its handlers. What it shows comes with its opening."""
    words, budget = Words("en"), handlers.agent.config.budget
    script = asset("thread.js")
    # Sent files and reports are copied to a folder of Gradio's: a day later, or at the end, they are gone.
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_height=True, delete_cache=(3600, 86400)) as page:
        with gr.Sidebar(elem_id="side", width=300, open=True):
            history = gr.HTML("", elem_id="history", js_on_load=script, apply_default_css=False)
            with gr.Accordion(words["settings"], open=False, elem_id="settings") as accordion:
                about = gr.HTML("", elem_id="about", js_on_load=None, apply_default_css=False)
                # What is out of range is told above the box, where the words that were sent stay.
                random = gr.Checkbox(True, label=words["random"])
                seed = gr.Number(0, interactive=False, label=words["seed"], info=words["seed_info"])
                size = gr.Textbox("", label=words["size"], info=words["size_info"], placeholder="512x512", max_lines=1)
                rounds = gr.Number(budget.max_rounds, label=words["rounds"], info=words["rounds_info"])
                images = gr.Number(budget.max_images, label=words["images"], info=words["images_info"])
                candidates = gr.Number(budget.candidates, label=words["candidates"], info=words["candidates_info"])
                seconds = gr.Number(budget.time_limit, label=words["seconds"], info=words["seconds_info"])
                language = gr.Dropdown([("English", "en"), ("中文", "zh")], value="en", label=words["language"])
        gr.HTML(_HEADING, elem_id="bar", js_on_load=None, apply_default_css=False)
        past = gr.HTML("", elem_id="past", js_on_load=script, apply_default_css=False)
        live = gr.HTML("", elem_id="live", js_on_load=script, apply_default_css=False)
        dialogs = gr.HTML("", elem_id="dialogs", js_on_load=None, apply_default_css=False)
        with gr.Column(elem_id="composer", scale=0):
            chip = gr.HTML("", elem_id="chip", js_on_load=script, apply_default_css=False)
            box = gr.MultimodalTextbox(
                elem_id="task",
                label=words["task"],
                show_label=False,
                placeholder=words["placeholder"],
                file_types=["image"],
                file_count="multiple",
                max_plain_text_length=20_000,
                autofocus=True,
                autoscroll=False,
            )
        gr.HTML("", elem_id="script", js_on_load=asset("page.js"), apply_default_css=False)

        view = [past, live, chip, history, box]
        settings: list[Any] = [seed, random, size, rounds, images, candidates, seconds]
        furniture = [
            *(dialogs, about, accordion, random),
            *(seed, size, rounds, images, candidates, seconds),
            language,
        ]
        quiet: dict[str, Any] = {
            "show_progress": "hidden",
            "api_visibility": "private",
            "concurrency_limit": None,
            "trigger_mode": "multiple",
        }
        opened = page.load(handlers.opened, None, [*view, *furniture], **quiet)
        opened.then(handlers.follow, None, view, **quiet)
        box.submit(handlers.send, [box, *settings], view, **quiet).then(handlers.follow, None, view, **quiet)
        box.stop(handlers.stop, None, None, **quiet)
        for part in (history, past, live, chip):
            part.press(handlers.press, settings, view, **quiet).then(handlers.follow, None, view, **quiet)
        random.change(handlers.draw_seeds, random, seed, **quiet)
        language.input(handlers.speak, language, [*view, *furniture], js=_REMEMBER, **quiet)
        page.unload(handlers.left)
    return page
