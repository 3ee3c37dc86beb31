"""What may go wrong around a call, at the test's command."""

import asyncio

from av.error import InvalidDataError

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


class Line:
    """A stream that carries nothing."""

    on_frame = on_keyframe_request = None

    def send(self, frame): ...


class Lingering:
    """A provider whose stays end only when the test lets them, while somebody's sound still comes."""

    name = "lingering"

    def __init__(self):
        self.voice, self.camera = Line(), Line()
        self.let_go, self.gone = asyncio.Event(), asyncio.Event()

    def accepts(self, url):
        return url.startswith("lingering:")

    def session(self, spec):
        return self

    def set_layout(self, layout): ...

    def set_muted(self, slot, *, muted): ...

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
