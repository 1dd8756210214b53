"""Simplified Chinese requests word by word, in the order in which the model's own language says them."""

from __future__ import annotations

import re
from functools import cache

from omniagent.tools.dialects.listed.draws.parts import NUMBERS
from omniagent.tools.dialects.listed.lexicon.entries import category

_HAN = re.compile(r"[\u4e00-\u9fff]")
_MARKS = str.maketrans({"，": ", ", "。": ". ", "、": ", ", "；": "; ", "！": ". ", "？": "?", "：": ": "})
_DROPPED = (
    "图片里有", "图片里", "图片中", "图里有", "画里有", "画面里有", "图像里有", "我需要", "需要", "不要别的",
    "不要其他", "只要", "画一张图", "里面有", "请帮我", "请给我", "请你", "麻烦你", "麻烦", "帮我", "给我",
    "我想要", "我想", "我要", "我希望", "希望", "请", "能不能", "可以", "能否", "画一幅", "画一张", "画出",
    "画上", "画个", "画", "绘制", "绘画", "生成", "创建", "制作", "做", "来一张", "来一个", "来个", "看到",
    "显示", "一张图", "一幅图", "图片", "图像", "图中", "图里", "图上", "画面中", "画面上", "画面", "里要有",
    "要有", "上面要有", "谢谢", "一下", "吧", "呢", "好吗", "吗", "啊", "了", "只", "就", "其他什么都没有",
    "没有别的", "没有其他", "没有其他东西", "而已",
)  # fmt: skip
_JOINED = (
    "以及", "还有", "并且", "而且", "和", "与", "跟", "同", "及", "外加", "再加", "加上", "另外", "另有",
    "再来", "旁边还有",
)  # fmt: skip
_COUNTED = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}
_SIDE = (
    (r"左(?:边|侧|面|方)", "left of"), (r"右(?:边|侧|面|方)", "right of"), (r"(?:上(?:面|方|边)|顶上)", "above"),
    (r"(?:下(?:面|方|边)|底下)", "below"), (r"(?:里面|里边|内部|之内|中间|当中|里|中)", "inside"),
    (r"(?:旁边|边上|隔壁)", "left of"),
)  # fmt: skip
_END = r"(?=[,.;:?]|$)"


def is_chinese(text: str) -> bool:
    """Whether the text has Chinese characters."""
    return _HAN.search(text) is not None


def in_english(text: str) -> str:
    """The request with every known word in English and relations after what stands in them.

    Characters that are not known stay, so that what comes after can name them.
    """
    said = re.sub(r"\s+", " ", text.translate(_MARKS)).strip()
    said = _ground(said)
    said = re.sub("从左(?:到|往|至)右(?:依次)?(?:是|画|有|为)?", " in a row: ", said)
    said = re.sub("从上(?:到|往|至)下(?:依次)?(?:是|画|有|为)?", " in a column: ", said)
    said = re.sub("(?:颜色|形状|大小|图案|数量|填充)[:是] ?", " ", said)
    parts = [clause.strip() for clause in re.split(r"(?<=[,.;])\s*", said) if clause.strip(" ,.;")]
    beside = bool(parts) and re.match(r"(?:请)?(?:画)?(?:在)?(?:左|右|上|下)(?:边|侧|面|方)", parts[0]) is not None
    clauses = [_clause(clause, beside=beside) for clause in parts]
    return re.sub(r"\s+([,.;?])", r"\1", " ".join(" ".join(clauses).split()))


def _ground(text: str) -> str:
    words = (word for own in ("white", "black", "gray") for word in category("backgrounds")[own].zh)
    word = "|".join(sorted(words, key=len, reverse=True))
    ground = rf"(?P<g>{word})"
    for pattern in (
        rf"(?:在|以)?{ground}(?:的)?(?:背景|底色|底|画布)(?:上面|上|下|中|里|为背景)?(?:有|的)?",
        rf"背景(?:颜色)?(?:是|为|用|要用|要|得|选|要是|设为|改成|换成|变成|改为)?{ground}(?:的)?",
    ):
        text = re.sub(pattern, _said_ground, text)
    return text


def _said_ground(match: re.Match[str]) -> str:
    colour = ground_of(match["g"])
    if re.search("改|换|变|设为", match.group()):
        return f" make the background {colour} "
    return f" on a {colour} background, "


