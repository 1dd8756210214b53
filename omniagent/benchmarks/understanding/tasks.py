"""Which tasks of lmms-eval stand for MMBench, MMMU and MM-Vet, and what papers say of them."""

from types import MappingProxyType
from typing import Final, NamedTuple

HARNESS: Final = "lmms-eval"
HARNESS_VERSION: Final = "0.7.3"
"""The version whose tasks and results were read."""


class UnderstandingTask(NamedTuple):
    """A benchmark of understanding.

    Attributes:
        label: As papers call it.
        task: Of lmms-eval, where a grader can be asked.
        plain: Of lmms-eval without a grader; None where there is none.
        metric: Its name in the results.
        scale: What brings it to 0 to 100.
        note: What a reader must know of the figure.
    """

    label: str
    task: str
    plain: str | None
    metric: str
    scale: float
    note: str


TASKS: Final = MappingProxyType(
    {
        "mmbench": UnderstandingTask(
            "MMBench",
            "mmbench_en_dev",
            "mmbench_en_dev_static",
            "gpt_eval_score",
            1.0,
            "MMBench is of the English dev set; papers mostly give its test set, which MMBench's own server scores",
        ),
        "mmmu": UnderstandingTask(
            "MMMU",
            "mmmu_val",
            "mmmu_val",
            "mmmu_acc",
            100.0,
            "MMMU is of the validation set, with lmms-eval's reading of answers; VLMEvalKit's gives other figures",
        ),
        "mmvet": UnderstandingTask(
            "MM-Vet",
            "mmvet",
            None,
            "gpt_eval_score",
            1.0,
            "MM-Vet's answers are graded by the model that lmms-eval asks, which papers' graders differ from",
        ),
    }
)

PUBLISHED: Final = (
    (
        "OmniGen2",
        "arXiv 2506.18871, section 5.1: the unchanged Qwen2.5-VL-3B-Instruct",
        {"MMBench": 79.1, "MMMU": 53.1, "MM-Vet": 61.8},
    ),
)
"""Model, source and figures. A checkpoint whose MLLM was not trained further must come near them."""
