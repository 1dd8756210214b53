"""Which of several given pictures the new one is made on, by the words of a task: its shape becomes the new one's.

"Put the cat from image 2 on the sofa in image 1" is made on image 1, "recolour image 1 like image 2" too; "the knight
from image 1 fights the dragon from image 2 on a mountain" is made on neither. Where the words leave doubt, there is
none.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from omniagent.tools.dialects.plain.language.spoken_of import PICTURE
from omniagent.tools.dialects.plain.language.vocabulary import chinese, without_quoted

_NUMBERS: Final = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5},
    **{"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5},
    **{"1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5},
    **{"一": 1, "二": 2, "三": 3, "四": 4, "五": 5},
}
_ORDINALS: Final = "first|second|third|fourth|fifth|1st|2nd|3rd|4th|5th"
_NUMBERED: Final = re.compile(
    rf"(?:\bthe\s+)?\b(?:{_ORDINALS})\s+(?:(?:given|uploaded|attached|input|reference)\s+)?{PICTURE}\b"
    r"|(?:\bthe\s+)?\b(?:images?|pictures?|photos?|photographs?|imgs?|pics?)\s*(?:#|no\.?|number)?\s*"
    r"(?:[1-5]|one|two|three|four|five)\b",
)
_LISTED: Final = re.compile(r"(@[1-5])((?:\s*,\s*[1-5])*)\s*(,|and|&|with|to)\s*([1-5])\b")
_OTHER: Final = re.compile(rf"\bthe\s+other\s+{PICTURE}\b")
_CHINESE: Final = re.compile(
    r"(?:图片|图像|照片|图|圖)\s*(?P<number>[一二三四五1-5])|第\s*(?P<ordinal>[一二三四五1-5])\s*[张張幅个個]\s*(?:图片|照片|图|圖|画|相片)"
)

_LINK: Final = r"(?:(?:which|that)\s+is\s+)?(?:shown\s+|seen\s+)?(?:from|of|in|on|at)\s+"
_STEPS: Final = (
    r"(?:in front of|on top of|next to|into|inside|within|in|onto|upon|on|at|to|against|over|underneath|under|beneath"
    r"|behind|beside|near|through|across|around|among|along|above|below|amid)"
)
# What a picture lends without being the place of anything: a look, or something to wear.
_LENT: Final = (
    r"(?:style|manner|fashion|spirit|look|colou?rs?|palette|tones?|hues?|shades?|scheme|grading|lighting|light|mood"
    r"|atmosphere|pose|posture|position|expression|texture|pattern|material|fabric|font|quality|resolution|format|shape"
    r"|dress|gown|skirt|shirt|t-shirt|blouse|jumper|sweater|hoodie|cardigan|jacket|blazer|coat|suit|trousers|pants"
    r"|jeans|shorts|outfit|clothes|clothing|costume|uniform|kimono|armou?r|hat|cap|scarf|shoes|boots|trainers|sneakers"
    r"|glasses|sunglasses|mask|makeup|hairstyle|haircut|one|ones)"
)
_PART: Final = (
    r"(?:(?!with\b|and\b|or\b|but\b|from\b|while\b|as\b|like\b|using\b|who\b|that\b|which\b|holding\b|wearing\b"
    r"|riding\b|is\b|are\b)[\w'-]+\s+)"
)
_PLACE: Final = re.compile(
    rf"(?<!try )(?<!tries )(?<!trying )\b(?P<step>{_STEPS})\s+(?:(?<=on )|(?<=onto )|(?<=over )"
    rf"|(?!(?:(?:the|a|an|that|this|its|his|her|same)\s+){{0,2}}(?:\w+\s+)?{_LENT}\b))"
    rf"(?P<what>{_PART}{{1,7}}?){_LINK}@(?P<number>\d)"
)
_OWNED: Final = re.compile(rf"\b{_STEPS}\s+@(?P<number>\d)'s\s+(?!(?:\w+\s+)?{_LENT}\b)\w")
_TARGET: Final = re.compile(
    r"(?<!similar )(?<!close )(?<!according )(?<!compared )(?<!next )(?<!identical )"
    r"\b(?:into|onto|to|over|inside|on top of)\s+@(?P<number>\d)(?!'s)|@\d\s+(?:in|on)\s+@(?P<inner>\d)(?!'s)"
)
_SCENE: Final = re.compile(
    r"\b(?:background|backdrop|scene|scenery|setting|location|surroundings|environment|landscape|(?<=the )place)\b"
    r"(?:(?!\bto\b|\binto\b|\bwith\b)[^@.;,]){0,25}?@(?P<number>\d)"
    r"|@(?P<named>\d)\s+(?:is|as|being|serves as|should be|for|supplies|gives|provides)\s+(?:used as\s+)?"
    r"(?:(?:the|a)\s+)?(?:background|backdrop|scene|setting|location|canvas|base)\b"
)
_WITHIN: Final = re.compile(
    r"^(?:please\s+)?(?:in|on|into|onto|for)\s+@(?P<number>\d)\s*[,:]|\b(?:same|exact|identical)\s+(?:[\w-]+\s+){0,3}"
    r"(?:as\s+)?(?:in|of|from)\s+@(?P<same>\d)"
    r"|^@(?P<itself>\d)(?!'s),?\s+(?:with|without|but|plus|where|as|in|at)\b(?!\s+@)"
)
_STYLED: Final = re.compile(
    rf"^[^.;!?@]*@(?P<number>\d)[^.;!?@]*?\b(?:in|with|using|by)\s+(?:(?:the|a|that)\s+)?(?:[\w-]+\s+){{0,2}}?"
    rf"(?:{_LENT}|\w+work)\b(?<!\bone)[^.;!?@]*@\d"
)
_CREATED: Final = re.compile(
    rf"^(?:please\s+)?(?:creat|generat|draw|design|produc|render|imagin|visuali[sz])\w*\b|^an?\s+(?:\w+\s+){{0,2}}{PICTURE}\s+of\b"
)
_BEGINS: Final = (
    r"(?:^|[,.;:!?]\s*|\b(?:please|then|and|to|you|also|just|now|kindly|quickly|mind|pls)\s+|\b(?:want|like|need)\s+)"
)
_CHANGES: Final = re.compile(
    rf"{_BEGINS}(?:replac|swap|exchang|substitut|switch|chang|recolou?r|re-colou?r|colou?ri[sz]|colou?r|repaint|tint|dye|"
    r"edit|modify|alter|adjust|adapt|turn|transform|convert|restyl|styli[sz]|relight|re-light|match|harmoni[sz]|align|"
    r"retouch|redraw|re-draw|reimagin|re-render|redecorat|refurnish|decorat|updat|textur|wallpaper|cover|upholster|fill|"
    r"retextur|rework|remake|repos|redress|re-dress|restor|grad|tile|carpet|clad|furnish"
    r"|(?:paint|render|draw|sketch|depict)(?=(?:ing)?\s+@))(?:e|es|s|p|y)?(?:ping|ing)?\b"
    r"(?P<rest>[^.;!?@]*?)@(?P<number>\d)"
)
_WORN: Final = re.compile(
    rf"{_BEGINS}(?:mak(?:e|ing)|let(?:ting)?|hav(?:e|ing)|giv(?:e|ing)|dress(?:ing)?|show|get|put)\s+"
    r"(?!me\b|us\b|an?\b|one\b|some\b)"
    r"(?P<rest>[^.;!?@]*?)@(?P<number>\d)(?P<then>[^.;!?]*)"
)
_BECOMES: Final = re.compile(
    r"^[^@]*?\b(?:look|looks|appear|wear|wears|wearing|in|match|matches|resemble|like|hold|holds|holding|carry|carries"
    r"|the|a|an|have|has|smile|pose|use|more|as)\b"
)
_WEARS: Final = re.compile(
    r"@(?P<number>\d)[^.;!?@]*?\b(?:wear(?:s|ing)?|dressed in|puts? on|putting on|tr(?:y|ies|ying) on)\b"
)
_USED: Final = re.compile(
    r"\b(?:us(?:e|es|ing)|appl(?:y|ies|ying)|tak(?:e|ing)|borrow(?:ing)?|cop(?:y|ying)|transfer\w*"
    r"|try(?:ing)?|project(?:ing)?|map(?:ping)?)\b[^.;!?]*?"
    r"@\d[^.;!?@]*?\b(?:for|on|to|onto|in|over)\s+(?:[\w'-]+\s+){0,6}?@(?P<number>\d)"
)
_PUTS: Final = re.compile(
    r"\b(?:put|plac|add|insert|past|pop|stick|set|mov|drop|position|stand|seat|sit|hang|insert|print|mount|bring|lay|lean"
    r"|park|plant|includ|pour|throw|stitch|project|show|draw|paint|photoshop)(?:e|ting|ping|ing|s)?\b"
)
_NEW_SCENE: Final = re.compile(
    r"\b(?:in|on|at|through|under|inside|near|beside|against|in front of|along|across|by|outside"
    r"|atop|aboard|behind|before)\s+(?:an?\s+|some\s+|the\s+(?:"
    r"park|beach|streets?|forest|rain|snow|city|sea|ocean|night|desert|moon|garden|woods|mountains?|countryside|jungle"
    r"|stage|dance ?floor|playground|office|kitchen)\b)(?!\s*(?:similar|same|different)\b)"
)
_TAKEN: Final = re.compile(r"\b(?:remov|cut|crop|extract|isolat|tak|lift|grab|pick)\w*\b")

_CN_BACKGROUND: Final = re.compile(
    r"以\s*@(?P<a>\d)[^，。；,;]*?(?:为|作为?|做)(?:背景|场景|底图)|(?:背景|场景)(?:是|为|用|取|来自|取自|采用)[^@，。；]{0,3}@(?P<b>\d)"
)
_CN_TARGET: Final = re.compile(
    r"(?:放|贴|加|移|搬|插|合成|应用|运用|用|印|挂|摆|迁移|转移|叠加|P|p|送|融合|粘贴)(?:到|进|入|在|至|于)(?:了)?\s*@(?P<a>\d)"
)
_CN_AT: Final = re.compile(r"(?:在|来到|走进|走到|坐到|回到)\s*@(?P<a>\d)")
_CN_CHANGED: Final = re.compile(
    r"@(?P<a>\d)[^，。；@]*?(?:换成|換成|换为|改成|改为|变成|变为|替换|换上|穿上|戴上|穿着|戴着|染成|调成|拿着|变得|像|穿|戴)"
    r"|(?:重画|重绘|修改|编辑|改画|调整|装饰|给)\s*@(?P<b>\d)"
)


def ground_of(words: str, pictures: int) -> int | None:
    """The picture, from 1, that a task's words make the new one on; None where they name none or leave doubt.

    Args:
        words: The task, in English or Chinese.
        pictures: How many pictures were given; a higher number is no answer.
    """
    text = _marked(words, pictures)
    found = _in_chinese(text) if chinese(words) else _in_english(text)
    return found if found is not None and 1 <= found <= pictures else None


def named_images(words: str) -> tuple[int, ...]:
    """The given pictures that the words name, from 1, in order of first mention."""
    return tuple(dict.fromkeys(int(number) for number in re.findall(r"@(\d)", _marked(words, 0))))


def renumbered(words: str, numbers: Mapping[int, int]) -> str:
    """The words with other numbers for the given pictures; one without another number stays as it is called."""

    def english(found: re.Match[str]) -> str:
        old = _number(_last_number(found[0].lower()))
        new = numbers.get(old, old)
        return found[0] if new == old else f"image {new}"

    def chinese(found: re.Match[str]) -> str:
        old = _number(found["number"] or found["ordinal"])
        new = numbers.get(old, old)
        return found[0] if new == old else f"图{new}"

    return _CHINESE.sub(chinese, re.sub(_NUMBERED.pattern, english, words, flags=re.IGNORECASE))


def _marked(words: str, pictures: int) -> str:
    """The words in lower case with @1 for image 1, however it is called."""
    text = re.sub(r"[’‘`]", "'", without_quoted(words)).lower().replace("@", " at ")
    text = _CHINESE.sub(lambda one: f"@{_number(one['number'] or one['ordinal'])}", text)
    text = _NUMBERED.sub(lambda one: f"@{_number(_last_number(one[0]))}", text)
    while (listed := _LISTED.search(text)) is not None:
        between = re.sub(r"\d", lambda one: f"@{one[0]}", listed[2])
        text = f"{text[: listed.start()]}{listed[1]}{between} {listed[3]} @{listed[4]}{text[listed.end() :]}"
    named = set(re.findall(r"@(\d)", text))
    if pictures == 2 and len(named) == 1:
        text = _OTHER.sub(f"@{3 - int(named.pop())}", text)
    return re.sub(r"\s+", " ", text).strip()


def _last_number(mention: str) -> str:
    found = re.findall(rf"{_ORDINALS}|[1-5]|one|two|three|four|five", mention)
    return found[0] if found else "1"


def _number(word: str) -> int:
    return _NUMBERS.get(word) or int(word)


def _in_english(text: str) -> int | None:
    for within in _WITHIN.finditer(text):
        return int(within["number"] or within["same"] or within["itself"])
    changed = _CHANGES.search(text)
    if changed is not None and not (_TAKEN.search(text) and _PUTS.search(text)):
        return int(changed["number"])
    for scene in _SCENE.finditer(text):
        return int(scene["number"] or scene["named"])
    if (place := _placed(text)) is not None:
        return place
    if (used := _USED.search(text)) is not None:
        return int(used["number"])
    targets = [int(one["number"] or one["inner"]) for one in _TARGET.finditer(text)]
    if targets:
        return targets[-1]
    return _worn(text)


def _placed(text: str) -> int | None:
    """Where something is put: "on the sofa in image 1", "in image 1's garden"."""
    puts, found = _PUTS.search(text), list[int]()
    for one in sorted((*_PLACE.finditer(text), *_OWNED.finditer(text)), key=lambda each: each.start()):
        before = text[: one.start()]
        others = {number for number in re.findall(r"@(\d)", before) if number != one["number"]}
        # "The cat on the sofa in image 1 and the dog in image 2 play chess": where it comes from, not where it goes.
        if others or not before.strip() or (puts is not None and puts.start() < one.start()):
            found.append(int(one["number"]))
    if not found:
        return None
    return None if puts is None and _elsewhere(text) else found[-1]


def _worn(text: str) -> int | None:
    """The picture of who or what is changed by "make", "let", "give" or by wearing something, in no new scene."""
    if _elsewhere(text) or _CREATED.match(text):
        return None
    made = _WORN.search(text)
    if made is not None and _BECOMES.match(made["then"]) and not re.search(r"^\s*and\b", made["then"]):
        return int(made["number"])
    shown = _WEARS.search(text) or _STYLED.match(text)
    return None if shown is None else int(shown["number"])


def _elsewhere(text: str) -> bool:
    """Whether a scene of no given picture is told behind the last one named."""
    return _NEW_SCENE.search(text, max(0, text.rfind("@"))) is not None


def _in_chinese(text: str) -> int | None:
    for pattern in (_CN_BACKGROUND, _CN_TARGET, _CN_AT, _CN_CHANGED):
        found: Sequence[int] = [
            int(number) for one in pattern.finditer(text) for number in one.groups() if number is not None
        ]
        if found:
            return found[0] if pattern is _CN_CHANGED else found[-1]
    return None
