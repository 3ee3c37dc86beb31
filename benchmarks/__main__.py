"""`make bench`: measures all rows, or some with `--only NAME …`, and rewrites results.json and docs/benchmarks.md."""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.drop_rows import DROP_ROWS
from benchmarks.fleet_browse_rows import BROWSE_ROWS
from benchmarks.fleet_ingest_rows import INGEST_ROWS
from benchmarks.fleet_rows import FLEET_ROWS
from benchmarks.fleet_seen_rows import SEEN_ROWS
from benchmarks.latency_rows import LATENCY_ROWS
from benchmarks.loss_rows import LOSS_ROWS
from benchmarks.memory_rows import MEMORY_ROWS
from benchmarks.mouth_rows import MOUTH_ROWS
from benchmarks.pairs import TooBusy
from benchmarks.receive_rows import RECEIVE_ROWS
from benchmarks.room_rows import ROOM_ROWS
from benchmarks.rows import Row, Run
from benchmarks.send_rows import SEND_ROWS
from benchmarks.sound_rows import SOUND_ROWS
from benchmarks.start_rows import START_ROWS
from benchmarks.unplug_rows import UNPLUG_ROWS

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "benchmarks.md"
_WRITTEN = [f":(top,exclude){path.relative_to(HERE.parent)}" for path in (RESULTS, PAGE.parent)]
ROWS = (
    *RECEIVE_ROWS,
    *SEND_ROWS,
    *LATENCY_ROWS,
    *LOSS_ROWS,
    *DROP_ROWS,
    *START_ROWS,
    *MEMORY_ROWS,
    *ROOM_ROWS,
    *SOUND_ROWS,
    *MOUTH_ROWS,
    *UNPLUG_ROWS,
    *FLEET_ROWS,
    *INGEST_ROWS,
    *BROWSE_ROWS,
    *SEEN_ROWS,
)
_HEAD = """\
# Speed and size

Measured by `make bench` (`ONLY=name` for one row) on simulated devices; every single run is in
`benchmarks/results.json`. These are figures of the machine named in each row, not promises about yours.

Less is better, but for the rows that say "more is better"; the worst run is the largest or the smallest accordingly.
Where there is a peer, it received, sent or showed the same pictures in the same minute, or got the same recordings, and
the ratio is ours over the peer's; decibels are ratios already, and there it is ours less the peer's. All meet on `salon
hub`. Ours is `salon daemon` and `salon media` as they are in a room, with `salon display` on a 1080p canvas where
pictures are shown. CPU is user and system time of the whole process tree; a pair in which somebody missed more than a
twentieth of the pictures, or ours showed fewer than the peer, is not counted, and stands in `results.json` as such; so
do freezes and starts that were watched while a hypervisor took more than 2 % of the machine away. Where receiving is
compared, ours goes first in one pair and the peer in the next. Chromium's page has LiveKit's SDK and looks as LiveKit's
own pages do; it paints without a GPU here, and with one, showing costs it less. The camera that is pulled from Chromium
is one of PipeWire's, which it takes only when told to by a switch: no kernel's camera is to be had on this machine, and
with one it may do better. Loss, delay and narrow links are made by a seeded relay of the benchmark's own. All numbers
are in `benchmarks/settings.py`. What the fleet's rows measure is told on [its page](fleet.md#speed-and-size).

| what | ours | peer | ratio, or difference | limit | runs (ours, worst) | machine |
|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=[row.name for row in ROWS], metavar="NAME")
    parser.add_argument("--look", action="store_true", help="measure and say, but write nothing")
    options = parser.parse_args()
    rows = [row for row in ROWS if not options.only or row.name in options.only]
    failed = [row.name for row in rows if not _measured(row, look=options.look)]
    if failed:
        sys.exit(f"Not measured: {' '.join(failed)}. Try again when nothing else runs on this machine.")


def _measured(row: Row, *, look: bool) -> bool:
    """Measure a row and write it down; False when the machine would not let us."""
    load = round(os.getloadavg()[0], 1)
    print(f"{row.name}: {row.what} (load before it: {load})", flush=True)
    try:
        result = _result(row, row.measure(), load)
    except TooBusy as err:
        print(f"  {err}", flush=True)
        return False
    print(f"  {_summary(row, result)}", flush=True)
    if not look:
        _store(result)
        if row.picture is not None:
            _picture(row).write_text(row.picture())
        PAGE.write_text(_page(_results()))
    return True


def _result(row: Row, measured: list[Run], load: float) -> dict[str, Any]:
    runs = [run for run in measured if run.counted]
    theirs = [run.peer for run in runs if run.peer is not None]
    compared = row.compared(runs)
    return {
        "name": row.name,
        "ours": round(row.whole([run.ours for run in runs]), 4),
        "peer": round(median(theirs), 4) if theirs else None,
        "peer_name": row.peer or None,
        row.compares: None if compared is None else round(compared, 3),
        "unit": row.unit,
        "runs": [_pair(run) for run in runs],
        "not_counted": [_pair(run) for run in measured if not run.counted],
        **({"parts": parts} if (parts := [dict(run.parts) for run in runs if run.parts]) else {}),
        "commit": _commit(),
        "machine": _machine(),
        "load": load,
    }


def _commit() -> str:
    """Say what was measured; what the rows before it wrote does not count as a change."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", *_WRITTEN)
    return _git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()


def _pair(run: Run) -> list[float | None]:
    return [round(run.ours, 4), None if run.peer is None else round(run.peer, 4)]


def _summary(row: Row, result: dict[str, Any]) -> str:
    against = f", {row.peer} {result['peer']:g}, {row.compares} {result[row.compares]:g}" if row.peer else ""
    return f"ours {result['ours']:g} {result['unit']}{against}"


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}"


def _results() -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    return results


def _store(result: dict[str, Any]) -> None:
    others = [other for other in _results() if other["name"] != result["name"]]
    order = [row.name for row in ROWS]
    results = sorted([*others, result], key=lambda it: order.index(it["name"]))
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def _picture(row: Row) -> Path:
    return PAGE.with_name("pictures") / f"bench-{row.name}.svg"


def _page(results: list[dict[str, Any]], measured: Sequence[Row] = ROWS) -> str:
    rows = {row.name: row for row in measured}
    lines = []
    for result in results:
        row, values = rows[result["name"]], [run[0] for run in result["runs"]]
        cells = [
            f"`{row.name}`: {row.what}{' (more is better)' if row.more else ''}",
            f"{result['ours']:.3g} {row.unit}{_parts(result)}",
            f"{result['peer']:.3g} {row.unit} ({row.peer})" if row.peer else "",
            f"**{_compared(row, result)}**" if row.peer else "",
            row.limit,
            f"{len(values)}, {row.worst(values):.3g}",
            result["machine"],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    drawn = [_picture(row) for row in measured if row.picture is not None and _picture(row).exists()]
    pictures = [f"\n![{path.stem}](pictures/{path.name})" for path in drawn]
    return _HEAD + "\n".join([*lines, *pictures]) + "\n"


def _compared(row: Row, result: dict[str, Any]) -> str:
    value: float = result[row.compares]
    return f"{value:.2f}" if row.compares == "ratio" else f"{value:+.1f} {row.unit}"


def _parts(result: dict[str, Any]) -> str:
    """Say what a figure is made of: the medians of all runs."""
    parts: list[dict[str, float]] = result.get("parts", [])
    said = [f"{name} {median(part[name] for part in parts):.3g}" for name in (parts[0] if parts else ())]
    return f" ({', '.join(said)})" if said else ""


if __name__ == "__main__":
    main()
