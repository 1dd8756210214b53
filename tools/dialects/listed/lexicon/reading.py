"""Brings a person's words to the model's own, says what was replaced by what, and names unknown words."""

import re
from functools import cache
from typing import Final, NamedTuple

from omniagent.tools.dialects.listed.lexicon import chinese
from omniagent.tools.dialects.listed.lexicon.book import FOREIGN, Book, Meaning
from omniagent.tools.dialects.listed.lexicon.entries import Language, category, grammar
from omniagent.tools.dialects.listed.lexicon.limits import fruit, impossible, trained_refusals
from omniagent.tools.dialects.listed.lexicon.lists import CORRECTION, put_right, shared_out
from omniagent.tools.dialects.listed.lexicon.phrases import Hit, Word, words_of
from omniagent.tools.dialects.listed.lexicon.spelling import corrected
from omniagent.tools.dialects.listed.lexicon.turns import LONGEST, ordered, slots, tidy, turned

MOST: Final = 6
_FACES: Final = re.compile("[\U0001f600-\U0001f64f\U0001f44d-\U0001f450\u2728\u2764\ufe0f\U0001f3a8\U0001f5bc]+")
_BEFORE_VERBS: Final = frozenset(("and", "then", "to", "now", "please", "you", "also", "just", "but", "can", "should"))
_PURPOSE: Final = re.compile(
    r"^(?:my|our|the) \w+ (?:wants|needs|asked for|asks for|would like) |"
    r"\bfor (?:my|our|his|her|their) (?:[a-z]+(?:'s)? ?){1,3}?(?=\s*(?:[,.:;!]|-\s|$))"
)
"""Whom a picture is for, which decides nothing."""
_CHANGING: Final = r"\b(?:make|turn|paint|colour|recolour|change|is|are|does|background)\b"
"""Where one of these stands, a look behind a noun may be said of it and not be its adjective."""
_ASKS: Final = r"(?:how many|count|what|which|where|is|are|does|do)\b"


class Replaced(NamedTuple):
    """A phrase and what it was read as; nothing where it was left out."""

    said: str
    read: str


class Draft(NamedTuple):
    """A text half read.

    Attributes:
        text: In the model's own words as far as they are known.
        changes: What was replaced by what.
        unknown: Words that carry meaning and are unknown.
        assumptions: What is nearly meant, in sentences.
        refusals: Why it cannot be drawn, in sentences.
    """

    text: str
    changes: tuple[Replaced, ...] = ()
    unknown: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


def replaced(text: str, known: Book, language: Language | None = None) -> Draft:
    """The text with every known phrase in the model's own words, longest first, and what is left over."""
    words, end = words_of(text)
    out: list[str] = []
    changes: list[Replaced] = []
    unknown: list[str] = []
    assumptions: list[str] = []
    refusals: list[str] = []
    at, opening = 0, True
    while at < len(words):
        word = words[at]
        opening = opening or word.opens or (at > 0 and words[at - 1].key in _BEFORE_VERBS)
        hit = _hit(words, at, known, opening, language)
        if hit is None:
            kept = _left(word, at, known, unknown, refusals)
            out.append(word.before if kept is None else word.before + kept)
            changes += [Replaced(word.text, "")] if kept is None else []
            opening, at = opening and kept is None, at + 1
            continue
        said = "".join(each.before + each.text for each in words[at : at + hit.length]).removeprefix(word.before)
        says = hit.value.says
        if says == "please" or (says is None and said == "please" and at):
            says = ""
        if says in ("too many", "too few"):
            refusals.append(_number_refused(said))
        elif says is not None and says != said:
            changes.append(Replaced(said, says))
            if hit.value.near:
                assumptions.append(_nearly(said, says))
        out.append(word.before + (said if says is None else says))
        opening = opening and (hit.value.category == "requests" or says == "")
        at += hit.length
    return Draft("".join(out) + end, tuple(changes), tuple(dict.fromkeys(unknown)), tuple(assumptions), tuple(refusals))


def _hit(
    words: tuple[Word, ...], at: int, known: Book, opening: bool, language: Language | None
) -> Hit[Meaning] | None:
    books = [known.foreign[language], known.phrases] if language else [known.phrases]
    for each in books:
        for hit in each.at(words, at):
            means = hit.value
            # A verb is one only where a clause begins: "lose" and "color" may be other words elsewhere.
            verb = means.category == "edits" and means.says not in (None, "", "smaller", "bigger") and language is None
            if not opening and (verb or (means.category == "requests" and means.says == "draw")):
                continue
            return hit
    return None


