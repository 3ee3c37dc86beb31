import asyncio
import socket
import time

from appliance.media.rtc.arrival import TimedSocket, arrival_us, now_us


async def test_a_datagram_that_is_read_late_keeps_the_time_it_came():
    seen = asyncio.Queue()
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out,
    ):
        here.bind(("127.0.0.1", 0))
        timed = TimedSocket(here, lambda data, address: seen.put_nowait((data, address)))
        before = now_us()
        out.sendto(b"one", here.getsockname())
        sent = now_us()
        # the program is busy
        until = time.monotonic() + 0.15
        while time.monotonic() < until:
            pass
        data, address = await asyncio.wait_for(seen.get(), 5)
        assert (data, address[1]) == (b"one", out.getsockname()[1])
        assert before - 5_000 <= arrival_us(data) <= sent + 50_000
        timed.close()
        out.sendto(b"two", here.getsockname())
        await asyncio.sleep(0.05)
        assert seen.empty()
        assert here.recv(10) == b"two", "the socket itself is still open"


def test_what_nobody_stamped_has_come_now():
    assert abs(arrival_us(b"x") - now_us()) < 1_000_000
