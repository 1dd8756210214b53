"""The public fakes answer from their script and obey tokens as the real models do."""

import threading
import time
from collections.abc import Callable

import pytest
from PIL import Image
from pydantic import BaseModel

from omniagent.model.errors import BadSetting, Cancelled, CriticTimeout, OutOfMemory
from omniagent.model.requests import (
    CancelToken,
    Completion,
    Critic,
    GenerationRequest,
    Generator,
    Prompt,
    Questions,
    Writing,
)
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator, picture_for

RED = Image.new("RGB", (32, 32), "red")
PROMPT = Prompt(system="You check pictures.", parts=(RED, "\n"))


class Note(BaseModel):
    text: str


def cancelled_while_held(call: Callable[[CancelToken], object], started: threading.Event) -> bool:
    """Run `call` in a thread against a closed gate, cancel it once it has begun, and say whether Cancelled came out."""
    token = CancelToken()
    outcome: list[bool] = []

    def work() -> None:
        try:
            call(token)
        except Cancelled:
            outcome.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    assert started.wait(10)
    token.cancel()
    thread.join(10)
    return outcome == [True]


def test_the_fakes_fill_the_two_roles() -> None:
    assert isinstance(ScriptedGenerator(), Generator)
    assert isinstance(ScriptedCritic(), Critic)


def test_without_a_script_each_instruction_and_seed_has_its_own_picture_whatever_the_batch() -> None:
    generator = ScriptedGenerator()
    both = generator.generate(GenerationRequest(instruction="a", seeds=(1, 2)))
    alone = generator.generate(GenerationRequest(instruction="a", seeds=(2,)))
    other = generator.generate(GenerationRequest(instruction="b", seeds=(2,)))
    assert both[1].tobytes() == alone[0].tobytes()
    assert len({picture.tobytes() for picture in (*both, *other)}) == 3


def test_the_size_comes_from_the_request_then_the_single_reference_then_the_default() -> None:
    generator = ScriptedGenerator(size=(48, 64))
    assert generator.generate(GenerationRequest(instruction="a"))[0].size == (48, 64)
    assert generator.generate(GenerationRequest(instruction="a", references=(RED,)))[0].size == (32, 32)
    sized = GenerationRequest(instruction="a", references=(RED,), width=96)
    assert generator.generate(sized)[0].size == (96, 32)


def test_a_generator_script_draws_item_by_item_and_raises_its_errors() -> None:
    generator = ScriptedGenerator([RED, OutOfMemory("full"), [RED, picture_for("x", 1)]])
    request = GenerationRequest(instruction="a", seeds=(1, 2))
    assert [picture.tobytes() for picture in generator.generate(request)] == [RED.tobytes()] * 2
    with pytest.raises(OutOfMemory, match="full"):
        generator.generate(request)
    assert generator.generate(request)[1].tobytes() == picture_for("x", 1).tobytes()
    assert generator.calls == [request] * 3
    with pytest.raises(BadSetting, match="3 calls and this is call 4"):
        generator.generate(request)


def test_a_generator_function_sees_the_request() -> None:
    generator = ScriptedGenerator(lambda request: [picture_for("fixed", seed + 1) for seed in request.seeds])
    assert generator.generate(GenerationRequest(instruction="a", seeds=(4,)))[0].tobytes() == (
        picture_for("fixed", 5).tobytes()
    )


def test_a_script_with_too_few_pictures_is_named() -> None:
    with pytest.raises(BadSetting, match=r"2 pictures.*3 seeds"):
        ScriptedGenerator([[RED, RED]]).generate(GenerationRequest(instruction="a", seeds=(1, 2, 3)))


def test_an_error_told_for_a_call_comes_at_that_call_and_takes_no_item_of_the_script() -> None:
    critic = ScriptedCritic([0.2], errors={0: CriticTimeout("slow")})
    with pytest.raises(CriticTimeout, match="slow"):
        critic.yes_no(Questions(PROMPT, ("a?",)))
    assert critic.yes_no(Questions(PROMPT, ("a?",))).probabilities == (0.2,)


