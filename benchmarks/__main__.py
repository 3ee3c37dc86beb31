"""`make bench`: measures all rows, or one with `--only NAME`, and rewrites results.json and docs/benchmarks.md."""

import argparse
import json
import os
import platform
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.rows import ROWS, Row

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "benchmarks.md"
_HEAD = """\
# Speed and size

Measured by `make bench` (`ONLY=name` for one row) on simulated devices; every single run is in
`benchmarks/results.json`. These are figures of the machine named in each row, not promises about yours.

| what | measured (median) | worst | limit | runs | machine |
|---|---|---|---|---|---|
"""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[row.name for row in ROWS])
    only = parser.parse_args().only
    for row in ROWS:
        if only in {None, row.name}:
            print(f"{row.name}: {row.what}", flush=True)
            _store(_result(row, row.measure()))
    PAGE.write_text(_page(_results()))


def _result(row: Row, runs: list[float]) -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    rounded = [round(value, 4) for value in runs]
    print(f"  median {median(rounded):g} {row.unit}, worst {max(rounded):g}", flush=True)
    return {
        "name": row.name,
        "ours": median(rounded),
        "peer": None,
        "peer_name": None,
        "ratio": None,
        "unit": row.unit,
        "runs": [[value, None] for value in rounded],
        "commit": commit.stdout.strip(),
        "machine": _machine(),
    }


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


def _page(results: list[dict[str, Any]]) -> str:
    rows = {row.name: row for row in ROWS}
    lines = []
    for result in results:
        row, values = rows[result["name"]], [run[0] for run in result["runs"]]
        cells = [
            f"`{row.name}`: {row.what}",
            f"{result['ours']:.3g} {row.unit}",
            f"{max(values):.3g}",
            row.limit,
            str(len(values)),
            result["machine"],
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
