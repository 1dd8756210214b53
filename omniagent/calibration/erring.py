"""A public fake: a critic that knows the truth of known pictures and errs at stated rates."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from PIL import Image

from omniagent.calibration.cases import KnownLine, KnownPicture
from omniagent.calibration.faults import misspelt
from omniagent.model.errors import BadSetting, CriticBadOutput
from omniagent.model.profile import CriticProfile
from omniagent.model.requests import Prompt
from omniagent.model.scripted import ScriptedCritic
from omniagent.tools.dialects import dialect_of
from omniagent.tools.types import Stated

SURE: Final = 0.95


class ErrorRates(NamedTuple):
    """How often yes is said of what holds, and of what does not; both 0 to 1."""

    true_yes: float
    false_yes: float


NO_ERRORS: Final = ErrorRates(1.0, 0.0)


class _Asked(NamedTuple):
    line: KnownLine
    yes: bool


def erring_critic(
    pictures: Iterable[KnownPicture],
    rates: Mapping[str, ErrorRates],
    *,
    otherwise: ErrorRates = NO_ERRORS,
    seed: int = 0,
    errors: Mapping[int, Exception] | None = None,
    model: str = "erring",
    profile: CriticProfile | None = None,
) -> ScriptedCritic:
    """A scripted critic that answers questions, counts and reads aloud, by the truth but for errors drawn by chance.

    Whether it errs depends on the seed, the picture, the line and the kind of call alone, so that asked again it says
    the same. Its probabilities of yes are 0.95 and 0.05.

    Args:
        pictures: What it knows; of others it knows nothing and is not sure.
        rates: By kind of requirement.
        otherwise: Of kinds that are left out.
        seed: The same seed gives the same errors.
        errors: Errors to raise, as of `ScriptedCritic`.
        model: The name shown in traces.
        profile: How it is asked; the default is `CriticProfile()`. Pictures must reach it as they are.

    Raises:
        BadSetting: the profile changes the size of pictures.
    """
    profile = profile or CriticProfile(source="scripted")
    if profile.picture_size is not None:
        raise BadSetting(f"picture_size={profile.picture_size} changes pictures, which are known by their pixels")
    dialect = dialect_of(profile)
    known: dict[str, tuple[KnownLine, ...]] = {}
    for picture in pictures:
        digest = _digest(picture.image)
        known[digest] = (*known.get(digest, ()), *picture.lines)

    def asked(prompt: Prompt, call: str) -> list[_Asked]:
        """The lines of the prompt's pictures, and what is said of each in calls of this kind."""
        found: list[_Asked] = []
        for digest in (_digest(part) for part in prompt.parts if isinstance(part, Image.Image)):
            for line in known.get(digest, ()):
                share = rates.get(line.kind, otherwise)
                chance = _chance(f"{seed} {digest} {line.question} {call}")
                found.append(_Asked(line, chance < (share.true_yes if line.holds else share.false_yes)))
        return found

    def stated(line: KnownLine) -> Stated:
        return dialect.stated(line.kind, line.question)

    def verdict(prompt: Prompt, question: str) -> float:
        fits = [one for one in asked(prompt, "question") if one.line.question in question]
        if not fits:
            return 0.5
        return SURE if max(fits, key=lambda one: len(one.line.question)).yes else 1 - SURE

    def choice(prompt: Prompt, options: tuple[str, ...]) -> str:
        words = " ".join(part for part in prompt.parts if isinstance(part, str))
        for one in asked(prompt, "number"):
            told = stated(one.line)
            if told.number is not None and told.thing in words:
                number = told.number if one.yes else told.number - 1
                if str(number) in options:
                    return str(number)
        raise CriticBadOutput("this critic does not know how many there are")

    def text(prompt: Prompt, schema: object) -> str:
        read = [(stated(one.line).text, one.yes) for one in asked(prompt, "reading") if stated(one.line).text]
        return "\n".join(wanted if yes else misspelt(wanted, 0) for wanted, yes in read)

    return ScriptedCritic(verdict, text, choices=choice, errors=errors, model=model, profile=profile)


def _digest(image: Image.Image) -> str:
    return hashlib.sha256(f"{image.size}".encode() + image.convert("RGB").tobytes()).hexdigest()


def _chance(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
