import sys
from collections.abc import Iterable

import numpy as np
import pytest
from simulated import Samples, babble, block, blocks, db, echo, hiss, later, path

from appliance.media.options import SoundSettings
from appliance.media.sound.blocks import BLOCK
from appliance.media.sound.canceller import Guarded, Stages
from appliance.media.sound.chain import Processed, SoundChain
from hardware.ports import SAMPLE_RATE, Array, AudioBlock, DeviceError

ONE = Array("a microphone")
SQUARE = tuple((0.0325 * x, 0.0325 * y) for x, y in ((1, 1), (1, -1), (-1, -1), (-1, 1)))
FOUR = Array("an array", (0, 1, 2, 3), SQUARE)
PLAIN = SoundSettings(voice_model=False, control_gain=False)


def run(chain: SoundChain, captured: Samples, played: Samples | None = None) -> list[Processed]:
    out = []
    loudspeaker: Iterable[AudioBlock] = [] if played is None else blocks(played, offset_s=0.02)
    rest = list(loudspeaker)
    for number, one in enumerate(blocks(captured)):
        if number < len(rest):
            chain.played(rest[number])
        out.append(chain.process(one))
    return out


def plane_wave(signal: Samples, degrees: float) -> Samples:
    """What the square hears of somebody far away, so much to the right."""
    angle = np.radians(degrees)
    ahead_s = np.array(SQUARE) @ np.array((np.sin(angle), np.cos(angle))) / 343
    hz = np.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE)
    turned = [np.fft.rfft(signal) * np.exp(2j * np.pi * hz * it) for it in ahead_s]
    return np.stack([np.fft.irfft(it, len(signal)) for it in turned], axis=1)


def sent(out: list[Processed]) -> Samples:
    return np.concatenate([it.samples for it in out]).astype(float)


