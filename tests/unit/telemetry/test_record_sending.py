"""What is sent when, in virtual time: a room, a network that loses what we say, and a console."""

import math
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.telemetry.protocol.records import BatchAck, BatchHead
from appliance.telemetry.sending import Sending, SendPace, Span

PACE = SendPace(jitter=lambda: 0.5)


class World:
    """A spool of numbers, the rules under test, and a console that keeps what reaches it."""

    def __init__(self, pace=PACE, *, known=True, in_batch=3, old=()):
        self.sending = Sending(pace, known=known)
        self.in_batch = in_batch
        self.now = 0.0
        self.records = list(old)
        self.no, self.n, self.urgent = 9, 0, 0
        self.console = defaultdict(int)
        self.order = []
        self.sent_at = []
        self.forgotten = set()

    def note(self, *, urgent=True):
        self.n += 1
        self.records.append((self.no, self.n))
        if urgent:
            self.urgent = self.n

    def connect(self):
        self.sending.connected(self.now, (self.no, self.n))

    def step(self, *, reaches=True, answered=True):
        """Do what is due; return how long there is nothing to do, 0 when something was sent."""
        wanted = self.sending.next(self.now, (self.no, self.n), self.urgent)
        if not isinstance(wanted, Span):
            return wanted
        places = [p for p in sorted(self.records) if wanted.after < p and (wanted.until is None or p <= wanted.until)]
        places = [p for p in places if p[0] == places[0][0]][: self.in_batch]
        if not places:
            self.sending.nothing(self.now, wanted, (self.no, self.n))
            return 0.0
        no, n = places[0]
        first = wanted.after[1] + 1 if wanted.after[0] == no else n
        head = BatchHead(f"boot-{no}", no, first, places[-1][1])
        self.sending.sent(self.now, wanted, head)
        self.sent_at.append((self.now, head))
        if reaches:
            self.hear(head, places, answered=answered)
        return 0.0

    def hear(self, head, places, *, answered):
        for place in places:
            self.console[place] += 1
            self.order.append(place)
        if answered:
            self.ack(BatchAck(head.of, head.first, head.last))

    def ack(self, ack):
        for head in self.sending.acked(self.now, ack):
            gone = {p for p in self.records if p[0] == head.of_no and head.first <= p[1] <= head.last}
            self.forgotten |= gone
            self.records = [p for p in self.records if p not in gone]

    def run(self, seconds, **network):
        end = self.now + seconds
        while self.now < end:
            wait = self.step(**network)
            self.now = min(end, self.now + wait)


def test_what_waited_is_sent_after_a_random_delay_oldest_boot_first_and_new_things_at_once():
    world = World(old=[(7, n) for n in range(1, 8)] + [(8, 1), (8, 2)])
    world.connect()
    world.note()
    world.run(1)
    assert world.order == [(9, 1)]
    world.run(100)
    assert world.order[1:] == [(7, n) for n in range(1, 8)] + [(8, 1), (8, 2)]
    assert world.sent_at[1][0] == 30
    assert world.records == []


def test_a_virtual_week_offline_comes_back_in_order_and_never_faster_than_two_batches_a_second():
    world = World(in_batch=200)
    for _ in range(7 * 24 * 12):
        world.note(urgent=False)
        world.now += 300
    world.connect()
    world.run(120)
    assert world.order == [(9, n) for n in range(1, world.n + 1)]
    times = [at for at, _ in world.sent_at]
    assert len(times) == 11
    assert times[-1] - times[0] == pytest.approx((11 - 2) / 2)


def test_samples_go_ten_at_once_or_after_ten_minutes():
    world = World(in_batch=100)
    world.connect()
    for _ in range(9):
        world.note(urgent=False)
    world.run(599)
    assert world.order == []
    world.run(2)
    assert len(world.order) == 9
    for _ in range(10):
        world.note(urgent=False)
    world.run(1)
    assert len(world.order) == 19


def test_an_urgent_record_takes_the_samples_before_it_along():
    world = World()
    world.connect()
    world.note(urgent=False)
    world.note()
    world.run(1)
    assert world.order == [(9, 1), (9, 2)]


