"""The numbers of the loop's rules."""

import math
from typing import Annotated, Final

from pydantic import Field, ValidationError

from omniagent.model.errors import BadCheckpoint
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.wording import fault
from omniagent.tools.types import Mode, Word

MOST_CANDIDATES: Final = 16
"""Of one round, whatever the critic."""


class LoopPolicy(Word):
    """What the agent prefers when a picture is not right yet; a generator's profile may prefer otherwise.

    `local_failures=0` means never repair, always redraw.
    """

    first_candidates: int = Field(default=1, ge=1, le=16, description="pictures of the first round")
    first_by_mode: dict[Mode, Annotated[int, Field(ge=1, le=16)]] = Field(
        default={}, description="pictures of the first round by mode, in place of `first_candidates`"
    )
    repair_candidates: int = Field(default=1, ge=1, le=16, description="pictures of a repair round")
    most_candidates: int | None = Field(
        default=None,
        ge=1,
        le=MOST_CANDIDATES,
        description="pictures of one round at most; None: as many as the critic's measured share of falsely "
        "accepted pictures allows, and any number where it was not measured",
    )
    local_failures: int = Field(
        default=2, ge=0, description="up to so many failed requirements are a local failure, which an edit repairs"
    )
    whole_repairs: tuple[Mode, ...] = Field(
        default=("generate",),
        description="modes whose pictures are repaired as a whole where the critic tells no place of a repair",
    )
    stack_edits: bool = Field(
        default=False,
        description="whether a repair edits the kept edit, up to the budget's depth, instead of its source",
    )
    merge_modes: tuple[Mode, ...] = Field(
        default=(), description="modes whose redraws add the repair's words to the instruction"
    )
    over_edit_limit: float = Field(
        default=0.2, ge=0, le=1, description="a repair with a larger over-edit share than this is rolled back"
    )
    patience: int = Field(default=3, ge=1, description="so many rounds in a row with the same verdicts are stagnation")
    fruitless_rounds: int = Field(
        default=2,
        ge=0,
        description="so many rounds in a row, drawn afresh, that hold no more than before end the run where a "
        "requirement held of no picture yet; 0: never",
    )
    doubtful_rounds: int = Field(
        default=3,
        ge=0,
        description="so many rounds drawn afresh that bring no surer picture end the bettering of one that holds in "
        "doubt; 0: only the budget does",
    )
    refine: bool = Field(
        default=True,
        description="have the critic write a new instruction from what it saw before a picture is drawn again",
    )
    refine_unsure: bool = Field(
        default=True,
        description="have the critic write a new instruction also where nothing fails for sure but it could not tell "
        "of some requirement",
    )
    region_repairs: bool = Field(
        default=True, description="repair a local failure inside its box, while all else keeps its pixels"
    )
    restore: bool = Field(
        default=True,
        description="take back what an edit or a repair changed apart from where its change takes place",
    )
    in_steps: bool = Field(
        default=True, description="make more changes than the generator takes at once one after the other"
    )
    confirm: bool = Field(
        default=True,
        description="ask again, in other words, about a picture of which every requirement but one at most seems to "
        "hold",
    )
    sure_verdict: float = Field(
        default=0.95,
        ge=0,
        le=1,
        description="a picture whose requirements all hold ends the run at once only if each is at least so sure, by "
        "all instruments that tell; below that the run goes on while its budget lasts, and returns that picture if "
        "none is better",
    )
    whole_rounds: bool = Field(
        default=True, description="begin no round that by the time measured so far would not end within the limit"
    )
    clear_lead: float = Field(
        default=2.0,
        ge=0,
        description="a repair that is not accepted takes over from the best so far only if the log probability that "
        "all holds, each requirement counted as 10 % at least, is higher by this much; 2 is nearly one requirement "
        "from 10 % to 90 %",
    )
    must_wins: bool = Field(
        default=True,
        description="a later picture takes over too where it holds a requirement more for sure, other than of style or "
        "of what is kept, and all that held before",
    )
    redraw_lead: float = Field(
        default=3.0,
        ge=0,
        description="the same for a picture drawn afresh in a later round: more than one requirement can bring, which "
        "may have been misread from the task and then holds of wrong pictures only",
    )
    least_rise: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="where all requirements hold of the given picture of an edit too, one must be likelier of the new "
        "one by this much",
    )
    same_picture: int = Field(default=2, ge=0, description="perceptual hashes at most this far apart are one picture")
    forced_choice: bool = Field(
        default=True,
        description="the critic chooses between two pictures that hold equally many requirements, seeing them in both "
        "orders; without a choice the earlier stays",
    )
    second_reading: bool = Field(
        default=True,
        description="read the task a second time before a picture is accepted by a plan that is not sure, and where "
        "two rounds brought nothing",
    )
    sure_plan: float = Field(
        default=0.6, ge=0, le=1, description="a plan whose own probability is below this is not sure"
    )
    draw_ahead: bool = Field(
        default=False, description="draw the pictures of a possible redraw while the critic, on another device, judges"
    )
    ask: bool = Field(default=False, description="ask the person when the task speaks of a picture that is not there")


def policy_of(given: LoopPolicy, profile: GeneratorProfile) -> LoopPolicy:
    """What the caller set, else what the generator's profile prefers, else the defaults.

    Raises:
        BadCheckpoint: the profile names rules that do not exist, or values out of range.
    """
    try:
        own = LoopPolicy.model_validate(profile.loop)
    except ValidationError as error:
        raise BadCheckpoint(f"loop of the generator's profile {profile.label}: {fault(error)}") from error
    return own.model_copy(update={name: getattr(given, name) for name in given.model_fields_set})


def useful_candidates(false_accept: float) -> int:
    """The most candidates that may pay, 1 to 16, with a critic that accepts this share of wrong pictures.

    Take a critic at its worst: what it wrongly accepts it also prefers. Of N pictures, each right with probability p,
    a right one is then returned with a^N - b^N, where a = 1 - (1 - p) h (no wrong one was accepted) and
    b = (1 - p)(1 - h) (no right one was drawn either). Whatever p is, this falls from N = 1 / h on: there another
    candidate brings a wrong favourite rather than a right picture. That an exploitable judge gets worse with more
    candidates is the finding of arXiv 2604.04648; a judge that only errs by chance does not.

    Args:
        false_accept: h, 0 to 1. A sample's upper limit, not its mean, so that few cases promise little.
    """
    return MOST_CANDIDATES if false_accept * MOST_CANDIDATES <= 1 else max(1, math.floor(1 / false_accept))


def capped(policy: LoopPolicy, critic: CriticProfile) -> LoopPolicy:
    """The policy with its most candidates by what was measured of the critic; a number that was set stands."""
    measured = None if critic.calibration is None else critic.calibration.false_accept
    if policy.most_candidates is not None or measured is None:
        return policy
    return policy.model_copy(update={"most_candidates": useful_candidates(measured)})
