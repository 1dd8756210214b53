"""Checklist lines made fit to be asked: yes/no questions whose yes means that the picture is right.

A question that is one stays as it was written.
"""

import re
from typing import Final

LONGEST: Final = 200

_BULLET: Final = re.compile(
    r"^\s*(?:[-*•·–—▪●]+|\(?\d{1,2}[.):、]|[a-hA-H][.)]|[Qq]\d*[.:]|#+)\s+|^\s*\d{1,2}[、.]\s*(?=\D)"
)
_MARKUP: Final = re.compile(r"\*\*|__|`")
_AFTERWARDS: Final = re.compile(
    r"\s*[-–—:(\[]*\s*(?:answer\s*[:=]?\s*)?(?P<answer>yes\s*(?:/|or)\s*no|yes|no|true|false|是|否)\s*[)\].]*\s*$",
    re.IGNORECASE,
)
_NOTHING: Final = frozenset(
    ["", "none", "null", "n/a", "na", "nil", "-", "nothing", "empty", "无", "没有", "string", "..."]
)
_CLOSED: Final = re.compile(
    r"(?:is|are|was|were|does|do|did|has|have|can|could|will|would|should|isn't|aren't|doesn't|in|on|at|among"
    r"|within)\b",
    re.IGNORECASE,
)
_OPEN: Final = re.compile(
    r"(?:(?:in|on|at|of|from) )?(?:what|which|who|whose|whom|where|when|why|how)\b", re.IGNORECASE
)
_HAN_OPEN: Final = re.compile(r"什么|多少|几[个只条张]|谁|哪|怎么")
_TO_THE_PERSON: Final = re.compile(
    r"\b(?:would|do|could|can|should|shall|may|did|are)\s+(?:you|i)\b(?!\s+see\b)|\b(?:please|sorry|let me know)\b",
    re.IGNORECASE,
)
_THERE: Final = re.compile(r"(?P<be>is|are) there (?P<some>an?|any|some)\b", re.IGNORECASE)
_STATED_THERE: Final = re.compile(r"there (?P<be>is|are)\s+", re.IGNORECASE)
_STATED: Final = re.compile(
    r"(?P<thing>(?:the|both|all)\s+(?:[\w'-]+\s+){1,3}?)(?P<be>is|are)\s+(?!there\b)(?P<rest>\S.*)", re.IGNORECASE
)


def one_line(text: str) -> str:
    """The text without blanks around it, on one line."""
    text = text.strip()
    return " ".join(text.split()) if re.search(r"[\n\r\t]", text) else text


def cut(text: str, longest: int) -> str:
    """The text, shortened between two words where it is longer than that many characters."""
    text = text.strip()
    if len(text) <= longest:
        return text
    head = text[: longest + 1]
    return (head[: head.rfind(" ")] if " " in head.strip() else text[:longest]).rstrip(" ,;:-")


def is_nothing(text: str) -> bool:
    """Whether a text is a model's word for an empty one."""
    return text.strip(" .'\"").lower() in _NOTHING


def as_question(text: str, answer: str = "") -> str | None:
    """A line as a question whose yes means that the picture is right, at most 200 characters; None if it cannot be one.

    Args:
        text: The line as the critic wrote it: a question, or a statement about the picture.
        answer: The answer that it expects, if it wrote one.
    """
    line = _MARKUP.sub("", one_line(text))
    while (bare := _BULLET.sub("", line)) != line:
        line = bare
    line = _unwrapped(line.strip())
    head, mark = _parted(line)
    if mark and (told := _AFTERWARDS.fullmatch(line[len(head) + 1 :])):
        line = line[: len(head) + 1]
        answer = answer or told["answer"]
    if is_nothing(line) or not re.search(r"\w", line) or _TO_THE_PERSON.search(line):
        return None
    made = _expected(_asked(line), one_line(answer).strip(" .").lower())
    if made is None or len(made) < 3:
        return None
    return made if len(made) <= LONGEST else f"{cut(made, LONGEST - 1).rstrip(' ?？')}?"


def key_of(question: str) -> str:
    """What two questions share that ask the same in the same words."""
    return " ".join(re.findall(r"\w+", question.lower()))


def _unwrapped(line: str) -> str:
    for opening, closing in ('""', "''", "“”", "「」"):
        if len(line) > 2 and line[0] == opening and line[-1] == closing and opening not in line[1:-1]:
            return line[1:-1].strip()
    return line


def _parted(line: str) -> tuple[str, str]:
    """What stands before the last question mark, and that mark."""
    place = max(line.rfind("?"), line.rfind("？"))
    return (line[:place], line[place]) if place >= 0 else (line, "")


def _asked(line: str) -> str:
    if line.endswith(("?", "？")):
        return line
    bare = line.rstrip(" .。!！;；,，:")
    if re.search(r"[\u3400-\u9fff]", bare):
        return f"{bare}？" if bare.endswith(("吗", "么")) else f"画面是否符合：{bare}？"
    if _CLOSED.match(bare) and not re.match(r"(?:in|on|at|among|within)\b", bare, re.IGNORECASE):
        return f"{bare}?"
    if _OPEN.match(bare) and len(bare.split()) > 2:
        return f"{bare}?"
    if found := _STATED_THERE.match(bare):
        return f"{found['be'].capitalize()} there {bare[found.end() :]}?"
    if (found := _STATED.fullmatch(bare)) and not re.search(r"\b(?:is|are|that|which|who)\b", found["rest"]):
        thing = found["thing"].strip()
        return f"{found['be'].capitalize()} {thing[0].lower()}{thing[1:]} {found['rest']}?"
    return f"Does the picture show this: {bare}?"


def _expected(question: str, answer: str) -> str | None:
    """The question whose yes is that answer; None for an open question without one, or a no that cannot be turned."""
    if _OPEN.match(question) or _HAN_OPEN.search(question):
        if not answer or is_nothing(answer) or answer in ("yes", "no", "true", "false") or "/" in answer:
            return None
        return f"{question} Is it {answer}?"
    if answer in ("no", "false", "否"):
        found = _THERE.match(question)
        return f"{found['be']} there no{question[found.end() :]}" if found else None
    return question
