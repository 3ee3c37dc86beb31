"""A console has an idle room test itself: a tone through the room's own loudspeaker, heard by its own microphone."""

import json
import time
from collections.abc import Iterator

import pytest
from fleet_ear import ORG, FleetEar, listening
from story import Story, a_room, idle, live, sees

from appliance.deeds import BUSY, TESTED
from appliance.telemetry.protocol.orders import Job, JobKind, Jobs, Order, body_of
from appliance.telemetry.protocol.records import BatchAck, JobReport, JobState, decode_batch, encode_ack
from appliance.telemetry.protocol.topics import Topics
from benchmarks.room import Room, book, guest, invite

ENDED = {JobState.SUCCEEDED, JobState.FAILED}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Room, Story, FleetEar]]:
    out = tmp_path_factory.mktemp("room")
    played = out / "played.wav"
    devices = {"microphone": f'["sim:echo?of={played}"]', "speaker": f'["sim:sink?record={played}"]'}
    with a_room(out, **devices) as (room, story), listening(room) as ear:
        yield room, story, ear


def answer_to(story: Story, ear: FleetEar, name: str) -> JobReport:
    """Ask for a self-test and wait for its end."""
    topics = Topics(ORG, story.now.id)
    expires = int(time.time() * 1000) + 120_000
    job = Job(name, JobKind.SELFTEST, expires, if_idle=False)
    ear.say(topics.jobs, json.dumps(body_of(topics, Order.JOBS, Jobs((job,)), expires=expires)).encode(), retain=True)
    taken: list[JobReport] = []
    read = 0

    def ended() -> bool:
        nonlocal read
        heard, before = list(ear.heard), read
        read = len(heard)
        for topic, payload in heard[before:]:
            if topic == topics.batch:
                _, batch = decode_batch(payload)
                ear.say(topics.ack, encode_ack(BatchAck(batch.head.of, batch.head.first, batch.head.last)))
                taken.extend(one.content for one in batch.records if isinstance(one.content, JobReport))
        return any(report.job == name and report.state in ENDED for report in taken)

    sees(ended)
    return next(report for report in taken if report.job == name and report.state in ENDED)


def test_it_hears_itself_and_stays_muted(place: tuple[Room, Story, FleetEar]) -> None:
    _, story, ear = place
    story.becomes(idle)
    began = len(story.states)
    report = answer_to(story, ear, "test-1")
    assert report.state is JobState.SUCCEEDED, report.detail
    assert "The microphone hears the loudspeaker" in report.detail
    story.becomes(lambda state: not state.notice)
    seen = story.states[began:]
    assert TESTED in {state.notice for state in seen}
    assert all(state.senses.mic_muted and state.senses.camera_off for state in seen)


def test_in_a_meeting_nothing_is_played(place: tuple[Room, Story, FleetEar]) -> None:
    room, story, ear = place
    link = invite(room)
    with guest(room, link):
        book(room, 2, link=link)
        story.becomes(live)
        began = len(story.states)
        report = answer_to(story, ear, "test-2")
        assert (report.state, report.detail) == (JobState.FAILED, BUSY)
        assert all(live(state) and not state.notice for state in story.states[began:])
