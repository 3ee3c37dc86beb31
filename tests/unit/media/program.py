"""The whole of `salon media` in one process, the daemon's end of its link in the test's hand."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from appliance.media.engine import Engine
from appliance.media.gate import MuteGate
from appliance.media.options import MediaSettings
from appliance.state.latest import Latest
from appliance.state.layout import PersonId
from appliance.state.room import Boot, Controls, MeetingKey
from appliance.state.touch import Mark, Word
from appliance.state.wishes import CallWish, Devices, MediaWish

DEVICES = Devices(("sim:pattern?size=320x180&mark=ROOM",), ("sim:tone",), ("sim:sink",))
OPEN, SHUT = Controls(False, False, 60), Controls(True, True, 60)
GUEST = PersonId("guest")


def spoken(wish, report):
    """Number a wish, with the word of a daemon that has heard the report."""
    rev = wish.rev + 1
    word = Word(Mark(wish.boot, rev), wish.controls.mic_muted, report.touch.mark if report else None)
    return replace(wish, rev=rev, word=word)


def unheard(wish, report):
    """Whether media began a life of which the wish knows nothing: then it is to be said again."""
    return wish.rev and not report.touch.mark.count and wish.word.knew != report.touch.mark


class Daemon:
    """Wishes by the test, and what media reported."""

    def __init__(self):
        self._wishes = Latest()
        self.reports = []
        self.news = asyncio.Event()
        self.wish = MediaWish(Boot("d"), 0, devices=DEVICES)

    async def run(self):
        await asyncio.Event().wait()

    def wishes(self):
        return self._wishes.values()

    def report(self, report):
        self.reports.append(report)
        self.news.set()
        if unheard(self.wish, report):
            self.want()

    def want(self, **changes):
        self.wish = spoken(replace(self.wish, **changes), self.reports[-1] if self.reports else None)
        self._wishes.put(self.wish)

    @property
    def last(self):
        return self.reports[-1]

    def use(self, kind):
        return next(use for use in self.last.devices if use.kind is kind)

    async def until(self, condition, *, seconds=20):
        async with asyncio.timeout(seconds):
            while not (self.reports and condition(self.last)):
                self.news.clear()
                await self.news.wait()
        return self.last

    async def applied(self):
        return await self.until(lambda r: r.applied is not None and r.applied.rev == self.wish.rev)


class Media:
    def __init__(self, folder):
        self.daemon = Daemon()
        self.settings = MediaSettings(folder / "gate.json", folder / "frames", folder / "meters", identity="room")
        gate = MuteGate(self.settings.gate_file)
        self.engine = Engine(self.settings, gate=gate, link=self.daemon, boot=Boot("m"), now=self._now)
        self.ahead = timedelta()

    def _now(self):
        return datetime.now(UTC) + self.ahead


@asynccontextmanager
async def running(folder):
    media = await asyncio.to_thread(Media, folder)
    task = asyncio.create_task(media.engine.run(), name="media")
    try:
        yield media
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def call(server, **changes):
    return replace(CallWish(MeetingKey("k"), "Weekly", server.link, "Board room"), **changes)
