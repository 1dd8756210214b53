"""How a text is taken apart into what it wants: clauses, words, relations, places, wishes to keep or remove."""

import re
from typing import Final

from omniagent.tools.dialects.plain.language.vocabulary import each_word

TOKEN: Final = re.compile(r"\d+(?:[.,:/]\d+)*[a-z]*|[^\W\d_]+(?:['’-][^\W\d_]+)*")
CLAUSE: Final = re.compile(r"[,.;:!?()\n]|(?<=\s)[-–—](?=\s)")
BETWEEN: Final = frozenset(
    each_word(
        "a an the and or but with of on in at to from by for into onto as than is are was were be in "
        "who which that during against through across along around until since while like among via per"
    )
)
PREDICATE: Final = frozenset(each_word("is are was were be to in"))
RELATIONS: Final[dict[str, tuple[str, str]]] = {
    "left of": ("left", "right"),
    "right of": ("right", "left"),
    "above": ("above", "below"),
    "over": ("above", "below"),
    "below": ("below", "above"),
    "underneath": ("below", "above"),
    "beneath": ("below", "above"),
    "under": ("below", "above"),
    "in front of": ("front", "behind"),
    "behind": ("behind", "front"),
    "between": ("between", "between"),
    "next to": ("beside", "beside"),
    "beside": ("beside", "beside"),
    "near": ("beside", "beside"),
    "inside": ("in", "in"),
    "on top of": ("on", "on"),
    "on": ("on", "on"),
}
RELATION: Final = re.compile(
    rf"\b(?:{'|'.join(re.escape(each) for each in sorted(RELATIONS, key=len, reverse=True))})\b"
)
PLACE: Final = re.compile(
    r"\b(?:on|at|in|to|into) (?:the|its|his|her|their) (?:far |very |upper |lower )?"
    r"(?P<side>left|right|top|bottom|middle|centre|center|foreground)\b(?! of\b)"
)
PUTTING: Final = re.compile(r"\b(?:add|put|place|insert|move|shift|draw|paint|give)\b")
IDLE: Final = re.compile(r"\ba (?:little|bit|lot|touch|tad)\b|\bthe (?:first|second|third|other) one\b")
ON_NO_THING: Final = re.compile(
    r"(?:an? |the )?(?:\w+ )?"
    r"(?:background|backdrop|left|right|top|bottom|side|day|night|morning|evening|foot|fire|it)\b"
)
KEEP: Final = re.compile(
    r"\b(?:(?:keep|leave|preserve|retain|maintain|do not change|don['’]t change|do not touch|don['’]t touch"
    r"|without changing)\s+(?P<what>[^,.;!?\n]+))|(?P<han>(?:保持|不要改变|别改变|保留)[^，。；,;\n]+)",
    re.IGNORECASE,
)
KEPT_SO: Final = re.compile(r"\b(?:as (?:it|they) (?:is|are|was|were)|unchanged|the same|untouched|alone|intact)\b")
ALL_ELSE: Final = re.compile(r"\b(?:rest|everything|others?|all)\b|其他|其余|不变$")
GONE: Final = re.compile(
    r"\b(?:remov(?:e|es|ing)|delet(?:e|es|ing)|eras(?:e|es|ing)|get(?:ting)? rid of|tak(?:e|ing) (?:out|away)|without"
    r"|no|free of)\s+(?:the |any |all |all of the |an? |his |her |their |its )?(?P<what>[^,.;:!?\n]+?)"
    r"(?=\s+(?:from|and|but|so|that|in|on|at|with)\b|[,.;:!?\n]|$)",
)
THAT: Final = re.compile(r"(?:it|them|him|her|that|this|these|those)\b")
SAME: Final = re.compile(
    r"\b(?:same|unchanged|still|as (?:it|they) (?:is|are|was|were)|as before|kept|preserved|untouched|original)\b"
    r"|不变|一样|相同",
    re.IGNORECASE,
)
PRONOUN: Final = re.compile(
    r"\b(?:it|its|they|them|their|he|his|she|her|him|these|those|both)\b|它|他|她", re.IGNORECASE
)
