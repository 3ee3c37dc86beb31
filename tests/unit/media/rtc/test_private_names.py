"""aiortc's private names that we stand on: when one of these fails, read private.py before lifting the version."""

import asyncio
import importlib.metadata

import pytest
from aiortc import RTCIceTransport, RTCPeerConnection

from appliance.media.rtc.private_names import CLASS_NAMES, INSTANCE_NAMES


def test_the_version_is_the_one_the_names_were_read_in():
    assert importlib.metadata.version("aiortc").startswith("1.16.")


@pytest.mark.parametrize(("owner", "name"), CLASS_NAMES)
def test_a_method_we_call_or_replace_exists(owner, name):
    assert callable(getattr(owner, name))


async def test_the_attributes_we_read_or_set_exist():
    pc = RTCPeerConnection()
    transceiver = pc.addTransceiver("video")
    pc.createDataChannel("x")
    dtls = transceiver.receiver.transport
    objects = [pc, transceiver, transceiver.sender, transceiver.receiver, dtls, dtls.transport]
    for owner, name in INSTANCE_NAMES:
        instance = next(thing for thing in objects if isinstance(thing, owner))
        assert hasattr(instance, name), f"{owner.__name__}.{name}"
    assert hasattr(pc.sctp, "_bundled")
    assert hasattr(dtls.transport._connection, "_protocols")
    assert hasattr(asyncio.get_running_loop(), "_remove_reader")
    await pc.close()


def test_the_ice_connection_gathers_by_a_method_that_takes_addresses():
    from aioice.ice import Connection

    assert Connection.get_component_candidates.__code__.co_varnames[1:3] == ("component", "addresses")
    assert issubclass(RTCIceTransport, object)
