"""The words that requests are said in, and how a reader brings them to known ones."""

from dataclasses import dataclass

import numpy as np

from omniagent.shapes.said.voice import Vocabulary, Voice
from omniagent.shapes.words.frames import Wording
from omniagent.shapes.words.language import _RELATIONS, _SYNONYMS
from omniagent.tools.dialects.listed.plain_words import plain_request

_ZH = dict(
    zip(
        [
            "red",
            "green",
            "blue",
            "yellow",
            "purple",
            "orange",
            "cyan",
            "pink",
            "circle",
            "square",
            "triangle",
            "star",
            "ring",
            "small",
            "large",
            "striped",
            "dotted",
            "solid",
            "left of",
            "right of",
            "above",
            "below",
            "inside",
            "top left",
            "top right",
            "bottom left",
            "bottom right",
            "centre",
            "white",
            "black",
            "gray",
        ],
        [
            "红色",
            "绿色",
            "蓝色",
            "黄色",
            "紫色",
            "橙色",
            "青色",
            "粉色",
            "圆形",
            "正方形",
            "三角形",
            "星星",
            "圆环",
            "小",
            "大",
            "条纹",
            "圆点",
            "实心",
            "左边",
            "右边",
            "上面",
            "下面",
            "里面",
            "左上角",
            "右上角",
            "左下角",
            "右下角",
            "中间",
            "白色",
            "黑色",
            "灰色",
        ],
    )
)


@dataclass(frozen=True)
class Speech:
    """How requests are said: in which frames and words, in which language, with how many other words."""

    wording: Wording = "train"
    chinese: bool = False
    one_new_word: bool = False
    share: float = 0.5

    def voice(self, seed: int, odd: int | None = None) -> Voice:
        rng = np.random.default_rng(seed)
        if self.chinese:
            return Voice(rng, Vocabulary(lambda c, o: (_ZH.get(o, o),)), share=1)
        return Voice(rng, Vocabulary(lambda c, o: {**_SYNONYMS, **_RELATIONS}.get(o, ())), share=self.share, odd=odd)


def understood(words: str) -> str:
    """The request as the small model reads it."""
    return plain_request(words)
