"""A compositor that lies, stalls or talks nonsense. Real sway is in tests/interop/test_tv_power.py."""

import asyncio
import contextlib
import json
import os
import struct
import time

import pytest

from hardware.ports import DeviceError, DeviceMissing
from hardware.tv.cec import Adapter
from hardware.tv.dpms import SwayOutputs, sway_socket
from hardware.tv.power import CEC_METHODS, Method, Power
from hardware.tv.television import TvSet, Ways

HEAD = struct.Struct("=6sII")


def answer(kind, value):
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return HEAD.pack(b"i3-ipc", len(text), kind) + text


@contextlib.asynccontextmanager
async def compositor(folder, *answers):
    """Serve these bytes, one a connection; None never answers."""
    left, served = list(answers), []

    async def serve(reader, writer):
        served.append(asyncio.current_task())
        try:
            _, size, _ = HEAD.unpack(await reader.readexactly(HEAD.size))
            await reader.readexactly(size)
            reply = left.pop(0) if len(left) > 1 else left[0]
            if reply is None:
                await reader.read()  # until the other side gives up
            else:
                writer.write(reply)
                await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async with await asyncio.start_unix_server(serve, folder / "sway.sock"):
        yield SwayOutputs(folder / "sway.sock", timeout_s=0.5)
        await asyncio.gather(*served, return_exceptions=True)


ON, OFF = [{"name": "HDMI-A-1", "power": True}], [{"name": "HDMI-A-1", "power": False}]
DONE = [{"success": True}]


@pytest.mark.parametrize(
    ("said", "power"),
    [
        (ON, Power.ON),
        (OFF, Power.OFF),
        ([{"name": "HDMI-A-1", "dpms": False}], Power.OFF),
        ([{"name": "HDMI-A-1"}], Power.UNKNOWN),
        ([{"name": "HDMI-A-1", "power": "yes"}], Power.UNKNOWN),
        ([{"name": "DP-1", "power": True}], Power.UNKNOWN),
        ([None, 3, *ON], Power.ON),
        ([], Power.UNKNOWN),
    ],
)
async def test_the_power_of_an_output_is_what_sway_says_of_it(runtime_dir, said, power):
    async with compositor(runtime_dir, answer(3, said)) as outputs:
        assert await outputs.power("HDMI-A-1") is power


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"i3",
        b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10,
        answer(3, {"not": "a list"}),
        answer(3, b"{"),
        answer(3, b"\xff" * 100),
        answer(0, ON),
        HEAD.pack(b"i3-ipc", 1 << 31, 3) + b"x",
        HEAD.pack(b"i3-ipc", 100, 3) + b"[]",
        answer(3, b"[" * 100_000),
    ],
    ids=range(10),
)
async def test_nonsense_is_a_device_error(runtime_dir, garbage):
    async with compositor(runtime_dir, garbage) as outputs:
        with pytest.raises(DeviceError):
            await outputs.power("HDMI-A-1")


async def test_a_sway_that_does_not_answer_is_waited_for_only_so_long(runtime_dir):
    began = time.monotonic()
    async with compositor(runtime_dir, None) as outputs:
        with pytest.raises(DeviceError, match=r"did not answer within 0\.5 s"):
            await outputs.power("HDMI-A-1")
    assert time.monotonic() - began < 3


async def test_no_sway_is_a_missing_device(runtime_dir):
    with pytest.raises(DeviceMissing, match="sway does not run here"):
        await SwayOutputs(runtime_dir / "none.sock").power("HDMI-A-1")


async def test_what_sway_did_is_looked_at_rather_than_believed(runtime_dir):
    async with compositor(runtime_dir, answer(3, ON), answer(0, DONE), answer(3, ON)) as outputs:
        with pytest.raises(DeviceError, match="its driver cannot"):
            await outputs.switch("HDMI-A-1", on=False)


async def test_an_output_that_went_off_is_off(runtime_dir):
    async with compositor(runtime_dir, answer(3, ON), answer(0, DONE), answer(3, OFF)) as outputs:
        await outputs.switch("HDMI-A-1", on=False)
        assert await outputs.power("HDMI-A-1") is Power.OFF


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ([{"success": False, "error": "Invalid output subcommand"}], "Invalid output subcommand"),
        ([{"success": False}], "does not say why"),
        ([], "does not say why"),
        ([3], "does not say why"),
        ({}, "does not say why"),
    ],
)
async def test_a_refusal_is_told_in_sways_words(runtime_dir, refusal, words):
    async with compositor(runtime_dir, answer(3, ON), answer(0, refusal)) as outputs:
        with pytest.raises(DeviceError, match=words):
            await outputs.switch("HDMI-A-1", on=False)


@pytest.mark.parametrize("name", ["", "HDMI-A-1; exec rm", "*", "a b", "x\ny"])
async def test_nothing_but_an_output_s_name_becomes_part_of_a_command(runtime_dir, name):
    with pytest.raises(DeviceError, match="no name of an output"):
        await SwayOutputs(runtime_dir / "none.sock").switch(name, on=False)


def test_the_socket_is_the_one_named_else_the_newest(runtime_dir, monkeypatch):
    monkeypatch.delenv("SWAYSOCK", raising=False)
    assert sway_socket(runtime_dir) is None
    for number in (1, 2):
        path = runtime_dir / f"sway-ipc.0.{number}.sock"
        path.touch()
        os.utime(path, (number, number))
    assert sway_socket(runtime_dir) == runtime_dir / "sway-ipc.0.2.sock"
    monkeypatch.setenv("SWAYSOCK", "/run/named.sock")
    assert str(sway_socket(runtime_dir)) == "/run/named.sock"


ADAPTER = Adapter("/dev/cec0", claimed=True)


def test_the_picture_is_taken_away_only_after_cec_was_tried_and_only_while_it_is_there():
    assert Ways(ADAPTER, Power.ON).methods(Power.OFF) == (*CEC_METHODS[Power.OFF], Method.DPMS)
    assert Ways(ADAPTER, Power.ON).methods(Power.ON) == CEC_METHODS[Power.ON]
    assert Ways(None, Power.OFF).methods(Power.ON) == (Method.DPMS,)
    assert Ways(ADAPTER, Power.UNKNOWN).methods(Power.OFF) == CEC_METHODS[Power.OFF]
    assert Ways().none
    assert Ways().methods(Power.ON) == ()


async def test_a_tv_without_a_picture_is_off_whatever_it_says():
    assert await TvSet(None, None).power(Ways(ADAPTER, Power.OFF)) is Power.OFF
    assert await TvSet(None, None).power(Ways(None, Power.ON)) is Power.ON
    assert await TvSet(None, None).power(Ways()) is Power.UNKNOWN
