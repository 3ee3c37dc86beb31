import os
import subprocess
import sys

import pytest

from appliance.media.rtc.addresses import addresses_towards, ice_addresses, interface_addresses, only_loopback


@pytest.mark.parametrize("bind", ["127.0.0.1", "localhost", "127.8.8.8"])
def test_beside_a_server_on_loopback_media_stays_there(bind):
    assert ice_addresses(bind) == ("127.0.0.1",)


def test_beside_a_server_on_one_address_media_uses_that_one():
    assert ice_addresses("192.0.2.7") == ("192.0.2.7",)


def test_beside_a_server_on_all_addresses_media_uses_all_of_them():
    assert ice_addresses("0.0.0.0") == (interface_addresses() or ("127.0.0.1",))


def test_towards_a_server_on_this_machine_loopback_comes_first():
    assert addresses_towards("localhost")[0] == "127.0.0.1"
    assert "127.0.0.1" not in interface_addresses()


def test_only_loopback_is_known():
    assert only_loopback(("127.0.0.1", "::1"))
    assert not only_loopback(("127.0.0.1", "192.0.2.7"))


def test_two_peers_meet_in_a_network_namespace_with_nothing_but_loopback():
    script = """
import asyncio
from appliance.media.rtc.peer import Peer

async def main():
    changed = asyncio.Event()
    async with (
        Peer(name="a", on_state=lambda _: changed.set()) as a,
        Peer(name="b", on_state=lambda _: changed.set()) as b,
    ):
        a.add_channel("x")
        await a.accept_answer(await b.accept_offer(await a.offer()))
        async with asyncio.timeout(10):
            while not a.state == b.state == "connected":
                changed.clear()
                await changed.wait()
        print("connected")

asyncio.run(main())
"""
    alone = "-n" if os.geteuid() == 0 else "-Urn"
    inside = ["unshare", alone, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, "-c", script]
    done = subprocess.run(inside, capture_output=True, text=True, timeout=50, check=False)
    assert done.stdout == "connected\n", done.stderr
