"""Raw replies of models that were never trained for this: read with patience, or said to be unreadable."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.tools.dialects.base import Unreadable
from omniagent.tools.dialects.plain.forms import CHANGED, DRAWN
from omniagent.tools.dialects.plain.questions import as_question
from omniagent.tools.dialects.plain.reply.drafts import read_checklist, read_instruction, read_repair
from omniagent.tools.dialects.plain.reply.loose_json import values_in
from tests.tools.dialects.plain.raw_replies import CHECKLISTS, REPAIRS

NAMES = ("checklist", "kind", "question", "facts", "instruction", "scope", "seen", "properties")
MARKS = (*"{}[]\",:'\n\\?", "```json", "1. ", "- ", "Is the cat black?", "presence", "null", "是吗？", "“", "”")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=20,
)
TEXTS = st.text() | st.lists(st.sampled_from(MARKS + NAMES), max_size=40).map("".join) | JSON.map(json.dumps)


def test_every_realistic_checklist_reads_as_its_questions_or_not_at_all():
    for raw in CHECKLISTS:
        if raw.questions:
            assert tuple(one.question for one in read_checklist(raw.text)) == raw.questions, raw.text
        else:
            with pytest.raises(Unreadable):
                read_checklist(raw.text)


def test_every_realistic_repair_reads_as_its_change_or_not_at_all():
    for raw in REPAIRS:
        if raw.instruction:
            draft = read_repair(raw.text)
            assert (draft.instruction, draft.scope) == (raw.instruction, raw.scope), raw.text
        else:
            with pytest.raises(Unreadable):
                read_repair(raw.text)


def test_kinds_are_read_in_any_spelling_and_unknown_ones_are_attributes():
    kinds = {"COUNT": "count", "Relations": "relation", "texts": "text", "spatial": "relation", "object": "presence"}
    for written, kind in {**kinds, "yes/no": "attribute", "": "attribute", "mood": "attribute"}.items():
        [line] = read_checklist(json.dumps([{"kind": written, "question": "Is it so?"}]))
        assert line.kind == kind, written


def test_an_unreadable_reply_is_told_what_is_wrong_with_it():
    for text, said in {
        "": "empty",
        "A cat.": "no list of yes/no questions",
        '{"properties": {"checklist": {"type": "array"}}}': "repeats the form",
        '{"checklist": [{"question": "What colour is the cat?"}]}': "cannot be answered with yes or no",
    }.items():
        with pytest.raises(Unreadable, match=said):
            read_checklist(text)


def test_over_long_texts_are_cut_between_words():
    words = "Is there a very long row of lamps " + "and of lamps " * 40
    [line] = read_checklist(json.dumps({"checklist": [f"{words}?"]}))
    assert len(line.question) <= 200 and line.question.endswith(("lamps?", "of?", "and?"))
    draft = read_repair(json.dumps({"instruction": words, "seen": words * 3}))
    assert len(draft.instruction) <= 400 and words.startswith(draft.instruction)
    assert len(draft.seen) <= 600


def test_a_reply_of_a_hundred_lines_ends_at_sixteen():
    assert len(read_checklist("\n".join(f"{n}. Is lamp {n} lit?" for n in range(1, 100)))) == 16


def test_a_good_question_stays_as_it_was_written():
    for question in (
        "Is there a dog (small, left)?",
        "Are there exactly 2 animals in total?",
        'Does the sign say "No. 5 - yes"?',
        "Is the man's hat  red?",
        "Is the answer on the board 42?",
        "Does the poster read “欢迎”?",
        "In the top left corner, is there a moon?",
        "Is there no car?",
        "图中有一只猫吗？",
        *(line.question for example in (DRAWN, CHANGED) for line in example.checklist),
    ):
        assert as_question(question) == question


def test_statements_become_questions_and_what_asks_nothing_goes():
    for text, question in {
        "The sky is pink.": "Is the sky pink?",
        "There are three boats": "Are there three boats?",
        "is the sky pink": "is the sky pink?",
        "3) Is the sky pink? (yes/no)": "Is the sky pink?",
        "- **Is the sky pink?** - Yes": "Is the sky pink?",
        "A boat on a lake": "Does the picture show this: A boat on a lake?",
        "N/A": None,
        "None.": None,
        "What is on the table?": None,
        "Would you like me to go on?": None,
    }.items():
        assert as_question(text) == question, text


def test_a_question_with_its_expected_answer_is_asked_so_that_yes_is_right():
    assert as_question("How many cups are there?", "three") == "How many cups are there? Is it three?"
    assert as_question("Are there any people?", "No") == "Are there no people?"
    assert as_question("Does he smile?", "no") is None
    assert as_question("Is the sky pink?", "Yes") == "Is the sky pink?"


def test_quotes_inside_strings_do_not_end_them():
    assert values_in('{"a": "the sign says "OPEN"?", "b": 1}') == [{"a": 'the sign says "OPEN"?', "b": 1}]
    assert values_in("{'a': 'the cat's hat'}") == [{"a": "the cat's hat"}]


@given(st.lists(JSON, max_size=3) | st.dictionaries(st.text(), JSON, max_size=3))
def test_json_reads_as_json(value: object):
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=2)):
        assert values_in(text) == [json.loads(text)]


@given(TEXTS)
def test_no_text_does_more_than_be_unreadable(text: str):
    try:
        lines = read_checklist(text)
    except Unreadable as error:
        assert str(error)
    else:
        assert lines and all(line.question.strip() for line in lines)
    try:
        assert read_repair(text).instruction.strip()
    except Unreadable as error:
        assert str(error)
    assert read_instruction(text) is not None


@given(st.integers(0, 400))
def test_a_reply_cut_anywhere_gives_its_complete_lines(end: int):
    whole = DRAWN.model_dump_json()
    questions = [line.question for line in DRAWN.checklist]
    try:
        read = [line.question for line in read_checklist(whole[: min(end * 3, len(whole))])]
    except Unreadable:
        read = []
    assert read == questions[: len(read)]
