"""Playing the sweep and recording it: what is lost on the way is known, and then it is played again."""

import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from appliance.media import soundcheck
from appliance.media.sound.check import sweep
from appliance.media.soundcheck import Recording, check_sound
from hardware.ports import BLOCK, BLOCK_NS, AudioBlock

SWEEP = sweep()
BLOCKS = [SWEEP[at : at + BLOCK].astype("<i2").tobytes() for at in range(0, len(SWEEP), BLOCK)]
SILENCE = bytes(2 * BLOCK)
SECOND = 1_000_000_000


class Wire:
    """A loudspeaker and a microphone that are one: what is played is captured as it is."""

    def __init__(self):
        self.record = self.recorded = None
        self.plays = 0
        self.slip_in = set()
        """In which playings some silence slips in, unseen by anybody."""
        self.fails_at = {}
        """What goes wrong in which playing: the loudspeaker opens anew, or nothing is captured."""

    def play(self, sound):
        if sound is not None:
            self.plays += 1
            if self.plays in self.fails_at:
                played, captured = self.fails_at[self.plays]
                for heard in (self.recorded,) * played + (self.record,) * captured:
                    heard(AudioBlock(SILENCE, SECOND))
                return
            threading.Thread(target=run, args=(self.recorded, self.record), kwargs=self.faults(), daemon=True).start()

    def faults(self):
        return {"unseen": 150} if self.plays in self.slip_in else {}


def run(played, captured, *, silent_at=None, jump_at=None, unseen=None, captured_early_ns=0):
    """Play the sweep into a wire; all blocks are on time, with the faults asked for."""
    queue = list(BLOCKS)
    if silent_at:
        queue.insert(silent_at, SILENCE)
    heard = list(queue)
    if unseen:
        heard.insert(unseen, SILENCE)
    jumped = 0
    for n in range(len(queue) + 20):
        at_ns = SECOND + n * BLOCK_NS
        jumped += 50_000_000 if jump_at == n else 0
        played(AudioBlock(queue[n] if n < len(queue) else SILENCE, at_ns + BLOCK_NS))
        captured(AudioBlock(heard[n] if n < len(heard) else SILENCE, at_ns + BLOCK_NS + jumped - captured_early_ns))


def recorded(**faults):
    recording = Recording(SWEEP)
    run(recording.played, recording.captured, **faults)
    assert recording.done.is_set()
    return recording


def test_what_is_played_and_captured_on_time_is_whole():
    recording = recorded()
    assert recording.whole
    assert recording.late_s == 0
    assert np.array_equal(recording.sound()[:, 0], SWEEP)


def test_silence_that_a_driver_played_in_between_is_known():
    assert not recorded(silent_at=120).whole


def test_blocks_that_were_never_captured_are_known_by_the_time_of_the_others():
    assert not recorded(jump_at=200).whole


def test_when_sound_and_recording_began_is_what_most_blocks_say():
    recording = Recording(SWEEP)
    played = recording.played
    said = []

    def late_at_first(block):
        late_ns = 16_000_000 if block.samples == BLOCKS[recording._mark] and not said else 0
        said.extend([1] * bool(late_ns))
        played(AudioBlock(block.samples, block.captured_ns + late_ns))

    run(late_at_first, recording.captured)
    assert recording.whole
    begun = int(np.argmax(recording.sound()[:, 0] == SWEEP[np.flatnonzero(SWEEP)[0]]))
    assert begun / 48 + recording.late_s * 1000 == pytest.approx(np.flatnonzero(SWEEP)[0] / 48, abs=0.1)


async def checked(wire, tmp_path):
    return await check_sound(wire, wire, asked=1, folder=tmp_path, now=lambda: datetime.now(UTC))


async def test_a_sweep_of_which_sound_was_lost_is_played_again(tmp_path):
    wire = Wire()
    wire.slip_in = {1, 2}
    check = await checked(wire, tmp_path)
    assert (wire.plays, check.sweeps) == (3, 3)
    assert check.echo_return_loss_db == pytest.approx(0, abs=0.1)
    assert check.delay_ms == pytest.approx(0, abs=0.1)


async def test_after_three_the_check_says_so_and_gives_no_figure(tmp_path):
    wire = Wire()
    wire.slip_in = {1, 2, 3, 4}
    check = await checked(wire, tmp_path)
    assert (wire.plays, check.sweeps, check.ok) == (3, 3, False)
    assert check.words[0].startswith("Sound was lost")
    assert check.echo_return_loss_db is check.delay_ms is check.rt60_s is None
    assert len(check.microphones) == 1


async def test_a_sweep_whose_beginning_was_never_played_is_played_again(tmp_path, monkeypatch):
    monkeypatch.setattr(soundcheck, "_MARGIN_S", -4.0)
    wire = Wire()
    wire.fails_at = {1: (True, True)}
    check = await checked(wire, tmp_path)
    assert check.sweeps == 2
    assert check.echo_return_loss_db == pytest.approx(0, abs=0.1)
    wire.fails_at = dict.fromkeys(range(9), (True, True))
    check = await checked(wire, tmp_path)
    assert (check.sweeps, check.ok) == (3, False)
    assert check.words[0].startswith("Sound was lost")


@pytest.mark.parametrize("works", [(True, False), (False, True), (False, False)])
async def test_devices_that_do_nothing_at_all_are_told_at_once(tmp_path, monkeypatch, works):
    monkeypatch.setattr(soundcheck, "_MARGIN_S", -4.9)
    wire = Wire()
    wire.fails_at = {1: works}
    check = await checked(wire, tmp_path)
    assert check.sweeps == 1
    assert "nothing was captured" in check.words[0]
