from hypothesis import given
from hypothesis import strategies as st

from appliance.media.rtc.congestion.allocation import SOUND, Claim, share
from appliance.media.rtc.congestion.pacer import Pacer, RepairBudget, Urgency
from appliance.media.rtc.congestion.probing import Probe

MS = 1000


def drain(pacer, milliseconds, start=0):
    return [(ms, item) for ms in range(start, start + milliseconds) for item in pacer.due(ms * MS)]


def test_a_key_frame_leaves_at_the_pace():
    pacer = Pacer(2_500_000)
    for number in range(50):
        pacer.push(number, 1000, Urgency.VIDEO)
    left = drain(pacer, 400)
    assert [item for _, item in left] == list(range(50))
    # 50 kB at 2.5 Mb/s
    assert 145 <= left[-1][0] <= 165
    assert pacer.next_at() is None


def test_no_burst_is_longer_than_five_milliseconds():
    pacer = Pacer(2_500_000)
    for number in range(100):
        pacer.push(number, 1000, Urgency.VIDEO)
    for ms in range(0, 300, 1):
        assert len(pacer.due(ms * MS)) * 8000 <= 2_500_000 * 0.005 + 8000


def test_sound_leaves_at_once_and_repairs_before_video():
    pacer = Pacer(750_000)
    for number in range(20):
        pacer.push(("video", number), 1000, Urgency.VIDEO)
    pacer.due(0)
    pacer.push(("repair", 0), 1000, Urgency.REPAIR)
    pacer.push(("sound", 0), 100, Urgency.SOUND)
    assert pacer.due(0) == [("sound", 0)]
    assert drain(pacer, 100, 1)[0][1] == ("repair", 0)


def test_repairs_without_end_do_not_pile_up():
    pacer = Pacer(250_000)
    for number in range(5000):
        pacer.push(number, 1000, Urgency.REPAIR)
    assert len(drain(pacer, 2000)) <= 200


def test_nothing_waits_longer_than_half_a_second():
    pacer = Pacer(250_000)
    for number in range(80):
        pacer.push(number, 1000, Urgency.VIDEO)
    pacer.set_rate(160_000)
    assert len(drain(pacer, 1200)) == 80


def test_a_probe_is_padded_to_its_rate_and_size():
    pacer, padded = Pacer(250_000), []
    pacer.start_probe(Probe(2_000_000, 5000), 0)
    for tenth in range(500):
        now = tenth * 100
        while pacer.padding(now) > 0:
            size = min(pacer.padding(now), 1000)
            pacer.push((now, size), size, Urgency.REPAIR)
            padded += pacer.due(now)
    assert sum(size for _, size in padded) == 5000
    span = padded[-1][0] - padded[0][0]
    assert abs(4000 * 8 * 1_000_000 / span - 2_000_000) < 300_000, padded
    assert pacer.next_at() is None


@given(
    target=st.integers(0, 5_000_000),
    sounds=st.integers(0, 3),
    most=st.lists(st.integers(0, 3_000_000), max_size=6),
)
def test_sound_is_served_first_and_pictures_share_the_rest(target, sounds, most):
    parts = share(target, sounds=sounds, pictures=[Claim(key, value) for key, value in enumerate(most)])
    assert sum(parts.values()) <= max(target - sounds * SOUND, 0)
    assert all(0 <= parts[key] <= value for key, value in enumerate(most))
    unsatisfied = [parts[key] for key, value in enumerate(most) if parts[key] < value]
    assert all(part >= max(parts.values()) - len(most) for part in unsatisfied)


def test_repairs_take_no_more_than_the_rate_after_a_moment_in_which_they_may_hurry():
    budget = RepairBudget()
    assert all(budget.take(1200, 0) for _ in range(1000)), "while nothing is known of the network"
    budget.learn(400_000)
    sent = sum(1000 for ms in range(10_000) if budget.take(1000, 1_000_000 + ms * MS))
    assert 400_000 / 8 * 10 <= sent <= 400_000 / 8 * 10 + 14_000
    budget.learn(400_000, fallen=True)
    sent = sum(1000 for ms in range(10_000) if budget.take(1000, 20_000_000 + ms * MS))
    assert 40_000 / 8 * 10 <= sent <= 40_000 / 8 * 10 + 5_000


def test_repairs_that_are_asked_for_every_moment_do_not_starve():
    budget = RepairBudget()
    budget.learn(400_000)
    assert sum(1000 for us in range(0, 4_000_000, 20) if budget.take(1000, us)) >= 95_000
