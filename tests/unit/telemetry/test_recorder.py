import asyncio
import json
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from types import SimpleNamespace

from appliance.state.commands import Origin
from appliance.state.devices import Fault, Severity
from appliance.state.events import CallWanted, MediaReported, NoticeGiven
from appliance.state.room import Boot, Call, MeetingKey, Phase, Wanted
from appliance.state.store import RoomStore
from appliance.state.wishes import MediaReport, StreamStats
from appliance.telemetry.moments import Moment
from appliance.telemetry.protocol.payloads import ClockSync, Gauges
from appliance.telemetry.protocol.records import Kind
from appliance.telemetry.recorder import Recorder, Rhythm
from appliance.telemetry.spool import Spool, SpoolSettings

NOW = 1_795_338_000_000


class Clock:
    def __init__(self):
        self.ts = self.mono = NOW

    def __call__(self):
        return Moment(self.ts, self.mono - NOW, ClockSync.YES)


class States:
    """A room's states, each of which is seen."""

    def __init__(self, room):
        self.room = room
        self.queue = asyncio.Queue()

    async def watch(self):
        yield self.room
        while True:
            self.room = await self.queue.get()
            yield self.room

    def set(self, room):
        self.queue.put_nowait(room)


@asynccontextmanager
async def recording(tmp_path, states, *, clock=None, streams=(), boot="boot-1"):
    clock = clock or Clock()
    settings = SpoolSettings(retry_s=0.01)
    async with Spool(tmp_path / "spool.db", boot=boot, clock=clock, on_health=print, settings=settings) as spool:
        recorder = Recorder(
            spool,
            states=states.watch,
            streams=lambda: streams,
            gauges=lambda: Gauges(cpu=0.25),
            clock=clock,
            rhythm=Rhythm(meeting_s=0.02, idle_s=60, settle_s=0),
        )
        task = asyncio.create_task(recorder.run())
        try:
            yield spool, recorder
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def records(spool, until):
    """Wait until the newest records fulfil a condition; return (kind, content) of all."""
    async with asyncio.timeout(10):
        while True:
            batch = await spool.batch()
            found = [(note.kind, json.loads(note.content)) for note in batch.notes] if batch else []
            if until(found):
                return found
            await asyncio.sleep(0.01)


def events(found):
    return [content["type"] for kind, content in found if kind is Kind.EVENT]


def idle(room):
    return replace(room, call=Call())


async def test_a_start_a_lost_camera_and_a_call_are_events(room, tmp_path):
    states = States(idle(room))
    broken = replace(room.devices[0], fault=Fault.MISSING, severity=Severity.IMPORTANT)
    async with recording(tmp_path, states) as (spool, _):
        states.set(replace(idle(room), devices=(broken, room.devices[1])))
        states.set(room)
        found = await records(spool, lambda found: len(events(found)) == 4)
    assert events(found) == ["room.started", "issue.began", "call.live", "issue.ended"]
    assert found[1][1]["issue"] == "device.camera-1.missing"


async def test_what_was_wrong_before_a_restart_is_not_told_again_and_its_end_is(room, tmp_path):
    broken = replace(room.devices[0], fault=Fault.MISSING, severity=Severity.IMPORTANT)
    sick = replace(idle(room), devices=(broken, room.devices[1]))
    async with recording(tmp_path, States(sick)) as (spool, _):
        await records(spool, lambda found: "issue.began" in events(found))
    states = States(sick)
    async with recording(tmp_path, states, boot="boot-2") as (spool, _):
        states.set(idle(room))
        await spool.forget("boot-1", 1, 100)
        found = await records(spool, lambda found: len(events(found)) == 2)
    assert events(found) == ["room.started", "issue.ended"]


