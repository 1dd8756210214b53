"""What an English task asks for, by fixed rules on its words.

A request that is phrased as a question ("Can you make the sky darker?") is a request; a question is what wants an
answer in words. Each sentence is looked at on its own; what begins it decides.
"""

import re
from typing import Final, NamedTuple

from omniagent.tools.dialects.plain.language import spoken_of
from omniagent.tools.dialects.plain.language.said import Act, Intent, Said
from omniagent.tools.dialects.plain.language.verbs import (
    ANSWER_VERB,
    CHANGE_ANYWHERE,
    CHANGE_VERB,
    CLEAR_CHANGE,
    CREATE_VERB,
    GIVEN_USED,
    OVER_DRAWN,
    VERSION_OF,
)
from omniagent.tools.dialects.plain.language.vocabulary import without_quoted

_FILLER: Final = re.compile(
    r"(?:please|pls|plz|kindly|hey|hi|hello|ok|okay|so|now|well|then|also|and|but|just|maybe|perhaps|sorry|thanks|"
    r"thank you|great|nice|cool|good (?:morning|evening|afternoon)|dear \w+|in (?:this|the|my) (?:photo|image|picture)|"
    r"in image \d|for (?:this|the) (?:photo|image|picture)|next|first|finally|actually|quickly|if possible)[\s,!.:]+",
)
_ADVERBS: Final = r"(?:\s+(?:please|kindly|maybe|possibly|perhaps|also|just|now|then|quickly|still))*,?\s+"
_SUGGESTED: Final = re.compile(r"(?:how about|what about|what if)\s+")
_ASKING: Final = re.compile(
    rf"(?:would|do) you mind\s+|(?:can|could|would|will|can't|couldn't|won't|might)\s+(?:you|u|we|someone"
    rf"|somebody){_ADVERBS}"
    r"(?:be (?:so kind|able) (?:as )?to\s+)?(?:help (?:me|us)\s+(?:to\s+)?)?(?:try (?:to\s+)?)?(?:go ahead and\s+)?"
    rf"|(?:can|could|may|might)\s+i{_ADVERBS}(?:have|get|see)\s+(?:you\s+)?"
    r"|are you able to\s+|is there (?:a|any) way (?:for you )?to\s+"
    r"|(?:is|would) it (?:be )?(?:possible|ok|okay|too much)\s+(?:for you )?(?:to|if you)\s+"
    r"|do you think (?:that )?(?:you|we) (?:can|could)\s+|(?:is there )?any chance (?:that )?(?:you|we) (?:can"
    r"|could)\s+|any chance of (?:you )?"
    r"|i(?: was| am|'m)? wonder(?:ing)? (?:if|whether) (?:you|we) (?:can|could|would)\s+"
    r"|i(?: was|'m| am)? hop(?:ed|ing) (?:that )?(?:you|we) (?:can|could|would)\s+"
    r"|(?:i'd|i would|would|we'd|we would)(?: really)? (?:like|love|appreciate|prefer)(?: it)?(?: if)?\s+"
    r"(?:you (?:could |would |can )?)?(?:to )?(?:see |have |get )?"
    r"|(?:i|we) (?:really )?(?:want|need|wish)\s+(?:you )?(?:to )?(?:see |have |get )?"
    r"|it would be (?:great|nice|good|cool|lovely) (?:if you (?:could|would)|to)\s+"
    r"|(?:let(?:'s| us| me) (?:see |have )?|go ahead and|help me(?: to)?|try to|i'm looking for|do you have|why not"
    r"|why don't (?:you|we)|imagine)\s+"
    r"|(?:give|get|show|send|bring) (?:me|us)\s+"
)
_LOOKS: Final = re.compile(r"(?:what|how) (?:would|might|could|will) (?!you\b|we\b|i\b).+?\blook\b")
_COULD_BE: Final = re.compile(
    r"(?:can|could|should|may|might|shall)\s+(?:the|this|that|these|those|his|her|its|their|my|it|he|she|they|a|an)\b"
)
_OPEN_WORD: Final = r"(?:what|which|who|whose|whom|where|when|why|how)"
_BE: Final = r"(?:is|are|was|were|does|do|did|has|have|can|could|would|will|should)"
_OPEN: Final = re.compile(
    rf"(?:in |on |of |from |to |at |with |for )?(?:{_OPEN_WORD}\s+(?:{_BE}|one|of)\b|what's|who's|where's|how's"
    rf"|(?:what|which)\s+(?:\w+\s+){{1,4}}?{_BE}\b|(?:what|which)\s+(?:colou?r|kind|type|sort|time|year|brand|breed)\b"
    r"|how\s+(?:many|much|old|tall|big|far|long|large|often|high|wide|deep|heavy)\b|how come\b|why\b(?=.*\?))"
)
_OPEN_MARKED: Final = re.compile(rf"(?:\w+\s+)?{_OPEN_WORD}(?:'s|'re)?\b(?!\s+(?:a|an)\b)")
_CLOSED: Final = re.compile(
    r"(?:(?:is|are|was|were|does|did|has|isn't|aren't|doesn't|didn't|will|would|can|could)\s+"
    r"(?:there|this|that|these|those|it|he|she|they|you|we|the|a|an|any|all|both|any(?:one|body|thing)|"
    r"some(?:one|body|thing)|his|her|its|their|my|your)|do\s+(?:you|they|we|i|these|those))\b"
)
_CLOSED_MARKED: Final = re.compile(
    r"(?:is|are|was|were|does|do|did|has|have|had|am|isn't|aren't|wasn't|weren't|doesn't|don't|didn't|hasn't|can|could|"
    r"will|would|should|any|anyone|anybody|anything)\b(?!\s+of\b)"
)
_TAG: Final = re.compile(r",\s*(?:is|are|isn't|aren't|does|doesn't|right|correct|true)\b[^,]{0,12}\?$")
_VERB_ALONE: Final = re.compile(
    r"(?:draw|paint|edit|create|generate|make)(?:\s+(?:pictures?|images?|things|stuff))?[\s.?!]*$"
)
_GREETING: Final = re.compile(
    r"(?:hi|hello|hey|thanks|thank you|good (?:morning|evening|afternoon)|help|bye|goodbye|test)(?: there"
    r"| you)?[\s.!?]*"
)
_WISH: Final = re.compile(
    r"\b(?:be|get|become) \w+ed\b|\b(?:more|less|instead|without|made|turned|changed|removed|replaced|added|wear"
    r"|wearing|\w+er)\b"
    r"|\b(?:be|look)\s+(?:red|orange|yellow|green|blue|purple|pink|brown|black|white|gr[ae]y|gold|silver)\b"
)


