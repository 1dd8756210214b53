"""The instruction for the generator: the person's words stand, and a rewrite is used only if it still says them all."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from PIL import Image

from omniagent.model.errors import CriticBadOutput
from omniagent.model.profile import GeneratorProfile
from omniagent.tools.dialects.base import Consultation
from omniagent.tools.dialects.plain import prompts
from omniagent.tools.dialects.plain.faithful import lost
from omniagent.tools.dialects.plain.forms import RewriteForm
from omniagent.tools.dialects.plain.language.english import imperative
from omniagent.tools.dialects.plain.language.vocabulary import english, words_of
from omniagent.tools.dialects.plain.reply.drafts import read_instruction
from omniagent.tools.types import Mode

SHORT: Final = 8
KEPT: Final = "Keep everything else unchanged."

_KEPT_SAID: Final = re.compile(
    r"\b(?:keep|keeping|unchanged|preserv\w+|maintain\w*|everything else|the rest|untouched|leave)\b", re.IGNORECASE
)
# A change of the whole picture leaves nothing else to keep.
_WHOLE: Final = re.compile(
    r"\b(?:style|paint(?:ing|ed)?|drawing|sketch|cartoon|anime|comic|watercolou?r|illustration|render\w*|pixel"
    r"|sculpture|"
    r"black[- ]and[- ]white|colou?ri[sz]e|monochrome|night|day|dawn|dusk|sunset|winter|summer|spring|autumn|fall"
    r"|snow\w*|"
    r"rain\w*|fog\w*|weather|lighting|relight|brighte\w*|darke\w*|contrast|saturation|sharpen|upscale|restore|enhance|"
    r"quality|zoom|crop|rotate|extend|outpaint|camera|angle|everything|whole|entire|better|it look|remove all|"
    r"(?:turn|transform|convert|make) (?:it|this|the (?:image|picture|photo)) (?:in)?to)\b",
    re.IGNORECASE,
)
_COMPOSED: Final = re.compile(r"^\s*edit the (?:first|second|third|1st|2nd) image\b", re.IGNORECASE)


class Told(NamedTuple):
    """What the generator is told, and what of it the person did not say."""

    text: str
    assumptions: tuple[str, ...] = ()


def instruction_for(
    words: str, pictures: Sequence[Image.Image], mode: Mode, generator: GeneratorProfile, critic: Consultation
) -> Told:
    """The instruction for a task that is drawn; the critic is asked at most once, for a rewrite that would help."""
    told = Told(words)
    goals = rewrite_goals(words, mode, len(pictures), generator)
    if goals and (rewrite := _rewritten(words, pictures, goals, critic)):
        told = Told(rewrite, (f"drawn as: {rewrite}",))
    return _kept(told) if mode == "edit" and generator.prompts == "omnigen2" else told


def rewrite_goals(words: str, mode: Mode, pictures: int, generator: GeneratorProfile) -> tuple[str, ...]:
    """What a rewrite would be for; nothing where the person's words serve."""
    conventions = generator.prompts == "omnigen2"
    goals: list[str] = []
    if not english(words):
        goals.append("translate")
    if mode == "edit" and not (english(words) and imperative(words)):
        goals.append("imperative")
    if mode == "compose" and conventions and pictures > 1 and not _COMPOSED.match(words):
        goals.append("several")
    if mode == "generate" and conventions and len(words_of(words)) < SHORT and english(words):
        goals.append("detail")
    return tuple(goals)


def _rewritten(words: str, pictures: Sequence[Image.Image], goals: Sequence[str], critic: Consultation) -> str:
    """The critic's rewrite, or nothing if it leaves out or makes up what the fixed check looks for."""
    prompt = prompts.rewrite_prompt(words, pictures, goals)
    try:
        completion = critic.write(prompt, max_tokens=critic.profile.plan_tokens, schema=RewriteForm)
    except CriticBadOutput:
        return ""
    rewrite = read_instruction(completion.text)
    usable = rewrite and rewrite != words and len(rewrite) <= 1200 and not completion.cut
    return rewrite if usable and not lost(words, rewrite) else ""


def keeping_told(text: str, mode: Mode, generator: GeneratorProfile) -> str:
    """An instruction for an edit with what the generator likes to be told: that the rest stays."""
    return _kept(Told(text)).text if mode == "edit" and generator.prompts == "omnigen2" else text


def _kept(told: Told) -> Told:
    """An edit with what OmniGen2 likes to be told: that the rest stays. The words before it are as they were."""
    if not english(told.text) or _KEPT_SAID.search(told.text) or _WHOLE.search(told.text):
        return told
    closed = told.text.rstrip().endswith((".", "!", "?", "…", '."', '!"'))
    return Told(
        f"{told.text}{'' if closed else '.'} {KEPT}", (*told.assumptions, "what the task does not name stays as it is")
    )
