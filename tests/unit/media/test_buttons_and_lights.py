"""The runner in an event loop: what it tells, and what it leaves behind."""

import asyncio
import threading
import time
from contextlib import asynccontextmanager

from appliance.media import gate as gate_module
from appliance.media.buttons_and_lights import ButtonsAndLights, LineMoved, MutedByHand, TappedWhileMuted
from appliance.media.gate import MuteGate
from appliance.media.kept_wire import WireUse
from appliance.media.lights import Capture
from appliance.media.wires import Wires
from hardware.gpio.buttons import Button
from hardware.gpio.mock import Seen, drive, look


def opened(path) -> MuteGate:
    gate = MuteGate(path / "gate.json")
    gate.set(mic_muted=False, camera_off=True)
    return gate


@asynccontextmanager
async def running(hands):
    task = asyncio.create_task(hands.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(true) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.005)


async def test_a_room_without_wires_has_no_threads_and_is_done_at_once(tmp_path):
    gate = await asyncio.to_thread(opened, tmp_path)
    async with asyncio.timeout(1):
        await ButtonsAndLights(Wires(), gate=gate, keep=gate.keep_muted, capture=Capture, happened=[].append).run()
    assert not {"mute button", "mute light"} & {thread.name for thread in threading.enumerate()}
    assert not gate.mic_muted


async def test_a_press_shuts_the_gate_before_it_is_told_and_a_tap_only_asks(tmp_path):
    gate, told = await asyncio.to_thread(opened, tmp_path), []
    button = f"mock:button?dir={tmp_path}"

    def happened(what):
        told.append((what, gate.mic_muted))

    hands = ButtonsAndLights(Wires(button), gate=gate, keep=gate.keep_muted, capture=Capture, happened=happened)
    running = asyncio.create_task(hands.run())
    await until(lambda: told)
    assert told.pop() == (WireUse("mute button", button, open=True, simulated=True), False)
    drive(button, active=True)
    await until(lambda: told)
    assert told == [(MutedByHand(), True)]
    await asyncio.sleep(0.1)
    drive(button, active=False)
    await asyncio.sleep(0.5)
    drive(button, active=True)
    await asyncio.sleep(0.1)
    drive(button, active=False)
    await until(lambda: len(told) > 1)
    assert told[1:] == [(TappedWhileMuted(), True)]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_whoever_presses_as_somebody_else_mutes_meant_to_mute(tmp_path):
    gate, told = await asyncio.to_thread(opened, tmp_path), []
    button = f"mock:button?dir={tmp_path}"
    hands = ButtonsAndLights(Wires(button), gate=gate, keep=gate.keep_muted, capture=Capture, happened=told.append)
    async with running(hands):
        await until(lambda: told)
        gate.close_at_once(mic_muted=True, camera_off=False)
        drive(button, active=True)
        await asyncio.sleep(0.1)
        drive(button, active=False)
        await until(lambda: MutedByHand() in told)
        await asyncio.sleep(0.1)
        assert TappedWhileMuted() not in told


async def test_a_mute_by_hand_is_on_disk_also_when_the_event_loop_hangs(tmp_path):
    gate, told = await asyncio.to_thread(opened, tmp_path), []
    button = f"mock:button?dir={tmp_path}"
    hands = ButtonsAndLights(Wires(button), gate=gate, keep=gate.keep_muted, capture=Capture, happened=told.append)
    async with running(hands):
        await until(lambda: told)
        drive(button, active=True)
        hangs_until = time.monotonic() + 10
        while not MuteGate(tmp_path / "gate.json").mic_muted:
            assert time.monotonic() < hangs_until
        assert len(told) == 1


async def test_a_surprise_in_one_wire_leaves_the_others_alone(tmp_path, monkeypatch, caplog):
    gate, told = await asyncio.to_thread(opened, tmp_path), []
    button, line = f"mock:button?dir={tmp_path}", f"mock:line?dir={tmp_path}"

    def surprise(_):
        raise ValueError("nobody foresaw this")

    monkeypatch.setattr(Button, "look", surprise)
    hands = ButtonsAndLights(
        Wires(button, line), gate=gate, keep=gate.keep_muted, capture=Capture, happened=told.append
    )
    async with running(hands):
        await until(lambda: any(isinstance(what, WireUse) and what.error for what in told))
        drive(line, active=True)
        await until(lambda: gate.mic_muted and LineMoved(asserted=True) in told)
        assert hands.age_s < 5
    assert "nobody foresaw this" in caplog.text


async def test_a_mute_line_that_is_asserted_during_an_opening_wins(tmp_path, monkeypatch):
    gate, told = MuteGate(tmp_path / "gate.json"), []
    line = f"mock:line?dir={tmp_path}"
    drive(line, active=True)
    saves, asserted = gate_module._save, threading.Event()

    def slow_disk(path, **state):
        saves(path, **state)
        if not state["mic_muted"]:
            asserted.wait(10)

    monkeypatch.setattr(gate_module, "_save", slow_disk)
    opening = asyncio.create_task(asyncio.to_thread(gate.set, mic_muted=False, camera_off=True))
    await until(lambda: not MuteGate(tmp_path / "gate.json").mic_muted)
    hands = ButtonsAndLights(
        Wires(mute_line=line), gate=gate, keep=gate.keep_muted, capture=Capture, happened=told.append
    )
    async with running(hands):
        await until(lambda: LineMoved(asserted=True) in told)
        asserted.set()
        await opening
        assert gate.mic_muted
        await until(lambda: gate.kept == (True, True))


async def test_a_mute_line_shuts_whatever_opens_while_it_is_asserted(tmp_path):
    gate, told = await asyncio.to_thread(opened, tmp_path), []
    line = f"mock:line?dir={tmp_path}"
    drive(line, active=True)
    hands = ButtonsAndLights(
        Wires(mute_line=line), gate=gate, keep=gate.keep_muted, capture=Capture, happened=told.append
    )
    running = asyncio.create_task(hands.run())
    await until(lambda: LineMoved(asserted=True) in told)
    gate.mic_muted = False
    await until(lambda: gate.mic_muted)
    drive(line, active=False)
    await until(lambda: LineMoved(asserted=False) in told)
    assert gate.mic_muted
    assert [what for what in told if isinstance(what, LineMoved)] == [LineMoved(True), LineMoved(False)]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_it_ends_with_the_light_red_and_every_line_released(tmp_path):
    gate = await asyncio.to_thread(opened, tmp_path)
    red, green = f"mock:red?pull=up&dir={tmp_path}", f"mock:green?dir={tmp_path}"
    call = f"mock:call?dir={tmp_path}"
    loop = asyncio.get_running_loop()
    talking = lambda: Capture(mic_muted=False, sound_s=loop.time(), in_call=True)  # noqa: E731
    hands = ButtonsAndLights(
        Wires("", "", (red, green), call), gate=gate, keep=gate.keep_muted, capture=talking, happened=[].append
    )
    running = asyncio.create_task(hands.run())
    await until(lambda: look(green).active and look(call).active)
    assert look(red) == Seen(owned=True, active=False)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [look(uri) for uri in (red, green, call)] == [Seen(False, True), Seen(False, False), Seen(False, False)]
