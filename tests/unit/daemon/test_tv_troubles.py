"""A TV that is missed, deaf or cannot be asked: what is told of it, and for how long."""

import asyncio
import json
import logging
import shutil
from dataclasses import replace

import pytest
from builders import NOON, room
from tv_day import CEC, COUNTING, IN_CALL, NIGHT, Day

from appliance.state.devices import device_table
from appliance.state.store import RoomStore
from appliance.state.television import Television, TvPower
from appliance.state.wire import from_json, to_json
from hardware.tv.power import Method
from hardware.tv.television import Ways


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