def test_the_far_ends_echo_is_taken_out_however_late_it_comes() -> None:
    far = babble(9, 1)
    captured = echo(later(far, 0.25), path(0.25, 1)) + hiss(len(far), 10, 1)
    out = run(SoundChain(ONE, PLAIN), captured, far)
    late = slice(6 * SAMPLE_RATE, len(far) // BLOCK * BLOCK)
    assert db(captured[late], sent(out)[late]) > 25
    assert out[-1].far
    assert not out[-1].speech
    assert out[-1].echo_reduction_db is not None
    assert out[-1].echo_reduction_db > 20


def test_who_talks_in_the_room_is_let_through() -> None:
    near = babble(5, 2)
    out = run(SoundChain(ONE, PLAIN), near + hiss(len(near), 10, 2))
    half = slice(2 * SAMPLE_RATE, None)
    assert abs(db(sent(out)[half], near[half])) < 4
    assert sum(it.speech for it in out) > 100
    assert not any(it.far for it in out)


def test_the_prefilter_comes_on_with_one_clock_and_spares_who_talks_at_the_same_time() -> None:
    far, near = babble(14, 3), babble(14, 40)
    near[: 12 * SAMPLE_RATE] = 0
    reflected = echo(later(far, 0.04), path(0.2, 3))
    near *= np.sqrt(np.mean(reflected[12 * SAMPLE_RATE :] ** 2) / np.mean(near[12 * SAMPLE_RATE :] ** 2))
    captured = reflected + near + hiss(len(far), 10, 3)
    both = slice(int(12.5 * SAMPLE_RATE), 14 * SAMPLE_RATE - BLOCK)
    chosen = SoundSettings(suppress_noise=False, control_gain=False, voice_model=False)
    out = run(SoundChain(ONE, chosen), captured, far)
    assert out[-1].prefilter
    spectrum = np.fft.rfft(sent(out)[both], 1 << 19) * np.conj(np.fft.rfft(near[both], 1 << 19))
    # without it, 11 to 13 dB are lost of such talkers
    assert np.abs(np.fft.irfft(spectrum)[:2000]).max() / np.dot(near[both], near[both]) > 10 ** (-7 / 20)


def test_an_array_points_where_the_voice_is_and_still_cancels() -> None:
    far = babble(8, 4)
    far[4 * SAMPLE_RATE :] = 0
    near = babble(8, 5)
    near[: int(4.5 * SAMPLE_RATE)] = 0
    captured = np.stack([echo(later(far, 0.05), path(0.2, n)) for n in range(4)], axis=1)
    captured += plane_wave(near, 60) + hiss(4 * len(far), 10, 4).reshape(-1, 4)
    out = run(SoundChain(FOUR, PLAIN), captured, far)
    assert out[-1].direction_deg == pytest.approx(60, abs=3)
    assert out[-1].confidence > 0.3
    assert all(it.direction_deg is None for it in out[:400])
    late = slice(2 * SAMPLE_RATE, 4 * SAMPLE_RATE)
    assert db(captured[late, 0], sent(out)[late]) > 20
    assert abs(db(sent(out)[6 * SAMPLE_RATE :], near[6 * SAMPLE_RATE :])) < 4


@pytest.mark.parametrize("dead", [hiss(12 * SAMPLE_RATE, 10, 9), np.full(12 * SAMPLE_RATE, 32767)])
def test_a_dead_microphone_of_an_array_costs_neither_echo_cancellation_nor_direction(dead: Samples) -> None:
    far, near = babble(12, 4), babble(12, 5)
    far[9 * SAMPLE_RATE :] = 0
    near[: int(9.5 * SAMPLE_RATE)] = 0
    captured = np.stack([echo(later(far, 0.25), path(0.2, n)) for n in range(4)], axis=1)
    captured += plane_wave(near, 60) + hiss(4 * len(far), 10, 4).reshape(-1, 4)
    captured[:, 0] = dead
    out = run(SoundChain(FOUR, PLAIN), captured, far)
    late = slice(6 * SAMPLE_RATE, 9 * SAMPLE_RATE)
    assert db(captured[late, 1], sent(out)[late]) > 25
    assert out[-1].alignment.measured
    assert out[-1].direction_deg == pytest.approx(60, abs=5)
    assert abs(db(sent(out)[11 * SAMPLE_RATE :], near[11 * SAMPLE_RATE :])) < 4


def test_a_converters_offset_hides_no_voice_behind_the_far_end() -> None:
    far = babble(8, 15, level=300)
    near = babble(8, 16)
    near[: 5 * SAMPLE_RATE] = 0
    captured = echo(later(far, 0.05), path(0.2, 3)) + near + hiss(len(far), 10, 5)
    plain, offset = (run(SoundChain(ONE, PLAIN), captured + constant, far) for constant in (0, 6000))
    assert offset[499].captured_level == pytest.approx(plain[499].captured_level, rel=0.3)
    assert sum(it.speech for it in plain[500:]) > 100
    assert sum(it.speech for it in offset[500:]) > 0.8 * sum(it.speech for it in plain[500:])


def test_what_a_device_cleans_by_itself_is_left_alone() -> None:
    array = Array("a speakerphone", (1, 2), ((-0.03, 0), (0.03, 0)), processed=0, cleans=True)
    captured = np.rint(np.stack([babble(1, seed) for seed in (6, 7, 8)], axis=1))
    out = run(SoundChain(array, SoundSettings(voice_model=False)), captured, babble(1, 9))
    assert (sent(out) == captured[: len(sent(out)), 0]).all()


def test_a_devices_own_loopback_is_the_better_reference() -> None:
    far = babble(6, 10)
    captured = np.stack((echo(far, path(0.2, 6)) + hiss(len(far), 10, 6), far), axis=1)
    out = run(SoundChain(Array("a codec", (0,), reference=1), PLAIN), captured)
    late = slice(4 * SAMPLE_RATE, 6 * SAMPLE_RATE - BLOCK)
    assert db(captured[late, 0], sent(out)[late]) > 25
    assert out[-1].far
    assert out[-1].prefilter


def test_without_livekit_the_microphone_is_held_back_and_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    chain = SoundChain(ONE, PLAIN)
    assert "held back" in chain.process(block(hiss(BLOCK, 100, 1), 0)).why
    far = babble(3, 11)
    captured = hiss(len(far), 300, 2)
    out = sent(run(SoundChain(ONE, PLAIN), captured, far))
    late = slice(2 * SAMPLE_RATE, None)
    assert db(captured[late][: len(out[late])], out[late]) == pytest.approx(20, abs=1)
    alone = sent(run(SoundChain(ONE, PLAIN), captured))
    assert db(alone, captured[: len(alone)]) == pytest.approx(0, abs=0.1)


def test_a_canceller_that_breaks_is_replaced_by_ducking() -> None:
    guarded = Guarded(Stages(echo=True), 1)
    guarded._canceller._apm._module._ffi_handle.dispose()
    silence = np.zeros(BLOCK, np.int16)
    out = guarded.process(np.full((BLOCK, 1), 1000, np.int16), silence, far_talks=True)
    assert "failed" in guarded.why
    assert out[-1, 0] == 100


def test_a_device_that_gives_something_else_is_an_error_with_a_remedy() -> None:
    chain = SoundChain(FOUR, PLAIN)
    with pytest.raises(DeviceError, match="2 channels where 4"):
        chain.process(block(np.zeros((BLOCK, 2)), 0))
    with pytest.raises(DeviceError, match="blocks of 441"):
        chain.process(block(np.zeros((441, 4)), 0))


def test_clipping_is_seen_and_gain_follows_voices_only() -> None:
    quiet = babble(6, 12, level=150)
    settings = SoundSettings(voice_model=False, suppress_noise=False)
    out = run(SoundChain(ONE, settings), quiet)
    assert out[-1].gain_db > 3
    assert not any(it.clipping for it in out)
    assert run(SoundChain(ONE, settings), hiss(3 * SAMPLE_RATE, 150, 3))[-1].gain_db < 1.5
    loud = np.clip(babble(1, 13, level=30_000), -32768, 32767)
    assert any(it.clipping for it in run(SoundChain(ONE, settings), loud))


def test_the_prefilter_alone_never_makes_an_echo_louder_when_two_clocks_are_taken_for_one() -> None:
    far = babble(6, 14)
    captured = echo(far, path(0.2, 9)) + hiss(len(far), 10, 9)
    # the echo's path changes from one moment to the next
    captured[3 * SAMPLE_RATE :] *= -1
    out = run(SoundChain(ONE, SoundSettings(voice_model=False, prefilter="on")), captured, far)
    late = slice(5 * SAMPLE_RATE, 6 * SAMPLE_RATE - BLOCK)
    assert db(captured[late], sent(out)[late]) > 20


@pytest.mark.parametrize("samples", [b"", bytes(1), bytes(2 * BLOCK - 1), bytes(2 * BLOCK - 2), bytes(4 * BLOCK)])
def test_blocks_of_another_length_are_the_devices_fault(samples: bytes) -> None:
    chain = SoundChain(Array("Array"), SoundSettings())
    with pytest.raises(DeviceError, match="Array gives blocks of"):
        chain.process(AudioBlock(samples, 1_000_000, 1))
