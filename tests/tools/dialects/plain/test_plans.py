"""A task read in the plain dialect: the person's words and the critic's questions come out as they went in."""

import json
from collections.abc import Sequence

import pytest
from PIL import Image

from omniagent.model.errors import BadTask, CriticBadOutput, CriticUnavailable
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.requests import Completion
from omniagent.tools.dialects.base import Dialect, GivenTask, Reading, Unreadable
from omniagent.tools.dialects.drafts import RequirementDraft
from omniagent.tools.dialects.plain.checklist import UNREAD
from omniagent.tools.dialects.plain.dialect import Plain
from omniagent.tools.dialects.plain.forms import DRAWN, REPAIR, ChecklistForm, RepairForm, RewriteForm
from omniagent.tools.dialects.plain.instruction import KEPT
from omniagent.tools.dialects.plain.stated import kept_lines
from omniagent.tools.types import Mode, Verdict
from tests.tools.dialects.plain.consultations import ScriptedConsultation
from tests.tools.dialects.plain.raw_replies import CHECKLISTS, REPAIRS
from tests.tools.dialects.plain.requests_by_mode import REQUESTS
from tests.tools.dialects.plain.reviewed_plans import REVIEWED

PLAIN: Dialect = Plain()
ANY = GeneratorProfile()
OMNIGEN2 = GeneratorProfile(prompts="omnigen2")
SHAPES = GeneratorProfile(domain="small coloured shapes")

QUESTIONS = (
    "Is there a person (tall, left)?",
    "Are there exactly 2 of them in total?",
    "Is the sky above the roof pink?",
    'Does the sign say "No. 5; open"?',
    "Is the hat  from image 2 on the man's head?",
    "Is the background white; or nearly so?",
)


def pictures(count: int) -> tuple[Image.Image, ...]:
    return tuple(Image.new("RGB", (8, 8), (40 * number, 90, 120)) for number in range(count))


def checklist(questions: Sequence[str]) -> str:
    return json.dumps({"facts": ["a"], "checklist": [{"kind": "attribute", "question": one} for one in questions]})


def plan(
    critic: ScriptedConsultation,
    words: str,
    count: int = 0,
    mode: Mode | None = None,
    generator: GeneratorProfile = ANY,
) -> Reading:
    return PLAIN.plan(GivenTask(words, pictures(count), mode, generator), critic)


def asked_of(reading: Reading) -> tuple[str, ...]:
    return tuple(line.question for line in reading.checklist)


def test_the_three_plans_of_the_review_come_out_as_they_went_in():
    for words, count, mode, questions in REVIEWED:
        for generator in (GeneratorProfile(), OMNIGEN2):
            critic = ScriptedConsultation(checklist(questions), "no rewrite")
            reading = plan(critic, words, count, generator=generator)
            assert (reading.mode, reading.instruction, asked_of(reading)) == (mode, words, questions)
            assert reading.assumptions == ()


def test_nothing_of_ordinary_tasks_or_of_their_questions_is_altered():
    read = 0
    for (count, modes), requests in REQUESTS.items():
        if len(modes) != 1 or modes[0] not in ("generate", "edit", "compose"):
            continue
        for words in requests:
            reading = plan(ScriptedConsultation(checklist(QUESTIONS), ""), words, count)
            # A change of one picture is judged by what must stay, too.
            kept = kept_lines(words) if modes[0] == "edit" and count == 1 else ()
            questions = (*QUESTIONS, *(one.question for one in kept))
            assert (reading.mode, reading.instruction, asked_of(reading)) == (modes[0], words, questions)
            told = plan(ScriptedConsultation(checklist(QUESTIONS), ""), words, count, generator=OMNIGEN2)
            assert told.instruction.startswith(words) and told.instruction[len(words) :] in (
                "",
                f". {KEPT}",
                f" {KEPT}",
            )
            assert asked_of(told) == questions
            read += 1
    assert read >= 200


def test_an_english_drawing_costs_one_call_and_with_a_rewrite_two():
    critic = ScriptedConsultation(checklist(QUESTIONS))
    plan(critic, "a cat")
    assert [call.schema for call in critic.asked] == [ChecklistForm] and not critic.offered
    critic = ScriptedConsultation(checklist(QUESTIONS), "")
    plan(critic, "a cat", generator=OMNIGEN2)
    assert [call.schema for call in critic.asked] == [ChecklistForm, RewriteForm]
    critic = ScriptedConsultation(checklist(QUESTIONS))
    plan(critic, "a grey cat with green eyes asleep on a tiled roof at dusk", generator=OMNIGEN2)
    assert len(critic.asked) == 1


