import asyncio
import os
import socket

import numpy as np
import pytest

from appliance.link.frame_socket import FrameClient, FrameServer
from appliance.link.frames import BadRing, RingReader, RingWriter
from appliance.state.layout import Layout, PersonId, Source, Tile

ADA, BOB = PersonId("ada"), PersonId("bob")
LAYOUT = Layout(7, 1920, 1080, (Tile(ADA, Source.CAMERA, 0, 0, 640, 360), Tile(BOB, Source.CAMERA, 640, 0, 320, 180)))


def picture(shade: int, w: int = 640, h: int = 360):
    return tuple(np.full(shape, shade, np.uint8) for shape in ((h, w), (h // 2, w // 2), (h // 2, w // 2)))


@pytest.fixture
def ring():
    writer = RingWriter(LAYOUT, 1)
    reader = RingReader(os.dup(writer.fd), LAYOUT, 1)
    yield writer, reader
    reader.close()
    writer.close()


def test_the_reader_gets_the_newest_picture_of_each_person(ring):
    writer, reader = ring
    for shade in (10, 20, 30, 40, 50):
        writer.write(ADA, Source.CAMERA, picture(shade))
    writer.write(BOB, Source.CAMERA, picture(99, 160, 90))
    ada, bob = reader.newest(ADA, Source.CAMERA), reader.newest(BOB, Source.CAMERA)
    assert (ada.number, ada.w, ada.h, ada.y[0, 0], ada.v[-1, -1]) == (5, 640, 360, 50, 50)
    assert (bob.number, bob.w, bob.h, bob.y[0, 0]) == (1, 160, 90, 99)
    assert reader.numbers().tolist() == [5, 1]


def test_a_picture_that_is_held_tells_when_it_was_written_over(ring):
    writer, reader = ring
    writer.write(ADA, Source.CAMERA, picture(10))
    frame = reader.newest(ADA, Source.CAMERA)
    for shade in (20, 30):
        writer.write(ADA, Source.CAMERA, picture(shade))
        assert frame.whole()
        assert frame.y[0, 0] == 10
    writer.write(ADA, Source.CAMERA, picture(40))
    assert not frame.whole()


def test_a_picture_that_is_held_outlives_the_ring(ring):
    writer, reader = ring
    writer.write(ADA, Source.CAMERA, picture(10))
    frame = reader.newest(ADA, Source.CAMERA)
    reader.close()
    writer.close()
    assert frame.whole()
    assert frame.y.max() == 10


def test_a_copy_that_shrinks_makes_another_size(ring):
    writer, reader = ring

    def halve(slot, plane):
        slot[:] = plane[::2, ::2]

    writer.write(BOB, Source.CAMERA, picture(30), size=(320, 180), copy=halve)
    bob = reader.newest(BOB, Source.CAMERA)
    assert (bob.w, bob.h, bob.y.min(), bob.v.max()) == (320, 180, 30, 30)


def test_a_half_written_slot_is_never_read(ring):
    writer, reader = ring
    writer.write(ADA, Source.CAMERA, picture(10))
    writer.write(ADA, Source.CAMERA, picture(20))
    place = writer._geometry.places[ADA, Source.CAMERA]
    at = place.start + 2 % 3 * place.slot
    writer._memory[at : at + 8] = (3).to_bytes(8, "little")
    assert reader.newest(ADA, Source.CAMERA).y[0, 0] == 10
    assert reader.numbers().tolist() == [1, 0]


def test_lying_sizes_in_the_shared_memory_are_refused(ring):
    writer, reader = ring
    writer.write(ADA, Source.CAMERA, picture(10))
    place = writer._geometry.places[ADA, Source.CAMERA]
    at = place.start + place.slot
    writer._memory[at + 40 : at + 44] = b"\xfe\xff\xfe\xff"
    assert reader.newest(ADA, Source.CAMERA) is None


def test_a_person_without_a_tile_is_not_written(ring):
    writer, reader = ring
    assert not writer.write(PersonId("eve"), Source.CAMERA, picture(1))
    assert not writer.write(ADA, Source.SCREEN, picture(1))
    assert reader.newest(PersonId("eve"), Source.CAMERA) is None


def test_a_picture_larger_than_its_tile_is_refused(ring):
    writer, _ = ring
    with pytest.raises(ValueError, match="does not fit"):
        writer.write(BOB, Source.CAMERA, picture(1))


def test_the_memory_can_neither_shrink_nor_be_written_by_the_reader(ring):
    import mmap

    writer, _ = ring
    with pytest.raises(PermissionError):
        os.ftruncate(writer.fd, 100)
    with pytest.raises(PermissionError):
        mmap.mmap(writer.fd, 4096)


def test_a_ring_of_another_layout_is_refused():
    writer = RingWriter(LAYOUT, 1)
    other = Layout(8, 1920, 1080, LAYOUT.tiles)
    with pytest.raises(BadRing):
        RingReader(os.dup(writer.fd), other, 1)
    with pytest.raises(BadRing):
        RingReader(os.dup(writer.fd), Layout(7, 1920, 1080, LAYOUT.tiles[:1]), 1)
    writer.close()


async def test_display_gets_each_new_ring_and_comes_back_after_media_died(tmp_path):
    woken = asyncio.Event()
    client = FrameClient(tmp_path / "frames.sock", on_frame=woken.set)
    following = asyncio.create_task(client.run())
    for generation in (1, 2):
        server = FrameServer(tmp_path / "frames.sock")
        serving = asyncio.create_task(server.run())
        writer = RingWriter(LAYOUT, generation)
        server.publish(writer)
        async with asyncio.timeout(5):
            while client.ring is None:
                woken.clear()
                await woken.wait()
            woken.clear()
            writer.write(ADA, Source.CAMERA, picture(generation))
            server.notify()
            await woken.wait()
        assert client.ring.generation == generation
        assert client.ring.newest(ADA, Source.CAMERA).y[0, 0] == generation
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        async with asyncio.timeout(5):
            while client.ring is not None:
                await asyncio.sleep(0.01)
        writer.close()
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_a_display_that_dies_with_a_ring_unread_is_let_go_without_a_word(tmp_path):
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, trouble: told.append(trouble))
    server = FrameServer(tmp_path / "frames.sock")
    serving = asyncio.create_task(server.run())
    writer = RingWriter(LAYOUT, 1)
    server.publish(writer)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as display:
            display.setblocking(False)
            await asyncio.get_running_loop().sock_connect(display, str(tmp_path / "frames.sock"))
            while not server._clients:
                await asyncio.sleep(0)
        while server._clients:
            await asyncio.sleep(0)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    writer.close()
    assert told == []


def test_a_closed_ring_has_no_pictures(ring):
    writer, reader = ring
    writer.write(ADA, Source.CAMERA, picture(1))
    reader.close()
    assert reader.numbers().tolist() == [0, 0]
    assert reader.newest(ADA, Source.CAMERA) is None
