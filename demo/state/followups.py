"""Follow-ups: whether a message speaks of an earlier picture, which one it means, and what is then asked of it."""

import re
from typing import Final, NamedTuple

from omniagent.tools.dialects.plain.modes import said_in

_ORDINALS: Final = {
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "fifth": 5,
    "1st": 1,
    "2nd": 2,
    "3rd": 3,
    "4th": 4,
    "5th": 5,
    "last": -1,
    "latest": -1,
}
_CHINESE_ORDINALS: Final = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5}
_ONE: Final = r"(?:one|picture|image|attempt|try|version)"
_THEN: Final = r"[\s,.;:]*(?:(?:but|and|now|then|with it)\b[\s,]*)*"
_CHOSEN: Final = re.compile(
    rf"(?:use |take |like |i like )?(?:the )?(?P<word>{'|'.join(_ORDINALS)}) {_ONE}\b(?! of\b)" + _THEN,
    re.IGNORECASE,
)
# A name by itself is one only where something follows that goes on: "A4 poster" is none.
_CHOSEN_ID: Final = re.compile(
    r"(?:(?:use|take|in|from|the|picture|image|attempt) (?:the )?(?:picture |image |attempt )?a(?P<named>[1-9]\d?)\b"
    r"|a(?P<bare>[1-9]\d?)\b(?=\s*(?:[,.;:!]|$|but\b|and\b|now\b|then\b|with it\b|of message\b|of the message\b)))"
    r"(?:,? (?:of |from |in )?(?:the )?message (?P<message>[1-9]\d{0,3})\b)?" + _THEN,
    re.IGNORECASE,
)
_CHOSEN_MESSAGE: Final = re.compile(
    rf"(?:use |take |in |from )?(?:the )?{_ONE} (?:of|from|in) (?:the )?message (?P<message>[1-9]\d{{0,3}})\b" + _THEN,
    re.IGNORECASE,
)
_CHOSEN_CHINESE: Final = re.compile(
    r"(?:用)?(?:第(?P<word>[一二两三四五])|(?P<last>最后一))(?:(?:张|幅)(?:图片|图|照片)?|个(?=图|[,，。、\s]|$)(?:图片|图)?)"
    r"(?=[,，。、\s]|$|但|不过|要|把|改|变|换|再|更|去|删|加|给|让)[,，。、\s]*(?:但是|但|不过|要)?[,，\s]*"
)
_CHOSEN_CHINESE_ID: Final = re.compile(
    r"(?:用|把)?(?:图片)?\s*a(?P<number>[1-9]\d?)\s*(?:[((]消息\s*(?P<message>[1-9]\d{0,3})[))])?"
    r"[,，。、\s]*(?:但是|但|不过|要)?[,，\s]*(?=[\u4e00-\u9fff])"
)
_PRONOUN: Final = re.compile(r"\b(?:it|its|them|they|this one|that one)\b", re.IGNORECASE)
_OWN: Final = re.compile(r"\b(?:its|their)\b", re.IGNORECASE)
_CONTINUES: Final = re.compile(
    r"(?:(?:ok|okay|great|nice|good|thanks|please)[\s,.!]+)*"
    r"(?:now|but|and|also|instead|again|then|without|with|still|no,|not|only|just|(?:the )?same|more|less|"
    r"a bit|a little|slightly|much)\b",
    re.IGNORECASE,
)
_COMPARED: Final = re.compile(
    r"(?:(?:a bit|a little|slightly|much|even|make) )*(?:more|less|brighter|darker|lighter|bigger|larger|smaller|"
    r"taller|shorter|wider|thinner|sharper|softer|warmer|cooler|higher|lower|closer|bluer|redder|greener)\b",
    re.IGNORECASE,
)
_CHINESE_CHANGE: Final = re.compile(r"把|改成|变成|换成|变|再|更|去掉|删|加上|添加|它|这张|不要|移")
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")
_BARE: Final = re.compile(
    r"(?:(?:a bit|a little|slightly|much|even) )*(?:\w+er|red|green|blue|yellow|purple|orange|cyan|"
    r"pink|black|white|gr[ae]y|brown)(?: please)?[.!]?",
    re.IGNORECASE,
)
_THINGS: Final = re.compile(
    r"(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|some|several|\d+)\b", re.IGNORECASE
)
_AGAIN: Final = re.compile(
    r"(?:please |ok |okay )?(?:another(?: one)?|(?:make|draw|try|give me|show me) another(?: one)?|(?:try |once )?"
    r"again|(?:once|one) more(?: time)?|retry|a different one|再来一[张次个]|重画|再画一[张次个])"
    r"(?:,? please)?[\s.!。!]*",
    re.IGNORECASE,
)


