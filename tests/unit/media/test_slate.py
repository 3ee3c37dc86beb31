"""What others see while the camera gives no picture."""

import asyncio
import time

from camera_stage import ANNA, Stage, Wire

from appliance.media.slate import Slate
from appliance.state.layout import Source
from hardware.camera.mark import decode


async def test_others_see_a_slate_within_a_second_of_the_last_picture_and_then_the_camera_again(tmp_path):
    async with Stage(tmp_path) as stage:
        _, reader = stage.show_anna()
        assert decode((await stage.picture_of(ANNA, reader)).y) is not None
        assert not stage.feed.blank
        stage.stop.set()
        await stage.thread
        stopped = time.monotonic()
        while not stage.feed.blank:
            await asyncio.sleep(0.02)
        assert time.monotonic() - stopped < 1.0
        slate = Slate()
        async with asyncio.timeout(10):
            while decode(reader.newest(ANNA, Source.CAMERA).y) is not None:
                await asyncio.to_thread(stage.feed.cover, slate)
                await asyncio.sleep(0.02)
        stage.stop.clear()
        stage.thread = asyncio.create_task(asyncio.to_thread(stage._shoot), name="camera")
        async with asyncio.timeout(10):
            while decode(reader.newest(ANNA, Source.CAMERA).y) is None:
                await stage.painted.get()
        assert not stage.feed.blank


async def test_no_slate_is_due_while_the_camera_is_off_or_just_switched_on(tmp_path):
    async with Stage(tmp_path) as stage:
        stage.stop.set()
        await stage.thread
        await stage.allow(camera=False)
        stage.feed.send_to(Wire())
        await asyncio.sleep(1.0)
        assert not stage.feed.blank
        await stage.allow(camera=True)
        assert not stage.feed.blank


def test_a_slate_has_any_even_size_and_is_of_now():
    slate = Slate()
    for size in ((1280, 720), (320, 180), (640, 480), (2, 2)):
        before = time.monotonic_ns()
        frame = slate(size)
        assert (frame.width, frame.height) == size
        assert frame.captured_ns >= before
    assert slate((1280, 720)).y.max() > 180, "there are words on it"


def test_the_slate_is_as_bright_as_it_was_drawn():
    slate = Slate()((1280, 720))
    assert not slate.full_range
    # its background is #0b1220: 17.5 of 255, in limited range 16 + 15
    assert slate.y[10, 10] == 31