def _left(word: Word, at: int, known: Book, unknown: list[str], refusals: list[str]) -> str | None:
    """A word that no phrase holds: itself where it may stay or cannot be read, None where it goes."""
    key = word.key
    if key == "please":
        return word.text if at == 0 else None
    if key in known.own:
        return word.text
    if key in _links():
        return word.text
    if key.isdigit():
        refusals.append(_number_refused(word.text))
    elif key in grammar().binding:
        refusals.append(_bound(word.text))
    elif key in _filler():
        return None
    else:
        unknown.append(word.text)
    return word.text


@cache
def _filler() -> frozenset[str]:
    return frozenset(grammar().filler)


@cache
def _links() -> frozenset[str]:
    return frozenset(grammar().links)


def linked(text: str, known: Book) -> Draft:
    """The text without the words that only turns of phrase needed; those that bind are refused."""
    words, end = words_of(text)
    out: list[str] = []
    changes: list[Replaced] = []
    refusals: list[str] = []
    hits = 0
    for at, word in enumerate(words):
        hit = next(known.phrases.at(words, at), None)
        hits = max(hits - 1, hit.length if hit else 0)
        if word.key in known.own or word.key not in _links() or hits:
            out.append(word.before + word.text)
        elif word.key in grammar().binding:
            refusals.append(_bound(word.text))
        else:
            changes.append(Replaced(word.text, ""))
            out.append(word.before)
    return Draft("".join(out) + end, tuple(changes), (), (), tuple(refusals))


def _bound(word: str) -> str:
    return f"“{word}” is nothing that this model can follow; say what is to be seen instead"


def _number_refused(said: str) -> str:
    return f"“{said}” is no number of things that this model draws: there may be 1 to {MOST} in one picture"


def _nearly(said: str, says: str) -> str:
    if not says:
        return f"“{said}” is left out: this model has no word for it"
    return f"“{said}” is read as {says}"


def spelt(text: str, known: Book) -> Draft:
    """The text with misspelt words of the world put right, each an assumption."""
    words, end = words_of(text)
    out: list[str] = []
    changes: list[Replaced] = []
    real, filler = grammar().real, _filler()
    for word in words:
        right = None
        if word.key not in known.own and word.key not in known.heard and word.key not in filler:
            right = corrected(word.key, known.world, real)
        if right is not None:
            changes.append(Replaced(word.text, right))
        out.append(word.before + (right or word.text))
    assumed = tuple(f"“{one.said}” is read as a misspelt {one.read}" for one in changes)
    return Draft("".join(out) + end, tuple(changes), (), assumed)


def read(plain: str, known: Book) -> Draft:
    """A request in plain form, in any language, in the model's own words; see `Draft`."""
    found = trained_refusals().fullmatch(plain)
    if found is not None:
        near = replaced(found["colour"], known)
        nearest = f"; the nearest is {near.text}" if near.changes else ""
        return Draft(
            plain, (), (), (), (f"“{found['colour']}” is not among the colours that this model draws{nearest}",)
        )
    spelled = re.sub(r"(?<=\w) ?[&+] ?(?=\w)", " and ", re.sub(r"\bw/ ?", "with ", plain))
    said = _PURPOSE.sub("", _without_emoji(spelled)).strip()
    draft = _from_chinese(said, known) if chinese.is_chinese(said) else in_own_words(said, known)
    if said != plain:
        draft = draft._replace(changes=(Replaced(plain, said), *draft.changes))
    if draft.unknown or draft.refusals:
        draft = draft._replace(text=plain)
    if not draft.text.strip(" ?.,"):
        return Draft(plain, draft.changes, (), (), ("the words name nothing that could be drawn or answered",))
    return draft


def _from_chinese(plain: str, known: Book) -> Draft:
    said = chinese.in_english(plain)
    if said.unknown:
        return Draft(plain, (), said.unknown)
    draft = in_own_words(said.text.replace("at the in the", "in the").replace("to the in the", "to the"), known)
    return draft._replace(changes=(Replaced(plain, said.text), *draft.changes))


def _without_emoji(plain: str) -> str:
    """The text with pictures of shapes in words; faces and flourishes go."""
    if plain.isascii():
        return plain
    signs = grammar().emoji
    row = "|".join(re.escape(sign) for sign, says in signs.items() if says.split()[-1] in category("shapes"))
    plain = re.sub(rf"({row})\ufe0f?(?=\s*(?:{row}))", r"\1, ", plain)
    for sign, says in signs.items():
        plain = plain.replace(sign, f" {says} ")
    return " ".join(_FACES.sub(" ", plain).split()) or plain


