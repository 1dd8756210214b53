"""Messages become runs: what was typed, with its pictures, is kept in its thread and put on the desk."""

from pathlib import Path
from typing import Final

from PIL import Image

from omniagent.demo.events.asked import options_of
from omniagent.demo.state.desk import Desk, Live, Order
from omniagent.demo.state.followups import FollowUp, asks_what, read_follow_up
from omniagent.demo.state.pages import Page
from omniagent.demo.state.places import Mark
from omniagent.demo.state.threads import Given, Talk, Turn, Wishes, new_id
from omniagent.model.errors import BadSetting
from omniagent.model.wording import counted, shown
from omniagent.runs.listing import attempt_in
from omniagent.runs.request import new_run_id
from omniagent.tools.types import Budget

_POINT_OUT: Final = "press “Go on from here” under the one that you mean"


class Office:
    """Puts the messages of pages on the desk."""

    def __init__(self, desk: Desk, runs: Path) -> None:
        self.desk = desk
        self.runs = runs

    def send(self, page: Page, text: str, files: list[str], wishes: Wishes) -> None:
        """Take a typed message: its pictures are those that it came with, else the one at hand if it speaks of it.

        Raises:
            BadSetting, TooBusy, OutputUnwritable, StorageFull: nothing is sent, and the page is as it was.
            OSError: a sent file cannot be kept.
        """
        sent = tuple(page.shelf.keep_file(Path(file)) for file in files)
        talk = page.talk or Talk(id=new_id())
        mark: Mark | None = None
        if page.editing:
            pictures, asked, afresh = (*page.attached, *sent), FollowUp(True, None, text.strip()), False
            before = talk.turn(page.editing)
            if before is not None and pictures[:1] == before.pictures[:1]:
                mark = before.mark
            talk = talk.until(page.editing, inclusive=False)
        else:
            pictures, asked, afresh = self._pictures(page, text, sent)
            if page.pinned and pictures[:1] == (page.base,):
                mark = page.mark
        if asks_what(text):
            # A question changes nothing, so that there is nothing to keep.
            mark = None
        self._begin(page, talk, _turn(text, asked.task, pictures, wishes, afresh=afresh, mark=mark))

    def again(self, page: Page, turn: Turn, wishes: Wishes, *, pictures: tuple[Given, ...] | None = None) -> None:
        """Send a message once more, with other wishes, and with other pictures if some are given.

        Raises: as `send`.
        """
        assert page.talk is not None, "a message is part of a thread"
        task = turn.task if pictures is None else read_follow_up(turn.words).task
        same = turn.pictures if pictures is None else pictures
        mark = turn.mark if pictures is None else None
        self._begin(page, page.talk, _turn(turn.words, task, same, wishes, afresh=False, mark=mark))

    def go_on(self, page: Page, turn: Turn) -> None:
        """Let a run go on where it stopped; one that came to a limit may take as much again.

        Raises: as `send`.
        """
        assert page.talk is not None, "a message is part of a thread"
        story = page.story(turn, self.runs)
        started = story.started
        if started is None:
            raise BadSetting(f"the run {turn.run} has left nothing to go on with; send its message again")
        if story.ended is not None and story.ended.stop_reason.endswith("_limit"):
            more = _twice(started.budget, self.desk.agent.config.budget)
            turn = turn.model_copy(
                update={
                    "wishes": turn.wishes.model_copy(
                        update={
                            "max_rounds": more.max_rounds,
                            "max_images": more.max_images,
                            "time_limit": more.time_limit,
                        }
                    )
                }
            )
        talk = page.talk.replaced(turn.model_copy(update={"error": ""}))
        self.desk.start(self._order(page, turn), self._done(page, talk.id, turn.id), page.told_anew(turn, self.runs))
        page.shelf.keep(talk)
        page.show(talk, self.runs)

    def _pictures(self, page: Page, text: str, sent: tuple[Given, ...]) -> tuple[tuple[Given, ...], FollowUp, bool]:
        asked = read_follow_up(text)
        if page.pinned and page.base is not None and (sent or page.mark is not None or not asked.names):
            return (page.base, *sent), asked, False
        if sent or page.base is None:
            return sent, FollowUp(False, None, text.strip()), False
        if not asked.speaks:
            return (), asked, True
        return (self._named(page, asked) or page.base,), asked, False

    def _named(self, page: Page, asked: FollowUp) -> Given | None:
        """The picture that a message names, of the message that it names or of the last one that drew any.

        A number that is too high for that one counts the results of the thread: two messages may have drawn one each.
        """
        turns = page.talk.turns if page.talk else ()
        drew = [turn for turn in turns if page.story(turn, self.runs).attempts]
        if not asked.names or not drew:
            return None
        of = drew[-1]
        if asked.message is not None and (asked.message > len(turns) or (of := turns[asked.message - 1]) not in drew):
            raise BadSetting(f"message {asked.message} of this thread drew no picture; {_POINT_OUT}")
        story = page.story(of, self.runs)
        number, attempts = asked.number, story.attempts
        if number is None:
            return page.given(of.run, (story.best or attempts[-1]).id)
        if number <= len(attempts):
            return page.given(of.run, attempts[number - 1 if number > 0 else number].id)
        results = [(turn, best) for turn in drew if (best := page.story(turn, self.runs).best) is not None]
        if asked.message is None and number <= len(results):
            turn, best = results[number - 1]
            return page.given(turn.run, best.id)
        raise BadSetting(
            f"{'the last message' if asked.message is None else f'message {asked.message}'} drew "
            f"{counted(len(attempts), 'picture')}, so there is no number {number}; {_POINT_OUT}"
        )

    def _begin(self, page: Page, talk: Talk, turn: Turn) -> None:
        talk = talk.with_turn(turn)
        order = self._order(page, turn)
        page.shelf.keep(talk)
        self.desk.start(order, self._done(page, talk.id, turn.id))
        page.show(talk, self.runs)

    def _order(self, page: Page, turn: Turn) -> Order:
        pictures = tuple(str(path_of(page, given, self.runs)) for given in turn.pictures)
        options = options_of(self.desk.agent, turn.wishes)
        if turn.mark is not None and pictures:
            with Image.open(pictures[0]) as picture:
                options["mask"] = turn.mark.mask(picture.size)
        return Order(turn.run, turn.task, pictures, options)

    def _done(self, page: Page, talk: str, turn: str) -> "_Done":
        return _Done(page, talk, turn)


