"""Every text that the plain dialect sends: small separate calls, each with its JSON shown filled in.

What a person or a critic wrote stands between tags, so that it is data and not an order.
"""

from collections.abc import Sequence
from typing import Final

from PIL import Image

from omniagent.model.requests import Prompt
from omniagent.tools.dialects.base import Faulty
from omniagent.tools.dialects.fencing import fencer
from omniagent.tools.dialects.plain.forms import CHANGED, CHANGED_TASK, DRAWN, DRAWN_TASK, REFINED, REPAIR
from omniagent.tools.dialects.plain.questions import cut
from omniagent.tools.types import Mode, Reach, Verdict

_fenced = fencer("task", "question", "checklist", "seen", "reply")

_JSON_ONLY: Final = "Reply with one JSON object and no other text."
MODE_SYSTEM: Final = "You sort requests about pictures. Answer with one letter only."
CHECKLIST_SYSTEM: Final = (
    f"You turn a request for a picture into a checklist by which the finished picture is judged. {_JSON_ONLY}"
)
SECOND_SYSTEM: Final = (
    f"You inspect pictures that were made to order, and write down beforehand what you will look for. {_JSON_ONLY}"
)
REWRITE_SYSTEM: Final = f"You reword a request as an instruction for an image generator. {_JSON_ONLY}"
VERDICT_SYSTEM: Final = "You check pictures. Answer the question about the picture with yes or no only."
CHOICE_SYSTEM: Final = "You compare two pictures. Answer with one letter only."
REPAIR_SYSTEM: Final = f"You say how a picture must be changed so that it fits its request. {_JSON_ONLY}"
ANSWER_SYSTEM: Final = (
    "You answer questions plainly and correctly, in the language of the question and at the length that it needs. "
    "If something cannot be told from a picture, say so."
)
DESCRIBE_SYSTEM: Final = "You describe pictures exactly."

MODES: Final[dict[Mode, str]] = {
    "generate": 'a new picture, for example "a cat on a roof"',
    "edit": 'a change of the given picture, for example "make the sky darker"',
    "compose": 'a new picture with what the given pictures show, for example "this man riding a horse"',
    "answer": 'an answer in words, for example "how many people are there?"',
    "refuse": "something that cannot be drawn here",
}

REACHES: Final[dict[Reach, str]] = {
    "part": 'some things or people in it, while all else stays, for example "make the car red", "remove the lamp", '
    '"give her a hat", "write OPEN on the sign"',
    "surroundings": 'what is behind or around its main subject, for example "put him on a beach", "replace the sky", '
    '"blur the background"',
    "look": 'how all of it looks, while every thing stays where it is, for example "make it night", "as a pencil '
    'sketch", "brighter", "add fog", "black and white"',
    "view": 'how it is seen, or where things are, for example "zoom out", "show it from the side", "mirror it", "let '
    'him sit down", "swap the two cups"',
}
"""What a change may concern, told to the critic."""

_CHECKLIST_RULES: Final = """\
First list the facts that the request states about the finished picture. Then write yes/no questions that check them.
- Use only what the request says, and add nothing. Every thing, number, colour, place, text and style in it is checked.
- Each question asks one thing, and its answer is yes when the picture is right.
- Ask about what the finished picture shows, never about how it came about: "Is the wall white?", not "Has the wall \
been painted?".
- Ask whether a thing is there before you ask about its number, colour or place.
- Write three to eight questions, fewer only when the request says very little. No two ask the same.
- Write in English. Text that stands in the picture stays in its own language, in quotation marks.
Each question has one of these kinds:
presence: a thing is there, or nothing of its kind is
count: how many there are
attribute: a colour, size, material, shape, pose or expression of one thing
relation: where things are to one another, or what they do to one another
text: writing that can be read in the picture
style: the kind of picture, its medium, light, weather or mood
identity: a person or thing is the one from a given picture
preservation: something of the given picture that must stay as it was"""

_SECOND_RULES: Final = """\
Go through the order from its last word to its first. Note as facts what must be seen in the finished picture for each \
word with a meaning, then turn the facts into questions that a stranger can answer with yes by looking at a right \
picture, and with no at a wrong one.
- What the order does not say is not asked. Every thing, number, colour, place, text and style that it says is.
- One question asks for one thing, about the picture as it is and not about how it was made.
- The question whether a thing is there stands before those about its number, colour or place.
- Three to eight questions in English, no two the same; writing stays in its language, in quotation marks.
The kinds are presence, count, attribute, relation, text, style, identity (somebody or something of a given picture) \
and preservation (what of a given picture must stay)."""

