"""Yes and no in the words of models that were not held to them."""

import json

from hypothesis import given
from hypothesis import strategies as st

from omniagent.model.mllm.yes_no import json_objects, probability_of_yes, spoken_answer, without_thought

YES = (
    *("yes", "Yes.", "YES!", "**Yes**", " \n yes", "yes, it is", "Yes - because", "_Yes_", "> Yes", "1. yes", '"Yes"'),
    *("ＹＥＳ", "是", "是的。", "答案：是", "Answer: yes", "The answer is **yes**.", "Final Answer: Yes"),
    *("<answer>yes</answer>", "\\boxed{yes}", "yes<|im_end|>", "The circle is red. Answer: yes"),
    *('```json\n{"answer": "yes"}\n```', '{"answer": true}', '{"verdict": "Yes"}', 'Sure! {"Answer": "Yes."}'),
    *('{"thought": "no {", "answer": "yes"}', "<think>no way</think>\n\nYes", "no, no…</think>Yes"),
)
NO = (
    *("**No**", "no, because…", "No.", "No — the circle", " No, it", "no;", "No: nothing", "否", "不是"),
    *("Answer: **No**", "Answer:\n\nNo", '{"answer": "no"}', 'Here: {"answer": false} ok'),
)
NEITHER = (
    *("not sure", "cannot tell", "none", "know", "I know", "nothing", "No idea", "no one", "no-one", "noon", "nope"),
    *("yes or no", "Yes/No", "yes and no", "maybe", "", "yesterday", "unknown", "Answer: unknown", "unsure, no"),
    *(
        "answer: yes. Answer: no",
        "是否",
        "不知道",
        "不确定",
        "{}",
        "[1]",
        '{"answer": null}',
        '{"a": "yes", "b": "no"}',
    ),
    *("<think>no", "<think>The answer is no. But"),
)


def test_yes_and_no_are_read_in_every_dress_and_out_of_no_other_word() -> None:
    for texts, expected in ((YES, 1.0), (NO, 0.0), (NEITHER, None)):
        assert {text: spoken_answer(text) for text in texts} == dict.fromkeys(texts, expected)


@given(st.text() | st.text(alphabet='yesno{}"\\:*<>/think \n答是否不'))
def test_any_text_is_read_as_yes_no_or_neither(text: str) -> None:
    assert spoken_answer(text) in (1.0, 0.0, None)


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), st.text(alphabet="ab `\n}[]:"))
def test_an_object_is_found_amid_other_words(found: dict[str, str | int | None], around: str) -> None:
    assert list(json_objects(around + json.dumps(found) + around)) == [found]


def test_long_texts_are_read_at_once() -> None:
    # Without bounds these would take hours.
    for text in ("{" * 10**6, '{"a":' * 10**5, "the " * 10**5, "answer is " * 10**5, "*" * 10**6, "<think>" * 10**5):
        assert spoken_answer(text) is None


def test_thinking_that_did_not_end_leaves_nothing() -> None:
    assert without_thought("a <THINK>b") == "a "
    assert without_thought("<think>a</think>b<think>c") == "b"


def test_marks_of_a_tokenizer_do_not_hide_the_word_of_a_token() -> None:
    assert probability_of_yes([("Ġyes", -1.0), ("▁No", -1.0), ("**", -0.1)]) == 0.5
