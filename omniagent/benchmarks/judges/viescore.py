"""VIEScore of edits as GEdit-Bench asks it: consistency of the pair, quality of the edit, and their geometric mean.

Source: M. Ku et al., VIEScore (arXiv 2312.14867); wording of stepfun-ai/Step1X-Edit, GEdit-Bench/viescore (Apache-2.0).
"""

import json
from collections.abc import Sequence
from importlib import resources
from typing import cast

from omniagent.benchmarks.items import Look
from omniagent.benchmarks.judgement import Identity, JudgeOptions
from omniagent.benchmarks.judges.answers import json_in, number_in, with_mean
from omniagent.benchmarks.judges.asks import Ask, Read
from omniagent.benchmarks.judges.pictures import given, jpeg, opened
from omniagent.benchmarks.judges.vlm import VlmJudge
from omniagent.benchmarks.judges.wording import Wording, wording_of


def shipped_wording() -> Wording:
    """The official words, which come with this package."""
    file = resources.files("omniagent.benchmarks").joinpath("shipped", "viescore", "wording.json")
    return wording_of(json.loads(file.read_text(encoding="utf-8")))


def viescore_judge(options: JudgeOptions) -> VlmJudge:
    """A judge whose scores are `SC`, `PQ` and `O`, each 0 to 10.

    The source is that of the item; the edit is brought to its size, as the official script does.
    With `as_published` an answer that cannot be read counts as a random number, 0 to 10.

    Raises:
        BadSetting: no server was named.
    """
    words = shipped_wording()

    def asks(look: Look) -> Sequence[Ask]:
        item = look.sample.item
        source = given(item.source or item.images[0])
        edit = opened(look.picture).resize(source.size)
        texts, instruction = words.texts, item.prompt
        pair = "\n".join((texts["context"], texts["edit"], texts["consistency"]))
        return (
            Ask("SC", pair.replace("<instruction>", instruction), (jpeg(source), jpeg(edit))),
            Ask("PQ", "\n".join((texts["context"], texts["quality"])), (jpeg(edit),)),
        )

    identity = Identity(name="vlm", settings={"wording": words.digest})
    return VlmJudge(identity, options, asks, least_in, combine=with_mean("O"), published="GPT-4.1", faults=(1, 0, 10))


def least_in(ask: Ask, answer: str) -> Read | None:
    """The least of an answer's two scores, from JSON or from a bare list; None where there are not two of 0 to 10.

    One score alone would pass for both, so it is not read.
    """
    found = json_in(answer) or {}
    listed: object = found.get("score")
    if not found:
        start, end = answer.find("["), answer.rfind("]")
        try:
            listed = json.loads(answer[start : end + 1]) if 0 <= start < end else None
        except ValueError:
            listed = None
    if not isinstance(listed, list):
        return None
    scores = [number_in(one, 0, 10) for one in cast("list[object]", listed)]
    told = [score for score in scores if score is not None]
    if len(told) != 2 or len(scores) != 2:
        return None
    return Read({ask.name: min(told)}, str(found.get("reasoning", "")))
