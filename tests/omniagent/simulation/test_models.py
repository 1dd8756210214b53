"""Simulated models are worth what their files say, whatever part of a picture they look at."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from omniagent.model.errors import BadSetting
from omniagent.model.requests import GenerationRequest, Prompt
from omniagent.simulation import critic_of, generator_of
from omniagent.simulation.chance import all_hold, centre_for, share
from omniagent.simulation.judging import Judge
from omniagent.simulation.painting import SimulatedGenerator, centre_of
from omniagent.simulation.qualities import CriticQuality, GeneratorQuality
from omniagent.simulation.tasks import SimulatedTask, asked_in, lines_in, stressed_in
from omniagent.simulation.tiles import GRID, SIDE, Seen, paint, reds
from omniagent.tools.dialects.plain.forms import RepairForm
from omniagent.tools.dialects.plain.prompts import repair_prompt

CENTRE = centre_of(generator_of("stated"))
HOLDS = (True, False, True, True)


def drawn(task: SimulatedTask, quality: GeneratorQuality, words: str, seed: int = 0) -> Image.Image:
    return SimulatedGenerator(quality, CENTRE, task)(GenerationRequest(instruction=words, seeds=(seed,)))[0]


def held(image: Image.Image, lines: int = 4) -> tuple[bool, ...]:
    seen = Seen(image)
    return tuple(seen.holds(line) for line in range(lines))


@pytest.mark.parametrize("lines", [1, 3, 4, 5, 16])
def test_the_truth_is_read_from_the_pixels_however_many_lines_there_are(lines: int):
    holds = tuple(line % 3 != 1 for line in range(lines))
    assert held(paint(holds, reds("a")), lines) == holds


def test_the_truth_outlives_enlarging_soft_edges_and_is_found_in_a_crop():
    image = paint(HOLDS, reds("a"))
    assert held(image.resize((200, 120), Image.Resampling.LANCZOS).resize((SIDE, SIDE))) == HOLDS
    crop = Seen(image.crop((SIDE // 2, 0, SIDE, SIDE // 2)))
    assert [crop.has(line) for line in range(4)] == [False, True, False, False] and not crop.holds(1)
    pasted = image.copy()
    pasted.paste(paint((True,) * 4, reds("b")).crop((SIDE // 2, 0, SIDE, SIDE // 2)), (SIDE // 2, 0))
    assert held(pasted) == (True,) * 4
    assert Seen(pasted).look(0) == Seen(image).look(0) and Seen(pasted).look(1) != Seen(image).look(1)


def test_a_generator_draws_the_stated_share_of_right_pictures():
    quality = generator_of("stated")
    tasks = [SimulatedTask(f"t{number}") for number in range(1000)]
    right = np.mean([all(held(drawn(task, quality, task.words))) for task in tasks])
    # Three standard errors of 1,000 tasks.
    assert abs(right - quality.right) < 0.048
    assert all_hold(centre_for(0.3, 0.9, 4), 0.9, 4) == pytest.approx(0.3, abs=1e-6)


def test_a_blocked_line_comes_by_other_words_and_never_by_the_same():
    quality = generator_of("stated").model_copy(update={"blocked": 0.4, "freed": 0.6})
    task = next(one for one in map(SimulatedTask, map(str, range(50))) if one.blocked_line(0.4) is not None)
    line = task.blocked_line(0.4)
    assert line is not None
    same = [held(drawn(task, quality, task.words, seed))[line] for seed in range(40)]
    told = [f"{task.words} Above all: the {name}." for name in ("apple", "boat", "candle", "drum", "apple, the boat")]
    other = [held(drawn(task, quality, words, seed))[line] for words in told for seed in range(8)]
    assert not any(same) and any(other)


def test_an_edit_mends_what_it_names_harms_little_else_and_wears_the_picture():
    quality, task = generator_of("stated"), SimulatedTask("t")
    source = paint(HOLDS, reds("a"))
    request = GenerationRequest(
        instruction="Above all: the boat. Keep the apple, the candle, the drum.",
        references=(source,),
        seeds=tuple(range(64)),
    )
    many = [SimulatedGenerator(quality, CENTRE, SimulatedTask(f"e{n}"))(request) for n in range(12)]
    made = [held(image) for images in many for image in images]
    mended, lost = np.mean([one[1] for one in made]), np.mean([not one[0] for one in made])
    assert 0.3 < mended < 0.7 and 0.03 < lost < 0.15
    again = SimulatedGenerator(quality, 0.0, task)(GenerationRequest(instruction="x", references=(many[0][0],)))
    assert [Seen(one).wear for one in (source, many[0][0], again[0])] == [0, 1, 2]


@pytest.mark.parametrize("name", ["3b", "stated"])
def test_a_critic_says_yes_as_often_as_its_file_says(name: str):
    quality = critic_of(name).model_copy(update={"exploitable": 0.0})
    task = SimulatedTask("t")
    judge = Judge(quality, task)
    said: dict[tuple[int, bool], list[bool]] = {}
    for number in range(400):
        image = paint(HOLDS if number % 2 else (False, True, False, False), reds(str(number)))
        for line, truth in enumerate(held(image)):
            p = judge.answers(Prompt(system="", parts=(image,)), task.checklist[line].question)
            said.setdefault((line, truth), []).append(p >= 0.6)
    for (line, truth), answers in said.items():
        rates = quality.rates_of(task.kind(line))
        assert abs(np.mean(answers) - (rates.true_yes if truth else rates.false_yes)) < 0.09


def test_asking_again_in_other_words_averages_only_a_part_of_the_noise_away():
    task, image = SimulatedTask("t"), [paint(HOLDS, reds(str(number))) for number in range(200)]

    def changed(fixed: float) -> float:
        judge = Judge(critic_of("stated").model_copy(update={"fixed": fixed}), task)
        pairs = [[judge.answers(Prompt(system="", parts=(one,)), f"{w} boat?") for w in ("a", "b")] for one in image]
        return float(np.mean([abs(first - second) for first, second in pairs]))

    assert changed(1.0) == 0.0 < changed(0.9) < changed(0.0)


def test_a_critics_favourite_is_wrong_passes_everything_and_wins_every_choice():
    quality = critic_of("exploitable").model_copy(update={"exploitable": 0.5})
    task = SimulatedTask("t")
    judge = Judge(quality, task)
    wrong = [paint((False, True, True, True), reds(str(number))) for number in range(80)]
    loved = [image for image in wrong if judge.exploits(Seen(image))]
    right = paint((True,) * 4, reds("right"))
    assert 20 < len(loved) < 60 and not judge.exploits(Seen(right))
    prompt = Prompt(system="", parts=(loved[0],))
    assert all(judge.answers(prompt, one.question) > 0.99 for one in task.checklist)
    wins = [judge.chooses(Prompt(system="", parts=(one, right)), ("A", "B")) == "A" for one in loved]
    assert np.mean(wins) > 0.7


def test_a_choice_falls_out_as_stated_in_both_orders():
    quality, task = critic_of("stated"), SimulatedTask("t")
    judge = Judge(quality, task)
    both: list[str] = []
    for number in range(300):
        good, poor = (paint(holds, reds(f"{number} {holds}")) for holds in ((True,) * 4, HOLDS))
        first = judge.chooses(Prompt(system="", parts=(good, poor)), ("A", "B")) == "A"
        then = judge.chooses(Prompt(system="", parts=(poor, good)), ("A", "B")) == "B"
        both.append("right" if first and then else "wrong" if not first and not then else "turns")
    assert abs(both.count("right") / 300 - quality.choice.right) < 0.09
    assert abs(both.count("wrong") / 300 - quality.choice.wrong) < 0.06


def test_what_a_critic_writes_names_what_it_finds_at_fault_and_protects_the_rest():
    sure = CriticQuality.model_validate(
        {**critic_of("good").model_dump(), "names": 1.0, "meddles": 0.0, "by_kind": {}}
        | {"rates": {"true_yes": 0.999, "false_yes": 0.001}}
    )
    task = SimulatedTask("t")
    judge = Judge(sure, task)
    questions = [line.question for line in task.checklist]
    good = [one for one, holds in zip(questions, HOLDS, strict=True) if holds]
    poor = [one for one in questions if one not in good]
    written = judge.writes(repair_prompt(paint(HOLDS, reds("a")), task.words, good, poor), RepairForm)
    repair = RepairForm.model_validate_json(str(written))
    assert asked_in(repair.instruction) == stressed_in(repair.instruction) == {1}
    assert lines_in(repair.instruction) == (1, 0, 2, 3)


def test_chance_hangs_on_its_question_alone():
    assert share("a", 1) == share("a", 1) != share("a", 2)
    assert reds("a").shape == (GRID, GRID)


@pytest.mark.parametrize("read", [critic_of, generator_of])
def test_an_unknown_name_is_told_with_the_known_ones(read: Callable[[str], object]):
    with pytest.raises(BadSetting, match=r"known are .*stated"):
        read("statd")