class _Sentence(NamedTuple):
    intent: Intent | None
    act: Act | None
    text: str


def said_in(words: str) -> Said:
    """What an English task's words say of themselves."""
    plain = re.sub(r"[’‘`]", "'", without_quoted(words)).strip()
    sentences = [_sentence(one) for one in re.split(r"(?<=[.?!])\s+|\n+", plain) if re.search(r"\w", one)]
    lower = plain.lower()
    intent = _intent(sentences, lower)
    act: Act | None = next((one.act for one in sentences if one.act is not None), None)
    if act == "create":
        act = "change" if VERSION_OF.search(lower) else "use" if GIVEN_USED.search(lower) else "create"
    elif act is None and CHANGE_ANYWHERE.search(lower):
        act = "change"
    numbers = spoken_of.numbers_of(lower, asked=intent != "drawing" or act is not None)
    return Said(intent, act, numbers, _points(sentences, plain), _one_changed(act, numbers, lower))


def imperative(words: str) -> bool:
    """Whether a task begins with a verb that says what to change, as it should for an edit."""
    bare = re.sub(r"^(?:please|kindly|pls)[\s,]+", "", words.strip().lower())
    return CHANGE_VERB.match(bare) is not None or OVER_DRAWN.match(bare) is not None


def _intent(sentences: list[_Sentence], lower: str) -> Intent:
    if _GREETING.fullmatch(lower):
        return "question"
    kinds = {one.intent for one in sentences if one.intent}
    if not kinds:
        return "drawing"
    if kinds == {"question"}:
        # "A cat on a mat. What is it looking at?" may be either; a question about something shown is one.
        told = [one for one in sentences if one.intent is None]
        return (
            "unsure" if told and not re.search(r"\b(?:this|these|that|here) (?:is|are)\b|\bi\b", lower) else "question"
        )
    return "drawing" if kinds == {"drawing"} else "unsure"


