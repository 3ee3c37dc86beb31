import asyncio
import socket
from contextlib import asynccontextmanager, suppress

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from fleet.broker import MAX_PACKET, BrokerProblem, BrokerSettings, run_broker


@asynccontextmanager
async def broker(settings):
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_broker(settings, on_ready=ready.set_result))
    try:
        await asyncio.wait([ready, task], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield ready.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Client:
    """A paho client that tells its connection's end."""

    def __init__(self, port, password=None):
        self.loop = asyncio.get_running_loop()
        self.answer = self.loop.create_future()
        self.ended = asyncio.Event()
        self.heard = asyncio.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        self.client.max_queued_messages_set(1)
        if password:
            self.client.username_pw_set("anybody", password)
        self.client.on_connect = lambda _c, _u, _f, code, _p: self.tell(self.answer.set_result, code.is_failure)
        self.client.on_disconnect = lambda *_: self.tell(self.ended.set)
        self.client.on_message = lambda _c, _u, message: self.tell(self.heard.put_nowait, message)
        self.port = port

    def tell(self, callback, *args):
        self.loop.call_soon_threadsafe(callback, *args)

    async def __aenter__(self):
        await asyncio.to_thread(self.client.connect, "127.0.0.1", self.port)
        self.client.loop_start()
        return self

    async def __aexit__(self, *_):
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)


async def test_retained_messages_of_many_rooms_reach_who_comes_later():
    async with broker(BrokerSettings(port=0)) as port, Client(port) as room, Client(port) as console:
        assert not await room.answer
        for number in range(20):
            info = room.client.publish(f"rooms/v1/home/r{number}/up/state", b"x", qos=1, retain=True)
            await asyncio.to_thread(info.wait_for_publish, 5)
        console.client.subscribe("rooms/v1/home/+/up/#", 1)
        topics = {(await console.heard.get()).topic for _ in range(20)}
    assert len(topics) == 20


async def test_the_password_lets_in_and_nothing_else_does(tmp_path):
    (tmp_path / "password").write_text("open sesame\n")
    settings = BrokerSettings(port=0, password_file=str(tmp_path / "password"))
    async with broker(settings) as port:
        for password, refused in (("open sesame", False), ("open", True), (None, True)):
            async with Client(port, password) as client:
                assert await client.answer is refused


async def test_an_address_others_can_reach_needs_a_password():
    with pytest.raises(BrokerProblem, match="password_file"):
        async with broker(BrokerSettings("0.0.0.0", 0)):
            pass


async def test_an_empty_or_missing_password_file_opens_nothing(tmp_path):
    (tmp_path / "empty").write_text("\n")
    for name in ("empty", "missing"):
        with pytest.raises(BrokerProblem, match=name):
            async with broker(BrokerSettings(port=0, password_file=str(tmp_path / name))):
                pass


async def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerProblem, match=rf"cannot listen on 127.0.0.1:{port} .*set another port"):
            async with broker(BrokerSettings(port=port)):
                pass


async def test_a_visitor_who_says_nothing_or_nonsense_disturbs_nobody(caplog):
    async with broker(BrokerSettings(port=0)) as port, Client(port) as client:
        for words in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\x7f", b"\x10\x02\x00\x04"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(words)
            writer.write_eof()
            with suppress(ConnectionError):
                await reader.read()
            writer.close()
        assert not await client.answer
        client.client.subscribe("a", 1)
        client.client.publish("a", b"still here")
        assert (await client.heard.get()).payload == b"still here"
    assert "Traceback" not in caplog.text


async def test_a_packet_beyond_the_limit_ends_its_senders_session_and_speaks_its_will():
    async with broker(BrokerSettings(port=0)) as port, Client(port) as other:
        other.client.subscribe("will", 1)
        client = Client(port)
        client.client.will_set("will", b"gone")
        async with client:
            assert not await client.answer
            client.client.publish("big", b"x" * (MAX_PACKET + 1))
            await client.ended.wait()
            assert (await other.heard.get()).payload == b"gone"
