"""Who may open the gate, and what is left when media ends."""

import asyncio
from contextlib import asynccontextmanager

from appliance.media.gate import MuteGate
from appliance.media.hands import Hands
from appliance.media.lights import Capture
from appliance.media.wires import Wires
from appliance.state.room import Boot, Controls
from appliance.state.touch import Mark, Word
from appliance.state.wishes import MediaWish
from hardware.gpio.mock import look

OPEN = Controls(False, False, 60)


def hands_of(gate, wires=None, capture=Capture):
    return Hands(
        wires or Wires(), gate=gate, boot=Boot("m"), capture=capture, in_call=lambda: True, changed=lambda: None
    )


def wish(hands, **changes):
    return MediaWish(Boot("d"), 1, controls=OPEN, word=Word(Mark("d", 1), False, hands.touch.mark), **changes)


@asynccontextmanager
async def running(hands):
    task = asyncio.create_task(hands.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_ends_media_shuts_the_gate_before_the_light_goes_red_and_keeps_what_is_kept(tmp_path):
    gate = await asyncio.to_thread(MuteGate, tmp_path / "gate.json")
    red, green = f"mock:red?pull=up&dir={tmp_path}", f"mock:green?dir={tmp_path}"
    loop, red_while_open = asyncio.get_running_loop(), []

    def capture():
        red_while_open.append(look(red).active and not gate.mic_muted)
        return Capture(gate.mic_muted, loop.time(), in_call=True)

    hands = hands_of(gate, Wires(mute_light=(red, green)), capture)
    async with running(hands):
        await hands.take(wish(hands))
        assert (gate.mic_muted, gate.camera_off) == (False, False)
        async with asyncio.timeout(10):
            while not look(green).active:
                await asyncio.sleep(0.01)
        red_while_open.clear()
    assert (gate.mic_muted, gate.camera_off) == (True, True)
    assert look(red).active
    assert not any(red_while_open)
    kept = await asyncio.to_thread(MuteGate, tmp_path / "gate.json")
    assert (kept.mic_muted, kept.camera_off) == (False, False)


async def test_a_daemon_that_knows_of_no_button_opens_nothing(tmp_path):
    gate = await asyncio.to_thread(MuteGate, tmp_path / "gate.json")
    hands = hands_of(gate)
    async with running(hands):
        await hands.take(MediaWish(Boot("d"), 1, controls=OPEN))
        assert (gate.mic_muted, gate.camera_off) == (True, False)
        await hands.take(wish(hands))
        assert not gate.mic_muted


async def test_a_gate_is_set_also_while_every_other_worker_is_busy(tmp_path):
    gate = await asyncio.to_thread(MuteGate, tmp_path / "gate.json")
    hands, done = hands_of(gate), asyncio.Event()
    loop = asyncio.get_running_loop()

    def busy():
        asyncio.run_coroutine_threadsafe(done.wait(), loop).result(20)

    async with running(hands):
        jam = [asyncio.create_task(asyncio.to_thread(busy)) for _ in range(64)]
        async with asyncio.timeout(10):
            await hands.take(wish(hands))
        assert not gate.mic_muted
        done.set()
        await asyncio.gather(*jam)