def test_steps_are_reported_up_to_the_requests_count() -> None:
    seen: list[tuple[int, int]] = []
    ScriptedGenerator().generate(
        GenerationRequest(instruction="a", steps=3), on_step=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_cancelled_or_expired_token_stops_both_fakes() -> None:
    cancelled, expired = CancelToken(), CancelToken(deadline=time.monotonic() - 1)
    cancelled.cancel()
    for token in (cancelled, expired):
        with pytest.raises(Cancelled):
            ScriptedGenerator().generate(GenerationRequest(instruction="a"), token=token)
        with pytest.raises(Cancelled):
            ScriptedCritic().yes_no(Questions(PROMPT, ("a?",)), token=token)
        with pytest.raises(Cancelled):
            ScriptedCritic(texts=["a"]).write(Writing(PROMPT), token=token)


def test_cancelling_frees_a_call_held_at_the_gate() -> None:
    generator = ScriptedGenerator(gate=threading.Event())
    critic = ScriptedCritic(gate=threading.Event())
    assert cancelled_while_held(
        lambda token: generator.generate(GenerationRequest(instruction="a"), token=token), generator.started
    )
    assert cancelled_while_held(lambda token: critic.yes_no(Questions(PROMPT, ("a?",)), token=token), critic.started)


def test_a_cancel_from_the_step_callback_ends_the_drawing_at_the_next_step() -> None:
    token, seen = CancelToken(), list[int]()

    def on_step(done: int, total: int) -> None:
        seen.append(done)
        if done == 2:
            token.cancel()

    with pytest.raises(Cancelled):
        ScriptedGenerator(steps=9).generate(GenerationRequest(instruction="a"), token=token, on_step=on_step)
    assert seen == [1, 2]


def test_a_critic_without_a_script_says_yes_and_records_what_it_was_asked() -> None:
    critic = ScriptedCritic()
    answer = critic.yes_no(Questions(PROMPT, ("a red one?", "b?")))
    assert answer.probabilities == (0.99, 0.99)
    assert answer.prompt_tokens == 3 + 4
    assert critic.calls == [Questions(PROMPT, ("a red one?", "b?"))]


def test_verdicts_are_scripted_for_all_questions_or_each_or_by_a_function() -> None:
    assert ScriptedCritic([False]).yes_no(Questions(PROMPT, ("a?", "b?"))).probabilities == (0.0, 0.0)
    assert ScriptedCritic([[0.1, True]]).yes_no(Questions(PROMPT, ("a?", "b?"))).probabilities == (0.1, 1.0)
    by_question = ScriptedCritic(lambda prompt, question: question == "b?")
    assert by_question.yes_no(Questions(PROMPT, ("a?", "b?"))).probabilities == (0.0, 1.0)
    with pytest.raises(BadSetting, match=r"1 verdicts.*2 questions"):
        ScriptedCritic([[0.1]]).yes_no(Questions(PROMPT, ("a?", "b?")))


def test_texts_may_be_strings_objects_completions_errors_or_a_function() -> None:
    done = Completion(text="cut he", cut=True)
    critic = ScriptedCritic(texts=["plain", Note(text="hi"), done, CriticTimeout("slow")])
    assert critic.write(Writing(PROMPT)).text == "plain"
    assert Note.model_validate_json(critic.write(Writing(PROMPT, schema=Note)).text) == Note(text="hi")
    assert critic.write(Writing(PROMPT)) == done
    with pytest.raises(CriticTimeout):
        critic.write(Writing(PROMPT))
    assert critic.calls[1] == Writing(PROMPT, Note, 256)
    named = ScriptedCritic(texts=lambda prompt, schema: schema.__name__ if schema else "none")
    assert named.write(Writing(PROMPT, schema=Note)).text == "Note"


def test_a_long_text_is_cut_at_the_token_limit() -> None:
    completion = ScriptedCritic(texts=["one two three"]).write(Writing(PROMPT, max_tokens=2))
    assert (completion.text, completion.cut, completion.completion_tokens) == ("one two", True, 2)


def test_a_critic_with_nothing_to_write_says_so() -> None:
    with pytest.raises(BadSetting, match="texts="):
        ScriptedCritic().write(Writing(PROMPT))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": ()}, "number of seeds=0"),
        ({"seeds": (-1,)}, "seed=-1"),
        ({"width": 7}, "width=7"),
        ({"height": 5000}, "height=5000"),
        ({"steps": 0}, "steps=0"),
        ({"text_guidance": -1.0}, "text_guidance=-1.0"),
        ({"image_guidance": float("nan")}, "image_guidance=nan"),
        ({"cfg_range": (0.6, 0.2)}, "cfg_range"),
        ({"references": (RED,) * 6}, "number of references=6"),
    ],
)
def test_a_request_out_of_range_is_refused_with_its_value(change: dict[str, object], message: str) -> None:
    generator = ScriptedGenerator()
    with pytest.raises(BadSetting, match=message):
        generator.generate(GenerationRequest(instruction="a").model_copy(update=change))
    assert generator.calls == []