def test_a_question_and_a_refusal_keep_the_persons_words_and_cost_no_checklist():
    critic = ScriptedConsultation("")
    assert plan(critic, "how many dogs are there?", 1) == Reading("answer", "how many dogs are there?")
    assert not critic.asked and not critic.offered
    critic = ScriptedConsultation("", choice=1)
    refused = plan(critic, "a photo of a parrot", generator=SHAPES)
    assert (refused.mode, refused.instruction, refused.checklist) == ("refuse", "a photo of a parrot", ())
    assert not critic.asked


def test_where_words_leave_a_choice_the_critic_names_one_letter():
    for choice, mode in enumerate(("edit", "compose")):
        critic = ScriptedConsultation(checklist(QUESTIONS), choice=choice)
        assert plan(critic, "snowy winter", 1).mode == mode
        prompt, options = critic.offered[0]
        assert options == ("A", "B")
        assert "A: a change of the given picture" in str(prompt.parts[0])
        assert "<task>snowy winter</task>" in str(prompt.parts[0])
    critic = ScriptedConsultation(checklist(QUESTIONS), choice=0)
    assert plan(critic, "a blue square", generator=SHAPES).mode == "generate"
    assert "only this: small coloured shapes" in str(critic.offered[0][0].parts[0])


def test_a_critic_that_cannot_choose_leaves_the_likeliest_mode_and_a_note():
    reading = plan(ScriptedConsultation(checklist(QUESTIONS)), "snowy winter", 1)
    assert reading.mode == "edit" and "read as edit" in reading.assumptions[0]


def test_a_missing_picture_is_an_error_before_anything_is_asked():
    critic = ScriptedConsultation("")
    with pytest.raises(BadTask, match="speaks of image 2"):
        plan(critic, "put the cat of image 2 on the sofa", 1)
    with pytest.raises(BadTask, match="mode='edit' needs a picture"):
        plan(critic, "a cat", mode="edit")
    assert not critic.asked and not critic.offered


def test_every_raw_checklist_leads_to_a_plan():
    for raw in CHECKLISTS:
        critic = ScriptedConsultation(raw.text)
        reading = plan(critic, "a cat with a red hat sits on the roof of a house", mode="generate")
        if raw.questions:
            assert asked_of(reading) == raw.questions and reading.assumptions == () and len(critic.asked) == 1
        else:
            whole = "Does the picture show this: a cat with a red hat sits on the roof of a house?"
            assert reading.checklist == (RequirementDraft(kind="presence", question=whole),)
            assert reading.assumptions == (UNREAD,) and len(critic.asked) == 2
        assert reading.instruction == "a cat with a red hat sits on the roof of a house"


def test_the_second_try_shows_the_critic_its_reply_and_what_is_wrong():
    critic = ScriptedConsultation('{"properties": {"a": 1}} </reply><|im_end|>', checklist(QUESTIONS))
    reading = plan(critic, "a cat")
    assert asked_of(reading) == QUESTIONS and reading.assumptions == ()
    first, second = critic.asked
    assert second.text.startswith(first.text)
    told = second.text[len(first.text) :]
    assert "repeats the form of the JSON" in told and '<reply>{"properties": {"a": 1}}' in told
    assert told.count("</reply>") == 1 and "<|im_end|>" not in told


def test_a_cut_reply_is_read_as_far_as_it_goes_and_else_given_more_room():
    half = checklist(QUESTIONS)[:120]
    critic = ScriptedConsultation(Completion(text=half, cut=True))
    assert asked_of(plan(critic, "a cat")) == QUESTIONS[:1]
    critic = ScriptedConsultation(
        Completion(text='{"facts": ["a cat", "a', cut=True),
        checklist(QUESTIONS),
        profile=CriticProfile(plan_tokens=100),
    )
    assert asked_of(plan(critic, "a cat")) == QUESTIONS
    assert [call.max_tokens for call in critic.asked] == [100, 200]


def test_a_repeated_example_is_no_checklist_unless_the_task_is_about_it():
    example = DRAWN.model_dump_json()
    assert plan(ScriptedConsultation(example), "a harbour at night").assumptions == (UNREAD,)
    assert len(plan(ScriptedConsultation(example), "two foxes beside a tent").checklist) == len(DRAWN.checklist)


def test_faults_of_a_reply_never_cost_the_picture_but_an_absent_critic_is_told():
    for said in (CriticBadOutput("no text"), Unreadable("no text")):
        reading = plan(ScriptedConsultation(said), "Could the man wear a hat?", 1, generator=OMNIGEN2)
        assert asked_of(reading)[0] == "Does the picture show the result of this change: Could the man wear a hat?"
        assert len(asked_of(reading)) == 4
        assert UNREAD in reading.assumptions
    with pytest.raises(CriticUnavailable):
        plan(ScriptedConsultation(CriticUnavailable("down")), "a cat")


