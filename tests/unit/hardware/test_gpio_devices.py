"""Buttons, switches, lights, sensors and relays, each on gpiozero's pins and on simulated wires."""

import threading
import time

import pytest
from gpio_bench import MockBench, ZeroBench, wait_until
from hypothesis import given
from hypothesis import strategies as st

from hardware.gpio.buttons import ASSERT_S, BUTTON_S, RELEASE_S, Button, Switch
from hardware.gpio.lights import Colour, Lamp, Light
from hardware.gpio.motion import Motion, Occupancy
from hardware.gpio.press import Press, Tap
from hardware.gpio.relay import Relay
from hardware.ports import DeviceError

BUTTON = "?active_low=1&pull=up"


@pytest.fixture(params=[ZeroBench, MockBench])
def bench(request, tmp_path):
    made = request.param(tmp_path) if request.param is MockBench else request.param()
    yield made
    made.close()


def looked(button, woken, count):
    """Look as the button's user does: when woken, when due, and now and then."""
    done, until = [], time.monotonic() + 3
    while len(done) < count and time.monotonic() < until:
        due = button.due_s
        woken.wait(0.1 if due is None else max(0.001, min(0.1, due - time.monotonic())))
        woken.clear()
        done += button.look()
    return done


def test_a_press_on_a_bouncing_button_is_one_press_and_one_tap(bench):
    uri, woken = bench.uri(17, BUTTON), threading.Event()
    with Button(bench.input(uri), wake=woken.set) as button:

        def hand():
            for active in (True, False, True, False, True):
                bench.drive(uri, active=active)
                time.sleep(0.001)
            time.sleep(0.1)
            for active in (False, True, False):
                bench.drive(uri, active=active)
                time.sleep(0.001)

        pressing = threading.Thread(target=hand)
        pressing.start()
        done = looked(button, woken, 2)
        pressing.join()
        time.sleep(BUTTON_S * 2)
        assert button.look() == []
    assert [type(what) for what in done] == [Press, Tap]
    assert 0.09 < done[1].held_s < 1.0


def test_a_button_that_hangs_at_the_start_tells_nothing(bench):
    uri = bench.uri(17, BUTTON)
    with bench.input(uri):
        bench.drive(uri, active=True)
    if not bench.simulated:
        # a wire to ground does not care that a pin was closed in between
        bench.factory.pin(17)._set_pull = lambda _: None
        bench.factory.pin(17)._state = False
    with Button(bench.input(uri), wake=lambda: None) as button:
        time.sleep(BUTTON_S * 2)
        assert button.look() == []


def test_edges_that_nobody_told_are_found_by_looking(bench):
    uri = bench.uri(17, BUTTON)
    line = bench.input(uri)
    line.watch = lambda _: None
    with Button(line, wake=lambda: None) as button:
        bench.drive(uri, active=True)
        assert button.look() == []
        assert [type(what) for what in looked(button, threading.Event(), 1)] == [Press]


def test_presses_that_are_told_late_are_all_told(bench):
    """The driver's thread gets no time while the button's user looks again and again."""
    uri = bench.uri(17, BUTTON)
    line, told = bench.input(uri), []
    line.watch = told.append
    with Button(line, wake=lambda: None) as button:
        began = time.monotonic()
        jumps = [(began + n * BUTTON_S * 1.2, n % 2 == 0) for n in range(4)]
        for at_s, active in jumps:
            time.sleep(max(0.0, at_s - time.monotonic()))
            bench.drive(uri, active=active)
            assert button.look() == []
        for jump in jumps:
            told[0](*jump)
        assert [type(what) for what in looked(button, threading.Event(), 2)] == [Press, Press]


def test_a_switch_is_on_until_it_was_seen_off_and_goes_on_faster_than_off(bench):
    uri, woken = bench.uri(27, BUTTON), threading.Event()
    with Switch(bench.input(uri), wake=woken.set) as switch:
        assert switch.active
        began = time.monotonic()
        assert looked(switch, woken, 1) == [False]
        assert time.monotonic() - began >= RELEASE_S * 0.9
        bench.drive(uri, active=True)
        began = time.monotonic()
        assert looked(switch, woken, 1) == [True]
        assert ASSERT_S * 0.5 <= time.monotonic() - began < RELEASE_S
        assert switch.active


def test_a_loose_switch_is_told(bench):
    uri = bench.uri(27, BUTTON)
    with Switch(bench.input(uri), wake=lambda: None) as switch:
        for n in range(50):
            bench.drive(uri, active=n % 2 == 0)
            switch.look()
        assert wait_until(lambda: (switch.look(), "cable is loose" in switch.fault())[1])


def test_a_wire_that_goes_away_is_an_error_at_the_next_look(tmp_path):
    bench = MockBench(tmp_path)
    with Button(bench.input(bench.uri(17)), wake=lambda: None) as button:
        (tmp_path / "pin17").unlink()
        with pytest.raises(DeviceError, match="removed"):
            button.look()