def in_own_words(plain: str, known: Book) -> Draft:
    """A request in plain form in the model's own words; as it is where it is in those already.

    Args:
        plain: In lower case, on one line.
        known: The lexicon.
    """
    corrected_by = CORRECTION.fullmatch(plain) if len(plain) < 400 else None
    if corrected_by is not None:
        head, tail = in_own_words(corrected_by["head"], known), in_own_words(corrected_by["tail"].strip(), known)
        text = put_right(head.text, tail.text.removeprefix("a ").removeprefix("an "))
        if text is not None and not (head.unknown or tail.unknown or head.refusals or tail.refusals):
            said = Replaced(
                plain.removeprefix(corrected_by["head"]).strip(" ,.;"), f"{tail.text} in place of what was said"
            )
            return Draft(text, (*head.changes, *tail.changes, said), (), (*head.assumptions, *tail.assumptions))
    if fruit().search(plain):
        return Draft(plain, (), ("orange",))
    first = Draft(plain)
    draft = replaced(plain, known)
    language = None
    if draft.unknown:
        language, draft = _best(plain, draft, known)
    if draft.unknown and language is None:
        first = spelt(plain, known)
        draft = replaced(first.text, known)
    if draft.unknown or draft.refusals:
        named = min((draft.unknown, *(replaced(plain, known, one).unknown for one in FOREIGN)), key=len)
        return Draft(plain, (), named or draft.unknown, (), draft.refusals)
    text = draft.text
    changes = [*first.changes, *draft.changes]
    if changes:
        text = tidy(text)
        text = ordered(text) if language else text
        text = _opened(text)
    if len(text.split()) <= LONGEST:
        neat = tidy(text)
        listed = shared_out(neat)
        if listed != neat:
            changes.append(Replaced(neat, listed))
            text = listed
        turns = turned(text, changed=bool(changes))
        changes += [Replaced(*one) for one in turns.changes]
        text = turns.text
        assumptions = (*first.assumptions, *draft.assumptions, *turns.assumptions)
    else:
        assumptions = (*first.assumptions, *draft.assumptions)
    articled = _articled(text)
    if articled != text:
        # Without its article the model may pass over what is said of the first thing.
        changes = changes or [Replaced(text, articled)]
        text = articled
    if changes and not re.search(_CHANGING, text):
        text = ordered(text)
    left = linked(text, known)
    changes += left.changes
    if left.refusals:
        return Draft(plain, (), (), (), left.refusals)
    if changes:
        text = _opened(_articled(tidy(left.text)))
        asks = plain.endswith("?") and re.match(_ASKS, text) is not None
        text = f"{text.rstrip('?')}?" if asks else text.rstrip("? ,.;")
    return Draft(text, tuple(changes), (), tuple(dict.fromkeys(assumptions)), (*draft.refusals, *impossible(text)))


def _best(text: str, english: Draft, known: Book) -> tuple[Language | None, Draft]:
    """The language in which the fewest words are unknown; English where no other has fewer."""
    best: tuple[Language | None, Draft] = (None, english)
    for language in FOREIGN:
        draft = replaced(text, known, language)
        # One word alone may be English after all, as a rose is.
        found = len(english.unknown) - len(draft.unknown)
        if (found > 1 or len(words_of(text).words) == 1) and len(draft.unknown) < len(best[1].unknown):
            best = (language, draft)
    return best


@cache
def _openings() -> tuple[re.Pattern[str], frozenset[str]]:
    own = frozenset(one.lower() for one in category("requests")["draw"].known)
    every = "|".join(re.escape(one) for one in sorted(own, key=len, reverse=True))
    return re.compile(rf"(?:now |please )?(?:(?:{every})\b ?(?:you |to |see |have |at )?(?:, )?)+"), own


def _opened(text: str) -> str:
    """The text with an opening that the model knows: several in a row become one."""
    pattern, own = _openings()
    match = pattern.match(text.lower())
    if match is None or match.group().strip() in own or match.group() == text:
        return text
    # "make the circle red" is a change and no opening.
    verb = re.match(r"(?:the|it|sure|this|that)\b", text[match.end() :])
    return text if verb else f"draw {text[match.end() :]}".strip()


def _articled(text: str) -> str:
    """The text with an article for single things that have none, where the model expects one."""
    thing = rf"(?:{slots()['looks']} )?{slots()['noun']}\b(?!s)"
    return re.sub(
        rf"(?P<before>^|^draw |(?:left of|right of|above|below|inside|and|with)\s|[,.;]\s)(?={thing})",
        lambda found: f"{found['before']}{'an' if text[found.end() : found.end() + 1] in 'aeiou' else 'a'} ",
        text,
    )
