"""Every source and stage that recipes may name."""

from types import MappingProxyType
from typing import Any, Final

from omniagent.data.edits.frame_pairs import FRAME_PAIRS
from omniagent.data.edits.holes import HOLES
from omniagent.data.edits.instruct import INSTRUCT
from omniagent.data.files import PICTURES, VIDEOS, digest_of_file, finder
from omniagent.data.reflection.improvements import IMPROVEMENTS
from omniagent.data.reflection.trajectory import TRAJECTORY, digest_of_run, find_runs
from omniagent.data.reflection.unrolling import UNROLLING
from omniagent.data.stage import Source, Stage
from omniagent.data.video.clips import CLIPS
from omniagent.data.video.footage import FRAMES

STAGES: Final = MappingProxyType[str, Stage[Any, Any, Any]](
    {stage.name: stage for stage in (CLIPS, FRAMES, FRAME_PAIRS, HOLES, INSTRUCT, TRAJECTORY, IMPROVEMENTS, UNROLLING)}
)
SOURCES: Final = MappingProxyType[str, Source](
    {
        "runs": Source(find_runs, digest_of_run),
        "videos": Source(finder(VIDEOS), digest_of_file),
        "pictures": Source(finder(PICTURES), digest_of_file),
    }
)