def lamp_of(bench, *options):
    uris = [bench.uri(22 + n, option) for n, option in enumerate(options)]
    return Lamp(*(Light(bench.output(uri)) for uri in uris)), uris


@pytest.mark.parametrize(
    ("colour", "lit"),
    [(Colour.RED, (1, 0, 0)), (Colour.GREEN, (0, 1, 0)), (Colour.BLUE, (0, 0, 1)), (Colour.AMBER, (1, 1, 0)),
     (Colour.WHITE, (1, 1, 1)), (Colour.OFF, (0, 0, 0))],
)  # fmt: skip
def test_an_rgb_lamp_mixes_its_colours(bench, colour, lit):
    lamp, uris = lamp_of(bench, "?active_low=1&pull=down", "", "")
    with lamp:
        for before in Colour:
            lamp.show(before)
            lamp.show(colour)
            volts = tuple(bench.high(uri) for uri in uris)
            assert volts == (not lit[0], bool(lit[1]), bool(lit[2]))


def test_a_lone_red_light_is_dark_for_green(bench):
    lamp, uris = lamp_of(bench, "?active_low=1&pull=down")
    with lamp:
        lamp.show(Colour.RED)
        assert not bench.high(uris[0])
        lamp.show(Colour.GREEN)
        assert bench.high(uris[0])


def test_a_light_that_does_not_follow_is_an_error_and_red_stays():
    bench = ZeroBench()
    lamp, uris = lamp_of(bench, "?active_low=1&pull=down", "")
    with lamp:
        lamp.show(Colour.RED)
        bench.factory.pin(23)._change_state = lambda _: False
        with pytest.raises(DeviceError, match="short circuit"):
            lamp.show(Colour.GREEN)
        assert not bench.high(uris[0])
    bench.close()


def test_a_lamp_that_opens_in_part_lets_everything_go(bench):
    lamp, uris = lamp_of(bench, "", "")
    with bench.output(uris[1]), pytest.raises(DeviceError), lamp:
        raise AssertionError
    with lamp:
        lamp.show(Colour.AMBER)


def test_a_movement_of_200_ms_keeps_the_room_occupied(bench):
    uri, woken = bench.uri(4), threading.Event()
    with Motion(bench.input(uri), hold_s=0.5, wake=woken.set) as motion:
        assert not motion.occupied()
        bench.drive(uri, active=True)
        time.sleep(0.2)
        bench.drive(uri, active=False)
        assert wait_until(motion.occupied, 1)
        assert wait_until(lambda: not motion.occupied(), 2)


def test_a_movement_that_happened_while_nobody_looked_counts(bench):
    uri = bench.uri(4)
    with Motion(bench.input(uri), hold_s=60, wake=lambda: None) as motion:
        bench.simulated and time.sleep(0.03)
        bench.drive(uri, active=True)
        time.sleep(0.2)
        bench.drive(uri, active=False)
        time.sleep(0.2)
        assert motion.occupied()


@given(st.lists(st.tuples(st.floats(0.01, 1000), st.booleans()), max_size=30), st.floats(0, 2000), st.floats(1, 600))
def test_a_room_is_occupied_while_something_moves_and_for_the_hold_time_after(moves, later, hold_s):
    occupancy, now, moving, last = Occupancy(hold_s), 0.0, False, None
    for pause, moves_now in moves:
        now += pause
        occupancy.take(now, moving=moves_now)
        if moving and not moves_now:
            last = now
        moving = moves_now
    now += later
    assert occupancy.occupied(now) is (moving or (last is not None and now - last < hold_s))


def test_a_sensor_that_sees_movement_for_hours_is_told():
    occupancy = Occupancy(60)
    occupancy.take(0, moving=True)
    assert occupancy.fault(3600) == ""
    assert "stuck" in occupancy.fault(7 * 3600)


def relay(bench, uri):
    return Relay(uri, opens=lambda _, **how: bench.output(uri, **how))


@pytest.mark.parametrize("options", ["", "?active_low=1"])
def test_a_relay_switches(bench, options):
    uri = bench.uri(5, options)
    with relay(bench, uri) as one:
        for on in (True, False, True):
            one.switch(on=on)
            assert one.on is on
            assert bench.high(uri) is (on != bool(options))


@pytest.mark.parametrize("on", [True, False])
def test_a_relay_that_keeps_is_found_as_it_was_left(tmp_path, on):
    bench = MockBench(tmp_path)
    uri = bench.uri(5, "?active_low=1&pull=up&released=keep")
    with relay(bench, uri) as one:
        assert not one.on
        one.switch(on=on)
    with relay(bench, uri) as one:
        assert one.on is on
