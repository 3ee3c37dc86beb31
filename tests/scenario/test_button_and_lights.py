"""The room's own mute button, mute switch and lights: whoever dies, the button mutes and the light tells the truth."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from story import Story, a_room, falls_silent, frames, goes_on, live, sees, stays_silent, tones, touch

from appliance.state.commands import AckStatus, SetMicMuted
from benchmarks.room import GuestView, Room, book, guest, invite
from hardware.gpio.mock import drive, look, press


@dataclass
class Wires:
    """The room's wires, as somebody with a finger and an eye has them."""

    folder: Path

    @property
    def button(self) -> str:
        return f"mock:button?active_low=1&dir={self.folder}"

    @property
    def switch(self) -> str:
        return f"mock:switch?dir={self.folder}"

    @property
    def red(self) -> str:
        return f"mock:red?active_low=1&pull=down&dir={self.folder}"

    @property
    def green(self) -> str:
        return f"mock:green?dir={self.folder}"

    @property
    def settings(self) -> str:
        return (
            f'\n[wires]\nmute_button = "{self.button}"\nmute_line = "{self.switch}"\n'
            f'mute_light = ["{self.red}", "{self.green}"]\n'
        )

    def is_red(self) -> bool:
        return look(self.red).active and not look(self.green).active

    def is_green(self) -> bool:
        return look(self.green).active and not look(self.red).active


@dataclass
class Meeting:
    """A room in a call with a guest."""

    room: Room
    story: Story
    guest: GuestView
    wires: Wires


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    wires = Wires(tmp_path_factory.mktemp("pins"))
    with a_room(tmp_path_factory.mktemp("room"), more=wires.settings) as (room, story):
        sees(wires.is_red)
        link = invite(room)
        with guest(room, link) as visitor:
            book(room, 2, link=link)
            story.becomes(live)
            goes_on(lambda: tones(visitor), 3)
            yield Meeting(room, story, visitor, wires)


def test_the_light_is_green_while_others_hear_the_room_and_a_press_mutes_it(meeting: Meeting) -> None:
    sees(meeting.wires.is_green)
    press(meeting.wires.button)
    sees(meeting.wires.is_red)
    meeting.story.becomes(lambda state: state.senses.mic_muted and state.controls.mic_muted)
    heard = falls_silent(meeting.guest)
    stays_silent(meeting.guest, heard)
    press(meeting.wires.button)
    sees(meeting.wires.is_green)
    meeting.story.becomes(lambda state: not state.senses.mic_muted and not state.controls.mic_muted)
    goes_on(lambda: tones(meeting.guest), 3)


def test_the_button_mutes_with_the_daemon_killed_and_the_light_tells_the_truth(meeting: Meeting) -> None:
    began = len(meeting.story.states)
    old = meeting.story.now.boot
    # a daemon that is not started again for a moment
    meeting.room.kill("daemon")
    press(meeting.wires.button)
    sees(meeting.wires.is_red)
    assert meeting.story.now.boot == old, "nobody but media can have done that"
    heard = falls_silent(meeting.guest)
    meeting.story.comes(lambda state: state.boot != old, began)
    meeting.story.becomes(live)
    assert meeting.story.now.senses.mic_muted
    assert meeting.wires.is_red()
    stays_silent(meeting.guest, heard)
    press(meeting.wires.button)
    goes_on(lambda: tones(meeting.guest), 3)
    sees(meeting.wires.is_green)


def test_with_media_killed_nothing_is_heard_and_the_light_is_red_at_once(meeting: Meeting) -> None:
    sees(meeting.wires.is_green)
    meeting.room.kill("media")
    killed = time.monotonic()
    sees(meeting.wires.is_red)
    assert time.monotonic() - killed < 1.0
    meeting.story.becomes(live)
    goes_on(lambda: frames(meeting.guest))
    # it was open, and nobody muted it: it is again
    goes_on(lambda: tones(meeting.guest), 3)
    sees(meeting.wires.is_green)


def test_the_mute_switch_wins_over_panel_and_button_and_opens_nothing_when_it_is_released(meeting: Meeting) -> None:
    wires, story = meeting.wires, meeting.story
    drive(wires.switch, active=True)
    sees(wires.is_red)
    story.becomes(lambda state: state.senses.mute_line and state.senses.mic_muted)
    heard = falls_silent(meeting.guest)
    ack = touch(meeting.room, SetMicMuted(muted=False))
    assert (ack.status, ack.reason) == (
        AckStatus.REFUSED,
        "The room's mute switch is on. Switch it off, then unmute.",
    )
    press(wires.button)
    stays_silent(meeting.guest, heard)
    drive(wires.switch, active=False)
    story.becomes(lambda state: not state.senses.mute_line)
    stays_silent(meeting.guest, heard)
    assert wires.is_red()
    assert touch(meeting.room, SetMicMuted(muted=False)).status is AckStatus.OK
    goes_on(lambda: tones(meeting.guest), 3)
    sees(wires.is_green)