async def test_samples_come_fast_in_a_meeting_and_one_when_it_begins(room, tmp_path):
    states = States(idle(room))
    stream = StreamStats("p1", "video", "in", fps=30.0, kbps=900.0, loss=0.01, freezes=2)
    async with recording(tmp_path, states, streams=(stream,)) as (spool, _):
        await asyncio.sleep(0.1)
        assert not [kind for kind, _ in await records(spool, bool) if kind is Kind.SAMPLE]
        states.set(room)
        found = await records(spool, lambda found: sum(kind is Kind.SAMPLE for kind, _ in found) > 2)
    samples = [content for kind, content in found if kind is Kind.SAMPLE]
    assert samples[0]["phase"] == "live"
    assert (samples[0]["cpu"], samples[0]["fps_in"], samples[0]["loss"]) == (0.25, 30.0, 0.01)
    assert [sample.get("freezes", 0) for sample in samples[:2]] == [2, 0]


async def test_a_meeting_that_goes_on_across_a_restart_is_told_whole(room, tmp_path):
    clock, called = Clock(), replace(room, agenda=replace(room.agenda, meetings=()))
    states = States(idle(called))
    async with recording(tmp_path, states, clock=clock) as (spool, recorder):
        recorder.asked_to_join(Origin.REMOTE)
        states.set(called)
        await records(spool, lambda found: "call.live" in events(found))
    clock.ts += 60_000
    clock.mono += 60_000
    states = States(called)
    async with recording(tmp_path, states, clock=clock, boot="boot-2") as (spool, _):
        await spool.forget("boot-1", 1, 100)
        await records(spool, lambda found: "room.started" in events(found))
        states.set(idle(called))
        await records(spool, lambda found: "call.left" in events(found))
        clock.ts += 200_000
        clock.mono += 200_000
        states.set(replace(idle(called), notice="time passes"))
        found = await records(spool, lambda found: Kind.MEETING in {kind for kind, _ in found})
    (meeting,) = (content for kind, content in found if kind is Kind.MEETING)
    assert (meeting["began"], meeting["outcome"], meeting["participants"]) == ("remote", "held", 2)
    assert meeting["ended_at"] - meeting["began_at"] == 60_000


async def test_a_loose_plug_does_not_fill_the_disk(room, tmp_path):
    states = States(idle(room))
    broken = replace(room.devices[0], fault=Fault.MISSING, severity=Severity.IMPORTANT)
    async with recording(tmp_path, states) as (spool, _):
        for _ in range(50):
            states.set(replace(idle(room), devices=(broken, room.devices[1])))
            states.set(idle(room))
        states.set(replace(idle(room), call=Call(Phase.JOINING, MeetingKey("uid-9"))))
        found = await records(spool, lambda found: "call.joining" in events(found))
    assert events(found).count("issue.began") == events(found).count("issue.ended") == 6


async def test_a_clock_that_is_set_is_told(room, tmp_path):
    clock = Clock()
    async with recording(tmp_path, States(room), clock=clock) as (spool, _):
        await records(spool, lambda found: Kind.SAMPLE in {kind for kind, _ in found})
        clock.ts += 3_600_000
        await records(spool, lambda found: "clock.stepped" in events(found))


async def test_a_call_that_is_over_before_anybody_looked_is_told_all_the_same(room, tmp_path):
    """Its whole course is heard at once: a busy daemon reads several of media's reports in one go."""
    booked, call = replace(room, call=Call(), agenda=replace(room.agenda, meetings=())), room.call
    store = RoomStore(booked, now=lambda: booked.now)
    clock = Clock()
    async with recording(tmp_path, SimpleNamespace(watch=store.each), clock=clock) as (spool, _):
        await records(spool, lambda found: "room.started" in events(found))
        store.apply(CallWanted(Wanted(call.key, call.title)))
        store.apply(MediaReported(MediaReport(Boot("media"), call=call)))
        store.apply(CallWanted(None))
        store.apply(MediaReported(MediaReport(Boot("media"))))
        found = await records(spool, lambda found: "call.left" in events(found))
        assert [event for event in events(found) if "call" in event] == [
            "call.joining",
            "call.live",
            "call.leaving",
            "call.left",
        ]
        clock.ts += 200_000
        clock.mono += 200_000
        store.apply(NoticeGiven("time passes"))
        found = await records(spool, lambda found: Kind.MEETING in {kind for kind, _ in found})
    (meeting,) = (content for kind, content in found if kind is Kind.MEETING)
    assert (meeting["outcome"], meeting["participants"]) == ("held", 2)
