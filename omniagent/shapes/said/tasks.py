"""Tasks in other people's words: what is meant and its truth are the world's, the wording is a frame's."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from omniagent.shapes.said.chinese import chinese_draw, chinese_edit, chinese_question
from omniagent.shapes.said.draws import Render, draw_wish
from omniagent.shapes.said.edits import edit_words, joined, several_changes
from omniagent.shapes.said.mentions import words_meant, words_of
from omniagent.shapes.said.outside import outside_words
from omniagent.shapes.said.questions import question_words
from omniagent.shapes.said.references import reference_words
from omniagent.shapes.said.vocabulary import Speech
from omniagent.shapes.said.wishes import kinds_of, scene_of
from omniagent.shapes.scene.world import Scene, Split
from omniagent.shapes.tasks.edits import random_change
from omniagent.shapes.tasks.questions import Question, random_question
from omniagent.shapes.tasks.references import random_composition
from omniagent.shapes.tasks.task import OUTSIDE, Kind, ShapesTask, edit_of, reference_of, some_scene
from omniagent.shapes.words.arrange import layout_instruction
from omniagent.shapes.words.phrases import checklist
from omniagent.tools.dialects.drafts import PlanDraft


def said_task(rng: np.random.Generator, kind: Kind, speech: Speech, split: Split = "train") -> ShapesTask:
    """A random task of the kind and split, said as the speech has it."""
    while True:
        task = _MAKERS[kind](rng, speech, split)
        if task is not None:
            return task


def said_draw(rng: np.random.Generator, speech: Speech, split: Split) -> ShapesTask | None:
    """A picture from words; None when chance did not fit."""
    made = chinese_draw(rng, speech.wording) if speech.chinese else draw_wish(rng, speech.wording)
    if made is None:
        return None
    wanted, render = made
    instruction = layout_instruction(wanted)
    if instruction is None or kinds_of(wanted).split != split:
        return None
    target = scene_of(rng, wanted)
    spoken = _spoken(rng, render, speech)
    if target is None or spoken is None:
        return None
    plan = PlanDraft(mode="generate", instruction=instruction, checklist=checklist(wanted))
    essential = words_of(wanted)
    return ShapesTask("draw", spoken.text, (), plan, target, wanted, new_word=spoken.new_word, essential=essential)


def said_edit(rng: np.random.Generator, speech: Speech, split: Split, changes: int | None = None) -> ShapesTask | None:
    """So many changes of one picture, or one to three; None when chance did not fit."""
    number = changes or int(rng.choice([1, 2, 3], p=[0.7, 0.25, 0.05] if not speech.chinese else [0.8, 0.2, 0]))
    scene = _scene(rng, split)
    made = [random_change(rng, scene)] if number == 1 else several_changes(rng, scene, number)
    if made is None or any(change is None for change in made):
        return None
    sure = [change for change in made if change is not None]
    task = edit_of(rng, scene, sure[0] if number == 1 else joined(sure, scene))
    if task.split != split:
        return None
    words = chinese_edit if speech.chinese else edit_words
    render = words(rng, scene, sure, speech.wording)
    spoken = None if render is None else _spoken(rng, render, speech)
    if spoken is None:
        return None
    essential = frozenset(word for one in sure if one.meant is not None for word in words_meant(one.meant))
    return replace(task, instruction=spoken.text, new_word=spoken.new_word, essential=essential)


def said_reference(rng: np.random.Generator, speech: Speech, split: Split) -> ShapesTask | None:
    """A picture put together from given ones; None when chance did not fit."""
    number = int(rng.choice([1, 2, 3], p=[0.15, 0.6, 0.25]))
    scenes = tuple(some_scene(rng, 3) for _ in range(number))
    made = random_composition(rng, scenes)
    if made is None:
        return None
    task = reference_of(scenes, made)
    if task.split != split:
        return None
    render = reference_words(rng, scenes, made.meant, speech.wording)
    spoken = None if render is None else _spoken(rng, render, speech)
    return None if spoken is None else replace(task, instruction=spoken.text, new_word=spoken.new_word)


def said_question(rng: np.random.Generator, speech: Speech, scene: Scene) -> Question | None:
    """A question about the scene with its answer; None when chance did not fit."""
    asked = random_question(rng, scene)
    words = chinese_question if speech.chinese else question_words
    render = words(rng, scene, asked.meant, speech.wording)
    spoken = None if render is None else _spoken(rng, render, speech)
    return None if spoken is None else replace(asked, text=spoken.text)


def _question_task(rng: np.random.Generator, speech: Speech, split: Split) -> ShapesTask | None:
    scene = _scene(rng, split)
    asked = said_question(rng, speech, scene)
    if asked is None:
        return None
    plan = PlanDraft(mode="answer", instruction="answer the question")
    return ShapesTask("question", asked.text, (scene,), plan, answer=asked.answer)


def said_outside(
    rng: np.random.Generator, speech: Speech, split: Split, *, beside: bool | None = None
) -> ShapesTask | None:
    """A request that cannot be fulfilled, sometimes with a picture; known shapes `beside` unknown things, or not."""
    scenes = (_scene(rng, split),) if not beside and rng.random() < 0.3 else ()
    render = outside_words(rng, speech.wording, picture=bool(scenes), beside=beside)
    spoken = _spoken(rng, render, speech)
    return None if spoken is None else ShapesTask("outside", spoken.text, scenes, OUTSIDE)


def _scene(rng: np.random.Generator, split: Split, most: int = 6) -> Scene:
    while True:
        scene = some_scene(rng, most)
        if scene.split == split:
            return scene


class _Spoken(NamedTuple):
    text: str
    new_word: str | None = None


def _spoken(rng: np.random.Generator, render: Render, speech: Speech) -> _Spoken | None:
    """The request; with one new word in it where the speech wants that, None when it has no place for one."""
    seed = int(rng.integers(2**32))
    voice = speech.voice(seed)
    text = render(voice)
    if not speech.one_new_word:
        return _Spoken(text)
    if not voice.new_ones:
        return None
    voice = speech.voice(seed, odd=int(rng.integers(voice.new_ones)))
    return _Spoken(render(voice), voice.new_word)


_MAKERS: dict[Kind, Callable[[np.random.Generator, Speech, Split], ShapesTask | None]] = {
    "draw": said_draw,
    "edit": said_edit,
    "reference": said_reference,
    "question": _question_task,
    "outside": said_outside,
}
