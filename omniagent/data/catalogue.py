"""Every source and stage that recipes may name."""

from types import MappingProxyType
from typing import Any, Final

from omniagent.data.edits.frame_pairs import FRAME_PAIRS
from omniagent.data.edits.holes import HOLES
from omniagent.data.edits.instruct import INSTRUCT
from omniagent.data.files import PICTURES, VIDEOS, digest_of_file, finder
from omniagent.data.interleave.sequences import NARRATE, SEQUENCES
from omniagent.data.reflection.improvements import IMPROVEMENTS
from omniagent.data.reflection.trajectory import TRAJECTORY, digest_of_run, find_runs
from omniagent.data.reflection.unrolling import UNROLLING
from omniagent.data.stage import Source, Stage
from omniagent.data.subjects.followed import TRACKS
from omniagent.data.subjects.found import SUBJECTS
from omniagent.data.subjects.matched import EMPTIED, MATCH
from omniagent.data.subjects.repainted import REPAINT
from omniagent.data.subjects.worded import WORDS
from omniagent.data.video.clips import CLIPS
from omniagent.data.video.footage import FRAMES

_ALL: Final[tuple[Stage[Any, Any, Any], ...]] = (
    CLIPS,
    FRAMES,
    SUBJECTS,
    TRACKS,
    REPAINT,
    WORDS,
    MATCH,
    EMPTIED,
    FRAME_PAIRS,
    HOLES,
    INSTRUCT,
    SEQUENCES,
    NARRATE,
    TRAJECTORY,
    IMPROVEMENTS,
    UNROLLING,
)
STAGES: Final = MappingProxyType[str, Stage[Any, Any, Any]]({stage.name: stage for stage in _ALL})
SOURCES: Final = MappingProxyType[str, Source](
    {
        "runs": Source(find_runs, digest_of_run),
        "videos": Source(finder(VIDEOS), digest_of_file),
        "pictures": Source(finder(PICTURES), digest_of_file),
    }
)
