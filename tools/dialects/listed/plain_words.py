"""Brings requests to one plain form for checkpoints that were trained on plain words alone (`plain_requests`).

White space, case, and the punctuation at the ends carry no meaning there and decide nothing; the words stay.
"""

import re
import unicodedata

_MARKS = str.maketrans(
    {chr(wide): chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)}
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"')
    | dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'")
    | {"\u2026": "...", "\u3002": ".", "\u3001": ",", "\u300c": '"', "\u300d": '"', "\u300e": '"', "\u300f": '"'}
)
_PAIRS = {'"': '"', "'": "'", "`": "`", "(": ")", "[": "]", "{": "}", "<": ">"}
# A hyphen that touches a word belongs to it.
_END = re.compile(r"(?:\s-+|[\s.!?,;:~\u2012-\u2015])+$")
_START = re.compile(r"^(?:-+\s|[\s.!?,;:~*>#\u00a1\u00bf\u2022\u2012-\u2015])+")
_QUOTED = re.compile(r'("[^"]*")')


def plain_request(words: str) -> str:
    """A request in lower case on one line, without punctuation around it but the mark of a question.

    Quotation marks and brackets around the whole go too; what is quoted within it keeps its letters, and so does the
    word I. A text of nothing but punctuation stays as it is.
    """
    # Direction marks, joiners and blanks without width are seen by nobody.
    seen = "".join(each for each in words.translate(_MARKS) if unicodedata.category(each) != "Cf")
    text, asks = _unwrapped(" ".join(seen.split()))
    if not text:
        return words
    text = re.sub(r"\s+([,;.!?])", r"\1", text)
    parts = [part if part.startswith('"') else _lower(part) for part in _QUOTED.split(text)]
    return "".join(parts) + ("?" if asks else "")


def plain_question(words: str) -> str:
    """A yes/no question in the form of a checklist: plain, with a capital and the mark of a question."""
    text = plain_request(words).removesuffix("?")
    return f"{text[:1].upper()}{text[1:]}?"


def said_otherwise(words: str, pictures: int) -> str:
    """A plain request in another form that asks for the same: with or without a verb, or a please, before it."""
    for head in ("please ", "draw "):
        if words.startswith(head):
            return words.removeprefix(head)
    return f"draw {words}" if not pictures and words.startswith(("a ", "an ", "one ", "two ")) else f"please {words}"


def _unwrapped(text: str) -> tuple[str, bool]:
    """The text without punctuation at its ends and without marks around the whole, and whether it asked."""
    asks = False
    while True:
        end = _END.search(text)
        asks = asks or (end is not None and "?" in end.group())
        inner = _START.sub("", _END.sub("", text))
        close = _PAIRS.get(inner[:1])
        if len(inner) > 1 and close is not None and inner[-1] == close and _pairs_once(inner, close):
            inner = inner[1:-1]
        if inner == text:
            return text, asks
        text = inner


def _pairs_once(text: str, close: str) -> bool:
    within = text[1:-1]
    return close not in within and text[0] not in within


def _lower(text: str) -> str:
    return re.sub(r"(?<![\w'])i(?![\w-])", "I", text.lower())
