"""docs/pi-acceptance.md: how to run the walk, what it checks, what the results file shows. Generated, never edited."""

from collections.abc import Iterable, Sequence
from textwrap import fill

from acceptance.check import Check
from acceptance.results import Result, Run
from acceptance.walk import summary

_HEAD = """\
# Acceptance of real hardware

`make pi-acceptance` walks a person with a Raspberry Pi 5 (or a mini-PC) and real devices through {count} checks. It
says what to plug or do, measures by itself with the room's own drivers, and asks only what eyes and ears can tell.
This page is generated from `tests/acceptance/results.json` and from the checks; it is not edited by hand.

## How to run it

On Raspberry Pi OS (64 bit) or Debian, in a checkout of the commit that is to be accepted:

```
sudo apt install python3-venv python3-picamera2 python3-lgpio v4l-utils pipewire-alsa gcc
make pi-acceptance
```

- Be in the groups `video`, `audio`, `gpio` and `input`. Stop the room first (`sudo systemctl stop salon.target`): a
  device has one owner. The wiring is that of [hardware.md](hardware.md).
- At each question: Enter (or y and n) goes on, `s` skips, `q` or Ctrl-C stops. What was skipped is written down as
  skipped, never as passed. A check that failed can be tried again at once.
- Each result is on disk as soon as it is there. `make pi-acceptance ARGS=--resume` goes on where the last run was left,
  also after the power was cut, as long as board, kernel and commit are the same.
- Devices: `ARGS='--device camera=v4l2:046d:085e --device "red=gpio:6?active_low=1&pull=down"'`; the names are
  {names}.
  `ARGS='--only mute-button relay'` does these, `ARGS=--list` lists all.
- Pictures and logs go into `acceptance-out/`. Commit `tests/acceptance/results.json` and this page together.

## What is checked

| check | passes when |
|---|---|
"""
_NOTHING = "Nothing was run yet: nothing is claimed for real hardware.\n"
_SIMULATED = "Simulated: it shows that the walk works, and nothing about hardware."


def page(checks: Sequence[Check], names: Iterable[str], runs: Sequence[Run]) -> str:
    """Return the whole page."""
    listed = fill(", ".join(f"`{name}`" for name in names), 118, subsequent_indent="  ")
    rows = [f"| `{check.name}`: {_cell(check.title)} | {_cell(check.passes)} |\n" for check in checks]
    shown = [_run(run, checks) for run in reversed(runs)] or [_NOTHING]
    return _HEAD.format(count=len(checks), names=listed) + "".join(rows) + "\n## Results\n\n" + "\n".join(shown)


def _run(run: Run, checks: Sequence[Check]) -> str:
    board = {key: value or "unknown" for key, value in run.board.items()}
    about = "{board}, {os}, kernel {kernel}, bootloader {bootloader}".format(**board)
    lines = [f"### {run.begun[:10]}, {board['board']}\n", f"By {run.who}, commit {run.commit}. {about}.\n"]
    if any(result.simulated for result in run.results):
        lines.append(f"**{_SIMULATED}** Such results are marked.\n")
    lines.append("| check | result | what was seen |\n|---|---|---|")
    lines += [_row(check.name, run.of(check.name)) for check in checks]
    known = {check.name for check in checks}
    lines += [_row(result.name, result) for result in run.results if result.name not in known]
    return "\n".join(lines) + "\n"


def _row(name: str, result: Result | None) -> str:
    if result is None:
        return f"| `{name}` | not done | |"
    marked = " (simulated)" if result.simulated else ""
    return f"| `{name}` | {result.state}{marked} | {_cell(summary(result))} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
