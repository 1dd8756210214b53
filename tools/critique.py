"""Judging an attempt: a verdict for each requirement, cheap first."""

from collections.abc import Iterable

from PIL import Image

from omniagent.tools.consult import Desk, consult
from omniagent.tools.instruments.blank import blank_fails, is_blank
from omniagent.tools.instruments.judging import Judged, judged
from omniagent.tools.instruments.looked import Looked
from omniagent.tools.instruments.preservation import PreservationLimits, limits_of, over_edit
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Attempt, Cost, Critique, ImageRef, Requirement, Usage, Verdict, Word


class CritiqueIn(Word):
    """An attempt and what it must show. `source` is the picture that it was made from by an edit.

    `confirm`: whether a picture of which all seems to hold is asked about again in other words.
    """

    attempt: Attempt
    checklist: tuple[Requirement, ...]
    source: ImageRef | None = None
    confirm: bool = False


class CritiqueOut(Outcome):
    """The verdicts, without a repair."""

    critique: Critique


def critique(arguments: CritiqueIn, context: ToolContext) -> CritiqueOut:
    """Check one picture against a checklist, each requirement by the instruments that fit its kind.

    What no blank picture can show is not asked about a blank one: small critics say yes to it.
    """
    checklist = arguments.checklist
    image = context.store.get(arguments.attempt.image)
    blank = bool(checklist) and is_blank(image)
    asked = [one for one in checklist if not (blank and blank_fails(one))]
    verdicts = {one.id: Verdict(requirement=one.id, answer="no", probability=0.0) for one in checklist}
    seen, usage = "", Usage()
    source = None if arguments.source is None else context.store.get(arguments.source)
    if asked:
        looked = Looked(image, source, context.runtime.reader, context.runtime.detector)

        def look(desk: Desk) -> Judged:
            return judged(desk, looked, asked, context.calls, confirm=arguments.confirm)

        consulted = consult(context, "critique", look)
        seen, usage = consulted.value.seen, consulted.usage
        verdicts |= {verdict.requirement: verdict for verdict in consulted.value.verdicts}
    made = Critique(
        attempt=arguments.attempt.id,
        verdicts=tuple(verdicts.values()),
        seen=seen or None,
        scope="global" if blank else "local",
        blank=blank,
        cost=Cost(
            calls=usage.critic_calls,
            prefills=usage.prefills,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
        ),
        over_edit=_over_edit(image, source, verdicts.values(), limits_of(context.runtime.generator.profile)),
        quality=sum(verdict.probability for verdict in verdicts.values()) / len(verdicts) if verdicts else 0.0,
    )
    summary = f"{made.passed} of {len(verdicts)} hold" + ("; the picture is blank" if blank else "")
    return CritiqueOut(critique=made, usage=usage, summary=summary)


def _over_edit(
    image: Image.Image, source: Image.Image | None, verdicts: Iterable[Verdict], limits: PreservationLimits
) -> float:
    """The share of the change that was not to be: by the pixels' evidence, else by a comparison without boxes."""
    if source is None:
        return 0.0
    maps = [each.changed for verdict in verdicts for each in verdict.evidence if each.changed is not None]
    known = [each.outside for each in maps if each.outside is not None]
    return known[0] if known else over_edit(source, image, limits)


CRITIQUE = tool(critique)