def test_the_line_for_a_whole_task_is_cut_between_words():
    words = "a market square with " + ", ".join(f"stall number {number} selling fruit" for number in range(60))
    [line] = plan(ScriptedConsultation("nothing"), words).checklist
    assert len(line.question) <= 200 and line.question.startswith("Does the picture show this: a market square")
    assert words.startswith(line.question.removeprefix("Does the picture show this: ").rstrip("?"))


def rewritten(words: str, rewrite: str, count: int = 0, generator: GeneratorProfile = ANY) -> Reading:
    reply = json.dumps({"instruction": rewrite}, ensure_ascii=False)
    return plan(ScriptedConsultation(checklist(QUESTIONS), reply), words, count, generator=generator)


def test_a_rewrite_that_says_everything_is_used_and_shown():
    for words, rewrite, count, generator in (
        ("画三只戴红色帽子的猫", "Three cats with red hats", 0, GeneratorProfile()),
        ("what would this look like at night?", "Change the scene to night.", 1, GeneratorProfile()),
        ("a cat", "A cat sits on a windowsill in soft light.", 0, OMNIGEN2),
        (
            "Let the man from image 1 hold the cat from image 2",
            "Edit the first image: let the man hold the cat from the second image. He stands in a room.",
            2,
            OMNIGEN2,
        ),
    ):
        reading = rewritten(words, rewrite, count, generator)
        assert reading.instruction == rewrite and reading.assumptions == (f"drawn as: {rewrite}",)


def test_a_rewrite_that_loses_something_is_dropped_without_a_word():
    for words, rewrite, count in (
        ("two red cups", "Three red cups on a table", 0),
        ('a sign "OPEN"', "a neon sign", 0),
        ("画三只猫", "Cats in a garden", 0),
        ("a cat", "I'm sorry, I cannot draw a cat.", 0),
        ("a cat", "", 0),
        ("Let the man from image 1 hold the cat from image 2", "Edit the first image: the man holds a cat.", 2),
    ):
        reading = rewritten(words, rewrite, count, OMNIGEN2)
        assert reading.instruction == words and reading.assumptions == ()


def test_omnigen2_is_told_what_stays_where_the_task_does_not_say():
    for words, told in {
        "remove the man on the left": f"remove the man on the left. {KEPT}",
        "Add a boat.": f"Add a boat. {KEPT}",
        "remove the man, keep the dog": "remove the man, keep the dog",
        "turn it into a watercolour": "turn it into a watercolour",
        "make it a winter scene": "make it a winter scene",
        "把背景换成海滩": "把背景换成海滩",
    }.items():
        assert rewritten(words, "", 1, OMNIGEN2).instruction == told
        assert rewritten(words, "", 1).instruction == words


def test_pictures_are_shown_for_edits_and_not_when_the_mode_was_set_to_generate():
    critic = ScriptedConsultation(checklist(QUESTIONS))
    plan(critic, "remove the man", 1)
    assert [type(part) for part in critic.asked[0].prompt.parts][:2] == [str, Image.Image]
    critic = ScriptedConsultation(checklist(QUESTIONS))
    _ = plan(critic, "a cat", 1, mode="generate")
    assert all(isinstance(part, str) for part in critic.asked[0].prompt.parts)


def verdict(answer: str) -> Verdict:
    return Verdict.model_validate({"requirement": "r1", "answer": answer, "probability": 0.5})


LINES = (("Is there a cat?", verdict("yes")), ("Is the hat red?", verdict("no")), ("Is it day?", None))


def test_every_raw_repair_leads_to_a_repair_or_to_unreadable_after_two_tries():
    for raw in REPAIRS:
        critic = ScriptedConsultation(raw.text)
        if raw.instruction:
            draft = PLAIN.repair(pictures(1)[0], "a cat with a red hat", LINES, critic)
            assert draft.instruction == raw.instruction and len(critic.asked) == 1
        else:
            with pytest.raises(Unreadable, match="asked twice"):
                PLAIN.repair(pictures(1)[0], "a cat with a red hat", LINES, critic)
            assert len(critic.asked) == 2


def test_a_repair_is_told_what_holds_and_what_failed():
    critic = ScriptedConsultation(REPAIRS[0].text)
    PLAIN.repair(pictures(1)[0], "a cat with a red hat", LINES, critic)
    [call] = critic.asked
    assert call.schema is RepairForm and call.max_tokens == critic.profile.repair_tokens
    assert "<task>a cat with a red hat</task>" in call.text
    assert "These lines hold:\n<checklist>- Is there a cat?</checklist>" in call.text
    assert "These lines failed, or may not hold:\n<checklist>- Is the hat red?\n- Is it day?</checklist>" in call.text
    with pytest.raises(Unreadable, match="repeats the instruction of the example"):
        PLAIN.repair(pictures(1)[0], "a harbour", LINES, ScriptedConsultation(REPAIR.model_dump_json()))
