"""Joining, and joining again: the call runner with a provider that does as the test says."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from appliance.media import call as call_module
from appliance.media.call import CallRunner
from appliance.meetings.provider import (
    Bound,
    Ended,
    Joined,
    JoinFailed,
    Opened,
    RosterChanged,
    Slot,
    SpeakersChanged,
    Unbound,
)
from appliance.state.layout import PersonId
from appliance.state.room import MeetingKey, Participant, Phase
from appliance.state.wishes import CallWish

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
ANN = Participant(PersonId("ann"), "Ann")


class Clock:
    def __init__(self):
        self.time = START

    def __call__(self):
        return self.time


class Script:
    """A provider, its session and the stage, all of which follow the test."""

    name = "Script"

    def __init__(self, *stays):
        self.stays = list(stays)
        self.specs, self.calls, self.staged = [], [], []
        self.clock = Clock()
        self.leaving = 0
        self.lingers = None
        self.news = asyncio.Event()

    def accepts(self, url):
        return url.startswith("script:")

    def session(self, spec):
        self.specs.append(spec)
        return self

    async def run(self, tell):
        stay = self.stays.pop(0) if self.stays else []
        try:
            for step in stay:
                match step:
                    case timedelta():
                        self.clock.time += step
                    case Ended():
                        return step
                    case Exception():
                        raise step
                    case _:
                        tell(step)
            await asyncio.Event().wait()
        finally:
            self.leaving += 1
            if self.lingers is not None:
                await self.lingers.wait()
                for event in (Bound(ANN.id, Slot.CAMERA, None), Opened(Slot.CAMERA, None), RosterChanged(())):
                    tell(event)

    def bind(self, bound):
        self.staged.append(("bind", bound.person))

    def unbind(self, unbound):
        self.staged.append(("unbind", unbound.person))

    def send_to(self, slot, out):
        self.staged.append(("send", slot))

    def strike(self):
        self.staged.append(("strike",))

    def changed(self, call):
        self.calls.append(call)
        self.news.set()

    def runner(self, *, url="script:1", ends_in=timedelta(hours=1)):
        wish = CallWish(MeetingKey("k"), "Weekly", url, "Room", ends_at=ends_in and START + ends_in)
        return CallRunner(
            wish, providers=(self,), stage=self, changed=self.changed, now=self.clock, ends_at=lambda: wish.ends_at
        )

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                self.news.clear()
                await self.news.wait()

    @property
    def phases(self):
        return [call.phase for call in self.calls]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(call_module, "BACKOFF_S", (0.0, 0.0))


async def run(script, **wish):
    async with asyncio.timeout(10):
        await script.runner(**wish).run(lambda _session: None)


async def test_a_call_joins_lives_and_ends_with_its_reason():
    script = Script([Joined(), RosterChanged((ANN,)), Ended("the meeting was ended", retryable=False)])
    await run(script)
    assert script.phases == [Phase.JOINING, Phase.LIVE, Phase.LIVE, Phase.IDLE]
    assert script.calls[2].participants == (ANN,)
    last = script.calls[-1]
    assert (last.reason, last.participants, last.key) == ("the meeting was ended", (), "k")
    assert script.specs[0].name == "Room"


async def test_a_broken_connection_is_followed_by_being_back_with_the_roster_kept_meanwhile():
    script = Script(
        [Joined(), RosterChanged((ANN,)), Ended("it broke", retryable=True)],
        [JoinFailed("still down")],
        [Joined(), Ended("over", retryable=False)],
    )
    await run(script)
    assert script.phases == [Phase.JOINING, Phase.LIVE, Phase.LIVE] + [Phase.RECONNECTING] * 2 + [
        Phase.LIVE,
        Phase.IDLE,
    ]
    assert [call.participants for call in script.calls[3:5]] == [(ANN,), (ANN,)]
    assert [call.reason for call in script.calls[3:6]] == ["it broke", "still down", ""]


async def test_a_failed_join_is_tried_again_as_joining():
    script = Script([JoinFailed("not up yet")], [Joined(), Ended("over", retryable=False)])
    await run(script)
    assert script.phases == [Phase.JOINING, Phase.JOINING, Phase.LIVE, Phase.IDLE]
    assert script.calls[1].reason == "not up yet"


async def test_a_refusal_is_not_tried_again():
    script = Script([JoinFailed("the link has expired", retryable=False)])
    await run(script)
    assert (script.phases[-1], script.calls[-1].reason) == (Phase.IDLE, "the link has expired")
    assert len(script.specs) == 1


@pytest.mark.parametrize("ends_in", [timedelta(minutes=5), None])
async def test_joining_again_ends_with_the_booked_time(ends_in):
    down = [timedelta(minutes=3), JoinFailed("no answer")]
    script = Script(*[down] * 10)
    await run(script, ends_in=ends_in)
    assert script.calls[-1].reason == "could not get back in: no answer"
    assert len(script.specs) == (2 if ends_in else 4)


@pytest.mark.parametrize("ends_in", [timedelta(minutes=30), None])
async def test_a_meeting_that_runs_late_is_joined_again_when_it_breaks(ends_in):
    script = Script(
        [Joined(), timedelta(hours=2), Ended("it broke", retryable=True)],
        [timedelta(seconds=15), JoinFailed("no answer")],
        [Joined(), Ended("over", retryable=False)],
    )
    await run(script, ends_in=ends_in)
    assert script.phases[-2:] == [Phase.LIVE, Phase.IDLE]
    assert script.calls[-1].reason == "over"


async def test_a_link_nobody_knows_names_what_the_room_can_join():
    script = Script()
    await run(script, url="zoom:1")
    assert script.calls[-1].reason == "the room cannot join this link; it knows Script"


async def test_cancelling_leaves():
    script = Script([Joined()])
    task = asyncio.create_task(script.runner().run(lambda _session: None))
    await script.until(lambda: Phase.LIVE in script.phases)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert script.leaving == 1
    assert script.phases[-1] is Phase.IDLE
    assert script.staged[-1] == ("strike",)


async def test_a_dismissed_call_that_lingers_touches_the_stage_no_more_and_says_nothing():
    script = Script([Joined()])
    script.lingers = asyncio.Event()
    runner = script.runner()
    task = asyncio.create_task(runner.run(lambda _session: None))
    await script.until(lambda: Phase.LIVE in script.phases)
    task.cancel()
    runner.dismiss()
    assert script.staged == [("strike",)]
    said = len(script.calls)
    script.lingers.set()
    await asyncio.gather(task, return_exceptions=True)
    assert (script.leaving, script.staged, len(script.calls)) == (1, [("strike",)], said)


async def test_streams_go_to_the_stage():
    media = object()
    script = Script(
        [
            Joined(),
            Bound(PersonId("ann"), Slot.CAMERA, media),
            Opened(Slot.CAMERA, media),
            Unbound(PersonId("ann"), Slot.CAMERA, media),
            Ended("over", retryable=False),
        ]
    )
    await run(script)
    assert script.staged == [("bind", "ann"), ("send", Slot.CAMERA), ("unbind", "ann"), ("strike",)]


async def test_each_session_is_prepared_before_it_runs():
    script = Script([Ended("broke", retryable=True)], [Ended("over", retryable=False)])
    prepared = []
    await script.runner().run(prepared.append)
    assert prepared == [script, script]


async def test_who_speaks_is_shown_at_most_twice_a_second(monkeypatch):
    monkeypatch.setattr(call_module, "SPEAKERS_S", 0.05)
    changes = [SpeakersChanged((PersonId(f"p{n}"),)) for n in range(50)]
    script = Script([Joined(), *changes])
    task = asyncio.create_task(script.runner().run(lambda _session: None))
    await script.until(lambda: script.calls and script.calls[-1].speakers == ("p49",))
    assert [call.speakers for call in script.calls if call.speakers] == [("p0",), ("p49",)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_phase_says_since_when(monkeypatch):
    script = Script([timedelta(minutes=1), Joined(), timedelta(minutes=1), RosterChanged((ANN,)), Ended("", False)])
    await run(script)
    assert [call.since - START for call in script.calls[:3]] == [
        timedelta(0),
        timedelta(minutes=1),
        timedelta(minutes=1),
    ]
    assert replace(script.calls[1], participants=(ANN,)) == script.calls[2]
