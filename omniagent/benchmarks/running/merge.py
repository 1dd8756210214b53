"""Folders of results of other shards, drawn or judged on other machines, brought into one."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from omniagent.benchmarks.data.pins import join_pins
from omniagent.benchmarks.running.draw import Drawn
from omniagent.benchmarks.running.folder import RUN_FILE, WHOLE, RunFolder
from omniagent.benchmarks.running.judge import Judged, judgements
from omniagent.benchmarks.running.ledger import LineFile, by_key
from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut, shown
from omniagent.tools.record.files import write_whole


class Merged(NamedTuple):
    """How many pictures and judgements came in; those that were there already are not counted."""

    drawn: int
    judged: int


def merge(out: Path, sources: Sequence[Path]) -> Merged:
    """Bring the runs of other folders of results into `out`, line by line; may be killed and called again.

    A picture's file is copied before its line is written. Lines that are there already are left as they are; a picture
    that was judged anew there has the newer judgement here too.

    Raises:
        BadSetting: a folder holds no results, or results of other data, another run, or another judge.
        OutputUnwritable, StorageFull: `out` cannot be written, or a run is at work in it.
    """
    drawn = judged = 0
    for source in sources:
        if not (runs := [path.parent for path in sorted(source.glob("*/run.json"))]):
            raise BadSetting(f"{cut(str(source))} holds no results of a benchmark; give the --out of another shard")
        pins = join_pins(out, source)
        for run in runs:
            new = _run(RunFolder(out / run.name), RunFolder(run), pins.digests)
            drawn, judged = drawn + new.drawn, judged + new.judged
    return Merged(drawn, judged)


def _run(into: RunFolder, source: RunFolder, data: Collection[str]) -> Merged:
    judged = 0
    with into.held("generate", WHOLE):
        about = source.about()
        if (into.path / RUN_FILE).is_file() and {into.about().data, about.data} <= set(data):
            about = about.model_copy(update={"data": into.about().data})
        into.begin(about)
        own = LineFile(into.drawn_file(WHOLE), Drawn)
        own.mend()
        there = by_key(into.drawn_files, Drawn)
        others = by_key(source.drawn_files, Drawn)
        if twice := next((key for key in others if key in there and there[key].sha256 != others[key].sha256), None):
            raise BadSetting(f"{cut(str(source.path))} has another picture of {shown(twice)}; leave that folder out")
        for path in sorted(path for path in source.pictures.rglob("*") if path.is_file()):
            target = into.pictures / path.relative_to(source.pictures)
            if not target.is_file():
                write_whole(target, path.read_bytes())
        new = [line for key, line in others.items() if key not in there]
        for line in new:
            own.add(line)
    for name in source.judges:
        with into.held(f"judge-{name}", WHOLE):
            into.begin_judging(source.identity(name))
            file = LineFile(into.judged_file(name, WHOLE), Judged)
            file.mend()
            known = judgements(into, name)
            for line in judgements(source, name).values():
                if line.key not in known or line.turn > known[line.key].turn:
                    file.add(line)
                    judged += 1
    return Merged(len(new), judged)