def test_what_is_not_acknowledged_is_sent_again_after_a_minute_and_a_silent_console_is_asked_with_one_batch():
    world = World()
    world.connect()
    for _ in range(30):
        world.note()
    world.run(59, reaches=False)
    assert len(world.sent_at) == 5
    world.run(30 * 60, reaches=False)
    again = [head.first for _, head in world.sent_at[5:]]
    assert set(again) == {1}
    assert 5 <= len(again) <= 9
    assert world.sending.silent(world.now)
    world.run(400)
    assert world.records == []
    assert not world.sending.silent(world.now)


def test_a_room_without_a_console_hardly_sends_and_never_complains():
    world = World(known=False)
    world.connect()
    for _ in range(30):
        world.note()
    world.run(86_400, reaches=False)
    assert len(world.sent_at) < 160
    assert not world.sending.silent(world.now)
    world.run(700)
    assert world.records == []
    assert world.sending.known


def test_a_console_that_has_just_come_need_not_wait_for_what_was_said_before():
    world = World(known=False)
    world.connect()
    world.note()
    world.run(3000, reaches=False)
    world.sending.again()
    world.run(1)
    assert world.records == []


@pytest.mark.parametrize("ack", [BatchAck("boot-9", 4, 9), BatchAck("other", 1, 3), BatchAck("boot-9", 2, 3)])
def test_what_was_not_sent_is_not_forgotten_whoever_acknowledges_it(ack):
    world = World()
    world.connect()
    for _ in range(9):
        world.note()
    world.step(reaches=False)
    world.ack(ack)
    assert len(world.records) == 9


def test_an_answer_that_comes_after_a_new_connection_counts():
    world = World()
    world.connect()
    world.note()
    world.step(answered=False)
    world.connect()
    world.ack(BatchAck("boot-9", 1, 1))
    assert world.records == []


def test_no_wait_is_too_short_for_the_clock_to_show():
    world = World(in_batch=1)
    world.now = 3_000_000.0
    world.connect()
    for _ in range(3):
        world.note()
    assert [world.step(), world.step()] == [0.0, 0.0]
    # a hair before the next one may go: adding what is missing would change nothing
    world.now = math.nextafter(world.now + 0.5, 0)
    world.step()
    assert len(world.sent_at) == 3


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("note"), st.booleans()),
        st.tuples(st.just("connect"), st.none()),
        st.tuples(st.just("pass"), st.sampled_from([0.3, 5.0, 61.0, 700.0])),
        st.tuples(st.just("step"), st.sampled_from(["lost", "unanswered", "answered"])),
        st.tuples(st.just("forged"), st.tuples(st.integers(1, 30), st.integers(1, 30))),
        st.tuples(st.just("thin"), st.integers(1, 30)),
    ),
    max_size=120,
)


@settings(max_examples=300)
@given(STEPS, st.booleans())
def test_nothing_acknowledged_is_sent_again_and_nothing_else_is_ever_forgotten(steps, known):
    world = World(known=known, old=[(7, 1), (7, 2), (8, 5)])
    world.connect()
    thinned = set()
    for what, value in steps:
        match what:
            case "note":
                world.note(urgent=value)
            case "connect":
                world.connect()
            case "pass":
                world.now += value
            case "step":
                world.step(reaches=value != "lost", answered=value == "answered")
            case "thin":
                thinned |= {p for p in world.records if p[1] == value}
                world.records = [p for p in world.records if p[1] != value]
            case "forged":
                # a console never acknowledges what it has not got; a broker may pretend so of what was sent
                first, last = value
                heads = {head for _, head in world.sent_at}
                before = set(world.records)
                world.ack(BatchAck("boot-9", first, last))
                for gone in before - set(world.records):
                    assert any(h.of_no == gone[0] and h.first <= gone[1] <= h.last for h in heads)
                    world.console[gone] += 1
    assert all(world.console[place] for place in world.forgotten)
    assert not world.forgotten & set(world.records)
    world.connect()
    world.run(3000)
    assert world.records == []
    everything = {(7, 1), (7, 2), (8, 5)} | {(9, n) for n in range(1, world.n + 1)}
    assert {place for place, times in world.console.items() if times} | thinned >= everything
    assert world.sending.next(world.now, (world.no, world.n), world.urgent) == math.inf
