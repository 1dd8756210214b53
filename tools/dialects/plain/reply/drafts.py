"""What a critic wrote, read with patience: checklists and repairs as drafts.

Any text gives drafts or `Unreadable`, whose message says what is wrong with it in words that the critic can be shown.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, get_args

from pydantic import JsonValue

from omniagent.tools.dialects.base import Unreadable
from omniagent.tools.dialects.drafts import RefineDraft, RepairDraft, RequirementDraft
from omniagent.tools.dialects.plain.language.vocabulary import each_word
from omniagent.tools.dialects.plain.questions import as_question, cut, is_nothing, key_of, one_line
from omniagent.tools.dialects.plain.reply.loose_json import values_in
from omniagent.tools.types import RequirementKind, Scope

MOST_LINES: Final = 16

_KINDS: Final[tuple[RequirementKind, ...]] = get_args(RequirementKind)
_KIND_WORDS: Final[dict[str, RequirementKind]] = {
    "object": "presence",
    "entity": "presence",
    "existence": "presence",
    "number": "count",
    "quantity": "count",
    "counting": "count",
    "position": "relation",
    "location": "relation",
    "spatial": "relation",
    "ocr": "text",
    "writing": "text",
}
_LISTS: Final = each_word(
    "checklist requirements checks questions items criteria lines list conditions statements tests verification "
    "yes_no_questions check_list question_list 检查清单 清单 问题 要求"
)
_QUESTION_KEYS: Final = each_word(
    "question requirement check text statement criterion item condition query q content description ask value name 问题"
)
_KIND_KEYS: Final = ("kind", "type", "category", "class", "类型", "类别")
_ANSWER_KEYS: Final = ("answer", "expected", "expected_answer", "correct_answer", "gt", "答案")
_REPAIR_KEYS: Final = each_word(
    "instruction change edit repair fix prompt modification suggestion correction action command edit_instruction "
    "new_instruction 指令 修改"
)
_WRONG_KEYS: Final = each_word("wrong what_is_wrong error errors fault problem issue 错误 问题")
_RIGHT_KEYS: Final = each_word("right correct already_right is_right fits matches ok 正确")
_SEEN_KEYS: Final = each_word("seen observation description shows picture sees image_description 看到 描述")
_SCHEMA_MARKS: Final = frozenset(["properties", "$defs", "$schema", "$ref", "definitions"])
_BULLETED: Final = re.compile(r"^[ \t]*(?:[-*•·–—▪●]|\(?\d{1,2}[.):、]|[Qq]\d*[.:])[ \t]*(?P<line>\S.*)$", re.MULTILINE)
_LABEL: Final = re.compile(r"^[\W_]*(?P<kind>[A-Za-z]{3,14})[\W_]{0,3}[:：\]）)]\s*(?P<rest>\S.*)$")
_KIND_BEHIND: Final = re.compile(r"[?？]\s*[-–—]?\s*[(\[](?P<kind>[A-Za-z]{3,14})[)\]]\s*$")
_REFUSAL: Final = re.compile(
    r"\b(?:i'm sorry|i am sorry|i cannot|i can't|i can not|unable to|as an ai|please provide|no changes? (?:is|are"
    r"|needed)|nothing (?:needs )?to (?:be )?(?:change|fix|repair)|no repairs?)\b|抱歉|无法",
    re.IGNORECASE,
)
_PREAMBLE: Final = re.compile(
    r"^\s*(?:(?:sure|certainly|okay|ok|of course|here(?:'s| is| are)|the (?:repair|instruction|edit|change)"
    r"|instruction|repair|answer)\b[^:\n]{0,80}[:!.]\s*)+",
    re.IGNORECASE,
)


def read_checklist(text: str) -> tuple[RequirementDraft, ...]:
    """The lines of a checklist, each question once, at most 16.

    Raises:
        Unreadable: no line of the text can be asked with yes or no.
    """
    echoed = False
    for value in values_in(text):
        if _is_schema(value):
            echoed = True
        elif made := _once(_lines(value, 0)):
            return made
    if "{" not in text and (made := _once(_written_out(text))):
        return made
    if echoed:
        raise Unreadable("the reply repeats the form of the JSON instead of filling it in")
    if "?" in text or "？" in text:
        raise Unreadable("the questions in the reply cannot be answered with yes or no, or stand in no list")
    raise Unreadable("the reply holds no list of yes/no questions" if text.strip() else "the reply is empty")


def read_repair(text: str) -> RepairDraft:
    """One repair. Prose without any JSON is taken as the instruction.

    Raises:
        Unreadable: the text names no change.
    """
    echoed = False
    for value in values_in(text):
        if _is_schema(value):
            echoed = True
            continue
        for one in _objects(value, 0):
            if (instruction := _joined(_of(one, _REPAIR_KEYS))) and not _REFUSAL.search(instruction):
                seen = cut(_joined(_of(one, _SEEN_KEYS)), 600)
                return RepairDraft(
                    seen=seen, instruction=cut(instruction, 400), scope=_scope(_of(one, ["scope", "范围"]))
                )
    if echoed:
        raise Unreadable("the reply repeats the form of the JSON instead of filling it in")
    prose = _prose(text)
    if prose:
        return RepairDraft(instruction=prose)
    raise Unreadable("the reply names no change of the picture" if text.strip() else "the reply is empty")


def read_refinement(text: str) -> RefineDraft:
    """A new instruction, or that the picture is right after all.

    Raises:
        Unreadable: the text holds neither.
    """
    for value in values_in(text):
        if _is_schema(value):
            continue
        for one in _objects(value, 0):
            wrong = cut(_joined(_of(one, [*_WRONG_KEYS, *_SEEN_KEYS])), 600)
            right = _of(one, _RIGHT_KEYS)
            if right is True or str(right).strip().lower() in ("true", "yes"):
                return RefineDraft(wrong=wrong, right=True)
            told = _joined(_of(one, _REPAIR_KEYS))
            if told and not _REFUSAL.search(told):
                return RefineDraft(wrong=wrong, instruction=told[:1200])
    raise Unreadable("the reply holds no instruction" if text.strip() else "the reply is empty")


def read_instruction(text: str) -> str:
    """A rewritten instruction, on one line; empty when the text holds none."""
    for value in values_in(text):
        if not _is_schema(value):
            for one in _objects(value, 0):
                if (
                    found := _joined(_of(one, [*_REPAIR_KEYS, "rewrite", "rewritten", "text", "request", "task"]))
                ) and (not _REFUSAL.search(found)):
                    return found
    return _prose(text, 1200)


def _once(lines: Iterator[RequirementDraft]) -> tuple[RequirementDraft, ...]:
    kept: dict[str, RequirementDraft] = {}
    for one in lines:
        kept.setdefault(key_of(one.question) or one.question, one)
    return tuple(kept.values())[:MOST_LINES]


def _is_schema(value: JsonValue) -> bool:
    return isinstance(value, dict) and bool(_SCHEMA_MARKS & value.keys())


def _key(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _of(one: Mapping[str, JsonValue], names: Sequence[str]) -> JsonValue:
    """What an object holds under the first of the names that it has with something in it."""
    keys = {_key(key): value for key, value in one.items()}
    return next((keys[name] for name in names if keys.get(name) not in (None, "", [], {})), None)


def _lines(value: JsonValue, depth: int) -> Iterator[RequirementDraft]:
    """The lines of a value that is, or holds, a checklist."""
    if depth > 4:
        return
    if isinstance(value, list) and value:
        if line := _pair(value):
            yield line
            return
        # A single bare word in brackets is prose ("[Note]"), not a list of statements.
        for item in value if _asks(value) or len(value) > 1 or not isinstance(value[0], str) else ():
            yield from _lines(item, depth + 1)
    elif isinstance(value, str):
        if line := _draft(value, "", ""):
            yield line
    elif isinstance(value, dict) and not _is_schema(value):
        yield from _lines_of(value, depth)


def _lines_of(one: Mapping[str, JsonValue], depth: int) -> Iterator[RequirementDraft]:
    listed = _of(one, _LISTS)
    if listed is not None:
        # A checklist as one text has a line for each question.
        yield from _written_out(listed) if isinstance(listed, str) else _lines(listed, depth + 1)
        return
    question = _of(one, _QUESTION_KEYS)
    if isinstance(question, str) and not any(_asks(inner) for inner in one.values()):
        if line := _draft(question, _text(_of(one, _KIND_KEYS)), _text(_of(one, _ANSWER_KEYS))):
            yield line
        return
    for key, inner in one.items():
        kind = _kind(key)
        if re.search(r"[?？]\s*$", key):
            answer, told = (_text(inner), "") if _kind(_text(inner)) is None else ("", _text(inner))
            if line := _draft(key, told, answer):
                yield line
        elif isinstance(inner, str):
            if (kind is not None or re.search(r"[?？]\s*$", inner)) and (line := _draft(inner, kind or "", "")):
                yield line
        elif _asks(inner) or (kind and isinstance(inner, list)):
            for line in _lines(inner, depth + 1):
                yield line.model_copy(update={"kind": kind}) if kind else line


def _asks(value: JsonValue) -> bool:
    """Whether a list or object holds objects, or texts that ask something."""
    inner = value if isinstance(value, list) else [*value, *value.values()] if isinstance(value, dict) else []
    return any(
        isinstance(item, list | dict) or (isinstance(item, str) and re.search(r"[?？]", item) is not None)
        for item in inner
    )


def _pair(items: list[JsonValue]) -> RequirementDraft | None:
    """A line written as a list of its kind and its question, in either order."""
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) != len(items) or len(texts) not in (2, 3):
        return None
    kinds = [text for text in texts if _kind(text) is not None]
    others = [text for text in texts if _kind(text) is None]
    return _draft(others[0], kinds[0], others[1] if len(others) > 1 else "") if len(kinds) == 1 and others else None


def _written_out(text: str) -> Iterator[RequirementDraft]:
    """Questions that stand in lines of their own, bulleted or numbered or simply one below the other."""
    lines = [found["line"] for found in _BULLETED.finditer(text)]
    asked = [line for line in lines if re.search(r"[?？]", line)]
    if not asked:
        asked = [line for line in text.splitlines() if re.search(r"[?？][\W_]*(?:\w+[)\]])?\s*$", line)]
    if not asked and len(lines) > 1:
        asked = [line for line in lines if not line.rstrip().endswith(":")]
    for line in asked:
        if made := _draft(line, "", ""):
            yield made


def _draft(text: str, kind: str, answer: str) -> RequirementDraft | None:
    line = one_line(text)
    if not kind:
        if (label := _LABEL.match(line)) and _kind(label["kind"]):
            kind, line = label["kind"], label["rest"]
        elif (behind := _KIND_BEHIND.search(line)) and _kind(behind["kind"]):
            kind, line = behind["kind"], line[: behind.start() + 1]
    question = as_question(line, answer)
    return RequirementDraft(kind=_kind(kind) or "attribute", question=question) if question else None


def _kind(text: str) -> RequirementKind | None:
    word = text.strip().lower().rstrip(".:")
    singular = word.removesuffix("s") if word not in _KINDS else word
    for kind in _KINDS:
        if kind in (word, singular):
            return kind
    return _KIND_WORDS.get(singular)


def _text(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, str | int | float) else ""


def _joined(value: JsonValue) -> str:
    """A text, or several as sentences, on one line; empty for a model's words for nothing."""
    if isinstance(value, list):
        parts = [one_line(item) for item in value if isinstance(item, str) and not is_nothing(item)]
        return " ".join(part if part.endswith((".", "。", "!", "?")) else f"{part}." for part in parts)
    return one_line(value) if isinstance(value, str) and not is_nothing(value) and re.search(r"\w", value) else ""


def _objects(value: JsonValue, depth: int) -> Iterator[Mapping[str, JsonValue]]:
    """An object and what it holds, from the outside in."""
    if depth > 4 or _is_schema(value):
        return
    if isinstance(value, dict):
        yield value
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    for item in inner:
        yield from _objects(item, depth + 1)


def _scope(value: JsonValue) -> Scope:
    words = _joined(value).lower()
    return "global" if re.search(r"global|whole|entire|full|全局|整", words) and "local" not in words else "local"


def _prose(text: str, longest: int = 400) -> str:
    """A text without any JSON as an instruction; empty for excuses, questions and nothing."""
    bare = re.sub(r"```\w*|\*\*|`", " ", text)
    if re.search(r"[{}\[\]]", bare) or _REFUSAL.search(bare):
        return ""
    line = one_line(_PREAMBLE.sub("", bare.strip())).strip(' "“”')
    if is_nothing(line) or line.endswith(("?", "？")) or not re.search(r"\w", line):
        return ""
    return cut(line, longest)
