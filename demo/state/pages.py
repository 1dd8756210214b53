"""What each open page shows: its visitor, its thread, and what its next message goes on from."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from omniagent.demo.rendering.story import Story
from omniagent.demo.rendering.view import Chip, Entry, Message, Thumbnail
from omniagent.demo.rendering.words import Language, Words
from omniagent.demo.state.desk import Desk
from omniagent.demo.state.places import Mark, place_of
from omniagent.demo.state.threads import Given, Shelf, Talk, Turn
from omniagent.model.errors import BadSetting
from omniagent.runs.result import TRACE_FILE
from omniagent.tools.record.trace import read_trace

_MOST = 200
"""Threads that the history shows."""


@dataclass(slots=True)
class Page:
    """One open page. `version` changes with the thread that it shows, so that what wrote to it before knows to end."""

    shelf: Shelf
    language: Language = "en"
    talk: Talk | None = None
    base: Given | None = None
    pinned: bool = False
    editing: str = ""
    attached: tuple[Given, ...] = ()
    mark: Mark | None = None
    note: str = ""
    version: int = 0
    _told: dict[str, tuple[int, Story]] = field(default_factory=dict[str, tuple[int, Story]])

    @property
    def words(self) -> Words:
        """The page's own language."""
        return Words(self.language)

    def refresh(self) -> None:
        """Read the thread anew: another page of the same visitor may have added to it."""
        if self.talk is not None:
            self.talk = self.shelf.talk(self.talk.id) or self.talk

    def show(self, talk: Talk | None, runs: Path) -> None:
        """Show a thread; its last accepted or best picture is offered to the next message."""
        self.version += 1
        self.talk, self.editing, self.attached, self.note = talk, "", (), ""
        self.offer(runs)

    def offer(self, runs: Path) -> None:
        """Offer the last picture of the thread to the next message, if its words speak of it."""
        self.base, self.pinned, self.mark = None, False, None
        for turn in reversed(self.talk.turns if self.talk else ()):
            if (best := self.story(turn, runs).best) is not None:
                self.base = self.given(turn.run, best.id)
                return

    def story(self, turn: Turn, runs: Path) -> Story:
        """What the trace on disk tells of a message's run."""
        path = runs / turn.run / TRACE_FILE
        try:
            # The file only grows: its size tells whether it has changed.
            size = path.stat().st_size
            if (known := self._told.get(turn.run)) is None or known[0] != size:
                known = self._told[turn.run] = (size, Story.of(read_trace(path)))
        except (OSError, BadSetting):
            return Story()
        return known[1]

    def told_anew(self, turn: Turn, runs: Path) -> Story:
        """What the trace tells of a run, as a story of its own that more can be added to."""
        self._told.pop(turn.run, None)
        story = self.story(turn, runs)
        self._told.pop(turn.run, None)
        return story

    def choose(self, given: Given, mark: Mark | None = None) -> None:
        """Let the next message change this picture, or the marked part of it alone."""
        self.base, self.pinned, self.mark = given, True, mark

    def picture_before(self, turn: str, runs: Path) -> Given | None:
        """The last picture before a message of the thread."""
        before: Given | None = None
        for one in self.talk.turns if self.talk else ():
            if one.id == turn:
                break
            if (best := self.story(one, runs).best) is not None:
                before = self.given(one.run, best.id)
        return before

    def given(self, run: str, attempt: str) -> Given:
        """An attempt as a picture of a message, called by its message's number, as each run has an `a1`."""
        number = next((at for at, turn in enumerate(self.talk.turns if self.talk else (), 1) if turn.run == run), None)
        label = self.words["attempt"] % attempt if number is None else self.words["picture_of"] % (attempt, number)
        return Given(run=run, name=attempt, label=label)

    def messages(self, desk: Desk, runs: Path) -> list[Message]:
        """The thread's messages, each with its run as far as it has come."""
        turns = self.talk.turns if self.talk else ()
        return [self._message(turn, number, desk, runs) for number, turn in enumerate(turns, 1)]

    def at_work(self, desk: Desk) -> Turn | None:
        """The thread's message whose run is not over."""
        turns = self.talk.turns if self.talk else ()
        return next((turn for turn in reversed(turns) if desk.live(turn.run) is not None), None)

    def chip(self) -> Chip:
        """What the next message goes on from."""
        thumbnail = None if self.base is None else thumbnail_of(self.base, self.mark)
        attached = [thumbnail_of(given) for given in self.attached]
        place = "" if self.mark is None else place_of(self.mark, self.words)
        return Chip(thumbnail, self.pinned, bool(self.editing), attached, place, self.note)

    def entries(self, desk: Desk) -> list[Entry]:
        """The visitor's threads for the history."""
        here = self.talk.id if self.talk else ""
        return [
            Entry(talk.id, talk.title, talk.id == here, any(desk.live(turn.run) for turn in talk.turns))
            for talk in self.shelf.talks()[:_MOST]
        ]

    def _message(self, turn: Turn, number: int, desk: Desk, runs: Path) -> Message:
        live = desk.live(turn.run)
        return Message(
            id=turn.id,
            number=number,
            words=turn.words,
            run=turn.run,
            thumbnails=[thumbnail_of(given, None if place else turn.mark) for place, given in enumerate(turn.pictures)],
            story=self.story(turn, runs) if live is None else live.story,
            stage="over" if live is None else live.stage,
            ahead=0 if live is None else live.ahead,
            error=turn.error,
            question=None if live is None else live.question,
            afresh=turn.afresh,
            kept=(runs / turn.run).is_dir(),
        )


def thumbnail_of(given: Given, mark: Mark | None = None) -> Thumbnail:
    """A message's picture with its address, and what was marked on it."""
    url = f"pictures/{quote(given.run)}/{given.name}.png" if given.run else f"sent/{quote(given.name)}"
    return Thumbnail(url, given.label or given.name, "" if mark is None else mark.outline, bool(mark and mark.stroke))
