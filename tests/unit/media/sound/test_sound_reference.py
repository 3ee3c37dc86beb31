import numpy as np
import pytest
from simulated import Samples, babble, blocks, echo, hiss, later, path

from appliance.media.sound.blocks import BLOCK
from appliance.media.sound.bulk import WINDOW, lag
from appliance.media.sound.drift import EchoLine
from appliance.media.sound.reference import LEAD, Reference
from appliance.media.sound.resample import HALF, read
from hardware.ports import SAMPLE_RATE, AudioBlock


def on_clock(signal: Samples, ppm: float) -> Samples:
    """What a device that is so much faster samples."""
    padded = np.pad(signal, HALF + 4).astype(np.float32)
    speed = 1 / (1 + ppm * 1e-6)
    starts = range(0, len(signal) - BLOCK, BLOCK)
    return np.concatenate([read(padded, HALF + 4 + at * speed, speed, BLOCK) for at in starts]).astype(float)


def run(reference: Reference, played: list[AudioBlock], heard: list[AudioBlock]) -> Samples:
    """Give both in the order of their times; return what the reference was."""
    out, rest = [], list(played)
    for block in heard:
        while rest and rest[0].captured_ns - 20_000_000 <= block.captured_ns:
            reference.played(rest.pop(0))
        out.append(reference.align(block.captured_ns, np.frombuffer(block.samples, "<i2").astype(np.float32)))
    return np.concatenate(out).astype(float)


def off_ms(given: Samples, microphone: Samples) -> float:
    """By how much the echo is later than it should be, at the end."""
    count = min(len(given), len(microphone))
    found = lag(given[:count].astype(np.float32), microphone[:count].astype(np.float32))
    return (found.samples - LEAD) / SAMPLE_RATE * 1000


def test_the_lag_is_found_to_a_fraction_of_a_sample() -> None:
    far = babble(2, 1)
    for delay in (0.0, 0.033, 0.5, -0.2):
        heard = later(far, delay) if delay >= 0 else far[int(-delay * SAMPLE_RATE) :]
        heard = np.pad(heard, (0, max(len(far) - len(heard), 0)))[: len(far)]
        found = lag(far.astype(np.float32), heard.astype(np.float32))
        assert found.samples == pytest.approx(delay * SAMPLE_RATE, abs=0.3)
        assert found.clear > 14


def test_without_an_echo_no_lag_is_clear() -> None:
    found = [lag(babble(1.4, n).astype(np.float32), babble(1.4, 90 + n).astype(np.float32)) for n in range(6)]
    assert max(it.clear for it in found) < 8


def test_drift_and_an_unknown_delay_are_found_and_removed() -> None:
    far = babble(9, 3)
    microphone = on_clock(echo(later(far, 0.25), path(0.3, 1)), 300) + 0.0
    microphone += hiss(len(microphone), 10, 1)
    reference = Reference()
    heard = list(blocks(microphone, ppm=300, jitter_s=0.004, seed=1))
    given = run(reference, list(blocks(far, jitter_s=0.004, seed=2, offset_s=0.02)), heard)
    assert reference.alignment.measured
    assert not reference.alignment.one_clock
    assert reference.alignment.drift_ppm == pytest.approx(-300, abs=4)
    assert off_ms(given, microphone) == pytest.approx(0, abs=0.1)


def test_one_clock_is_recognised_and_then_nothing_is_resampled() -> None:
    far = np.rint(babble(12, 4))
    microphone = echo(later(far, 0.06), path(0.3, 2)) + hiss(len(far), 10, 2)
    reference = Reference()
    played = list(blocks(far, jitter_s=0.004, seed=3, offset_s=0.02))
    given = run(reference, played, list(blocks(microphone, jitter_s=0.004, seed=4)))
    assert reference.alignment.one_clock
    assert abs(reference.alignment.drift_ppm) < 5
    # a copy of what was played, sample for sample
    end = given[-BLOCK:]
    assert any((far[at : at + BLOCK] == end).all() for at in range(len(far) - 20_000, len(far) - BLOCK))


def test_a_delay_that_jumps_is_followed_both_ways() -> None:
    far = babble(10, 5)
    response = path(0.3, 3)
    first, second = (echo(later(far, delay), response) for delay in (0.08, 0.18))
    for before, after in ((first, second), (second, first)):
        microphone = np.concatenate((before[: 5 * SAMPLE_RATE], after[5 * SAMPLE_RATE :])) + hiss(len(far), 10, 3)
        reference = Reference()
        given = run(reference, list(blocks(far, offset_s=0.02)), list(blocks(microphone)))
        assert off_ms(given, microphone) == pytest.approx(0, abs=0.1)
        assert reference.jumps >= 2


