"""The room's programs in the guest, started as `salon up` does, and what the room says of itself meanwhile."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from check import say, within

from appliance.link.client import connected
from appliance.link.messages import LinkError, new_boot
from appliance.state.room import RoomState
from appliance.state.wire import from_json

LOG_LINES = 25
STOP_S = 30.0
SETTINGS = """\
[room]
name = "Aquarium"
[paths]
state = "{folder}/state"
runtime = "{folder}/run"
[calendar]
source = "file:{folder}/calendar.ics"
poll_s = 1
auto_join_hosts = ["{host}"]
[joining]
min_countdown_s = 3
[devices]
camera = {cameras}
microphone = ["sim:silence"]
speaker = ["sim:sink"]
[display]
screen = "{screen}"
width = 320
height = 180
[meetings]
ca_file = "{folder}/ca.pem"
"""


class Room:
    """A running room."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.states: list[RoomState] = []
        """Every public state a watcher was told, in order."""

    def until(self, limit_s: float, what: str, look: Callable[[RoomState], object]) -> RoomState:
        """Wait until the room says it is so."""
        try:
            within(limit_s, what, lambda: self.states and look(self.states[-1]))
        except AssertionError as err:
            raise AssertionError(f"{err}; the room says {self.states[-1:]}") from None
        return self.states[-1]

    def book(self, link: str) -> None:
        """Put a meeting into its calendar that begins now."""
        now = datetime.now(UTC)
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Salon//Guest//EN", "BEGIN:VEVENT", "UID:1@guest.invalid"]
        lines += [f"DTSTAMP:{_stamp(now)}", f"DTSTART:{_stamp(now)}", f"DTEND:{_stamp(now + timedelta(hours=1))}"]
        lines += ["SUMMARY:Weekly", f"URL:{link}", "END:VEVENT", "END:VCALENDAR", ""]
        scratch = self._folder / "calendar.new"
        scratch.write_text("\r\n".join(lines))
        scratch.replace(self._folder / "calendar.ics")

    async def follow(self) -> None:
        """Read the public state as any watcher may, until cancelled."""
        while True:
            with suppress(OSError, LinkError, TimeoutError):
                async with connected(self._folder / "run" / "watch.sock", role="watch", boot=new_boot()) as connection:
                    async for body in connection.states():
                        self.states.append(from_json(RoomState, body))
            await asyncio.sleep(0.2)  # it is not there yet

    def say_logs(self) -> None:
        """Tell the host the end of what the room's programs logged."""
        for log in sorted((self._folder / "logs").glob("*")):
            say(f"{log.name}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:]))


@contextmanager
def running(folder: Path, *, link: str, certificate: str, cameras: list[str], screen: str = "null:") -> Iterator[Room]:
    """Run a room that may join the meeting server behind a link; when the block fails, its logs are told."""
    (folder / "ca.pem").write_text(certificate)
    host = urlsplit(link).netloc
    named = str(cameras).replace("'", '"')
    (folder / "room.toml").write_text(SETTINGS.format(folder=folder, host=host, cameras=named, screen=screen))
    (folder / "calendar.ics").write_text("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Salon//EN\r\nEND:VCALENDAR\r\n")
    command = [sys.executable, "-m", "appliance.cli", "--config", str(folder / "room.toml"), "up", "--panel", "none"]
    process = subprocess.Popen([*command, "--logs", str(folder / "logs")])
    room = Room(folder)
    try:
        with _followed(room):
            yield room
    except BaseException:
        room.say_logs()
        raise
    finally:
        process.terminate()
        process.wait(STOP_S)


@contextmanager
def _followed(room: Room) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    task = loop.create_task(room.follow())

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    thread = threading.Thread(target=run, name="follow the room")
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%SZ")
