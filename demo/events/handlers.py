"""What the page calls: each handler changes what the page shows, and the page is drawn from that."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from omniagent.agent import Agent
from omniagent.demo.events.asked import Settings, pressed_in, wishes_of
from omniagent.demo.events.office import Office
from omniagent.demo.events.presses import Presses
from omniagent.demo.events.views import View, Views, headers_of, language_in
from omniagent.demo.page.access import visitor_in
from omniagent.demo.state.desk import Desk
from omniagent.demo.state.followups import asks_again
from omniagent.demo.state.pages import Page
from omniagent.demo.state.threads import Shelves, Turn, visitor_of
from omniagent.demo.widgets import gr
from omniagent.model.errors import OmniAgentError
from omniagent.model.wording import cut

_NEW: Final = "new"
"""What the page's address says of a thread without messages."""


class Handlers:
    """The chat's reactions, over one agent."""

    def __init__(self, agent: Agent, desk: Desk, shelves: Shelves, *, logins: bool) -> None:
        self.agent = agent
        self._desk = desk
        self._shelves = shelves
        self._logins = logins
        self._runs = agent.config.runs_dir.resolve()
        self._office = Office(desk, self._runs)
        self._presses, self._views = Presses(self._office), Views(desk)
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
        return (*self._views.whole(page), *self._views.furniture(page))

    async def speak(self, language: str, request: gr.Request) -> tuple[Any, ...]:
        """The person chose another language."""
        page = self._page(request)
        page.language = "zh" if language == "zh" else "en"
        return (*self._views.whole(page), *self._views.furniture(page))

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
                return self._views.whole(page, box={"text": "", "files": []})
        return self._views.whole(page)

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
        said: list[str | None] = []
        self._tried(page, lambda: said.append(self._presses.do(page, pressed_in(vars(event)["_data"]), settings)))
        words = said[0] if said else None
        return self._views.whole(page, box=None if words is None else {"text": words, "files": []})

    async def follow(self, request: gr.Request) -> AsyncIterator[View]:
        """Show the run at work of the page's thread, to its end or until the page shows something else."""
        page = self._page(request)
        version, turn = page.version, page.at_work(self._desk)
        live = None if turn is None else self._desk.live(turn.run)
        if live is not None:
            async for _ in live.changes():
                if page.version != version:
                    break
                yield self._views.last(page)
        if page.version != version:
            yield self._views.same()
            return
        # A run that failed at once may be over before anybody follows it.
        page.refresh()
        if not page.pinned and turn is not None:
            page.offer(self._runs)
        yield self._views.whole(page)

    async def stop(self, request: gr.Request) -> None:
        """Stop the thread's run with the best so far."""
        self._presses.stop(self._page(request))

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

    def _tried(self, page: Page, work: Callable[[], None]) -> bool:
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

    def _page(self, request: gr.Request) -> Page:
        session = str(request.session_hash)
        if (page := self._pages.get(session)) is None:
            visitor = self._visitor(request) or visitor_of(f"session {session}")
            page = self._pages[session] = Page(self._shelves.of(visitor), language_in(request))
            # A server that was started anew does not know what the page shows.
            talks = page.shelf.talks()
            page.show(talks[0] if talks else None, self._runs)
        return page

    def _visitor(self, request: gr.Request) -> str | None:
        return visitor_in(headers_of(request), logins=self._logins)