class _Done:
    """Keeps, with its message, why a run gave no result."""

    def __init__(self, page: Page, talk: str, turn: str) -> None:
        self._page, self._talk, self._turn = page, talk, turn

    def __call__(self, live: Live) -> None:
        talk = self._page.shelf.talk(self._talk)
        turn = None if talk is None else talk.turn(self._turn)
        if live.error and talk is not None and turn is not None:
            words = live.error
            for given in turn.pictures:
                # The server's own names and folders are nothing to the person.
                file = str(self._page.shelf.file(given.name))
                words = words.replace(shown(file), given.label).replace(file, given.label)
            self._page.shelf.keep(talk.replaced(turn.model_copy(update={"error": words})))


def path_of(page: Page, given: Given, runs: Path) -> Path:
    """Where a message's picture lies.

    Raises:
        BadSetting: it is gone, or belongs to another visitor.
    """
    if given.run:
        found = attempt_in(runs, given.run, given.name) if page.shelf.owns(given.run) else None
    else:
        found = page.shelf.file(given.name)
    if found is None:
        raise BadSetting(f"the picture {shown(given.label or given.name)} is gone from the server; send it again")
    return found


def _turn(
    words: str, task: str, pictures: tuple[Given, ...], wishes: Wishes, *, afresh: bool, mark: Mark | None
) -> Turn:
    return Turn(
        id=new_id(),
        words=words,
        task=task,
        pictures=pictures,
        run=new_run_id(),
        wishes=wishes,
        afresh=afresh,
        mark=mark,
    )


def _twice(spent: Budget, own: Budget) -> Budget:
    """What was allowed, and the agent's own budget once more."""
    return spent.model_copy(
        update={
            "max_rounds": min(100, spent.max_rounds + own.max_rounds),
            "max_images": min(1000, spent.max_images + own.max_images),
            "time_limit": spent.time_limit + own.time_limit,
        }
    )