_REWRITE_RULES: Final = """\
- Keep every thing, number, colour, name, place and action of the request, in the request's own words where you can.
- Keep text in quotation marks exactly as it is, in quotation marks.
- Contradict nothing, and add no further things to count and no text.
- Write English."""
_REWRITE_GOALS: Final = {
    "translate": "Say the request in English.",
    "imperative": "Say the request as one imperative sentence that begins with Add, Remove, Replace, Change or Make. "
    "Name the thing that changes as the given picture shows it.",
    "several": 'Begin with "Edit the first image:" and say what to add or replace, naming the given pictures as the '
    "first image, the second image and so on. Then describe the whole finished picture in one sentence.",
    "detail": "Say the request as one full description of the picture: add surroundings, light and view in at most "
    "thirty words.",
}

_REFINE_RULES: Final = """\
Say first in one sentence what is wrong in the new picture. Then write the whole instruction anew, so that the next \
picture fits the request.
- Say everything that the request says: every thing, number, colour, name, place, action and text, none left out.
- Press what failed: say it plainly and early, name the place, and say what is there now and what must be there instead.
- Keep what holds in the instruction, so that it is not lost.
- Add no wishes of your own: no further things, no further changes, no text.
- Write English. Text in quotation marks stays exactly as it is, in quotation marks.
- If the new picture fits the request after all, set right to true and leave the instruction empty."""

_REPAIR_RULES: Final = """\
Say first in one sentence what the picture shows, then name one change that makes the failed lines hold.
- The change concerns the failed and unsure lines only. Everything that holds stays as it is.
- Add no wishes of your own.
- One imperative sentence that begins with Add, Remove, Replace, Change, Move or Make and names the thing and its place.
- scope is "local" when the change concerns one part of the picture, and "global" when it concerns the whole picture, \
such as its style, light or layout."""


def _labelled(pictures: Sequence[Image.Image]) -> list[str | Image.Image]:
    parts: list[str | Image.Image] = []
    for number, image in enumerate(pictures, start=1):
        parts += [f"image {number}: ", image, "\n"]
    return parts


def mode_prompt(words: str, pictures: int, modes: Sequence[Mode], domain: str | None) -> Prompt:
    """Asks which of some modes a task means; answered with the letter of one, A first."""
    given = {0: "no picture", 1: "1 picture"}.get(pictures, f"{pictures} pictures")
    told = dict(MODES)
    if domain is not None:
        told["refuse"] = f"something else than what can be drawn here, which is only this: {domain}"
    lines = "\n".join(f"{letter}: {told[mode]}" for letter, mode in zip(letters(modes), modes, strict=True))
    return Prompt(
        system=MODE_SYSTEM,
        parts=(
            f"Someone gave {given} and this request:\n{_fenced('task', words)}\nWhat do they want? A request that is "
            f"phrased as a question is a request.\n{lines}\nAnswer with one letter.",
        ),
    )


def letters(choices: Sequence[str]) -> tuple[str, ...]:
    """The letter of each choice in `mode_prompt` and `reach_prompt`."""
    return tuple("ABCDE"[: len(choices)])


def reach_prompt(words: str) -> Prompt:
    """Asks how far a change of a picture reaches; answered with a letter, in the order of `REACHES`."""
    lines = "\n".join(f"{letter}: {told}" for letter, told in zip(letters([*REACHES]), REACHES.values(), strict=True))
    return Prompt(
        system=MODE_SYSTEM,
        parts=(
            f"Someone gave a picture and asks for this change of it:\n{_fenced('task', words)}\n"
            f"What does the change concern?\n{lines}\nAnswer with one letter.",
        ),
    )


def checklist_prompt(words: str, pictures: Sequence[Image.Image], mode: Mode) -> Prompt:
    """Asks for the checklist of a task; answered with `ChecklistForm` JSON."""
    text = (
        f"{_CHECKLIST_RULES}\n\n"
        f"Example of a new picture:\n{_fenced('task', DRAWN_TASK)}\n{DRAWN.model_dump_json()}\n\n"
        f"Example of a change of a given picture:\n{_fenced('task', CHANGED_TASK)}\n{CHANGED.model_dump_json()}\n\n"
        f"Now the request, {_asked_of(mode, len(pictures))}:\n{_fenced('task', words)}\n{_JSON_ONLY}"
    )
    return Prompt(system=CHECKLIST_SYSTEM, parts=(*_labelled(pictures), text))


