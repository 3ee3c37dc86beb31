"""The TV through a day: a real connector tree, a TV that takes its time, and a clock that the test moves."""

import asyncio
import json
import logging
import shutil
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from builders import NOON, minutes, room

from appliance.lifecycle.television import TvHours
from appliance.state.devices import device_table
from appliance.state.room import Call, Countdown, MeetingKey, Phase, RoomState, Senses, Wanted
from appliance.state.store import RoomStore
from appliance.state.television import Television, TvPower
from appliance.state.wire import from_json, to_json
from appliance.tv import TvService, TvSettings
from hardware.ports import DeviceError
from hardware.tv.cec import Adapter
from hardware.tv.learned import Learned
from hardware.tv.power import Method, Power
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


async def test_the_tv_goes_on_for_the_countdown_and_is_asked_to_show_the_room(tmp_path):
    day = Day(tmp_path, Method.IMAGE_VIEW_ON)
    told = await day.run(COUNTING, 20)
    assert day.tv.on
    assert day.tv.shown == 1
    assert (told.connector, told.connected, told.power) == ("HDMI-A-1", True, TvPower.ON)
    assert (told.name, told.method, told.trouble) == ("SyncMaster", "cec image-view-on", "")
    await day.run(IN_CALL, 3600, beat=30)
    assert day.tv.told == [Method.IMAGE_VIEW_ON]


async def test_what_worked_is_tried_first_after_a_restart(tmp_path):
    day = Day(tmp_path, Method.POWER_ON_KEY, Method.STANDBY)
    await day.run(COUNTING, 90)
    assert day.tv.told == [*list(Method)[:4]]
    day.tv.on = False
    day.open()
    day.tv.told.clear()
    await day.run(IN_CALL, 20)
    assert day.tv.told == [Method.POWER_ON_KEY]
    assert list(json.loads(day.file.read_text()).values()) == [{"on": "cec power-on key"}]


async def test_another_tv_is_learned_by_itself(tmp_path):
    day = Day(tmp_path, Method.POWER_ON_KEY)
    await day.run(COUNTING, 90)
    day.plug("sony-kd55xd-hdmi")
    day.tv.on = False
    day.open()
    day.tv.told.clear()
    await day.run(COUNTING, 2)
    assert day.tv.told == [Method.IMAGE_VIEW_ON]


async def test_somebody_who_switches_the_tv_off_in_a_meeting_is_not_fought(tmp_path):
    day = Day(tmp_path, Method.IMAGE_VIEW_ON)
    await day.run(IN_CALL, 20)
    day.tv.on = False
    told = await day.run(IN_CALL, 3600, beat=30)
    assert not day.tv.on
    assert (told.power, told.trouble) == (TvPower.OFF, "")
    await day.run(room(countdown=Countdown(MeetingKey("next"), "Next", NOON, NOON)), 20)
    assert day.tv.on


async def test_the_night_ends_the_day_and_a_remote_is_respected_for_an_hour(tmp_path):
    day = Day(tmp_path, Method.IMAGE_VIEW_ON, Method.STANDBY, start=NIGHT - minutes(20))
    day.tv.on = True
    await day.run(room(), 1200, beat=30)
    assert day.tv.on
    await day.run(room(), 60)
    assert not day.tv.on
    day.tv.on = True
    await day.run(room(), 3500, beat=30)
    assert day.tv.told == [Method.STANDBY]
    told = await day.run(room(), 300, beat=30)
    assert not day.tv.on
    assert day.tv.told == [Method.STANDBY] * 2
    assert (told.power, told.method) == (TvPower.OFF, "cec standby")


async def test_a_touch_at_night_lights_the_tv_and_it_goes_off_again(tmp_path):
    day = Day(tmp_path, Method.IMAGE_VIEW_ON, Method.STANDBY, start=NIGHT)
    await day.run(room(), 10)
    day.service.touched()
    await day.run(room(), 20)
    assert day.tv.on
    assert day.tv.shown == 1
    await day.run(room(), 1000, beat=30)
    assert not day.tv.on


