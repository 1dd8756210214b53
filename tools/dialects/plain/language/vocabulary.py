"""Words and marks that the rules of this dialect know, and how a text is taken apart into them."""

import re
import unicodedata
from typing import Final


def each_word(text: str) -> tuple[str, ...]:
    """The words of a list that is written as a text, so that it reads as one."""
    return tuple(text.split())


COLOURS: Final = frozenset(
    each_word(
        "red orange yellow green blue purple violet pink brown black white grey gold golden silver beige turquoise "
        "cyan "
        "magenta teal navy maroon crimson scarlet ivory cream olive indigo lavender bronze copper amber khaki blond"
    )
)

NUMBERS: Final[dict[str, str]] = {
    word: str(number)
    for number, word in enumerate(
        each_word(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
            "seventeen eighteen nineteen twenty"
        )
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90"}
NUMBERS["dozen"] = "12"

_ONE_WORD: Final[dict[str, str]] = {
    "gray": "grey",
    "blonde": "blond",
    "color": "colour",
    "colors": "colours",
    "colored": "coloured",
    "colorful": "colourful",
    "center": "centre",
    "centered": "centred",
    "watercolor": "watercolour",
    "theater": "theatre",
    "armor": "armour",
    "harbor": "harbour",
    "men": "man",
    "women": "woman",
    "children": "child",
    "kids": "kid",
    "people": "person",
    "mice": "mouse",
    "feet": "foot",
    "teeth": "tooth",
    "geese": "goose",
    "leaves": "leaf",
    "knives": "knife",
    "wolves": "wolf",
    "shelves": "shelf",
    "loaves": "loaf",
    "scarves": "scarf",
    "photograph": "photo",
    "delete": "remove",
    "erase": "remove",
    "rid": "remove",
    "insert": "add",
    "put": "add",
    "place": "add",
}

QUOTED: Final = re.compile(
    r'"([^"\n]{1,300})"|“([^”\n]{1,300})”|„([^“”\n]{1,300})[“”]|«([^»\n]{1,300})»|「([^」\n]{1,300})」|『([^』\n]{1,300})』'
    r"|《([^》\n]{1,300})》|‘((?:[^’\n]|(?<=\w)’(?=\w)){1,300}?)’(?!\w)|(?<!\w)'((?:[^'\n]"
    r"|(?<=\w)'(?=\w)){1,300}?)'(?!\w)"
)
"""A string in quotation marks of any kind."""

_WORD: Final = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['’-][^\W\d_]+)*")
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_LATIN: Final = re.compile(r"[A-Za-z]+")
_FOREIGN: Final = frozenset(
    each_word(
        "der die das und ein eine einen einem mit auf für von im zu den dem ist nicht bitte mach mache zeichne male "
        "bild "
        "el los las un una unos con por para del al y haz hazme dibuja una imagen foto por favor que "
        "le les une des du et avec dans sur pour est dessine fais moi image s'il il lo gli uno con nel di della "
        "disegna "
        "per um uma com na no para desenhe faça een het van met op teken"
    )
)
_ENGLISH: Final = frozenset(
    each_word(
        "the a an of and with in on to is are it its this that make add draw from by at as his her for you can please "
        "image picture photo remove change into no under over black white red blue green"
    )
)


def quoted(text: str) -> tuple[str, ...]:
    """The strings that stand in quotation marks, without them."""
    return tuple(next(part for part in found.groups() if part is not None) for found in QUOTED.finditer(text))


def without_quoted(text: str, instead: str = " QUOTED ") -> str:
    """The text with each quoted string replaced."""
    return QUOTED.sub(instead, text)


def words_of(text: str) -> tuple[str, ...]:
    """Words and numbers in order, as written."""
    return tuple(_WORD.findall(text))


def canonical(word: str) -> str:
    """One spelling for a word that has several: lower case, no possessive, British, numbers in digits."""
    lower = word.lower().replace("’", "'").removesuffix("'s")
    return NUMBERS.get(lower) or _ONE_WORD.get(lower, lower)


def bases(word: str) -> frozenset[str]:
    """The forms that a canonical word may be an inflection of, itself among them."""
    found = {word}
    if word.endswith("ies") and len(word) > 4:
        found.add(f"{word[:-3]}y")
    if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
        found.add(word[:-2])
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        found.add(word[:-1])
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2:
            found |= {stem, f"{stem}e"}
            if stem[-1] == stem[-2]:
                found.add(stem[:-1])
    return frozenset(found)


def chinese(text: str) -> bool:
    """Whether a text is mostly Chinese, apart from what it quotes."""
    bare = without_quoted(text)
    return len(_HAN.findall(bare)) > 2 * len(_LATIN.findall(bare))


def has_han(text: str) -> bool:
    """Whether Chinese characters stand outside of quotation marks."""
    return _HAN.search(without_quoted(text)) is not None


def english(text: str) -> bool:
    """Whether a text passes as English: Latin letters, and not mostly the small words of another language."""
    bare = without_quoted(text)
    letters = [one for one in bare if one.isalpha()]
    latin = sum(unicodedata.name(one, "").startswith("LATIN") for one in letters)
    if latin < 0.8 * len(letters) or has_han(text):
        return False
    small = [word.lower() for word in words_of(bare)]
    foreign = sum(word in _FOREIGN - _ENGLISH for word in small)
    return foreign < 2 or foreign <= sum(word in _ENGLISH for word in small)
