"""What may go wrong around a call, at the test's command."""

import asyncio

from av.error import InvalidDataError

from appliance.media.rtc.frames import InStats, OutStats
from appliance.meetings.provider import Bound, Joined, Opened, Slot
from appliance.state.layout import PersonId


class Codec:
    """Stands for a codec class of PyAV; its encoders refuse everything until mended."""

    def __init__(self, real):
        self._real, self.mended = real, False

    def create(self, name, mode):
        return self._real.create(name, mode) if self.mended or mode == "r" else self

    def encode(self, _frame):
        raise InvalidDataError(1, "no such luck")


class Libopus:
    """Stands for libopus; it encodes nothing until mended."""

    def __init__(self, real):
        self._real, self.mended = real, False

    def __getattr__(self, name):
        if name == "opus_encode" and not self.mended:
            return lambda *_: -3
        return getattr(self._real, name)


class Line:
    """A stream that carries nothing."""

    on_frame = on_keyframe_request = on_bitrate = clock = wanted = None
    waiting = 0
    codec = "VP8"
    simulcast = False

    def __init__(self, stats):
        self._stats = stats

    def send(self, frame): ...

    def stats(self):
        return self._stats


class Lingering:
    """A provider whose stays end only when the test lets them, while somebody's sound still comes."""

    name = "lingering"

    def __init__(self):
        self.voice, self.camera = Line(InStats()), Line(OutStats())
        self.let_go, self.gone = asyncio.Event(), asyncio.Event()

    def accepts(self, url):
        return url.startswith("lingering:")

    def session(self, spec):
        return self

    def set_layout(self, layout, limits): ...

    def set_muted(self, slot, *, muted): ...

    def set_sharing(self, *, sharing): ...

    async def run(self, tell):
        for event in (
            Joined(),
            Bound(PersonId("guest"), Slot.MICROPHONE, self.voice),
            Opened(Slot.CAMERA, self.camera),
        ):
            tell(event)
        try:
            await asyncio.Event().wait()
        finally:
            await self.let_go.wait()
            self.gone.set()
