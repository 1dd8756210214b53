"""What the page calls: each handler changes what the page shows, and the page is drawn from that."""

import logging
from collections.abc import AsyncIterator
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

from omniagent.agent import Agent
from omniagent.demo.events.asked import Pressed, Settings, pressed_in, wishes_of
from omniagent.demo.events.office import Office, path_of
from omniagent.demo.page.access import visitor_in
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
from omniagent.demo.state.followups import asks_again
from omniagent.demo.state.pages import Page
from omniagent.demo.state.places import place_of
from omniagent.demo.state.threads import Shelves, Talk, Turn, visitor_of
from omniagent.demo.widgets import gr
from omniagent.model.errors import BadSetting, OmniAgentError
from omniagent.model.wording import cut

LANGUAGE_COOKIE: Final = "omniagent_language"
EXAMPLES: Final = (
    "a red fox asleep in fresh snow, soft morning light",
    "a watercolour of a lighthouse on a cliff, with a small sailing boat on the sea",
    "two cups of coffee on a wooden table beside a window, seen from above",
)
"""Of a generator whose profile suggests none."""
_NEW: Final = "new"
"""What the page's address says of a thread without messages."""

View = tuple[Any, Any, Any, Any, Any]
"""Earlier messages, the last one, what stands above the box, the history, the box."""


def examples_of(agent: Agent) -> tuple[str, ...]:
    """The tasks that the chat suggests; no model is loaded for them."""
    return agent.generator_profile.examples or EXAMPLES


