"""`make pi-acceptance`: walks a person through the checks; results into results.json, and from there into the page."""

import argparse
import getpass
import subprocess
import sys
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path

from acceptance.checks import CHECKS
from acceptance.page import page
from acceptance.person import Terminal
from acceptance.results import Run, Unreadable, load, replace_file, store
from acceptance.room import Devices, Room
from acceptance.walk import Walk

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS, PAGE = HERE / "results.json", ROOT / "docs" / "pi-acceptance.md"
NAMES = tuple(field.name for field in fields(Devices))


def written_page(runs: tuple[Run, ...]) -> str:
    """Return what the page has to be."""
    return page(CHECKS, NAMES, runs)


def begin(earlier: tuple[Run, ...], fresh: Run, *, resume: bool) -> tuple[tuple[Run, ...], Run]:
    """Return the runs that are over, and the one to go on with; SystemExit when there is nothing to resume."""
    if not resume:
        return earlier, fresh
    if not earlier:
        sys.exit("There is no run to resume.")
    if not earlier[-1].is_of_same(fresh):
        sys.exit("The last run was of another board, kernel or commit: begin a new one, without --resume.")
    return earlier[:-1], earlier[-1]


def main() -> int:
    """Walk; 0 when nothing failed and nothing is left."""
    options = _options()
    if options.list:
        print("\n".join(f"{check.name}: {check.title}" for check in CHECKS))  # noqa: T201 - it was asked for
        return 0
    checks = [check for check in CHECKS if not options.only or check.name in options.only]
    options.out.mkdir(parents=True, exist_ok=True)
    room = Room(options.out.resolve(), devices=replace(Devices(), **dict(options.device)))
    try:
        earlier = load(options.results)
    except Unreadable as err:
        sys.exit(str(err))
    fresh = Run(_now().isoformat(timespec="seconds"), options.who, _commit(), room.machine.board())
    over, run = begin(earlier, fresh, resume=options.resume)

    def keep(run: Run) -> None:
        store(options.results, (*over, run))
        if options.results == RESULTS:
            replace_file(PAGE, written_page((*over, run)))

    person = Terminal()
    walk = Walk(run, room, person, keep=keep, now=_now)
    complete = walk.through(checks)
    counts = {
        state: sum(result.state == state for result in walk.run.results) for state in ("passed", "failed", "skipped")
    }
    person.tell("\n" + ", ".join(f"{count} {state}" for state, count in counts.items()) + f"; see {options.results}")
    if not complete:
        person.tell("Stopped. Go on with: make pi-acceptance ARGS=--resume")
    return int(not complete or counts["failed"] > 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make pi-acceptance", description=__doc__)
    parser.add_argument("--resume", action="store_true", help="go on with the last run")
    parser.add_argument("--only", nargs="+", choices=[check.name for check in CHECKS], metavar="CHECK")
    parser.add_argument("--list", action="store_true", help="list the checks")
    parser.add_argument("--who", default=getpass.getuser(), help="your name, for the results")
    parser.add_argument("--device", action="append", type=_device, default=[], metavar="NAME=URI")
    parser.add_argument("--out", type=Path, default=Path("acceptance-out"), help="where pictures and logs go")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def _device(text: str) -> tuple[str, str]:
    name, _, uri = text.partition("=")
    if name not in NAMES or not uri:
        raise argparse.ArgumentTypeError(f"write NAME=URI, with a name of {', '.join(NAMES)}")
    return name, uri


def _now() -> datetime:
    return datetime.now().astimezone()


def _commit() -> str:
    """Say what was accepted; what the run itself writes does not count as a change."""
    written = [f":(top,exclude){path.relative_to(ROOT)}" for path in (RESULTS, PAGE)]
    head = _git("rev-parse", "--short", "HEAD")
    changed = head and _git("status", "--porcelain", "--untracked-files=no", "--", ":/", *written)
    return f"{head or 'unknown'}{'-dirty' if changed else ''}"


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(main())
