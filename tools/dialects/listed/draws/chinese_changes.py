"""Chinese requests for changes, and questions, in the model's own order of words."""

from __future__ import annotations

import re
from typing import Final

from omniagent.tools.dialects.listed.draws.chinese import ground_of, is_chinese, thing_in_english

_X = "(?P<x>.+?)"
_GONE = "(?:删除|去掉|移除|擦掉|拿走|去除|删掉|消除)"
_TURNED = "(?:改成|变成|换成|涂成|改为|变为|染成|画成|换为)"
_HERE = "(?:图中|图里|画面中|画里|这里)?"
_RULES: Final = (
    (rf"(?:把|将)?(?:背景|底色)(?:颜色)?{_TURNED}(?P<g>.+?)的?", "make the background {g}"),
    (rf"(?:把|将){_X}{_TURNED}(?:一个)?(?P<to>.+?)的?", "{turn}"),
    (rf"{_GONE}{_X}", "remove the {x}"),
    (rf"(?:把|将){_X}{_GONE}", "remove the {x}"),
    (rf"(?:把|将){_X}(?:移到|移动到|放到|挪到|放在|移至)(?P<p>.+)", "move the {x} to the {p}"),
    ("(?:在(?P<p>.+?))(?:添加|增加|加上|加入|加)(?:一个|一颗)?(?P<y>.+)", "add a {y} at the {p}"),
    ("(?:添加|增加|加上|加入|加)(?:一个|一颗)?(?P<y>.+)", "add a {y}"),
    (rf"(?:把|将)?{_X}(?:变大|放大|大一点|改大)", "make the {x} larger"),
    (rf"放大{_X}", "make the {x} larger"),
    (rf"(?:把|将)?{_X}(?:变小|缩小|小一点|改小)", "make the {x} smaller"),
    (rf"缩小{_X}", "make the {x} smaller"),
    (rf"(?:交换|对调|互换){_X}(?:和|与|跟)(?P<y>.+?)(?:的位置)?", "swap the {x} and the {y}"),
    (rf"{_HERE}(?:一共|总共)?有(?:几个|多少个|几颗|多少|几只){_X}", "how many {x}s are there?"),
    (rf"{_HERE}(?:有没有|是否有|是不是有)(?:一个)?{_X}", "is there a {x}?"),
    ("(?:图中|图里|画面中|画里|这里)有(?:一个)?(?P<x>.+?)吗", "is there a {x}?"),
    (rf"{_X}(?:是)?(?:什么|哪种)颜色(?:的)?", "what colour is the {x}?"),
    (rf"{_X}(?:是)?(?:什么|哪种)形状(?:的)?", "what shape is the {x}?"),
    (rf"{_X}在哪(?:里|儿)?", "where is the {x}?"),
)
"""What a whole clause says; `{x}`, `{y}` and `{p}` are things and places in English, `{turn}` a change of looks."""


def change_in_english(text: str) -> str | None:
    """A change or a question in the model's own words; None where these rules cannot read it whole."""
    said: list[str] = []
    for clause in re.split(r"[,，、;；。.]\s*|(?:然后|并且|并|再)(?=把|将|删|去|添|加|交换)", text.strip("?？!！ 。.")):
        if clause := clause.strip():
            read = _clause(clause)
            if read is None:
                return None
            said.append(read)
    return " and ".join(said) or None


def _clause(clause: str) -> str | None:
    for drop in ("请", "帮我", "麻烦", "你", "可以", "能不能", "吧"):
        clause = clause.removeprefix(drop).removesuffix(drop)
    if re.fullmatch("背景(?:是)?什么颜色(?:的)?", clause):
        return "what colour is the background?"
    for pattern, own in _RULES:
        match = re.fullmatch(pattern, clause)
        if match is not None:
            return _filled(own, match.groupdict())
    return None


def _filled(own: str, found: dict[str, str | None]) -> str | None:
    words = {name: thing_in_english(re.sub("的位置$", "", text)) for name, text in found.items() if text}
    words["g"] = ground_of(found.get("g") or "") or ""
    if words.get("p"):
        words["p"] = re.sub("^(?:at|in) the ", "", str(words["p"]))
    to = words.get("to") or ""
    shape = re.search(r"\b(?:circle|square|triangle|star|ring)$", to)
    words["turn"] = f"turn the {words.get('x')} into a {to}" if shape else f"make the {words.get('x')} {to}"
    text = re.sub(r"\{(\w+)\}", lambda slot: str(words.get(slot[1])), own)
    return None if "None" in text or is_chinese(text) or text.endswith(" ") else text
