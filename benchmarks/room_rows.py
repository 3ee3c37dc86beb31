"""The rows of a whole room alone: how soon it is in a meeting, how large it is, what it costs while idle."""

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

from benchmarks.cost import cpu_seconds, pss_mb
from benchmarks.room import PROGRAMS, Room, book, guest, ready, running, until
from benchmarks.rows import Row, Run


def auto_join_to_first_frame() -> list[Run]:
    """Twenty meetings, one after another, in one room; a guest is in each before the room."""
    runs: list[Run] = []
    with running() as room:
        ready(room)
        for number in range(20):
            link, start = book(room, 8)
            with guest(room, link):
                until(partial(_has_frame, room, start), seconds=30, step_s=0.3)
                first = _first_frame(room, start)
                assert first is not None
                runs.append(Run((first - start).total_seconds()))
                print(f"  meeting {number + 1}: {runs[-1].ours:.3f} s", flush=True)
            room.salon("leave")
            until(lambda: room.state()["call"]["phase"] == "idle", step_s=0.3)
    return runs


def _has_frame(room: Room, start: datetime) -> bool:
    return _first_frame(room, start) is not None


def _first_frame(room: Room, start: datetime) -> datetime | None:
    stamp = room.state()["face"]["first_remote_frame_at"]
    moment = datetime.fromisoformat(stamp) if stamp else None
    return moment if moment is not None and moment >= start else None


def cold_start() -> list[Run]:
    """From exec of `salon up` until the panel shows the room; the first, with a cold page cache, is not counted."""
    runs: list[Run] = []
    for _ in range(6):
        with running(servers=False) as room:
            runs.append(Run(ready(room) - room.started))
    return runs[1:]


def pss_idle() -> list[Run]:
    """Five looks at an idle room, a minute of settling apart from its start."""
    with running(servers=False) as room:
        ready(room)
        until(lambda: len(room.processes()) == len(PROGRAMS))
        time.sleep(20)
        return [Run(_later(2, lambda: _pss(room))) for _ in range(5)]


def pss_call() -> list[Run]:
    """Five looks at a room in a call: it sends 720p and shows a guest's 720p, on a 1080p canvas."""
    with running() as room:
        ready(room)
        link, start = book(room, 8)
        with guest(room, link, height=720):
            until(partial(_has_frame, room, start), seconds=40, step_s=0.3)
            time.sleep(15)
            return [Run(_later(3, lambda: _pss(room))) for _ in range(5)]


def idle_cpu() -> list[Run]:
    """Five windows of twenty seconds of an idle room with its clock ticking on the TV."""
    with running(servers=False) as room:
        ready(room)
        until(lambda: len(room.processes()) == len(PROGRAMS))
        time.sleep(15)
        return [Run(_window(room, 20)) for _ in range(5)]


def _window(room: Room, seconds: float) -> float:
    processes = list(room.processes().values())
    before, began = cpu_seconds(processes), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(processes) - before) / (time.monotonic() - began)


def _pss(room: Room) -> float:
    return pss_mb(list(room.processes().values()))


def _later(seconds: float, look: Callable[[], float]) -> float:
    time.sleep(seconds)
    return look()


ROOM_ROWS = (
    Row(
        "auto_join_to_first_frame_s",
        "s",
        "from the scheduled instant to the first remote picture on the TV canvas",
        "median 1.5, worst of 20 at most 3",
        auto_join_to_first_frame,
    ),
    Row("cold_start_s", "s", "from exec to a ready panel, page cache warm", "3", cold_start),
    Row("pss_idle_mb", "MB", "memory (PSS) of daemon, media, display and panel, idle", "200", pss_idle),
    Row("pss_call_720p_mb", "MB", "the same in a call, 720p both ways on a 1080p canvas", "320", pss_call),
    Row("idle_cpu_cores", "cores", "CPU of the four, idle, camera closed, clock ticking", "0.03", idle_cpu),
)
