"""What this room does for its console's jobs: the same commands as from afar, and what needs more than one of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

from appliance.restarting import Supervisor
from appliance.state.commands import Ack, AckStatus, Command, JoinMeeting, Leave, Origin
from appliance.state.devices import Fault
from appliance.state.outcomes import NO_MEDIA
from appliance.state.room import MeetingKey, RoomState
from appliance.state.selftest import findings_of
from appliance.telemetry.configuration import idle
from appliance.telemetry.protocol.orders import Job, JobKind
from appliance.telemetry.protocol.records import Content, Happening
from appliance.telemetry.worker import Attached, Deed, Done

IDENTIFY_S = 30.0
TESTED = "An administrator tests this room: you may hear a short tone."
BUSY = "The room is in a meeting, or will be in a moment; the test is for an idle one."
PICTURED = "An administrator took a picture of this screen."
_CHECK_S = 90.0
_NOT_TESTED = "The devices were not tested in time. Look at the room's logs, or run `salon doctor`."
_GOING_S = 120.0
"""How long a restart or a reboot may take to reach this very program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deeds:
    """All that may be done, and with what."""

    command: Callable[[Command, Origin], Awaitable[Ack]]
    room: Callable[[], RoomState]
    states: Callable[[], AsyncIterator[RoomState]]
    test: Callable[[], int]
    """Has devices, sound and pictures tested; returns the number of the answer to wait for."""
    show: Callable[[str], object]
    """Shows people in the room a line, on TV and panel; an empty one takes it away."""
    note: Callable[[Content], None]
    supervisor: Supervisor
    logs: Callable[[], Awaitable[bytes]]
    picture: Callable[[RoomState, str], Awaitable[bytes]]
    """Makes a PNG of the interface alone, or of the TV's picture with people in it."""
    screenshots: str
    """What the room's own settings agree to: none, interface or picture."""

    def all(self) -> Mapping[JobKind, Deed]:
        """Return them by kind."""
        return {
            JobKind.REBOOT: self._reboot,
            JobKind.RESTART: self._restart,
            JobKind.SELFTEST: self._self_test,
            JobKind.LOGS: self._logs,
            JobKind.SCREENSHOT: self._screenshot,
            JobKind.JOIN: self._join,
            JobKind.LEAVE: self._leave,
            JobKind.IDENTIFY: self._identify,
        }

    async def _reboot(self, _job: Job) -> Done:
        await self.supervisor.reboot()
        return await _going("The machine was told to start anew, and has not.")

    async def _restart(self, _job: Job) -> Done:
        await self.supervisor.restart()
        return await _going("The room's programs were told to start anew, and have not.")

    async def _join(self, job: Job) -> Done:
        key = job.args.get("key", "")
        ack = await self.command(JoinMeeting(MeetingKey(key) if key else None), Origin.REMOTE)
        return _answered(ack, "The room joins, with microphone and camera off.")

    async def _leave(self, _job: Job) -> Done:
        return _answered(await self.command(Leave(), Origin.REMOTE), "The room has left.")

    async def _identify(self, _job: Job) -> Done:
        room = self.room()
        text = f"This is {room.name}, room {room.id[:8]}."
        self.show(text)
        await asyncio.sleep(IDENTIFY_S)
        if self.room().notice == text:
            self.show("")
        return Done(ok=True, detail=f"TV and panel showed “{room.name}” for {IDENTIFY_S:g} s.")

    async def _self_test(self, _job: Job) -> Done:
        if not idle(self.room()):
            return Done(ok=False, detail=BUSY)
        if not self.room().senses.connected:
            return Done(ok=False, detail=NO_MEDIA)
        self.show(TESTED)
        try:
            async with asyncio.timeout(_CHECK_S):
                room = await self._tested(self.test())
        except TimeoutError:
            return Done(ok=False, detail=_NOT_TESTED)
        finally:
            if self.room().notice == TESTED:
                self.show("")
        if room is None:
            return Done(ok=False, detail=NO_MEDIA)
        fine, words = findings_of(room.senses.self_test)
        return Done(fine and not _faults(room), f"{_summary(room)} {words}")

    async def _tested(self, asked: int) -> RoomState | None:
        """Wait for the answer; None when media dies over it."""
        async for room in self.states():
            if room.senses.self_test.asked == asked:
                return room
            if not room.senses.connected:
                return None
        return None

    async def _logs(self, _job: Job) -> Done:
        packed = await self.logs()
        return Done(
            ok=True,
            detail=f"{len(packed) // 1024 + 1} KB",
            files=(Attached("logs.txt.gz", "application/gzip", packed),),
        )

    async def _screenshot(self, job: Job) -> Done:
        what = job.args.get("what", "interface")
        if self.screenshots == "none" or (what == "picture" and self.screenshots != "picture"):
            return Done(
                ok=False, detail=f"The room's own settings allow no screenshot of its {what} (mqtt.screenshots)."
            )
        self.show(PICTURED)
        self.note(Happening("screenshot.taken", text=f"{PICTURED} It was of the {what}."))
        data = await self.picture(self.room(), what)
        return Done(ok=True, detail=f"The {what}.", files=(Attached(f"{what}.png", "image/png", data),))


async def _going(otherwise: str) -> Done:
    """Wait to be ended; the next daemon says that it worked."""
    await asyncio.sleep(_GOING_S)
    return Done(ok=False, detail=otherwise)


def _answered(ack: Ack, words: str) -> Done:
    return Done(ok=True, detail=words) if ack.status is AckStatus.OK else Done(ok=False, detail=ack.reason)


def _faults(room: RoomState) -> list[str]:
    return [device.title for device in room.devices if device.expected and device.fault is not Fault.NONE]


def _summary(room: RoomState) -> str:
    faults, check = _faults(room), room.senses.sound_check
    devices = f"Not well: {', '.join(faults)}." if faults else "All devices work."
    if check.at is None:
        return devices
    sound = "was fine" if check.ok else "found something"
    return f"{devices} The sound check of {check.at:%Y-%m-%d %H:%M} UTC {sound}."
