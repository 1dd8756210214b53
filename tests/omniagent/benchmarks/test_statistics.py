"""Totals and their intervals: what published rows print, what resampling by clusters and strata must give."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from omniagent.benchmarks.statistics import Scored, estimate, mean_of_items, mean_of_strata, paired
from omniagent.model.errors import BadSetting
from omniagent.model.intervals import wilson

IMGEDIT = {  # type: (items, OmniGen2's mean as printed in v1 to v3 of its paper)
    "add": (95, 3.57), "adjust": (94, 3.06), "extract": (117, 1.77), "replace": (92, 3.74), "remove": (86, 3.20),
    "background": (94, 3.57), "style": (100, 4.81), "compose": (23, 2.52), "action": (36, 4.68),
}  # fmt: skip
OMNICONTEXT = {  # model: eight means by task, and the mean of all as printed
    "OmniGen2 v1": ((8.05, 7.58, 7.11, 7.13, 7.45, 6.38, 6.71, 7.04), "7.18"),
    "OmniGen2 v4": ((8.19, 8.63, 7.45, 7.91, 7.93, 7.75, 7.91, 7.93), "7.96"),  # The table prints 7.95.
    "BAGEL": ((5.48, 7.03, 5.17, 6.64, 6.24, 4.07, 5.71, 5.47), "5.73"),
    "UNO": ((6.60, 6.83, 2.54, 6.51, 4.39, 2.06, 4.33, 4.37), "4.70"),  # The table prints 4.71, of unrounded ones.
    "OmniGen": ((7.21, 5.71, 5.65, 5.44, 4.68, 3.59, 4.32, 5.12), "5.22"),  # The table prints 4.34: its scenes' mean.
    "GPT-4o": ((8.90, 9.01, 9.07, 8.95, 8.54, 8.90, 8.44, 8.60), "8.80"),
}
GENEVAL = {  # model: six tags in the table's order, and the overall as printed
    "OmniGen2 v1": ((1.00, 0.95, 0.64, 0.88, 0.55, 0.76), "0.80"),
    "OmniGen2 v4": ((0.99, 1.00, 0.93, 0.91, 1.00, 0.86), "0.95"),
    "BAGEL": ((0.99, 0.94, 0.81, 0.88, 0.64, 0.63), "0.82"),
}


def rows(groups: dict[str, tuple[int, float]]) -> list[Scored]:
    return [
        Scored(f"{name}{number}", f"{name}{number}", name, mean)
        for name, (count, mean) in groups.items()
        for number in range(count)
    ]


def printed(value: float, places: int = 2) -> str:
    # Tables round half up, and a mean such as 7.18125 has no exact binary form.
    return f"{math.floor(value * 10**places + 0.5 + 1e-9) / 10**places:.{places}f}"


def test_imgedits_overall_is_the_unweighted_mean_of_its_nine_types_and_not_that_of_its_items():
    scored = rows(IMGEDIT)
    assert len(scored) == 737
    assert printed(estimate(scored, mean_of_strata).value, 3) == "3.436"
    assert printed(estimate(scored, mean_of_items).value, 3) == "3.387"


@pytest.mark.parametrize("model", OMNICONTEXT)
def test_omnicontexts_mean_of_eight_tasks_is_the_printed_one(model: str):
    means, mean = OMNICONTEXT[model]
    total = estimate(rows({str(at): (50, value) for at, value in enumerate(means)}), mean_of_strata)
    assert printed(total.value) == mean
    if model == "OmniGen":
        scenes = estimate(rows({str(at): (50, value) for at, value in enumerate(means[5:])}), mean_of_strata)
        assert printed(scenes.value) == "4.34"


@pytest.mark.parametrize("model", GENEVAL)
def test_genevals_overall_is_the_mean_of_six_tags(model: str):
    tags, overall = GENEVAL[model]
    counts = (80, 99, 80, 94, 100, 100)
    scored = rows({str(at): each for at, each in enumerate(zip(counts, tags, strict=True))})
    assert printed(estimate(scored, mean_of_strata).value) == overall


def test_the_standard_error_of_independent_pictures_is_that_of_a_share():
    scored = [Scored(str(n), str(n), "", float(n % 5 == 0)) for n in range(500)]
    total = estimate(scored)
    assert total.value == 0.2
    assert total.standard_error == pytest.approx(math.sqrt(0.2 * 0.8 / 500), rel=0.06)
    assert total.low == pytest.approx(0.2 - 1.96 * total.standard_error, abs=0.006)
    assert total.high == pytest.approx(0.2 + 1.96 * total.standard_error, abs=0.006)


def test_four_equal_pictures_a_prompt_are_worth_one_and_not_four():
    alone = [Scored(str(n), str(n), "", float(n % 4 == 0)) for n in range(200)]
    fourfold = [row._replace(key=f"{row.key}-{n}") for row in alone for n in range(4)]
    apart = [row._replace(cluster=row.key) for row in fourfold]
    assert estimate(fourfold).standard_error == pytest.approx(estimate(alone).standard_error, rel=1e-9)
    assert estimate(apart).standard_error == pytest.approx(estimate(alone).standard_error / 2, rel=0.08)


def test_six_wrong_ones_of_six_do_not_show_that_none_can_be_right():
    wrong = [Scored(f"{n}-{m}", str(n), "ab"[n % 2], 0.0) for n in range(6) for m in range(4)]
    total = estimate(wrong, mean_of_strata, share=True)
    assert (total.value, total.low, total.high) == (0, *wilson(0, 6)) and total.high == pytest.approx(0.39, abs=0.01)
    right = estimate([row._replace(value=1.0) for row in wrong], share=True)
    assert (right.value, right.low, right.high) == (1, *wilson(6, 6))


def test_strata_take_what_lies_between_tasks_out_of_the_interval():
    scored = rows({"easy": (50, 9.0), "hard": (50, 1.0)})
    assert estimate(scored, mean_of_strata).standard_error == 0
    assert estimate([row._replace(stratum="") for row in scored]).standard_error > 0.3


def test_prompts_that_reach_over_several_kinds_are_drawn_whole():
    scored = [
        Scored(f"{prompt}-{kind}-{n}", f"p{prompt}", kind, float((prompt + n) % 3 == 0))
        for prompt in range(60)
        for kind in (("entity", "relation") if prompt % 2 else ("entity",))
        for n in range(3)
    ]
    total = estimate(scored, mean_of_strata)
    assert total.value == pytest.approx(1 / 3)
    assert total.standard_error == pytest.approx(0, abs=1e-12)


def test_pictures_of_more_questions_weigh_more():
    means = [Scored("a", "a", "", 1.0, 3), Scored("b", "b", "", 0.0, 1)]
    apart = [Scored(f"{row.key}{n}", row.cluster, "", row.value) for row in means for n in range(int(row.weight))]
    assert estimate(means) == estimate(apart) and estimate(means).value == 0.75


def test_a_pair_of_runs_is_told_apart_more_finely_than_two_intervals_do():
    worse = [Scored(str(n), str(n), "ab"[n % 2], float(n % 10)) for n in range(200)]
    better = [row._replace(value=row.value + (0.5 if n % 2 else 0.0)) for n, row in enumerate(worse)]
    apart = paired(better, worse[20:], mean_of_strata)
    assert apart.value == 0.25 and apart.standard_error == pytest.approx(0, abs=1e-12)
    same = paired(worse, worse)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    assert paired(worse, better).value == -paired(better, worse).value


@given(some.lists(some.tuples(some.integers(0, 5), some.integers(0, 2), some.floats(0, 10)), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_an_interval_holds_its_figure_and_does_not_ask_for_the_order(given_rows: list[tuple[int, int, float]]):
    scored = [Scored(str(n), f"c{c}", f"s{s}", value) for n, (c, s, value) in enumerate(given_rows)]
    total = estimate(scored, mean_of_strata)
    assert min(r.value for r in scored) - 1e-9 <= total.low <= total.high <= max(r.value for r in scored) + 1e-9
    shuffled = random.Random(1).sample(scored, len(scored))
    assert estimate(shuffled, mean_of_strata) == total


@pytest.mark.parametrize(
    ("scored", "said"),
    [
        ([], "nothing to take a mean of"),
        ([Scored("a", "a", "", 1.0), Scored("a", "b", "", 1.0)], "'a' comes twice"),
        ([Scored("a", "a", "", math.nan)], "leave out what was not judged"),
    ],
)
def test_what_has_no_mean_says_why(scored: list[Scored], said: str):
    with pytest.raises(BadSetting, match=said):
        estimate(scored)


def test_runs_over_other_items_are_not_compared():
    one = [Scored("a", "p", "tag", 1.0)]
    with pytest.raises(BadSetting, match="no item in common"):
        paired(one, [Scored("b", "p", "tag", 1.0)])
    with pytest.raises(BadSetting, match="'other'"):
        paired(one, [Scored("a", "p", "other", 1.0)])
