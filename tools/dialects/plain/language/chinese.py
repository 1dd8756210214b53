"""What a Chinese task asks for, by fixed rules on its words."""

import re
from typing import Final

from omniagent.tools.dialects.plain.language.said import Act, Intent, Said
from omniagent.tools.dialects.plain.language.vocabulary import without_quoted

_NUMBERS: Final = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5}
_DIGIT: Final = "[一二三四五1-5]"
_NUMBERED: Final = re.compile(
    rf"(?:图片|图像|照片|图|圖)\s*({_DIGIT})(?![0-9个個只隻条條张張幅位])|第\s*({_DIGIT})\s*[张張幅个個]\s*(?:图|圖"
    rf"|照片|画|相片)"
)
_BOTH: Final = re.compile(r"(?:这|這|那|把|将)([两三四五])[张張幅](?:图|圖|照片|画|相片)")
_POINTS: Final = re.compile(
    r"[这這](?:一)?[张張幅个個](?:图片?|圖片?|照片|相片|画|画面)|(?:图片|照片|图|圖|相片)[里裡中上](?!海)|原图|上图"
    r"|我的(?:照片|图片|自拍|相片)|(?:上传|附件|附上|提供|给)的?(?:图片?|照片)"
)

_PERCEIVE: Final = re.compile(
    r"看到|看见|看出|告诉|描述|说说|说明|解释|介绍|数一?数|识别|认出|认识|知道|分析|回答|读出"
)
_ASKED: Final = re.compile(
    r"什么|甚么|什麼|多少|谁|誰|哪[里裡个個些儿一张張幅种]|为什么|怎么回事|是不是|有没有|是否|有[几幾]"
    r"|[几幾][个個只隻条條张張位辆棵朵]|[几幾]点"
)
_MARK: Final = re.compile(r"[吗嗎呢么][？?。!！\s]*$|[？?]\s*$")
_HYPOTHETIC: Final = re.compile(
    r"(?:会是|会变成|会|看起来(?:会)?是?)(?:什么样|怎么样|怎样|如何)|(?:晚上|夜里|冬天|如果).*什么样"
)

_POLITE: Final = re.compile(
    r"^(?:你好|您好|请问|请|請|麻烦(?:你|您)?|帮(?:我|忙)?|幫我|给我|你|您|我想要?|我要|希望|能不能|可不可以|可以|能"
    r"|能否|可否|来|再|现在|那|就|，|,|\s)+"
)
_CREATE: Final = re.compile(
    r"^(?:画|畫|绘|生成|创作|绘制|繪製|制作|製作|设计|創作|创建|渲染|做一[张個个幅]|一[张幅]|来一[张幅])(?!面|里|中"
    r"|上的)"
)
_HANDLED: Final = r"[把将將]"
_DONE: Final = (
    r"(?:换成|換成|换为|改成|改为|变成|變成|变得|变为|替换|换掉|去掉|去除|删|移除|擦|调|涂|染|修|转成"
    r"|转换|转为|P成|放大|缩小|裁|抠|模糊|弄|做成|加|换|改)"
)
_DISPOSAL: Final = re.compile(rf"{_HANDLED}(?P<thing>[^，。,.]{{1,30}}?){_DONE}")
_DIRECT: Final = re.compile(
    r"^(?:去掉|删除|刪除|移除|擦除|去除|换成|換成|改成|变成|替换|修改|修复|调亮|调暗|上色|裁剪|抠图|更换|换个|换一"
    r"|提亮|美化|模糊)"
)
_ADDED: Final = re.compile(
    r"^(?:添加|加上|加一|加个|增加|戴上|给(?:他|她|它|这|那|图|照片|背景)|让(?:他|她|它|天空|背景|画面)|P掉"
    r"|在.{1,10}[中里上]加|背景(?:虚化|模糊|换))"
)
_PLACED: Final = re.compile(rf"^{_HANDLED}|^让|^给")
_COMPARED: Final = re.compile(r"更[^，。]{1,6}(?:一[点些])?|[亮暗大小]一[点些]|太[亮暗大小]")
_USED: Final = re.compile(r"根据|基于|参考|按照|以.{0,8}为|用(?:这|图|照片)|里的|中的|这个|这位|图\d|他|她|它|我的")
_VERSION: Final = re.compile(r"的(?:.{0,4})版本?$")


def said_in(words: str) -> Said:
    """What a Chinese task's words say of themselves."""
    plain = re.sub(r"\s+", " ", without_quoted(words, "「」")).strip()
    clauses = [_POLITE.sub("", one) for one in re.split(r"[。！!；;\n]|(?<=[？?])", plain) if re.search(r"\w", one)]
    act: Act | None = next((found for one in clauses if (found := _act(one))), None)
    intent = _intent(plain, act)
    if act is None and _COMPARED.search(plain) and intent == "drawing":
        act = "change"
    if act is None and _HYPOTHETIC.search(plain):
        act = "change"
    if act == "create" and (_USED.search(plain) or _POINTS.search(plain)):
        act = "use"
    numbers = _numbers(plain)
    points = _POINTS.search(plain)
    used = re.search(r"和|与|跟|用|像|照着|放[到在进入]|风格", plain)
    return Said(
        intent,
        act,
        numbers,
        points[0] if points else _clear_change(clauses),
        act == "change" and len(numbers) == 1 and used is None,
    )


def _act(clause: str) -> Act | None:
    if _CREATE.match(clause):
        return "create"
    changed = _DISPOSAL.search(clause) or _DIRECT.match(clause) or _ADDED.match(clause) or _PLACED.match(clause)
    if changed:
        return "change"
    return "create" if re.search(r"(?:画|畫|生成|绘制)(?:一|出|[两三四五]|个|只|张|幅)", clause) else None


def _intent(plain: str, act: Act | None) -> Intent:
    if _HYPOTHETIC.search(plain):
        return "drawing"
    if re.fullmatch(r"(?:你好|您好|谢谢|嗨|你是谁)[呀啊吗！!。.？?\s]*", plain):
        return "question"
    asks = _MARK.search(plain) is not None
    if act is not None and not (asks and _PERCEIVE.search(plain)):
        return "drawing"
    if _PERCEIVE.search(plain) or _ASKED.search(plain):
        return "question"
    if asks:
        return "drawing" if _COMPARED.search(plain) else "question"
    return "drawing"


def _numbers(plain: str) -> frozenset[int]:
    found = {_NUMBERS[one[1] or one[2]] for one in _NUMBERED.finditer(plain)}
    for one in _BOTH.finditer(plain):
        found |= set(range(1, _NUMBERS[one[1]] + 1))
    return frozenset(found)


def _clear_change(clauses: list[str]) -> str:
    """The words of the first clause that change something given; a thing counted in with 一 is new."""
    first = clauses[0] if clauses else ""
    disposal = _DISPOSAL.match(first)
    if disposal:
        return "" if re.match(r"[一两三四五几]", disposal["thing"]) else disposal[0]
    found = _DIRECT.match(first)
    return first[:12] if found else ""