def second_checklist_prompt(words: str, pictures: Sequence[Image.Image], mode: Mode) -> Prompt:
    """Asks for the checklist once more, the request first and in other words; answered with `ChecklistForm` JSON."""
    task, form = (CHANGED_TASK, CHANGED) if mode == "edit" else (DRAWN_TASK, DRAWN)
    text = (
        f"Someone ordered {_asked_of(mode, len(pictures))}:\n{_fenced('task', words)}\n{_SECOND_RULES}\n\n"
        f"Example, of another order:\n{_fenced('task', task)}\n{form.model_dump_json()}\n{_JSON_ONLY}"
    )
    return Prompt(system=SECOND_SYSTEM, parts=(text, "\n", *_labelled(pictures)))


def _asked_of(mode: Mode, pictures: int) -> str:
    if mode == "edit":
        return f"a change of {'the given picture' if pictures == 1 else 'one of the given pictures'}"
    return "a new picture" if mode == "generate" else "a new picture with what the given pictures show"


def rewrite_prompt(words: str, pictures: Sequence[Image.Image], goals: Sequence[str]) -> Prompt:
    """Asks for a task in other words, for goals of `rewrite_goals`; answered with `RewriteForm` JSON."""
    wanted = "\n".join(_REWRITE_GOALS[goal] for goal in goals)
    text = (
        f'{wanted}\n{_REWRITE_RULES}\nForm of the reply: {{"instruction": "…"}}\n{_fenced("task", words)}\n{_JSON_ONLY}'
    )
    return Prompt(system=REWRITE_SYSTEM, parts=(*_labelled(pictures), text))


def asked_again(prompt: Prompt, reply: str, fault: str) -> Prompt:
    """The same call once more, with the reply that could not be read and what is wrong with it."""
    return prompt.then(
        f"\nYour last reply was\n{_fenced('reply', cut(reply, 600))}\nIt cannot be used: {fault}. {_JSON_ONLY}"
    )


def describe_prompt(image: Image.Image) -> Prompt:
    """Asks what a picture shows."""
    text = (
        "\nDescribe this picture in two to four sentences: each thing with its number, colour and place, any text that "
        "can be read, and the kind of picture."
    )
    return Prompt(system=DESCRIBE_SYSTEM, parts=(image, text))


def _seen(description: str) -> str:
    return f"What the picture shows: {_fenced('seen', description)}\n" if description else ""


def verdict_prompt(image: Image.Image, seen: str) -> Prompt:
    """The shared prefix of all questions about one picture."""
    return Prompt(system=VERDICT_SYSTEM, parts=(image, f"\n{_seen(seen)}"))


def verdict_question(question: str) -> str:
    """One question, at the end of `verdict_prompt`."""
    return f"{_fenced('question', question)}\nAnswer with yes or no only."


def count_question(thing: str) -> str:
    """How many there are of a thing, at the end of `verdict_prompt`."""
    return f"{_fenced('question', f'How many {thing} are there in the picture?')}\nAnswer with a number only."


def pair_prompt(before: Image.Image, after: Image.Image) -> Prompt:
    """The shared prefix of all questions about the given picture and the new one."""
    text = "\nThe new picture was made from the given picture.\n"
    return Prompt(system=VERDICT_SYSTEM, parts=("the given picture: ", before, "\nthe new picture: ", after, text))


def choice_prompt(first: Image.Image, second: Image.Image, words: str, source: Image.Image | None) -> Prompt:
    """Asks which of two pictures is the better answer to a request; answered with A or B."""
    given = () if source is None else ("the given picture: ", source, "\n")
    made = "Both were made from the given picture for" if given else "Both were made for"
    kept = ", and what the request does not change is as in the given picture" if given else ""
    text = (
        f"\n{made} this request:\n{_fenced('task', words)}\nWhich one fits it better? What the request says counts "
        f"first: things, numbers, colours, places and text are right{kept}. Of two that fit alike, the one without "
        "flaws such as broken shapes, hands or letters. Answer with A or B only."
    )
    return Prompt(system=CHOICE_SYSTEM, parts=(*given, "picture A: ", first, "\npicture B: ", second, text))


def grounding_prompt(image: Image.Image, things: Sequence[str]) -> Prompt:
    """Asks for the boxes of things; answered with a JSON list."""
    asked = ", ".join(f'"{thing}"' for thing in things)
    text = (
        f"\nLocate every instance of each of these in the picture: {asked}. Reply with a JSON list and no other text: "
        '[{"bbox_2d": [x1, y1, x2, y2], "label": "…"}]. One object for each instance, its label as written here; leave '
        "out what is not there, and reply [] when none is."
    )
    return Prompt(system=DESCRIBE_SYSTEM, parts=(image, text))


