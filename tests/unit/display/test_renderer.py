"""The whole display, over real sockets and a real frame ring, presented to a file or to nowhere."""

import asyncio
import urllib.request
from contextlib import asynccontextmanager

import numpy as np
import pytest
from tv_builders import NOW, in_call, plain, room

from appliance.link.frame_socket import FrameServer
from appliance.link.frames import RingWriter
from appliance.link.server import LinkServer
from appliance.state.layout import PersonId, Source
from appliance.state.room import Boot
from appliance.state.wire import from_json, to_json
from appliance.state.wishes import DisplayReport, DisplayWish
from display.renderer import DisplayPlaces, PicturePage, run_display

ADA = PersonId("p0")


class Daemon:
    """The daemon's end of the display's link."""

    def __init__(self, places, state):
        self.wish = DisplayWish(Boot("b1"), 1, state)
        self.reports = asyncio.Queue()
        self._server = LinkServer(places.link, "display", boot=Boot("b1"), handler=self._talk)

    async def run(self):
        await self._server.run()

    async def _talk(self, peer):
        peer.offer("wish", to_json(self.wish))
        async for message in peer.messages():
            self.reports.put_nowait(from_json(DisplayReport, message.body))

    async def report_where(self, wanted):
        async with asyncio.timeout(20):
            while not wanted(report := await self.reports.get()):
                pass
        return report


@pytest.fixture
def places(tmp_path):
    return DisplayPlaces(tmp_path / "display.sock", tmp_path / "frames.sock", tmp_path / "faults")


@asynccontextmanager
async def running(*programs):
    tasks = [asyncio.create_task(program) for program in programs]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def display(places, **options):
    return run_display(places, boot=Boot("d1"), now=lambda: NOW, **{"screen": "null:", **options})


async def test_a_wish_is_shown_and_reported(places):
    daemon = Daemon(places, room())
    async with running(daemon.run(), display(places)):
        report = await daemon.report_where(lambda report: report.applied is not None)
    assert (report.lit, report.applied.rev, report.error) == (True, 1, "")


async def test_a_remote_picture_from_the_ring_is_on_the_canvas_in_its_tile(places):
    state = in_call(["Ada", "Grace"])
    daemon, media = Daemon(places, state), FrameServer(places.frames)
    ready = asyncio.get_running_loop().create_future()
    page = PicturePage("127.0.0.1")
    async with running(daemon.run(), media.run(), display(places, page=page, ready=ready.set_result)):
        url = await asyncio.wait_for(ready, 20)
        ring = RingWriter(state.layout, 1)
        media.publish(ring)
        tile = state.layout.tiles[0]
        frame = plain(tile.w, tile.h, (200, 128, 128))
        ring.write(ADA, Source.CAMERA, (frame.y, frame.u, frame.v))
        media.notify()
        report = await daemon.report_where(lambda report: report.first_remote_frame_at)
        assert report.first_remote_frame_at == NOW
        image = await asyncio.to_thread(look, url)
        # media dies: the copy stays, grey
        ring.close()
    middle = image[tile.y + tile.h // 2, tile.x + tile.w // 2]
    assert middle == pytest.approx([214, 214, 214], abs=3)
    other = state.layout.tiles[1]
    assert image[other.y + 30, other.x + 300].max() < 60


async def test_media_gone_is_reported_as_stale(places):
    state = in_call(["Ada"])
    daemon, media = Daemon(places, state), FrameServer(places.frames)
    ring = RingWriter(state.layout, 1)
    tile = state.layout.tiles[0]
    frame = plain(tile.w, tile.h)
    async with running(daemon.run(), display(places)):
        async with running(media.run()):
            media.publish(ring)
            ring.write(ADA, Source.CAMERA, (frame.y, frame.u, frame.v))
            media.notify()
            report = await daemon.report_where(lambda report: report.first_remote_frame_at)
        # on a busy machine the picture may have been old when it was first drawn
        while report.stale != ("p0",):
            report = await daemon.report_where(lambda _: True)
    ring.close()


async def test_a_new_daemon_is_answered_again(places):
    async with running(display(places)):
        for title in ("one", "two"):
            daemon = Daemon(places, room(name=title))
            async with running(daemon.run()):
                assert await daemon.report_where(lambda report: report.applied is not None)


async def test_a_screen_that_does_not_work_is_reported_and_the_rest_goes_on(places, tmp_path):
    (tmp_path / "file").write_text("")
    daemon = Daemon(places, room())
    async with running(daemon.run(), display(places, screen=f"png:{tmp_path}/file/tv.png")):
        report = await daemon.report_where(lambda report: report.applied is not None)
    assert (report.lit, report.screen) == (False, "null:")
    assert "cannot be made" in report.error


async def test_it_ends_cleanly_and_leaves_the_last_picture_in_its_file(places, tmp_path):
    daemon = Daemon(places, room())
    async with running(daemon.run(), display(places, screen=f"png:{tmp_path}/tv.png?every=60")):
        await daemon.report_where(lambda report: report.applied is not None)
    assert (tmp_path / "tv.png").stat().st_size > 10_000


def look(url):
    import io

    from PIL import Image

    with urllib.request.urlopen(url + "tv.png", timeout=10) as answer:
        return np.asarray(Image.open(io.BytesIO(answer.read())))