async def test_whoever_enters_while_somebody_uses_another_input_is_not_shown_the_room(tmp_path):
    day = Day(tmp_path)
    day.tv.on = True
    day.service.occupied(there=True)
    await day.run(room(), 60)
    assert (day.tv.told, day.tv.shown) == ([], 0)
    await day.run(room(senses=Senses(sharing=True)), 4)
    assert day.tv.shown == 1


async def test_a_call_that_begins_while_the_tv_is_asked_keeps_it_on(tmp_path):
    day = Day(tmp_path, Method.STANDBY, start=NIGHT)
    day.tv.on = True
    day.tv.before_answer = lambda: day.service.take(IN_CALL)
    await day.run(room(), 2)
    assert day.tv.told == []
    await day.run(IN_CALL, 60)
    assert day.tv.on


async def test_a_tv_pulled_out_in_a_meeting_is_display_lost_and_nothing_more(tmp_path):
    day = Day(tmp_path, Method.IMAGE_VIEW_ON)
    await day.run(IN_CALL, 20)
    day.unplug()
    lost_at = day.now
    told = await day.run(IN_CALL, 10)
    assert (told.connected, told.since) == (False, lost_at)
    assert told.trouble.startswith("display lost: nothing answers at HDMI-A-1")
    back_at = day.now
    day.plug()
    told = await day.run(IN_CALL, 10)
    assert (told.connected, told.trouble, told.since) == (True, "", back_at)


async def test_a_lost_display_is_told_also_when_its_card_is_gone(tmp_path):
    day = Day(tmp_path)
    await day.run(room(), 2)
    shutil.rmtree(day.connector)
    assert (await day.run(room(), 4)).trouble.startswith("display lost")


async def test_a_tv_that_looks_unplugged_because_it_is_off_is_not_lost(tmp_path):
    day = Day(tmp_path, start=NIGHT)
    day.tv.on = True
    await day.run(room(), 4)
    assert day.tv.told == [Method.STANDBY]
    day.unplug()
    told = await day.run(room(), 60)
    assert (told.connected, told.power, told.trouble) == (False, TvPower.OFF, "")
    assert day.tv.told == [Method.STANDBY]


@pytest.mark.parametrize("status", ["", "\0" * 50_000, "melted"])
async def test_a_connector_whose_driver_talks_nonsense_is_told_with_a_remedy(tmp_path, status):
    day = Day(tmp_path, Method.IMAGE_VIEW_ON)
    (day.connector / "status").write_text(status)
    told = await day.run(room(), 4)
    assert not told.connected
    assert "nobody can tell whether a TV is plugged in at HDMI-A-1 (its status reads" in told.trouble
    day.plug()
    assert (await day.run(room(), 4)).trouble == ""


async def test_a_tv_that_says_garbage_of_itself_is_used_and_that_is_logged(tmp_path, caplog):
    day = Day(tmp_path, Method.IMAGE_VIEW_ON)
    (day.connector / "edid").write_bytes(b"\xa5" * 128)
    with caplog.at_level(logging.INFO):
        told = await day.run(COUNTING, 20)
    assert (told.connected, told.name, told.power, told.trouble) == (True, "", TvPower.ON, "")
    assert caplog.text.count("EDID is in part unreadable") == 1


async def test_a_machine_without_connectors_is_no_trouble_unless_one_was_named(tmp_path):
    day = Day(tmp_path, plugged=False, ways=Ways())
    assert await day.run(IN_CALL, 4) == Television(since=NOON)
    day.open(connector="HDMI-A-2")
    assert "HDMI-A-2" in (await day.run(IN_CALL, 4)).trouble


