"""What the machine cannot bear: asked for less, said, taken back; sound is never touched."""

import asyncio
import itertools

import pytest
from livekit_double import livekit_double
from program import GUEST, OPEN, call, running
from sound import packets, sine

from appliance.media import governor, upkeep
from appliance.state.layout import Layout, PersonId, Source, Tile, gallery
from appliance.state.room import MeetingKey, Phase


@pytest.fixture
async def server():
    async with livekit_double() as double:
        yield double


async def test_a_hot_machine_asks_for_less_and_says_why(runtime_dir, server, monkeypatch):
    monkeypatch.setattr(upkeep, "_GOVERN_S", 0.02)
    monkeypatch.setattr(governor, "_COOLS_S", 0.1)
    server.others = [server.guest()]
    async with running(runtime_dir) as media:
        media.engine._upkeep._temperature = lambda: 91.0
        layout = Layout(3, 1920, 1080, (Tile(GUEST, Source.CAMERA, 0, 0, 640, 360),))
        media.daemon.want(call=call(server), layout=layout)
        report = await media.daemon.until(lambda r: r.limits.why)
        assert (report.limits.fps, report.limits.why) == (15, "the machine is hot (91 °C)")
        await server.until(lambda: any(s.fps == 15 for s in server.asked("track_setting")))
        media.daemon.want(call=None)
        await media.daemon.until(lambda r: not r.limits.why)


async def test_the_next_call_begins_without_the_limits_of_the_one_before(runtime_dir, server, monkeypatch):
    monkeypatch.setattr(upkeep, "_GOVERN_S", 0.02)
    monkeypatch.setattr(governor, "_COOLS_S", 0.1)
    async with running(runtime_dir) as media:
        media.engine._upkeep._temperature = lambda: 91.0
        media.daemon.want(call=call(server))
        await media.daemon.until(lambda r: r.call.phase is Phase.LIVE and r.limits.why)
        # it has cooled to where nothing gets worse, and nothing better before ten seconds
        media.engine._upkeep._temperature = lambda: governor.COOL_C
        media.daemon.want(call=call(server, key=MeetingKey("next")))
        report = await media.daemon.until(lambda r: r.call.key == "next" and r.call.phase is Phase.LIVE)
        assert not report.limits.why


async def test_sound_plays_on_when_pictures_are_held_back_as_far_as_can_be(runtime_dir, server, monkeypatch):
    monkeypatch.setattr(upkeep, "_GOVERN_S", 0.02)
    monkeypatch.setattr(governor, "_COOLS_S", 0.1)
    people = [server.guest()]
    for number in range(30):
        people.append(server.guest(name=f"P{number}"))
        people[-1].sid, people[-1].identity = f"PA_{number}", f"p{number}"
        del people[-1].tracks[:]
    server.others = people
    async with running(runtime_dir) as media:
        media.engine._upkeep._temperature = lambda: 91.0
        # the guest has lost his place to others
        tiles = gallery([(PersonId(f"p{number}"), Source.CAMERA) for number in range(4)])
        media.daemon.want(call=call(server), controls=OPEN, layout=Layout(3, 1920, 1080, tiles))
        await media.daemon.until(lambda r: (r.limits.fps, r.limits.height, r.limits.tiles) == (15, 180, 4))
        await server.publish_guest()
        mixer = media.engine._studio.mixer
        async with asyncio.timeout(10):
            for packet in itertools.cycle(packets(sine(440, 1.0))):
                server.outs["audio"].send(packet)
                await asyncio.sleep(0.02)
                if mixer.level > 0.05:
                    break
        # and so does ours
        heard = asyncio.Event()
        server.received["audio"].on_frame = lambda _frame: heard.set()
        async with asyncio.timeout(10):
            await heard.wait()


async def test_what_strains_before_pictures_come_is_not_counted(runtime_dir, server, monkeypatch):
    monkeypatch.setattr(upkeep, "_GOVERN_S", 0.02)
    monkeypatch.setattr(governor, "_COOLS_S", 0.1)
    server.status = 503
    async with running(runtime_dir) as media:
        media.engine._upkeep._temperature = lambda: 91.0
        media.daemon.want(call=call(server))
        async with asyncio.timeout(10):
            while server.joins < 2:
                await asyncio.sleep(0.02)
        assert not any(report.limits.why for report in media.daemon.reports)
