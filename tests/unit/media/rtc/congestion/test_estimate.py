"""The sender's estimate against a simulated bottleneck link."""

import random

import pytest
from bottleneck import MS, Flow, Link
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.media.rtc.congestion.controller import LEAST, START, Controller

slow = settings(max_examples=5, deadline=None, derandomize=True)


def flow(**wishes):
    return Flow(Controller(most=wishes.pop("most", 4_000_000)), **wishes)


def percentile(values, share):
    return sorted(values)[int(len(values) * share)]


@slow
@given(rate=st.integers(500_000, 3_500_000), delay=st.integers(5, 120), seed=st.integers(0, 1000))
def test_a_steady_link_is_used_and_its_queue_stays_short(rate, delay, seed):
    one, link = flow(), Link(lambda _: rate, delay_ms=delay, seed=seed)
    link.run([one], 30)
    assert one.rate(15_000, 30_000) >= 0.8 * rate
    assert percentile(link.delays[10_000:], 0.95) < 100
    assert sum(link.delays[10_000:]) / 20_000 < 50


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.05])
def test_some_loss_and_lost_feedback_change_little(loss):
    one, link = flow(), Link(lambda _: 1_500_000, loss=loss, feedback_loss=0.1)
    link.run([one], 30)
    assert one.rate(15_000, 30_000) >= 0.75 * 1_500_000


def test_a_tenth_lost_whatever_we_send_does_not_end_at_the_lowest_rate():
    one, link = flow(most=1_500_000), Link(lambda _: 3_000_000, loss=0.1, delay_ms=50)
    link.run([one], 40)
    assert one.rate(5_000, 40_000) >= 0.5 * 1_500_000


@slow
@given(rate=st.integers(1_000_000, 3_000_000), delay=st.integers(5, 60), queue=st.sampled_from([100, 300, 600]))
def test_after_a_fall_to_two_fifths_it_is_below_the_link_within_3_s(rate, delay, queue):
    one = flow(most=rate)
    link = Link(lambda ms: rate if ms < 15_000 else 0.4 * rate, delay_ms=delay, queue_ms=queue)
    link.run([one], 30)
    assert one.sending_rate(18_000, 19_000) <= 1.1 * 0.4 * rate
    assert percentile(link.delays[19_000:], 0.95) < 100


def test_a_link_without_a_queue_is_found_by_its_losses():
    one = flow(most=1_500_000)
    link = Link(lambda ms: 1_500_000 if ms < 10_000 else 600_000, queue_ms=20)
    link.run([one], 25)
    assert one.sending_rate(13_000, 25_000) <= 1.1 * 600_000
    assert one.rate(13_000, 25_000) >= 0.7 * 600_000


@pytest.mark.parametrize("rate", [1_000_000, 2_000_000])
@pytest.mark.parametrize("seed", [1, 2])
def test_two_flows_share_within_two_to_one(rate, seed):
    both = [flow(), flow(begins_ms=8_000, sequence=10)]
    link = Link(lambda _: rate, seed=seed)
    link.run(both, 60)
    one, other = (each.rate(25_000, 60_000) for each in both)
    assert max(one, other) <= 2 * min(one, other)
    assert one + other >= 0.75 * rate
    assert percentile(link.delays[25_000:], 0.95) < 100


def test_it_climbs_back_when_the_link_does():
    one = flow(most=1_500_000)
    link = Link(lambda ms: 400_000 if 10_000 <= ms < 20_000 else 1_600_000)
    link.run([one], 40)
    assert one.rate(30_000, 40_000) >= 0.8 * 1_500_000


def test_it_starts_fast_where_there_is_room():
    one = flow(most=2_000_000)
    Link(lambda _: 20_000_000).run([one], 3)
    assert one.targets[1000] == 2_000_000


def test_a_camera_that_shows_little_does_not_lose_its_rate():
    one = flow(most=1_500_000, use=0.3)
    Link(lambda _: 5_000_000).run([one], 30)
    assert min(one.targets[5_000:]) >= 700_000


@pytest.mark.parametrize("rate", [90_000, 150_000, 400_000])
def test_sound_never_starves(rate):
    one = flow()
    link = Link(lambda ms: 1_500_000 if ms < 10_000 else rate)
    link.run([one], 30)
    heard = [arrived - sent for sent, arrived in one.sounds if sent >= 15_000]
    assert len(heard) >= 0.98 * 15_000 / 20
    assert percentile(heard, 0.9) < 200


def test_a_way_that_becomes_longer_is_no_queue_for_long():
    longer = flow(most=1_000_000)
    Detour(lambda _: 5_000_000).run([longer], 30)
    assert longer.rate(20_000, 30_000) >= 0.8 * 1_000_000


class Detour(Link):
    """The way becomes 200 ms longer after ten seconds."""

    def _sent(self, flow, ms, dice):
        self.delay_ms = 25 if ms < 10_000 else 225
        return super()._sent(flow, ms, dice)


def test_without_any_word_from_the_receiver_it_backs_off():
    controller = Controller()
    one = Flow(controller)
    Link(lambda _: 5_000_000).run([one], 5)
    before = controller.target
    controller.sent([(7, 5_000 * MS, 1000)])
    for ms in range(5_000, 8_000, 10):
        controller.tick(ms * MS)
    assert controller.target < 0.5 * before


def test_a_server_without_feedback_is_not_taken_for_a_dead_network():
    controller = Controller()
    controller.sent([(7, 0, 1000)])
    controller.tick(60_000 * MS)
    assert controller.target == START
    assert controller.probe(60_000 * MS) is None


def test_the_receivers_own_estimate_is_an_upper_bound():
    controller = Controller()
    controller.remb(200_000)
    assert controller.target == 200_000
    controller.remb(10_000_000)
    assert controller.target == START
    controller.remb(0)
    assert controller.target == LEAST


def test_reported_losses_count_where_there_is_no_feedback():
    controller = Controller()
    for second in range(1, 3):
        controller.report(0.3, rtt_us=50 * MS, now=second * 1000 * MS)
    assert controller.target < START


@pytest.mark.parametrize("seed", range(5))
def test_hostile_feedback_is_harmless(seed):
    dice = random.Random(seed)
    controller = Controller()
    for step in range(3000):
        controller.sent([(step & 0xFFFF, step * 5 * MS, 1000)])
        fci = bytearray(dice.randbytes(dice.randrange(60)))
        if dice.random() < 0.8 and len(fci) > 12:
            # numbers that exist, few enough packets, and an innocent chunk
            fci[0:4] = (step - dice.randrange(50) & 0xFFFF).to_bytes(2, "big") + (1 + dice.randrange(20)).to_bytes(
                2, "big"
            )
            fci[8:10] = (0x2000 if dice.random() < 0.5 else 0x4000 | 20).to_bytes(2, "big")
        controller.feedback(bytes(fci), step * 5 * MS + 30 * MS)
        controller.probe(step * 5 * MS)
        controller.tick(step * 5 * MS)
        assert LEAST <= controller.target <= 3_000_000
        assert 0 <= controller.loss <= 1
        assert 0 <= controller.rtt_us <= 2_000_000