async def test_a_tv_that_never_was_there_is_missed_unless_the_picture_goes_elsewhere_or_it_is_night(tmp_path):
    day = Day(tmp_path)
    day.unplug()
    told = await day.run(room(), 4)
    assert told.trouble.startswith("display lost: nothing answers at HDMI-A-1")
    assert not told.connected
    day.open(expected=False)
    assert (await day.run(room(), 4)).trouble == ""
    day.now = NIGHT
    day.open()
    assert (await day.run(room(), 60)).trouble == ""
    assert (await day.run(IN_CALL, 4)).trouble.startswith("display lost")


async def test_a_tv_that_did_not_obey_is_told_of_until_it_does(tmp_path):
    day = Day(tmp_path)
    deaf = await day.run(IN_CALL, 120)
    after = await day.run(room(), 3600, beat=30)
    assert (after.trouble, after.since) == (deaf.trouble, deaf.since)
    day.tv.obeys = (Method.POWER_ON_KEY,)
    again = await day.run(COUNTING, 20)
    assert again.trouble == deaf.trouble
    assert (await day.run(COUNTING, 60)).trouble == ""


async def test_another_tv_is_not_blamed_for_the_one_before(tmp_path):
    day = Day(tmp_path)
    assert (await day.run(IN_CALL, 120)).trouble
    await day.run(room(), 4)
    day.unplug()
    await day.run(room(), 4)
    day.plug("sony-kd55xd-hdmi")
    assert (await day.run(room(), 4)).trouble == ""


async def test_a_line_that_fails_while_nothing_is_wanted_is_told_once_it_failed_twice(tmp_path):
    day = Day(tmp_path)
    day.tv.error = "cec-ctl did not end within 6 s"
    assert (await day.run(room(), 2)).trouble == ""
    assert (await day.run(room(), 30, beat=30)).trouble == day.tv.error
    day.tv.error = None
    assert (await day.run(room(), 30, beat=30)).trouble == ""


async def test_a_way_that_is_closed_is_no_trouble_while_another_is_open(tmp_path):
    sway = Ways(cec=CEC.cec, trouble="sway belongs to another user")
    day = Day(tmp_path, Method.IMAGE_VIEW_ON, ways=sway)
    told = await day.run(IN_CALL, 60)
    assert (told.power, told.trouble) == (TvPower.ON, "")


async def test_what_a_tv_lacks_is_a_row_whose_weight_is_the_meetings(tmp_path):
    """Every combination of a socket, a TV and a line that answers."""
    rows = {}
    for name, plugged, ways, error in (
        ("well", True, CEC, None),
        ("no line", True, Ways(), None),
        ("line hangs", True, CEC, "cec-ctl did not end within 6 s"),
        ("no TV", False, CEC, None),
        ("no TV, line hangs", False, CEC, "cec-ctl did not end within 6 s"),
    ):
        day = Day(tmp_path / name, Method.IMAGE_VIEW_ON, ways=ways)
        day.tv.error = error
        if not plugged:
            day.unplug()
        television = await day.run(IN_CALL, 60)
        (row,) = device_table((), (), (), (), NOON, television=television)
        rows[name] = (row.present, row.healthy, row.fault.value, row.severity.value, row.remedy[:12])
    assert rows == {
        "well": (True, True, "none", "fine", ""),
        "no line": (True, True, "none", "fine", ""),
        "line hangs": (True, False, "failing", "warning", "cec-ctl did "),
        "no TV": (False, False, "missing", "important", "display lost"),
        "no TV, line hangs": (False, False, "missing", "important", "display lost"),
    }


async def test_after_a_failure_of_its_own_the_tv_is_told_anew(tmp_path):
    day = Day(tmp_path)
    for _ in range(2):
        before = len(day.told)
        running = asyncio.create_task(day.service.run())
        async with asyncio.timeout(5):
            while len(day.told) == before:
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_deaf_tv_is_told_of_with_a_remedy_and_left_alone_after_a_while(tmp_path):
    day = Day(tmp_path)
    told = await day.run(IN_CALL, 120)
    assert told.trouble.startswith("the TV does not go on. Use its remote")
    await day.run(IN_CALL, 3600, beat=10)
    count = len(day.tv.told)
    assert 12 < count < 40
    await day.run(IN_CALL, 36_000, beat=120)
    assert len(day.tv.told) == count