def _sentence(sentence: str) -> _Sentence:
    text = sentence.strip().lower()
    while (filler := _FILLER.match(text)) and filler.end() < len(text):
        text = text[filler.end() :]
    asked = False
    while (frame := _ASKING.match(text)) and frame.end() < len(text):
        text, asked = text[frame.end() :], True
        while (filler := _FILLER.match(text)) and filler.end() < len(text):
            text = text[filler.end() :]
    if suggested := _SUGGESTED.match(text):
        text = text[suggested.end() :]
        return _Sentence("drawing", _act(text) or "change", text)
    marked = text.rstrip(" \"'").endswith("?")
    if asked:
        return _request(text)
    if _LOOKS.match(text):
        return _Sentence("drawing", "change", text)
    if _COULD_BE.match(text) and marked:
        guessed = re.match(r"(?:can|could|might|may) (?:this|that|it) be\b", text)
        intent: Intent = "drawing" if _WISH.search(text) else "question" if guessed else "unsure"
        return _Sentence(intent, "change", text)
    if _OPEN.match(text) or _CLOSED.match(text):
        return _Sentence("question", None, text)
    if marked and (_OPEN_MARKED.match(text) or _CLOSED_MARKED.match(text) or _TAG.search(text)):
        return _Sentence("question", None, text)
    if ANSWER_VERB.match(text):
        return _Sentence("question", None, text)
    if act := _act(text):
        return _Sentence("drawing", act, text)
    if marked and re.search(r"\b(?:is|are|was|were|does|did|or)\b", text):
        return _Sentence("unsure", None, text)
    return _Sentence("drawing" if marked else None, None, text)


def _request(text: str) -> _Sentence:
    """What stands behind "can you", "I'd like", "show me"."""
    if _VERB_ALONE.fullmatch(text) or ANSWER_VERB.match(text) or re.match(rf"(?:{_OPEN_WORD}|if|whether)\b", text):
        if _LOOKS.match(text) or re.match(r"(?:what|how) .+ (?:would|might|could|will) look", text):
            return _Sentence("drawing", "change", text)
        return _Sentence("question", None, text)
    if re.match(r"an? (?:\w+ )?(?:description|explanation|summary|list|caption|translation|answer|opinion)\b", text):
        return _Sentence("question", None, text)
    if re.match(
        r"(?:see|tell|know|describe|explain|say|count|find|spot|notice|read|recogni[sz]e|identify|guess)\b", text
    ):
        return _Sentence("question", None, text)
    return _Sentence("drawing", _act(text), text)


def _act(text: str) -> Act | None:
    if re.match(
        r"(?:us|tak)(?:e|ing)\b.*\b(?:and|to) (?:draw|paint|create|generate|make|design) (?:him|her|it|them|an?)\b",
        text,
    ):
        return "create"
    if OVER_DRAWN.match(text):
        return "change"
    if CREATE_VERB.match(text):
        return "create"
    return "change" if CHANGE_VERB.match(text) else None


def _points(sentences: list[_Sentence], plain: str) -> str:
    if found := spoken_of.handed_over(plain.lower()):
        return found
    for place, one in enumerate(sentences):
        about = one.intent in ("question", "unsure") or one.act == "change"
        # Behind a first sentence, "the picture" is the one that it describes.
        if found := spoken_of.pointed_at(one.text, about_it=about and place == 0):
            return found
    if not sentences:
        return ""
    change = CLEAR_CHANGE.match(sentences[0].text)
    if change is None or _named(plain, change):
        return ""
    return " ".join(change[0].split()[:6])


def _named(plain: str, change: re.Match[str]) -> bool:
    """Whether what changes has a proper name ("the Eiffel Tower"), so that everybody knows what it looks like."""
    start = plain.lower().find(change[0])
    return (
        start >= 0
        and re.search(r"\bthe\s+[A-Z]", plain[start : start + len(change[0]) + 30].partition(" into ")[0]) is not None
    )


def _one_changed(act: Act | None, numbers: frozenset[int], lower: str) -> bool:
    if act != "change" or len(numbers) != 1:
        return False
    if re.search(r"\b(?:remov|delet|eras|crop|cut)\w*\b", lower):
        return True
    used = re.search(
        r"\b(?:put|place|hold|wear|ride|carry|apply|copy|transfer|combine|insert)\b"
        r"|\b(?:with|from|like|using|use|by|match\w*|as in|style of)\b[^.;]*?\b(?:image|picture|photo|img|pic)\b",
        lower,
    )
    return used is None
