"""The TV through a day: what switches it, and when it is left alone."""

import json

from builders import NOON, minutes, room
from tv_day import COUNTING, IN_CALL, NIGHT, Day

from appliance.state.room import Countdown, MeetingKey, Senses
from appliance.state.television import TvPower
from hardware.tv.power import Method


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