class Handlers:
    """The chat's reactions, over one agent."""

    def __init__(self, agent: Agent, desk: Desk, shelves: Shelves, *, logins: bool) -> None:
        self.agent = agent
        self._desk = desk
        self._shelves = shelves
        self._logins = logins
        self._runs = agent.config.runs_dir.resolve()
        self._office = Office(desk, self._runs)
        self._pages: dict[str, Page] = {}

    async def opened(self, request: gr.Request) -> tuple[Any, ...]:
        """A page was opened, or opened again: it shows the visitor's last thread, or the one that its address names."""
        page = self._page(request)
        wanted = str(dict(request.query_params).get("thread", ""))
        talks = page.shelf.talks()
        last = talks[0] if talks and wanted != _NEW else None
        page.show(page.shelf.talk(wanted) or last, self._runs)
        if self._visitor(request) is None:
            page.note = page.words["no_cookies"]
        return (*self._view(page), *self._furniture(page))

    async def speak(self, language: str, request: gr.Request) -> tuple[Any, ...]:
        """The person chose another language."""
        page = self._page(request)
        page.language = "zh" if language == "zh" else "en"
        return (*self._view(page), *self._furniture(page))

    async def send(
        self,
        message: dict[str, Any],
        seed: object,
        random: bool,
        size: object,
        rounds: object,
        images: object,
        candidates: object,
        seconds: object,
        request: gr.Request,
    ) -> View:
        """The box was sent. Where that cannot be, the words stay in it."""
        page, text = self._page(request), str(message.get("text") or "")
        files = [str(file) for file in message.get("files") or ()]
        page.note = ""
        page.refresh()
        last = page.talk.turns[-1] if page.talk and page.talk.turns else None
        if page.at_work(self._desk) is not None:
            page.note = page.words["still_at_work"]
        elif not text.strip():
            page.note = page.words["say_something"]
        else:
            settings = Settings(
                seed=seed,
                random=random,
                size=size,
                rounds=rounds,
                images=images,
                candidates=candidates,
                seconds=seconds,
            )
            if self._tried(page, lambda: self._sent(page, text, files, settings, last)):
                return self._view(page, box={"text": "", "files": []})
        return self._view(page)

    async def press(
        self,
        seed: object,
        random: bool,
        size: object,
        rounds: object,
        images: object,
        candidates: object,
        seconds: object,
        event: gr.EventData,
        request: gr.Request,
    ) -> View:
        """A button of the thread, the history, or above the box was pressed."""
        page = self._page(request)
        page.note = ""
        page.refresh()
        settings = Settings(
            seed=seed, random=random, size=size, rounds=rounds, images=images, candidates=candidates, seconds=seconds
        )
        said: list[str] = []
        self._tried(page, lambda: self._pressed(page, pressed_in(vars(event)["_data"]), settings, said))
        return self._view(page, box={"text": said[0], "files": []} if said else None)

    async def follow(self, request: gr.Request) -> AsyncIterator[View]:
        """Show the run at work of the page's thread, to its end or until the page shows something else."""
        page = self._page(request)
        version, turn = page.version, page.at_work(self._desk)
        live = None if turn is None else self._desk.live(turn.run)
        if live is not None:
            async for _ in live.changes():
                if page.version != version:
                    break
                last = page.messages(self._desk, self._runs)[-1:]
                yield (gr.skip(), render_messages(last, page.words), gr.skip(), gr.skip(), gr.skip())
        if page.version != version:
            yield (gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip())
            return
        # A run that failed at once may be over before anybody follows it.
        page.refresh()
        if not page.pinned and turn is not None:
            page.offer(self._runs)
        yield self._view(page)

    async def stop(self, request: gr.Request) -> None:
        """Stop the thread's run with the best so far."""
        self._stop(self._page(request))

    def draw_seeds(self, random: bool) -> Any:
        """A seed that is drawn for each message need not be typed."""
        return gr.update(interactive=not random)

    def left(self, request: gr.Request) -> None:
        """A page was closed; its run goes on."""
        self._pages.pop(str(request.session_hash), None)

    def _sent(self, page: Page, text: str, files: list[str], settings: Settings, last: Turn | None) -> None:
        wishes = wishes_of(settings)
        if last is not None and not files and not page.pinned and not page.editing and asks_again(text):
            self._office.again(page, last, wishes_of(settings.model_copy(update={"random": True})))
        else:
            self._office.send(page, text, files, wishes)

    def _pressed(self, page: Page, pressed: Pressed, settings: Settings, said: list[str]) -> None:
        turn = page.talk.turn(pressed.turn) if page.talk else None
        match pressed.act:
            case "new":
                page.show(None, self._runs)
            case "open":
                page.show(page.shelf.talk(pressed.talk), self._runs)
            case "delete":
                page.shelf.forget(pressed.talk)
                if page.talk is not None and page.talk.id == pressed.talk:
                    page.show(None, self._runs)
            case "use" | "point":
                given = page.given(pressed.run, pressed.name)
                path_of(page, given, self._runs)
                page.choose(given, place_of(pressed.mark, page.words) if pressed.mark else "")
            case "stop":
                self._stop(page)
            case "drop_base":
                page.base, page.pinned, page.mark = None, False, ""
            case "drop_attached":
                kept = [one for number, one in enumerate(page.attached) if str(number) != pressed.name]
                page.attached = tuple(kept)
            case "drop_edit":
                page.editing, page.attached = "", ()
            case "answer":
                live = self._desk.live(pressed.run)
                if live is not None and page.shelf.owns(pressed.run):
                    live.answer(pressed.words)
            case "fork" | "retry" | "use_last" | "edit" | "go_on":
                if turn is None or page.talk is None:
                    raise BadSetting("that message is not part of this thread any more; open the thread again")
                self._of_turn(page, page.talk, turn, pressed, settings, said)

    def _of_turn(
        self, page: Page, talk: Talk, turn: Turn, pressed: Pressed, settings: Settings, said: list[str]
    ) -> None:
        if pressed.act == "fork":
            given = page.given(turn.run, pressed.name)
            path_of(page, given, self._runs)
            other = talk.until(turn.id, inclusive=True)
            page.shelf.keep(other)
            page.show(other, self._runs)
            page.choose(given)
            return
        if pressed.act == "edit":
            page.editing, page.attached = turn.id, turn.pictures
            said.append(turn.words)
            return
        if page.at_work(self._desk) is not None:
            raise BadSetting(page.words["still_at_work"])
        if pressed.act == "go_on":
            self._office.go_on(page, turn)
            return
        wishes, pictures = wishes_of(settings.model_copy(update={"random": True})), None
        if pressed.act == "use_last":
            before = page.picture_before(turn.id, self._runs)
            if before is None:
                raise BadSetting("there is no earlier picture in this thread")
            wishes, pictures = turn.wishes, (before,)
        self._office.again(page, turn, wishes, pictures=pictures)

    def _tried(self, page: Page, work: "Any") -> bool:
        """Whether it went well; what was wrong is told above the box."""
        try:
            work()
        except OmniAgentError as error:
            page.note = str(error)
            return False
        except OSError as error:
            page.note = f"the server cannot keep this: {error.strerror or cut(str(error))}"
            logging.getLogger(__name__).exception("a message could not be kept")
            return False
        return True

    def _stop(self, page: Page) -> None:
        if (turn := page.at_work(self._desk)) is not None:
            self._desk.stop(turn.run)

    def _page(self, request: gr.Request) -> Page:
        session = str(request.session_hash)
        if (page := self._pages.get(session)) is None:
            visitor = self._visitor(request) or visitor_of(f"session {session}")
            page = self._pages[session] = Page(self._shelves.of(visitor), _language(request))
            # A server that was started anew does not know what the page shows.
            talks = page.shelf.talks()
            page.show(talks[0] if talks else None, self._runs)
        return page

    def _visitor(self, request: gr.Request) -> str | None:
        return visitor_in(_headers(request), logins=self._logins)

    def _view(self, page: Page, box: dict[str, Any] | None = None) -> View:
        words, messages = page.words, page.messages(self._desk, self._runs)
        busy = page.at_work(self._desk) is not None
        welcome = "" if messages else render_welcome(examples_of(self.agent), self._domain(), words)
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

    def _furniture(self, page: Page) -> tuple[Any, ...]:
        """The parts of the page whose words are of a language but never change else."""
        words, config = page.words, self.agent.config
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

    def _domain(self) -> str:
        return self.agent.generator_profile.domain or ""


def _language(request: gr.Request) -> Language:
    headers = _headers(request)
    try:
        chosen = SimpleCookie(headers.get("cookie", "")).get(LANGUAGE_COOKIE)
    except CookieError:
        chosen = None
    if chosen is not None and chosen.value in ("en", "zh"):
        return "zh" if chosen.value == "zh" else "en"
    return language_of(headers.get("accept-language", ""))


def _headers(request: gr.Request) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in dict(request.headers).items()}
