"""The whole of `salon media` on simulated devices, told by wishes, in a meeting on a server in miniature."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from livekit.protocol import models, rtc
from livekit_double import livekit_double
from program import DEVICES, GUEST, OPEN, SHUT, call, running
from troubles import Codec, Libopus, Lingering

from appliance.link.frame_socket import FrameClient
from appliance.media import attendance, encode, libopus
from appliance.media import engine as engine_module
from appliance.media.rtc.frames import EncodedFrame
from appliance.state.devices import DeviceKind
from appliance.state.layout import OURS, Layout, Source, Tile
from appliance.state.room import Boot, MeetingKey, Phase
from hardware.camera.mark import decode, source_id

SCREEN = models.TrackSource.SCREEN_SHARE


@pytest.fixture
async def server():
    async with livekit_double() as double:
        yield double


async def test_it_reports_before_it_is_told_anything_and_is_muted(runtime_dir):
    async with running(runtime_dir) as media:
        report = await media.daemon.until(lambda _: True)
        assert report.applied is None
        assert report.controls.mic_muted
        assert report.controls.camera_off
        assert report.call.phase is Phase.IDLE


async def test_idle_devices_are_closed_and_named_as_simulated(runtime_dir):
    async with running(runtime_dir) as media:
        media.daemon.want(controls=OPEN)
        report = await media.daemon.applied()
        assert [(use.open, use.simulated) for use in report.devices] == [(False, True)] * 3
        assert not report.controls.mic_muted


async def test_being_warm_opens_nothing(runtime_dir, server):
    async with running(runtime_dir) as media:
        media.daemon.want(warm=True, controls=OPEN)
        report = await media.daemon.applied()
        assert not any(use.open for use in report.devices)
        assert server.joins == 0


async def test_a_wished_call_is_joined_with_open_devices_and_left_with_closed_ones(runtime_dir, server):
    server.others = [server.guest(name="Ann")]
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(call=call(server), controls=OPEN)
        report = await daemon.until(lambda r: r.call.phase is Phase.LIVE and all(use.open for use in r.devices))
        assert [p.name for p in report.call.participants] == ["Ann"]
        assert (report.wanted, report.call.key) == (daemon.wish.call, "k")
        await server.until(lambda: {"audio", "video"} <= server.received.keys())
        seen = asyncio.Event()
        server.received["video"].on_frame = lambda _frame: seen.set()
        async with asyncio.timeout(10):
            await seen.wait()
        daemon.want(call=None)
        report = await daemon.until(lambda r: r.call.phase is Phase.IDLE and not any(use.open for use in r.devices))
        assert report.wanted is None
        assert server.asked("leave")


async def test_whoever_plugs_a_computer_in_shares_its_screen_until_it_is_unplugged(runtime_dir, server):
    async with running(runtime_dir) as media:
        daemon = media.daemon
        display = FrameClient(media.settings.frames_socket, on_frame=lambda: None)
        watching = asyncio.create_task(display.run(), name="display")
        plugged = replace(DEVICES, share=("sim:pattern?size=640x360&mark=LAPTOP",))
        layout = Layout(3, 1920, 1080, (Tile(OURS, Source.SCREEN, 0, 0, 320, 180),))
        daemon.want(call=call(server), controls=SHUT, devices=plugged, layout=layout)
        await daemon.until(lambda r: r.call.phase is Phase.LIVE and r.sharing)
        await server.until(lambda: any(add.source == SCREEN for add in server.asked("add_track")))
        await server.until(lambda: "video" in server.received and len(server.asked("offer")) == 2)
        pictures = asyncio.Queue()
        server.received["video"].on_frame = pictures.put_nowait
        async with asyncio.timeout(10):
            await pictures.get()
            while display.ring is None or not display.ring.numbers().any():
                await asyncio.sleep(0.02)
        assert decode(display.ring.newest(OURS, Source.SCREEN).y).source == source_id("LAPTOP")
        daemon.want(devices=DEVICES)
        await daemon.until(lambda r: not r.sharing)
        await server.until(lambda: len(server.asked("offer")) == 3)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_a_guests_picture_reaches_display(runtime_dir, server):
    server.others = [server.guest()]
    async with running(runtime_dir) as media:
        shown = asyncio.Event()
        display = FrameClient(media.settings.frames_socket, on_frame=shown.set)
        watching = asyncio.create_task(display.run(), name="display")
        layout = Layout(3, 1920, 1080, (Tile(GUEST, Source.CAMERA, 0, 0, 320, 180),))
        media.daemon.want(call=call(server), layout=layout)
        await media.daemon.until(lambda r: r.call.phase is Phase.LIVE)
        await server.publish_guest()
        picture = await asyncio.to_thread(_key_frame)
        async with asyncio.timeout(20):
            while display.ring is None or not display.ring.numbers().any():
                server.outs["video"].send(picture)
                await asyncio.sleep(0.02)
        frame = display.ring.newest(GUEST, Source.CAMERA)
        assert (frame.w, frame.h) == (320, 180)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def _key_frame():
    from appliance.media.encode import Vp8Encoder
    from hardware import registry

    with registry.camera("sim:pattern?size=640x360") as camera:
        encoded = Vp8Encoder().encode(camera.read(1.0))
    return EncodedFrame("VP8", 0, 90000, encoded.data, keyframe=True)


async def test_muting_is_in_force_and_kept_and_told_to_the_others(runtime_dir, server):
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(call=call(server), controls=OPEN)
        await daemon.until(lambda r: r.call.phase is Phase.LIVE)
        await server.until(lambda: "audio" in server.received)
        daemon.want(controls=SHUT)
        report = await daemon.applied()
        assert (report.controls.mic_muted, report.controls.camera_off) == (True, True)
        await server.until(lambda: len([m for m in server.asked("mute") if m.muted]) == 2)
        await daemon.until(lambda r: not daemon.use(DeviceKind.CAMERA).open)
        # the microphone stays open, so that the panel can say that somebody talks while muted
        assert daemon.use(DeviceKind.MICROPHONE).open
        media.engine._gate.close_at_once(mic_muted=True, camera_off=True)
    async with running(runtime_dir) as again:
        report = await again.daemon.until(lambda _: True)
        assert report.controls.mic_muted


async def test_a_missing_camera_is_reported_and_the_call_goes_on_without(runtime_dir, server):
    async with running(runtime_dir) as media:
        daemon = media.daemon
        devices = replace(DEVICES, camera=(f"file:{runtime_dir}/none.mp4",))
        daemon.want(call=call(server), controls=OPEN, devices=devices)
        await daemon.until(lambda r: r.call.phase is Phase.LIVE and not daemon.use(DeviceKind.CAMERA).healthy)
        assert "none.mp4" in daemon.use(DeviceKind.CAMERA).error
        await daemon.until(lambda _: daemon.use(DeviceKind.MICROPHONE).open)
        await server.until(lambda: len(server.asked("add_track")) == 2)
        told = [mute.muted for mute in server.asked("mute") if mute.sid == "TR_salon-camera"]
        assert [add.muted for add in server.asked("add_track") if add.cid == "salon-camera"] + told == [False]
        await server.until(lambda: "video" in server.received)
        pictures = asyncio.Queue()
        server.received["video"].on_frame = pictures.put_nowait
        async with asyncio.timeout(10):
            assert (await pictures.get()).data, "others see a slate"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (DeviceKind.CAMERA, "The camera's picture of "),
        (DeviceKind.MICROPHONE, "The microphone's sound cannot be encoded"),
    ],
)
async def test_a_codec_that_fails_is_told_and_tried_again_and_the_call_goes_on(
    runtime_dir, server, monkeypatch, kind, error
):
    if kind is DeviceKind.CAMERA:
        broken = Codec(encode.VideoCodecContext)
        monkeypatch.setattr(encode, "VideoCodecContext", broken)
    else:
        broken = Libopus(libopus.library())
        monkeypatch.setattr(libopus, "library", lambda: broken)
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(call=call(server), controls=OPEN)
        await daemon.until(lambda r: r.call.phase is Phase.LIVE and not daemon.use(kind).healthy)
        assert daemon.use(kind).error.startswith(error)
        broken.mended = True
        report = await daemon.until(lambda r: daemon.use(kind).open and daemon.use(kind).healthy)
        await server.until(lambda: {"audio", "video"} <= server.received.keys())
        assert report.call.phase is Phase.LIVE


async def test_a_dead_daemon_changes_nothing_and_a_new_one_with_the_same_wish_neither(runtime_dir, server):
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(call=call(server), controls=OPEN)
        await daemon.until(lambda r: r.call.phase is Phase.LIVE)
        daemon.wish = replace(daemon.wish, boot=Boot("d2"), rev=0)
        daemon.want()
        report = await daemon.until(lambda r: r.applied.boot == "d2")
        assert report.call.phase is Phase.LIVE
        assert server.joins == 1


async def test_another_attempt_joins_anew_and_no_old_end_passes_for_its_own(runtime_dir, server):
    server.status = 404
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(call=call(server))
        report = await daemon.until(lambda r: r.call.phase is Phase.IDLE and r.call.reason)
        assert "no such meeting" in report.call.reason
        server.status = None
        seen = len(daemon.reports)
        daemon.want(call=call(server, attempt=1))
        await daemon.until(lambda r: r.call.phase is Phase.LIVE)
        later = [r for r in daemon.reports[seen:] if r.applied.rev == daemon.wish.rev]
        assert {r.call.phase for r in later} <= {Phase.JOINING, Phase.LIVE}


async def test_a_server_that_dies_is_rejoined_with_the_roster_kept(runtime_dir, server):
    server.others = [server.guest(name="Ann")]
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(call=call(server))
        await daemon.until(lambda r: r.call.phase is Phase.LIVE and r.call.participants)
        await server.hang_up()
        report = await daemon.until(lambda r: r.call.phase is Phase.RECONNECTING)
        assert [p.name for p in report.call.participants] == ["Ann"]
        await daemon.until(lambda r: r.call.phase is Phase.LIVE)
        assert server.joins == 2


async def test_a_call_that_is_slow_to_leave_touches_nothing_of_the_next(runtime_dir, server, monkeypatch):
    slow = Lingering()
    load = engine_module._load_providers
    monkeypatch.setattr(engine_module, "_load_providers", lambda settings: (slow, *load(settings)))
    monkeypatch.setattr(attendance, "_LEAVE_S", 0.01)
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(call=replace(call(server), key=MeetingKey("slow"), url="lingering:"), controls=OPEN)
        await daemon.until(lambda r: r.call.phase is Phase.LIVE)
        assert slow.voice.on_frame is not None
        daemon.want(call=call(server))
        await daemon.until(lambda r: r.call.phase is Phase.LIVE and r.call.key == "k")
        assert (slow.voice.on_frame, slow.camera.on_keyframe_request) == (None, None)
        await server.until(lambda: {"audio", "video"} <= server.received.keys())
        slow.let_go.set()
        await slow.gone.wait()
        for media_in in server.received.values():
            seen = asyncio.Event()
            media_in.on_frame = lambda _frame, seen=seen: seen.set()
            async with asyncio.timeout(10):
                await seen.wait()


async def test_a_meeting_that_was_extended_is_rejoined_until_its_new_end(runtime_dir, server):
    begins, hour = datetime.now(UTC), timedelta(hours=1)
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(call=call(server, ends_at=begins + hour))
        await daemon.until(lambda r: r.call.phase is Phase.LIVE)
        daemon.want(call=call(server, ends_at=begins + 3 * hour))
        await daemon.applied()
        server.status = 503
        await server.hang_up()
        broke = (await daemon.until(lambda r: r.call.phase is Phase.RECONNECTING)).call.reason
        media.ahead = 2 * hour
        await daemon.until(lambda r: r.call.reason != broke)
        server.status = None
        await daemon.until(lambda r: r.call.phase is Phase.LIVE)


async def test_being_removed_ends_the_call_with_its_reason_and_closes_the_devices(runtime_dir, server):
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(call=call(server), controls=OPEN)
        await daemon.until(lambda r: r.call.phase is Phase.LIVE and all(use.open for use in r.devices))
        await server.say(leave=rtc.LeaveRequest(reason=4))
        report = await daemon.until(lambda r: r.call.phase is Phase.IDLE and not any(u.open for u in r.devices))
        assert report.call.reason == "somebody removed the room from the meeting"
        assert report.wanted == daemon.wish.call


async def test_the_chime_opens_the_loudspeaker_and_closes_it_again(runtime_dir):
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want()
        await daemon.applied()
        daemon.want(chime=1)
        await daemon.until(lambda _: daemon.use(DeviceKind.SPEAKER).open)
        await daemon.until(lambda _: not daemon.use(DeviceKind.SPEAKER).open)


async def test_a_new_daemon_rings_no_old_chime(runtime_dir):
    async with running(runtime_dir) as media:
        media.daemon.want(chime=5, warm=True)
        await media.daemon.applied()
        assert not media.engine._studio.mixer.ringing


async def test_a_meeting_that_draws_near_has_the_devices_tried_once_and_as_nobody_asked_for_it(
    runtime_dir, monkeypatch
):
    async with running(runtime_dir) as media:
        media.daemon.want()
        await media.daemon.applied()
        tried = []
        monkeypatch.setattr(media.engine._equipment, "probe_now", lambda *kinds, **how: tried.append((kinds, how)))
        for meeting_ahead in (700, 700, 1400):
            media.daemon.want(meeting_ahead=meeting_ahead)
            await media.daemon.applied()
    # nothing, rather than no kind, is all of them
    assert [kinds for kinds, _ in tried] == [(), (set(),), ()]
    assert not any(how for _, how in tried)


async def test_the_levels_are_measured_in_a_call(runtime_dir, server):
    async with running(runtime_dir) as media:
        media.daemon.want(call=call(server), controls=OPEN)
        await media.daemon.until(lambda r: r.call.phase is Phase.LIVE)
        async with asyncio.timeout(10):
            async for meters in media.engine._meters._meters.values():
                if meters.microphone > 0.02:
                    break


async def test_a_self_test_answers_and_neither_opens_the_gate_nor_is_done_again_for_a_new_daemon(runtime_dir):
    async with running(runtime_dir) as media:
        daemon = media.daemon
        daemon.want(controls=SHUT, self_test=5)  # the first wish: whoever asked for that had another media
        assert (await daemon.applied()).self_test.asked == 0
        daemon.want(self_test=6)
        seen = []

        def answered(report):
            seen.append(report)
            return report.self_test.asked == 6

        report = await daemon.until(answered)
        assert report.self_test.pictures
        assert all(one.controls.mic_muted and one.controls.camera_off for one in seen)
        assert not any(use.open for one in seen for use in one.devices)
