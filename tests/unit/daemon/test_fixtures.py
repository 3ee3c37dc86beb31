"""Relays and the motion sensor on their thread, and what a chip does to them that vanishes."""

import asyncio
import contextlib

import pytest

from appliance import fixtures
from appliance.fixtures import Fixtures, FixtureWires
from appliance.state.fixtures import Relay
from hardware.gpio.mock import drive, look
from hardware.gpio.pins import output_line
from hardware.ports import DeviceError


class Room:
    """Hears what the fixtures say."""

    def __init__(self, wires):
        self.relays, self.occupied, self.wires = (), None, {}
        self._news = asyncio.Event()
        self.fixtures = Fixtures(
            wires,
            relays=lambda relays: self._hear(relays=relays),
            occupied=lambda there: self._hear(occupied=there),
            used=lambda uses: self._hear(wires={f"{use.role} {use.place}": use for use in uses}),
        )

    def _hear(self, **what):
        vars(self).update(what)
        self._news.set()

    @property
    def trouble(self):
        """What is wrong with the motion sensor."""
        return self.wires["motion sensor 0"].error if self.wires else ""

    async def hears(self, fits):
        async with asyncio.timeout(10):
            while not fits(self):
                self._news.clear()
                await self._news.wait()


@contextlib.asynccontextmanager
async def room(wires):
    room = Room(wires)
    running = asyncio.create_task(room.fixtures.run(), name="fixtures")
    try:
        yield room
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(fixtures, "_AGAIN_S", 0.02)
    monkeypatch.setattr(fixtures, "_LOOK_S", 0.01)


async def test_each_is_told_of_with_its_name_and_place(tmp_path):
    relays = {name: f"mock:{name}?dir={tmp_path}" for name in ("Lights", "Blinds")}
    async with room(FixtureWires(relays, f"mock:motion?dir={tmp_path}")) as one:
        await one.hears(lambda room: room.wires and all(use.open for use in room.wires.values()))
        assert [(key, use.name, use.error) for key, use in one.wires.items()] == [
            ("motion sensor 0", "", ""),
            ("relay 1", "Lights", ""),
            ("relay 2", "Blinds", ""),
        ]
        assert all(use.simulated for use in one.wires.values())


async def test_a_relay_whose_line_another_program_has_fails_until_it_is_free(tmp_path):
    uri = f"mock:lights?dir={tmp_path}"
    with contextlib.ExitStack() as other:
        other.enter_context(output_line(uri))
        async with room(FixtureWires({"Lights": uri})) as one:
            await one.hears(lambda room: room.wires and room.wires["relay 1"].error)
            assert not one.wires["relay 1"].open
            assert one.relays[0].error == one.wires["relay 1"].error
            other.close()
            await one.hears(lambda room: room.wires["relay 1"].open)
            assert not one.wires["relay 1"].error


async def test_a_relay_is_switched_and_found_again_when_its_wire_is_back(tmp_path):
    uri = f"mock:lights?dir={tmp_path}&pull=down&released=keep"
    async with room(FixtureWires({"Lights": uri})) as one:
        one.fixtures.want({"Lights": True})
        await one.hears(lambda room: room.relays == (Relay("Lights", on=True),))
        (tmp_path / "lights").unlink()
        await one.hears(lambda room: "was removed" in room.relays[0].error)
        await one.hears(lambda room: room.relays == (Relay("Lights", on=True),))
        assert look(uri).active


class Vanishing:
    """A relay whose chip is pulled out of its socket: it can neither be switched nor closed."""

    gone = False
    error: Exception = DeviceError("the chip is gone")

    def __init__(self, _uri, opens):
        self._on = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if Vanishing.gone:
            raise OSError(19, "No such device")

    @property
    def on(self):
        if Vanishing.gone:
            raise Vanishing.error
        return self._on

    def switch(self, *, on):
        self._on = on


@pytest.mark.parametrize("error", [DeviceError("the chip is gone"), ZeroDivisionError("what nobody foresaw")])
async def test_a_chip_that_vanishes_takes_nothing_else_along(tmp_path, monkeypatch, caplog, error):
    monkeypatch.setattr(fixtures, "RelayWire", Vanishing)
    monkeypatch.setattr(Vanishing, "gone", False)
    monkeypatch.setattr(Vanishing, "error", error)
    sensor = f"mock:motion?dir={tmp_path}"
    async with room(FixtureWires({"Lights": "gpio:5"}, motion=sensor)) as one:
        one.fixtures.want({"Lights": True})
        await one.hears(lambda room: room.relays == (Relay("Lights", on=True),) and room.occupied is False)
        monkeypatch.setattr(Vanishing, "gone", True)
        await one.hears(lambda room: room.relays[0].error)
        assert ("gone" in one.relays[0].error) is isinstance(error, DeviceError)
        drive(sensor, active=True)
        await one.hears(lambda room: room.occupied)
        monkeypatch.setattr(Vanishing, "gone", False)
        await one.hears(lambda room: room.relays == (Relay("Lights", on=True),))
    assert caplog.text.count("Traceback") == isinstance(error, ZeroDivisionError)


async def test_a_sensor_that_fails_in_a_way_nobody_foresaw_is_opened_again(monkeypatch, tmp_path):
    broken = [True]

    def line(uri):
        if broken[0]:
            raise ZeroDivisionError
        return input_line(uri)

    input_line = fixtures.input_line
    monkeypatch.setattr(fixtures, "input_line", line)
    async with room(FixtureWires({}, motion=f"mock:motion?dir={tmp_path}")) as one:
        await one.hears(lambda room: "nobody foresaw" in room.trouble)
        assert one.occupied is None
        broken[0] = False
        await one.hears(lambda room: room.occupied is False and not room.trouble)