async def test_a_picture_that_changes_while_the_tv_is_switched_does_not_begin_it_anew(tmp_path):
    day = Day(tmp_path)
    for state in ("disabled", "enabled") * 4:
        (day.connector / "enabled").write_text(state)
        await day.run(IN_CALL, 10)
    assert day.tv.told[:4] == [*list(Method)[:4]]


async def test_a_tv_that_comes_back_is_tried_again_at_once(tmp_path):
    day = Day(tmp_path)
    await day.run(IN_CALL, 60)
    day.unplug()
    await day.run(IN_CALL, 4)
    day.tv.told.clear()
    day.plug()
    await day.run(IN_CALL, 2)
    assert day.tv.told == [Method.IMAGE_VIEW_ON]


async def test_a_tv_that_drops_its_line_each_time_it_is_told_is_let_be_and_fills_no_log(tmp_path, caplog):
    day = Day(tmp_path)
    with caplog.at_level(logging.INFO):
        for _ in range(900):
            await day.run(COUNTING, 2)
            day.unplug()
            await day.run(COUNTING, 2)
            day.plug()
    # an hour: six times anew, then all methods six times over
    assert len(day.tv.told) <= 6 + 6 * 4
    assert caplog.text.count("connected at") <= 6 * 6 + 6


async def test_a_stalling_adapter_is_told_of_in_its_own_words_and_gets_pauses(tmp_path):
    day = Day(tmp_path, Method.IMAGE_VIEW_ON)
    day.tv.error = "cec-ctl did not end within 6 s"
    told = await day.run(IN_CALL, 60)
    assert told.trouble == "cec-ctl did not end within 6 s"
    day.tv.error = None
    told = await day.run(IN_CALL, 300)
    assert (told.trouble, told.power) == ("", TvPower.ON)


async def test_a_tv_that_cannot_be_switched_from_here_says_so_and_is_no_trouble(tmp_path):
    day = Day(tmp_path, ways=Ways())
    told = await day.run(IN_CALL, 600)
    assert (told.method, told.power, told.trouble) == ("none", TvPower.UNKNOWN, "")
    assert day.tv.told == []


async def test_a_forbidden_adapter_is_trouble_although_there_is_no_other_way(tmp_path):
    day = Day(tmp_path, ways=Ways(trouble="/dev/cec0 may not be opened"))
    assert (await day.run(IN_CALL, 10)).trouble == "/dev/cec0 may not be opened"


async def test_a_tv_that_does_not_say_is_believed_and_not_remembered(tmp_path):
    day = Day(tmp_path, Method.IMAGE_VIEW_ON)
    day.tv.says = False
    told = await day.run(IN_CALL, 600)
    assert day.tv.told == [Method.IMAGE_VIEW_ON]
    assert (told.power, told.method, told.trouble) == (TvPower.UNKNOWN, "cec image-view-on", "")
    assert not day.file.exists()


async def test_the_same_news_is_told_once(tmp_path):
    day = Day(tmp_path, Method.IMAGE_VIEW_ON)
    await day.run(IN_CALL, 3600, beat=10)
    assert len(day.told) == len({replace(told, since=None) for told in day.told}) < 6


async def test_running_it_follows_the_room_and_ends_without_a_trace(tmp_path):
    day = Day(tmp_path, Method.IMAGE_VIEW_ON, takes_s=0)
    store = RoomStore(COUNTING, now=lambda: NOON)
    day.service._states = store.watch
    running = asyncio.create_task(day.service.run())
    async with asyncio.timeout(5):
        while not day.tv.told:
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def test_the_tv_goes_over_the_wire():
    tv = Television("HDMI-A-1", "SAMSUNG", True, TvPower.ON, "dpms", "", NOON)
    assert from_json(Television, json.loads(json.dumps(to_json(tv)))) == tv