def touched_prompt(image: Image.Image, change: str, labels: Sequence[str], *, done: bool) -> Prompt:
    """Asks for the boxes of what a change concerns, `done` in the picture that came of it; a JSON list.

    `labels` are those of what changes, of the main things that stay, and of faces.
    """
    changes, stays, face = labels
    told = "This picture came of the change" if done else "The picture will be changed"
    concerned = "what was changed, added or put in its place" if done else "what changes or goes, or where it is added"
    text = (
        f"\n{told}:\n{_fenced('task', change)}\nLocate these things, each with one of three labels:\n"
        f'"{changes}": {concerned}\n"{stays}": each main person, animal or thing that the change leaves as it is\n'
        f'"{face}": each human face\nReply with a JSON list and no other text: '
        f'[{{"bbox_2d": [x1, y1, x2, y2], "label": "{changes}"}}]. Leave out what is not there.'
    )
    return Prompt(system=DESCRIBE_SYSTEM, parts=(image, text))


def reading_prompt(image: Image.Image) -> Prompt:
    """Asks for all text of a picture."""
    text = (
        "\nWrite down all text that can be read in this picture, letter by letter as it stands there, and nothing else."
    )
    return Prompt(system=DESCRIBE_SYSTEM, parts=(image, text))


def paraphrased_question(question: str) -> str:
    """The same question in other words; yes means the same."""
    return (
        "Look once more, at every part of the picture. Someone asks about it:\n"
        f"{_fenced('question', question)}\nIf the picture is the only evidence, is the right answer yes? "
        "Answer with yes or no only."
    )


def agreement_question(question: str) -> str:
    """The same question as one to agree or disagree with; yes means the same."""
    return (
        "Two people look at this picture. To the following question one of them says yes:\n"
        f"{_fenced('question', question)}\nGo by what can be seen alone. Do you agree with yes? "
        "Answer with yes or no only."
    )


_FAILED: Final = "These lines failed, or may not hold:"


def repair_prompt(image: Image.Image, instruction: str, held: Sequence[str], failed: Sequence[str]) -> Prompt:
    """Asks for one repair; `held` and `failed` are the checklist's questions. Answered with `RepairForm` JSON."""
    holding = "\n".join(f"- {line}" for line in held) or "- nothing"
    failing = "\n".join(f"- {line}" for line in failed) or "- nothing"
    text = (
        f"\nThe request for this picture:\n{_fenced('task', instruction)}\n"
        f"These lines hold:\n{_fenced('checklist', holding)}\n"
        f"{_FAILED}\n{_fenced('checklist', failing)}\n"
        f"{_REPAIR_RULES}\nExample of a reply, for another picture:\n{REPAIR.model_dump_json()}\n{_JSON_ONLY}"
    )
    return Prompt(system=REPAIR_SYSTEM, parts=(image, text))


def refine_prompt(faulty: Faulty, goals: Sequence[str]) -> Prompt:
    """Asks for a new instruction for a picture that is not right yet; answered with `RefineForm` JSON.

    `goals` are those of `rewrite_goals` that hold for the last instruction too.
    """
    held, failed = (
        "\n".join(f"- {question}" for question, verdict in faulty.lines if _holds(verdict) == holds) or "- nothing"
        for holds in (True, False)
    )
    wanted = "".join(f"{_REWRITE_GOALS[goal]}\n" for goal in goals)
    text = (
        f"\nThe request:\n{_fenced('task', faulty.words)}\n"
        f"The last instruction for the image generator:\n{_fenced('reply', cut(faulty.instruction, 1200))}\n"
        f"Of the new picture these lines hold:\n{_fenced('checklist', held)}\n"
        f"{_FAILED}\n{_fenced('checklist', failed)}\n"
        f"{_REFINE_RULES}\n{wanted}Example of a reply, for the request {_fenced('task', DRAWN_TASK)}:\n"
        f"{REFINED.model_dump_json()}\n{_JSON_ONLY}"
    )
    given = _labelled(faulty.given)
    return Prompt(system=REWRITE_SYSTEM, parts=(*given, "the new picture: ", faulty.image, text))


def _holds(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.answer == "yes"


def answer_prompt(question: str, pictures: Sequence[Image.Image], seen: Sequence[str]) -> Prompt:
    """Asks a question, about pictures if there are any."""
    told = "".join(
        f"What image {number} shows: {_fenced('seen', description)}\n"
        for number, description in enumerate(seen, start=1)
        if description
    )
    return Prompt(system=ANSWER_SYSTEM, parts=(*_labelled(pictures), f"{told}{_fenced('question', question)}"))
