import asyncio
import gc

from appliance.media.rtc.peer import Peer


async def test_a_negotiation_cancelled_at_any_moment_leaves_no_socket_open():
    for moment in range(30):
        async with Peer(name="hasty", addresses=lambda: ("127.0.0.1", "127.0.0.2", "127.0.0.3")) as peer:
            peer.add_out("audio", "opus", stream_id="s", track_id="t")
            offering = asyncio.create_task(peer.offer(), name="offer")
            for _ in range(moment):
                await asyncio.sleep(0)
            offering.cancel()
            await asyncio.gather(offering, return_exceptions=True)
    # an open socket that nobody holds any more makes a warning, and warnings are errors
    gc.collect()