class FollowUp(NamedTuple):
    """What a message asks of earlier pictures.

    Attributes:
        speaks: Whether its words speak of an earlier picture.
        number: Which attempt of the last run it names, from 1; -1 the last one, None no particular one.
        task: What to ask of that picture, in words that stand alone.
        message: Which message of the thread it names, from 1; None the last one that drew anything.
    """

    speaks: bool
    number: int | None
    task: str
    message: int | None = None

    @property
    def names(self) -> bool:
        """Whether it says which picture it means."""
        return self.number is not None or self.message is not None


def read_follow_up(words: str) -> FollowUp:
    """Read a message that comes after a picture. Words that speak of none are a new task and left as they are."""
    text = words.strip()
    if (chosen := _chosen(text)) is not None:
        number, message, rest = chosen
        return FollowUp(True, number, _standing_alone(rest) if rest else text, message)
    if _HAN.search(text):
        return FollowUp(bool(_CHINESE_CHANGE.search(text)), None, text)
    said = said_in(text)
    looks = bool(_COMPARED.match(text) or _BARE.fullmatch(text))
    pronoun = bool(_PRONOUN.search(text) or said.points)
    if said.act == "create" or (_THINGS.match(text) and not looks):
        # "An owl with its eyes closed" speaks of the owl.
        speaks = bool(said.points) or _PRONOUN.search(_OWN.sub("", text)) is not None
    else:
        speaks = pronoun or looks or said.act is not None or said.intent == "question" or bool(_CONTINUES.match(text))
    return FollowUp(speaks, None, _standing_alone(text) if speaks else text)


def asks_again(words: str) -> bool:
    """Whether a message asks for nothing but the last one once more, with another seed."""
    return bool(_AGAIN.fullmatch(words.strip()))


def asks_what(words: str) -> bool:
    """Whether a message asks about a picture and changes none."""
    return said_in(words.strip()).intent == "question"


def _chosen(text: str) -> tuple[int | None, int | None, str] | None:
    """The number of the attempt and of the message that the words begin with, and what follows."""
    if (found := _CHOSEN.match(text)) is not None:
        return _ORDINALS[found["word"].lower()], None, text[found.end() :].strip()
    if (found := _CHOSEN_CHINESE.match(text)) is not None:
        number = -1 if found["last"] else _CHINESE_ORDINALS[found["word"]]
        return number, None, text[found.end() :].strip()
    for pattern in (_CHOSEN_CHINESE_ID, _CHOSEN_ID):
        if (found := pattern.match(text)) is not None:
            message = found["message"]
            number = next(found[name] for name in ("number", "named", "bare") if found.groupdict().get(name))
            return int(number), int(message) if message else None, text[found.end() :].strip()
    if (found := _CHOSEN_MESSAGE.match(text)) is not None:
        return None, int(found["message"]), text[found.end() :].strip()
    return None


def _standing_alone(rest: str) -> str:
    """`bigger` is no task of its own, `make it bigger` is."""
    return f"make it {rest}" if _BARE.fullmatch(rest) else rest
