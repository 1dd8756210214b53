"""What the buttons inside the page do: in the thread, in the history, and above the box."""

from omniagent.demo.events.asked import Pressed, Settings, wishes_of
from omniagent.demo.events.office import Office, path_of
from omniagent.demo.state.pages import Page
from omniagent.demo.state.threads import Talk, Turn
from omniagent.model.errors import BadSetting


class Presses:
    """Does what a button asks for, on the page that it was pressed on."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._runs = office.runs

    def do(self, page: Page, pressed: Pressed, settings: Settings) -> str | None:
        """Change the page, or begin a run; the words that the box shall hold, None to leave it as it is.

        Raises:
            BadSetting, TooBusy, OutputUnwritable, StorageFull: it cannot be; the message says why.
        """
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
                page.choose(given, pressed.mark)
            case "stop":
                self.stop(page)
            case "drop_base":
                page.base, page.pinned, page.mark = None, False, None
            case "drop_attached":
                kept = [one for number, one in enumerate(page.attached) if str(number) != pressed.name]
                page.attached = tuple(kept)
            case "drop_edit":
                page.editing, page.attached = "", ()
            case "answer":
                live = self._office.desk.live(pressed.run)
                if live is not None and page.shelf.owns(pressed.run):
                    live.answer(pressed.words)
            case "fork" | "retry" | "use_last" | "edit" | "go_on":
                if turn is None or page.talk is None:
                    raise BadSetting("that message is not part of this thread any more; open the thread again")
                return self._of_turn(page, page.talk, turn, pressed, settings)
        return None

    def stop(self, page: Page) -> None:
        """Stop the thread's run with the best so far."""
        if (turn := page.at_work(self._office.desk)) is not None:
            self._office.desk.stop(turn.run)

    def _of_turn(self, page: Page, talk: Talk, turn: Turn, pressed: Pressed, settings: Settings) -> str | None:
        if pressed.act == "fork":
            given = page.given(turn.run, pressed.name)
            path_of(page, given, self._runs)
            other = talk.until(turn.id, inclusive=True)
            page.shelf.keep(other)
            page.show(other, self._runs)
            page.choose(given)
            return None
        if pressed.act == "edit":
            page.editing, page.attached = turn.id, turn.pictures
            return turn.words
        if page.at_work(self._office.desk) is not None:
            raise BadSetting(page.words["still_at_work"])
        if pressed.act == "go_on":
            self._office.go_on(page, turn)
            return None
        wishes, pictures = wishes_of(settings.model_copy(update={"random": True})), None
        if pressed.act == "use_last":
            before = page.picture_before(turn.id, self._runs)
            if before is None:
                raise BadSetting("there is no earlier picture in this thread")
            wishes, pictures = turn.wishes, (before,)
        self._office.again(page, turn, wishes, pictures=pictures)
        return None
