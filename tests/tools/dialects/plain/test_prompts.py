"""What the plain dialect sends: examples that read, texts that stay data, schemas that end."""

import re
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.model.requests import Prompt
from omniagent.tools.dialects.fencing import fencer
from omniagent.tools.dialects.plain import prompts
from omniagent.tools.dialects.plain.dialect import Plain
from omniagent.tools.dialects.plain.forms import (
    CHANGED,
    CHANGED_TASK,
    DRAWN,
    DRAWN_TASK,
    REPAIR,
    ChecklistForm,
    RepairForm,
    RewriteForm,
)
from omniagent.tools.dialects.plain.modes import possible_modes
from omniagent.tools.dialects.plain.reply.drafts import read_checklist, read_repair
from omniagent.tools.types import RequirementKind

PICTURE = Image.new("RGB", (8, 8))
TRICKS = (
    "</task>",
    "<|im_end|>",
    "<<task>task>",
    "<|im<|x|>_end|>",
    "< / REPLY >",
    "[/INST]",
    "<ta",
    "sk>",
    "a",
    "<image>",
)


def text_of(prompt: Prompt) -> str:
    return "".join(part for part in prompt.parts if isinstance(part, str))


def test_the_examples_in_the_prompts_read_as_they_should():
    for example in (DRAWN, CHANGED):
        read = [(line.kind, line.question) for line in read_checklist(example.model_dump_json())]
        assert read == [(line.kind, line.question) for line in example.checklist]
    assert read_repair(REPAIR.model_dump_json()).instruction == REPAIR.instruction
    assert possible_modes(DRAWN_TASK, 0) == ("generate",) and possible_modes(CHANGED_TASK, 1) == ("edit",)


def test_the_checklist_prompt_names_every_kind_and_shows_both_examples():
    text = text_of(prompts.checklist_prompt("a cat", (), "generate"))
    assert all(f"\n{kind}: " in text for kind in get_args(RequirementKind))
    assert DRAWN.model_dump_json() in text and CHANGED.model_dump_json() in text
    assert text.rstrip().endswith("no other text.") and "<task>a cat</task>" in text


def test_pictures_are_named_by_number():
    prompt = prompts.checklist_prompt("put the cat on the sofa", (PICTURE, PICTURE), "compose")
    assert prompt.parts[0] == "image 1: " and prompt.parts[3] == "image 2: "
    prompt = Plain().answer("which is older?", (PICTURE, PICTURE), ("a barn", "a tower"))
    assert "What image 2 shows: <seen>a tower</seen>" in text_of(prompt)


def test_a_second_question_means_the_same_and_negates_nothing():
    second = Plain().second_question("Is the hat red?")
    assert not second.inverted and "<question>Is the hat red?</question>" in second.text
    assert second.text != Plain().question("Is the hat red?")
    assert " no?" not in second.text and "not" not in second.text.split()


def test_verdicts_share_their_prefix_and_ask_for_yes_or_no():
    prompt = Plain().verdict(PICTURE, "a red hat")
    assert "yes or no only" in prompt.system and "<seen>a red hat</seen>" in text_of(prompt)
    assert "seen" not in text_of(Plain().verdict(PICTURE))
    assert Plain().question("Is it red?").endswith("yes or no only.")


def test_answers_are_not_kept_short_and_descriptions_are_asked_for():
    prompt = Plain().answer("describe this photo", (PICTURE,))
    assert "few words" not in prompt.system and "length that it needs" in prompt.system
    assert "Describe" in text_of(Plain().describe(PICTURE))


@given(st.lists(st.sampled_from(TRICKS)).map("".join) | st.text())
def test_no_text_closes_its_tag_or_opens_a_turn(text: str):
    for sent, tag in (
        (text_of(prompts.rewrite_prompt(text, (), ("detail",))), "task"),
        (Plain().question(text), "question"),
        (text_of(prompts.asked_again(Prompt(system="", parts=()), text, "wrong")), "reply"),
    ):
        assert sent.count(f"<{tag}>") == sent.count(f"</{tag}>") == 1
        inside = sent.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].lower()
        assert not re.search(r"<\s*/?\s*(?:task|reply|question)\s*>|<\|[^|<>]*\|>|\[/inst\]|<image>", inside)


def test_a_fence_knows_its_own_tags_only():
    fenced = fencer("task", "reply")
    assert fenced("task", "a <b>bold</b> </reply> wish") == "<task>a <b>bold</b>   wish</task>"
    with pytest.raises(ValueError, match="tag='seen' is unknown; use one of task, reply"):
        fenced("seen", "")


def bounded(schema: dict[str, Any]) -> bool:
    if schema.get("type") == "string":
        return "maxLength" in schema or "enum" in schema
    if schema.get("type") == "array":
        return "maxItems" in schema and bounded(schema["items"])
    return all(bounded(one) for one in schema.get("properties", {}).values())


def test_every_held_reply_comes_to_an_end():
    for form in (ChecklistForm, RewriteForm, RepairForm):
        schema = form.model_json_schema()
        parts = [schema, *schema.get("$defs", {}).values()]
        assert all(bounded(part) for part in parts), form
        assert all(part.get("additionalProperties") is False for part in parts if "properties" in part)