def test_lost_blocks_on_either_side_are_survived() -> None:
    far = babble(10, 6)
    microphone = echo(later(far, 0.05), path(0.3, 4)) + hiss(len(far), 10, 4)
    played, heard = list(blocks(far, offset_s=0.02)), list(blocks(microphone))
    # an underrun of the loudspeaker whose blocks were never played would be heard; these were lost on their way to us
    played = played[:300] + played[310:]
    heard = heard[:500] + heard[537:]
    captured = np.concatenate([np.frombuffer(it.samples, "<i2").astype(float) for it in heard])
    given = run(Reference(), played, heard)
    assert off_ms(given, captured) == pytest.approx(0, abs=0.2)


def test_a_thread_that_hung_for_longer_than_blocks_are_kept_costs_one_restart() -> None:
    far = babble(10, 1)
    microphone = echo(later(far, 0.1), path(0.3, 1)) + hiss(len(far), 10, 1)
    played = list(blocks(far, jitter_s=0.004, seed=2, offset_s=0.02))
    heard = list(blocks(microphone, jitter_s=0.004, seed=5))
    reference = Reference()
    run(reference, played[:500], heard[:500])
    before = reference.jumps
    run(reference, played[500:], heard[750:])
    assert reference.jumps == before + 1


def test_the_loudspeakers_restart_is_survived() -> None:
    far = babble(10, 7)
    far[4 * SAMPLE_RATE : 6 * SAMPLE_RATE] = 0
    microphone = echo(later(far, 0.05), path(0.3, 5)) + hiss(len(far), 10, 5)
    played = list(blocks(far, offset_s=0.02))
    given = run(Reference(), played[:400] + played[600:], list(blocks(microphone)))
    assert off_ms(given, microphone) == pytest.approx(0, abs=0.2)


def test_time_stamps_half_a_second_wrong_do_no_harm() -> None:
    far = babble(8, 8)
    microphone = echo(later(far, 0.05), path(0.3, 6)) + hiss(len(far), 10, 6)
    for wrong_s in (-0.5, 0.4):
        played = [AudioBlock(it.samples, it.captured_ns + int(wrong_s * 1e9), 1) for it in blocks(far, offset_s=0.02)]
        heard, out, reference = list(blocks(microphone)), [], Reference()
        for one, other in zip(played, heard, strict=True):
            reference.played(one)
            out.append(reference.align(other.captured_ns, np.frombuffer(other.samples, "<i2").astype(np.float32)))
        assert off_ms(np.concatenate(out).astype(float), microphone) == pytest.approx(0, abs=0.2)


def test_without_a_loudspeaker_the_reference_is_silence() -> None:
    given = run(Reference(), [], list(blocks(babble(1, 9))))
    assert len(given) == SAMPLE_RATE
    assert not given.any()


@pytest.mark.parametrize("after_ppm", [300, 40, -200])
def test_a_clock_that_changes_its_speed_is_followed_within_five_looks(after_ppm: float) -> None:
    line = EchoLine(SAMPLE_RATE)
    played = 0.0
    for number in range(25):
        ppm = 100 if number < 20 else after_ppm
        played += SAMPLE_RATE * (1 + ppm * 1e-6)
        line.add((number + 1) * SAMPLE_RATE, played, speed=1 + 100e-6, length=WINDOW)
    assert line.line is not None
    assert (line.line.speed - 1) * 1e6 == pytest.approx(after_ppm, abs=15)


def test_a_line_is_not_bent_by_a_look_at_another_reflection() -> None:
    line = EchoLine(SAMPLE_RATE)
    for number in range(12):
        odd = 40.0 if number == 7 else 0.0
        captured = number * SAMPLE_RATE
        line.add(captured, captured * (1 + 1e-4) - 500 + odd, speed=1 + 1e-4, length=WINDOW)
    assert line.line is not None
    assert line.line.speed == pytest.approx(1 + 1e-4, abs=1e-6)
    assert line.line.played(20 * SAMPLE_RATE) == pytest.approx(20 * SAMPLE_RATE * (1 + 1e-4) - 500, abs=1)
