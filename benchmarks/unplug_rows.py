"""The rows of cameras that are pulled and plugged in a call: how soon others see a slate, the next one, or it again.

A whole room with two simulated cameras, whose plugs are files, and a guest on LiveKit's own SDK who notes whose
pictures it sees. Each round pulls the only camera, plugs it again, and pulls it once more with the other one there.

The peer is a browser, as often as its waiting allows: see `unplug_peer`.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from appliance.demo.guest import exchange
from benchmarks import unplug_peer
from benchmarks.pairs import Steal, TooBusy
from benchmarks.room import book, invite, ready, running, until
from benchmarks.rows import Row, Run
from benchmarks.seen import SLATE, Shown, read_shown
from benchmarks.settings import TRIES, UNPLUG_PATIENCE_S, UNPLUG_TURNS, UNPLUGS
from hardware.camera.mark import source_id

_FIRST, _SECOND = "First", "Second"
_SETTLED_S = 3.0
_LASTS = timedelta(hours=1)
_LOOK_S = 2.0
"""How often the room lists its devices anew; a plug is pulled at any moment of that."""
_PEER = f"Chromium on PipeWire's cameras; {UNPLUG_PATIENCE_S:.0f} s: its last picture stood for as long as was watched"


class Round(NamedTuple):
    """Seconds from the plug to what the guest saw."""

    slate: Run
    back: Run
    fallback: Run


@cache
def rounds() -> list[Round]:
    """Pull and plug so many times in one call, and a browser's cameras beside."""
    done = _ours()
    if _counted(done) < UNPLUGS:
        raise TooBusy(f"too few of {len(done)} rounds count: this machine has too much else to do")
    return _beside_chromium(done)


def _ours() -> list[Round]:
    done: list[Round] = []
    with TemporaryDirectory(prefix="salon-bench-") as folder:
        plugs, seen = Path(folder) / "plugs", Path(folder) / "guest.seen"
        plugs.mkdir()
        with running(settings=partial(_with_cameras, plugs)) as room:
            ready(room)
            link = invite(room)
            with _guest(link, seen):
                book(room, 2, _LASTS, link)
                chance = random.Random(1)
                while _counted(done) < UNPLUGS and len(done) < TRIES * UNPLUGS:
                    done.append(_round(plugs, seen, chance))
                    print(f"  round {len(done)}: {_said(done[-1])}", flush=True)
    return done


def _beside_chromium(done: Sequence[Round]) -> list[Round]:
    """Measure the browser a few times, and put that beside as many of our rounds."""
    beside = list(done)
    for number in range(UNPLUG_TURNS):
        theirs = unplug_peer.times({name: source_id(name) for name in (_FIRST, _SECOND)})
        print(f"  Chromium: {theirs}", flush=True)
        pairs = ((getattr(done[number], part), getattr(theirs, part)) for part in Round._fields)
        beside[number] = Round(*(ours._replace(peer=peer) for ours, peer in pairs))
    return beside


def _counted(done: Sequence[Round]) -> int:
    """Return how many runs count of the part of which fewest do."""
    return min((sum(run.counted for run in runs) for runs in zip(*done, strict=True)), default=0)


def _said(one: Round) -> str:
    parts = one._asdict().items()
    return ", ".join(f"{name} {run.ours:.2f} s{'' if run.counted else ' (not counted)'}" for name, run in parts)


def _with_cameras(plugs: Path, text: str) -> str:
    """Give the demo's room the two cameras instead of its own."""
    cameras = [f'"sim:pattern?mark={name}&plug={plugs}/camera-{name}"' for name in (_FIRST, _SECOND)]
    lines = text.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("camera = "))
    lines[place] = f'camera = [{", ".join(cameras)}]\nwatch = "sim:{plugs}"'
    return "\n".join(lines) + "\n"


def _round(plugs: Path, seen: Path, chance: random.Random) -> Round:
    first, second = plugs / f"camera-{_FIRST}", plugs / f"camera-{_SECOND}"
    second.unlink(missing_ok=True)
    first.touch()
    _settle(seen, _FIRST, chance)
    slate = _after(first.unlink, seen, SLATE)
    _settle(seen, None, chance)
    back = _after(first.touch, seen, source_id(_FIRST))
    second.touch()
    _settle(seen, _FIRST, chance)
    return Round(slate, back, _after(first.unlink, seen, source_id(_SECOND)))


def _settle(seen: Path, name: str | None, chance: random.Random) -> None:
    """Wait until the guest sees this camera, or the slate, and some time more."""
    wanted = SLATE if name is None else source_id(name)
    until(lambda: [it.source for it in read_shown(seen)[-1:]] == [wanted], seconds=90)
    time.sleep(_SETTLED_S + chance.uniform(0, _LOOK_S))


def _after(plug: Callable[[], object], seen: Path, wanted: int) -> Run:
    """Return how long after the plug was pulled or put in the guest saw this."""
    with Steal() as steal:
        plugged_s = time.time()
        plug()
        until(lambda: seconds_until(read_shown(seen), plugged_s, wanted) is not None, seconds=UNPLUG_PATIENCE_S)
    found = seconds_until(read_shown(seen), plugged_s, wanted)
    assert found is not None
    return Run(found, counted=steal.tolerable)


def seconds_until(shown: Sequence[Shown], since_s: float, wanted: int) -> float | None:
    """Return how long it took until pictures of this source began, None while they have not."""
    return next((it.at_s - since_s for it in shown if it.at_s >= since_s and it.source == wanted), None)


@contextmanager
def _guest(link: str, seen: Path) -> Iterator[None]:
    """Let somebody on the SDK into the meeting."""
    ticket = exchange(link, "Bench guest")
    report = seen.with_suffix(".json")
    words = (sys.executable, "-m", "benchmarks.sdk_receiver", ticket["url"], ticket["token"], str(report), "--sources")
    with (seen.with_suffix(".log")).open("wb") as log:
        environment = os.environ | {"SALON_PARENT": str(os.getpid())}
        process = subprocess.Popen(words, stdout=log, stderr=log, env=environment)
    try:
        until(lambda: report.exists() or process.poll() is not None, seconds=60)
        yield
    finally:
        process.terminate()
        process.wait()


def _runs(name: str) -> list[Run]:
    return [getattr(it, name) for it in rounds()]


def _row(name: str, what: str, limit: str, part: str) -> Row:
    return Row(name, "s", what, limit, lambda: _runs(part), peer=_PEER)


UNPLUG_ROWS = (
    _row("unplug_to_slate_s", "from pulling the only camera in a call until a guest sees the slate", "1.0", "slate"),
    _row("unplug_to_fallback_s", "from pulling the camera until a guest sees the room's other one", "2.0", "fallback"),
    _row("replug_to_picture_s", "from plugging the only camera until a guest sees it again", "5.0", "back"),
)
