"""One word for a room: what is most urgent wins."""

import pytest

from appliance.telemetry.protocol.payloads import CallPhase, Health, Issue, Ready, Severity
from fleet.status import Presence, Status, due_at, is_silent, summary_of

IDLE = Health(CallPhase.IDLE)
LIVE = Health(CallPhase.LIVE)
CAMERA = Issue("camera-gone", Severity.ERROR, "The camera is gone.")
DISK = Issue("disk", Severity.WARNING, "The disk is nearly full.")
NOTE = Issue("note", Severity.INFO, "An update waits.")


def status(health, presence=Presence.ONLINE, **known):
    return summary_of(presence, health, **{"skew_ms": None, **known}).status


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        (None, Status.NEW),
        (IDLE, Status.READY),
        (LIVE, Status.MEETING),
        (Health(CallPhase.IDLE, issues=(NOTE,)), Status.READY),
        (Health(CallPhase.IDLE, issues=(NOTE, DISK)), Status.WARNING),
        (Health(CallPhase.LIVE, issues=(DISK,)), Status.MEETING),
        (Health(CallPhase.LIVE, issues=(DISK, CAMERA)), Status.BROKEN),
        (Health(CallPhase.IDLE, ready=Ready(ok=False, at=1)), Status.BROKEN),
        (Health(CallPhase.IDLE, ready=Ready(ok=True, at=1)), Status.READY),
    ],
)
def test_what_a_room_that_is_there_says(health, expected):
    assert status(health) is expected


@pytest.mark.parametrize("presence", [Presence.OFFLINE, Presence.LOST, Presence.SILENT])
def test_a_room_that_is_gone_is_offline_whatever_it_last_said(presence):
    assert status(Health(CallPhase.LIVE, issues=(CAMERA,)), presence) is Status.OFFLINE
    assert status(None, presence) is Status.OFFLINE


def test_a_clock_that_is_far_off_is_a_warning_in_words():
    summary = summary_of(Presence.ONLINE, IDLE, skew_ms=-95_000)
    assert (summary.status, summary.worst) == (
        Status.WARNING,
        "Its clock is 95 s ahead; check the room's time service.",
    )
    assert status(IDLE, skew_ms=29_000) is Status.READY


def test_what_the_console_found_is_shown_unless_something_is_worse():
    trouble = "Two machines use this room's identity."
    with_disk = summary_of(Presence.ONLINE, Health(CallPhase.IDLE, issues=(DISK,)), skew_ms=None, trouble=trouble)
    assert (with_disk.status, with_disk.worst, with_disk.issue_count) == (Status.WARNING, trouble, 1)
    both = summary_of(Presence.ONLINE, Health(CallPhase.IDLE, issues=(DISK, CAMERA)), skew_ms=None, trouble=trouble)
    assert (both.status, both.worst) == (Status.BROKEN, CAMERA.text)


def test_a_room_is_silent_after_two_and_a_half_intervals():
    due = due_at(1_000_000, 30)
    assert due == 1_075_000
    assert not is_silent(Presence.ONLINE, due, due, hearing_since=0)
    assert is_silent(Presence.ONLINE, due, due + 1, hearing_since=0)
    assert not is_silent(Presence.LOST, due, due + 1, hearing_since=0)


def test_a_console_that_was_away_calls_no_room_silent_at_once():
    assert not is_silent(Presence.ONLINE, 0, 9_000_000, hearing_since=None)
    assert not is_silent(Presence.ONLINE, 0, 9_000_000, hearing_since=8_999_000)
    assert is_silent(Presence.ONLINE, 0, 9_000_000, hearing_since=8_000_000)


def test_a_room_cannot_ask_for_endless_patience():
    assert due_at(0, 10**9) == 9_000_000
    assert due_at(0, -5) == 25_000
