"""A room with a TV for tests: a real connector tree, a TV that takes its time, and a clock that the test moves."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from builders import NOON, room

from appliance.lifecycle.television import TvHours
from appliance.state.room import Call, Countdown, MeetingKey, Phase, RoomState, Wanted
from appliance.state.store import RoomStore
from appliance.state.television import Television
from appliance.tv import TvService, TvSettings
from hardware.ports import DeviceError
from hardware.tv.cec import Adapter
from hardware.tv.learned import Learned
from hardware.tv.power import Power
from hardware.tv.television import TvSet, Ways

EDIDS = Path(__file__).parents[1] / "hardware" / "edids"
KEY = MeetingKey("weekly")
COUNTING = room(countdown=Countdown(KEY, "Weekly", NOON, NOON))
IN_CALL = room(wanted=Wanted(KEY, "Weekly"), call=Call(Phase.LIVE, KEY))
HOURS = TvHours(ZoneInfo("UTC"), lead_s=60, off_from=time(22), off_until=time(6), idle_off_s=1800)
NIGHT = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
CEC = Ways(cec=Adapter("/dev/cec0", claimed=True))


class Living(TvSet):
    """A TV that does what it is told by the methods it obeys, some seconds later; a remote may do so too."""

    def __init__(self, day, *obeys, ways=CEC, takes_s=5.0):
        super().__init__(None, None)
        self.day, self.obeys, self.reach, self.takes_s = day, obeys, ways, takes_s
        self.on = False
        self.coming = None
        self.told = []
        self.shown = 0
        self.error = None
        self.says = True
        self.before_answer = None

    async def ways(self, connector):
        return self.reach

    async def power(self, ways):
        if self.error is not None:
            raise DeviceError(self.error)
        if self.coming is not None and self.day.now >= self.coming[0]:
            self.on, self.coming = self.coming[1], None
        answer = (Power.ON if self.on else Power.OFF) if self.says and not ways.none else Power.UNKNOWN
        if self.before_answer is not None:
            self.before_answer()
        return answer

    async def use(self, method, want, connector, ways):
        if self.error is not None:
            raise DeviceError(self.error)
        self.told.append(method)
        if method in self.obeys:
            self.coming = (self.day.now + timedelta(seconds=self.takes_s), want is Power.ON)
        return True

    async def show(self, ways):
        self.shown += 1


class Day:
    """A room with a TV, whose clock the test moves."""

    def __init__(self, tmp_path, *obeys, start=NOON, plugged=True, **tv):
        self.now = start
        self.root = tmp_path
        self.told: list[Television] = []
        self.tv = Living(self, *obeys, **tv)
        self.file = tmp_path / "state" / "tv.json"
        self.connector = tmp_path / "sys/class/drm/card0-HDMI-A-1"
        if plugged:
            self.plug()
        self.open()

    def open(self, **settings):
        self.service = TvService(
            TvSettings(HOURS, **settings),
            self.tv,
            Learned(self.file),
            states=RoomStore(room(), now=lambda: self.now).watch,
            on_television=self.told.append,
            now=lambda: self.now,
            clock=self.clock,
            root=self.root,
        )

    def clock(self):
        return self.now.timestamp()

    def plug(self, edid="samsung-qm65h-hdmi"):
        self.connector.mkdir(parents=True, exist_ok=True)
        (self.connector / "edid").write_bytes((EDIDS / f"{edid}.bin").read_bytes())
        for name, text in {"status": "connected", "enabled": "enabled", "modes": "1920x1080", "dpms": "On"}.items():
            (self.connector / name).write_text(text + "\n")

    def unplug(self):
        (self.connector / "status").write_text("disconnected\n")

    async def run(self, state: RoomState, seconds: float, *, beat=2):
        """Let time pass in this state of the room."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.service.take(state)
            await self.service.look()
            await self.service.step()
            self.now += timedelta(seconds=beat)
        return self.told[-1]
