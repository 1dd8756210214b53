"""What the page shows, as values for its parts, and in which language."""

from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

from omniagent.agent import Agent
from omniagent.demo.rendering.view import (
    render_about,
    render_chip,
    render_dialogs,
    render_history,
    render_messages,
    render_welcome,
)
from omniagent.demo.rendering.words import Language, language_of
from omniagent.demo.state.desk import Desk
from omniagent.demo.state.pages import Page
from omniagent.demo.widgets import gr

LANGUAGE_COOKIE: Final = "omniagent_language"
EXAMPLES: Final = (
    "a red fox asleep in fresh snow, soft morning light",
    "a watercolour of a lighthouse on a cliff, with a small sailing boat on the sea",
    "two cups of coffee on a wooden table beside a window, seen from above",
)
"""Of a generator whose profile suggests none."""

View = tuple[Any, Any, Any, Any, Any]
"""Earlier messages, the last one, what stands above the box, the history, the box."""


def examples_of(agent: Agent) -> tuple[str, ...]:
    """The tasks that the chat suggests; no model is loaded for them."""
    return agent.generator_profile.examples or EXAMPLES


class Views:
    """Draws pages over one agent."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._agent = desk, desk.agent
        self._runs = self._agent.config.runs_dir.resolve()

    def whole(self, page: Page, box: dict[str, Any] | None = None) -> View:
        """All that changes with the thread; `box` is what the box shall hold, None leaves it as it is."""
        words, messages = page.words, page.messages(self._desk, self._runs)
        busy = page.at_work(self._desk) is not None
        domain = self._agent.generator_profile.domain or ""
        welcome = "" if messages else render_welcome(examples_of(self._agent), domain, words)
        hint = words["busy"] if busy else words["next" if messages else "placeholder"]
        # The box stays open while a run is at work, so that a visitor who types keeps the focus.
        changed: dict[str, Any] = {"placeholder": hint, "submit_btn": not busy, "stop_btn": busy}
        if box is not None:
            changed["value"] = box
        return (
            render_messages(messages[:-1], words),
            render_messages(messages[-1:], words) or welcome,
            render_chip(page.chip(), words),
            render_history(page.entries(self._desk), words),
            gr.MultimodalTextbox(**changed),
        )

    def last(self, page: Page) -> View:
        """The last message alone; the rest stays as it is."""
        messages = page.messages(self._desk, self._runs)[-1:]
        return (gr.skip(), render_messages(messages, page.words), gr.skip(), gr.skip(), gr.skip())

    def same(self) -> View:
        """Everything as it is."""
        return (gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip())

    def furniture(self, page: Page) -> tuple[Any, ...]:
        """The parts of the page whose words are of a language but never change else."""
        words, config = page.words, self._agent.config
        model = config.model if config.generator == "local" else config.generator_model
        labelled = [
            gr.update(label=words[name], info=words[f"{name}_info"])
            for name in ("seed", "size", "rounds", "images", "candidates", "seconds")
        ]
        return (
            render_dialogs(words),
            render_about(model, config.critic_model or config.critic, config.preset, words),
            gr.update(label=words["settings"]),
            gr.update(label=words["random"]),
            *labelled,
            gr.update(label=words["language"], value=page.language),
        )


def language_in(request: gr.Request) -> Language:
    """The language that the person chose, else the one that their browser prefers."""
    headers = headers_of(request)
    try:
        chosen = SimpleCookie(headers.get("cookie", "")).get(LANGUAGE_COOKIE)
    except CookieError:
        chosen = None
    if chosen is not None and chosen.value in ("en", "zh"):
        return "zh" if chosen.value == "zh" else "en"
    return language_of(headers.get("accept-language", ""))


def headers_of(request: gr.Request) -> dict[str, str]:
    """The request's headers by their names in lower case."""
    return {str(name).lower(): str(value) for name, value in dict(request.headers).items()}