def _clause(text: str, *, beside: bool) -> str:
    for side, name in _SIDE:
        # 左侧是Y; 它的左方是Y.
        loose = re.fullmatch(
            rf"(?:在)?{side}(?:是|有|再?画|放|为|(?=[一二两三四五六七八九十\d]))(?P<y>.+?)(?P<end>[,.;]?)", text
        )
        if loose is not None and (said := thing_in_english(loose["y"])):
            where = {"left of": "left", "right of": "right", "above": "top", "below": "bottom"}.get(name)
            sided = where is not None and beside
            return f"{f'at the {where}' if sided else f'{name} that'} {said}{loose['end']}"
        theirs = re.fullmatch(rf"(?:在)?(?:它们|它|其|他)的?{side}(?:是|有|画|放|为)?(?P<y>.+?)(?P<end>[,.;]?)", text)
        if theirs is not None and (said := thing_in_english(theirs["y"])):
            return f"{name} that {said}{theirs['end']}"
        itself = re.fullmatch(rf"(?:它们|它|其)?(?:位于|在|放在|画在)(?P<x>.+?)的?{side}(?P<end>[,.;]?)", text)
        if itself is not None and (said := thing_in_english(itself["x"])):
            return f"it {name} {said}{itself['end']}"
        # 在X的左边有Y, X的左边是Y: Y left of X.  Y在X的左边: as it stands.
        there = re.fullmatch(
            rf"(?:请)?(?:在)?(?P<x>[^在]+?)的?{side}(?:有|是|画着|画|放着|放|还有|添加|再画|为)?(?P<y>.*\S)(?P<end>[,.;]?)",
            text,
        )
        here = re.fullmatch(rf"(?P<y>.+?)(?:位于|在|放在|画在|处于)(?P<x>.+?)的?{side}(?P<end>[,.;]?)", text)
        found = here or there
        if found is None or not thing_in_english(found["x"]) or not thing_in_english(found["y"]):
            continue
        first, second = thing_in_english(found["y"]), thing_in_english(found["x"])
        return f"{_the(first)} {name} {_the(second)}{found['end']}"
    inner = re.fullmatch(r"(?P<x>.+?)(?:围绕着|包围着|包着|套着|围着|包含着|包含)(?P<y>.+?)(?P<end>[,.;]?)", text)
    if inner is not None and thing_in_english(inner["x"]) and thing_in_english(inner["y"]):
        return f"{thing_in_english(inner['y'])} inside {thing_in_english(inner['x'])}{inner['end']}"
    return _words_by_words(text)


def _the(thing: str | None) -> str:
    """A thing that may have been spoken of before: Chinese has no articles."""
    return str(thing) if re.match(r"\d", str(thing)) else f"the {thing}"


def thing_in_english(text: str) -> str | None:
    """A thing with its looks in English, nothing else; None where a character is not known."""
    said = _words_by_words(text).strip(" ,.;")
    return said if said and not is_chinese(said) else None


def _words_by_words(text: str) -> str:
    for word in sorted(_DROPPED, key=len, reverse=True):
        text = (
            text.replace(word, " ") if len(word) > 1 else re.sub(rf"(?:^|(?<=[\s,.;])){word}|{word}{_END}", " ", text)
        )
    out: list[str] = []
    at = 0
    table = _table()
    longest = max(map(len, table))
    while at < len(text):
        for length in range(min(longest, len(text) - at), 0, -1):
            word = text[at : at + length]
            if word in table:
                out.append(table[word])
                at += length
                break
        else:
            out.append(text[at])
            at += 1
    said = "".join(out)
    said = re.sub(r"\s+", " ", said)
    # A number before a noun makes it plural.
    return re.sub(
        r"\b([2-9]|\d\d+)((?: [a-z]+)*? )(circle|square|triangle|star|ring|object)\b", r"\1\2\3s", said
    ).strip()


def ground_of(word: str) -> str | None:
    return next((own for own in ("white", "black", "gray") if word in category("backgrounds")[own].zh), None)


@cache
def _table() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in ("shapes", "colours", "fills", "sizes", "places", "relations", "numbers"):
        for own, entry in category(name).items():
            where = "in the centre" if own == "centre" else f"at the {own}"
            spoken = where if name == "places" else str(NUMBERS.get(own, own)) if name == "numbers" else own
            for word in entry.zh:
                found.setdefault(word, f" {spoken} ")
    for number, value in (_COUNTED | {str(n): n for n in range(1, 13)}).items():
        for unit in "个颗只枚块张条幅片":
            found.setdefault(f"{number}{unit}", f" {value} ")
    found |= dict.fromkeys(_JOINED, " and ")
    return found | {
        "的": " ",
        "是": " ",
        "有": " ",
        "在": " ",
        "着": " ",
        "带": " with ",
        "画": " draw ",
        "要": " ",
        "先": " ",
        "再": " and ",
        "图": " ",
        "用": " ",
        "色": " ",
        "地": " ",
        "放": " ",
    }
