"""Which given pictures an English task speaks of: by number, or as "this photo".

A wrong alarm costs a picture, so only words that leave no doubt count: "the picture on the wall" does not.
"""

import re
from typing import Final

PICTURE: Final = r"(?:images?|pictures?|photos?|photographs?|pics?|selfies?|snapshots?|screenshots?)"
# "this picture frame" is no picture.
_NOT_COMPOUND: Final = r"(?!\s+(?:frame|book|album|studio|gallery|wall|shoot|booth|editor|paper|hook|pose)s?\b)"
_ORDINALS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "1st": 1, "2nd": 2, "3rd": 3}
_COUNTED: Final = {"both": 2, "two": 2, "three": 3, "four": 4, "five": 5, "2": 2, "3": 3, "4": 4, "5": 5}
_SPELT: Final = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}

_NUMBER: Final = re.compile(
    r"(?<!an )(?<!a )\b(?:image|picture|photo|photograph|img|pic)\s*(?:#|no\.?|number)?\s*"
    r"(?P<number>[1-9]|one|two|three|four|five)\b(?!\s*[:x×.,/]\s*\d)(?!\s*(?:px|pixels|%))"
    # "photo 3 of an album", "picture 2 cats on a sofa"
    r"(?!\s+of\s+(?:an?|the|my)\b)(?!\s+(?!(?:has|is|was|as|shows|looks|needs|does)\b)\w+s\b)"
)
_ALSO: Final = re.compile(r"\bimages\s+(?P<first>[1-9])(?:\s*,\s*[1-9])*\s*(?:,|and|&|to|with)\s*(?P<last>[1-9])\b")
_ORDINAL: Final = re.compile(
    rf"\b(?P<before>\w+\s+)?the\s+(?P<ordinal>{'|'.join(_ORDINALS)})\s+(?:given |uploaded |attached )?{PICTURE}\b"
)
# "In the first image a cat sleeps" tells a story in several pictures that are wanted.
_STORY: Final = re.compile(r"\s*,?\s*(?:a|an|two|three|some|there|we)\b")
_OTHER: Final = re.compile(rf"\b(?:from|of|with|onto|into)\s+the\s+other\s+{PICTURE}\b")
_COUNT: Final = re.compile(
    rf"\b(?:the|these|all|those|my)?\s*(?P<count>{'|'.join(_COUNTED)})\s+(?:of the |of these )?"
    rf"(?:given |uploaded |attached |provided )?{PICTURE}\b"
)
_SEVERAL_DRAWN: Final = re.compile(r"\b(?:panels?|comic|diptych|triptych|series|set of|sequence|storyboard|collage)\b")
_JOINING: Final = re.compile(
    r"\b(?:combin|merg|blend|mix|stitch|join|fus|put|differ|compar|similar|edit|us[ei])\w*|\bin common\b"
)

_HANDED_OVER: Final = re.compile(
    rf"\b(?:the|this|that|my|our|these)\s+(?:attached|uploaded|provided|given|enclosed|supplied|input|source|reference)"
    rf"\s+(?:\w+\s+)?(?:{PICTURE}|drawing|sketch|portrait|file)\b"
    rf"|\b(?:{PICTURE}|drawing|sketch|portrait|character photo)\s+(?:that\s+)?(?:i\s+(?:have\s+|'ve\s+)?)?"
    r"(?:attached|uploaded|provided|sent)\b"
    rf"|\b(?:the|this)\s+{PICTURE}\s+(?:above|below)(?=\s*(?:[.,;!?]|$))"
)
_THIS: Final = re.compile(rf"\b(?:this|these)\s+(?:\w+\s+)?{PICTURE}\b{_NOT_COMPOUND}")
# A caption speaks of the picture that is wanted: "this image shows a fox", "create this image: …".
_CAPTION: Final = re.compile(
    r"\s*(?::|(?:shows?|depicts?|features?|captures?|portrays?|should|must|will|has to|needs to|is|are)\b"
    r"|of\s+(?:a|an|some|two|three|four|five|many)\b)"
)
_MINE: Final = re.compile(rf"\bmy\s+(?:\w+\s+)?{PICTURE}\b{_NOT_COMPOUND}")
_THE: Final = re.compile(rf"\bthe\s+(?:whole\s+|entire\s+|original\s+)?{PICTURE}\b{_NOT_COMPOUND}(?!\s+(?:of|by|on)\b)")
_JUST_DRAWN: Final = re.compile(r"\s*(?:draw|create|generate|paint|make|render|recreate|redraw)\s+(?:me\s+)?")
_VARIED: Final = re.compile(r",?\s+(?:but|as|with|without|like|in)\b")
_TAKEN_FROM: Final = re.compile(r"\b(?:from|of|in|on|to|with|like|using|use|into|based on|as)\s+$")


def numbers_of(text: str, *, asked: bool) -> frozenset[int]:
    """The given pictures that a lower-case text without quoted strings names.

    Args:
        text: The whole task.
        asked: It asks a question or begins with a verb; only then are "both pictures" given ones.
    """
    found = {int(_SPELT.get(one["number"], one["number"])) for one in _NUMBER.finditer(text)}
    for one in _ALSO.finditer(text):
        found |= {int(one["first"]), int(one["last"])}
    if not _SEVERAL_DRAWN.search(text):
        for one in _ORDINAL.finditer(text):
            if (one["before"] or "").strip() not in ("in", "") or not _STORY.match(text, one.end()):
                found.add(_ORDINALS[one["ordinal"]])
        found |= {2 for _ in _OTHER.finditer(text)}
        for one in _COUNT.finditer(text):
            # "Draw two pictures" and "a wall with two pictures" speak of no given ones.
            given = one["count"] == "both" or one[0].strip().startswith(("the ", "these ", "all ", "my "))
            if asked and given and _JOINING.search(text):
                found |= set(range(1, _COUNTED[one["count"]] + 1))
    return frozenset(found)


def handed_over(text: str) -> str:
    """The words that say that a picture came with the task: "the attached photo"; empty without any."""
    found = _HANDED_OVER.search(text)
    return found[0].strip() if found else ""


def pointed_at(text: str, *, about_it: bool) -> str:
    """The words of a lower-case text that speak of a picture as there: "this photo", "my selfie".

    Args:
        text: One sentence.
        about_it: It changes what is given or asks about it; then "the picture" counts too, and no caption is thought
            of.
    """
    for found in _THIS.finditer(text):
        before = text[: found.start()]
        told = _CAPTION.match(text, found.end()) or re.fullmatch(r"\s*(?:in|on)\s+", before)
        varied = not before.strip() and _VARIED.match(text, found.end())
        if about_it or (not told and (varied or _TAKEN_FROM.search(before) or _JUST_DRAWN.fullmatch(before))):
            return found[0]
    for found in _MINE.finditer(text):
        if about_it or _TAKEN_FROM.search(text[: found.start()]):
            return found[0]
    found = _THE.search(text)
    return found[0] if found and about_it else ""
