"""A call without the others: the room's own studio with cameras, watched as `salon media` does, and its slate."""

import asyncio
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Self

from acceptance.room import Room
from appliance.media.equipment import Equipment
from appliance.media.gate import MuteGate
from appliance.media.options import News
from appliance.media.rtc.frames import EncodedFrame, OutStats
from appliance.media.studio import Studio
from appliance.meetings.provider import Slot
from appliance.state.devices import DeviceKind, DeviceUse
from appliance.state.wishes import Devices
from hardware import registry
from hardware.hotplug.sources import source
from hardware.hotplug.watch import Watch

_COVER_LOOK_S = 0.1
"""How often media looks whether there is a picture (appliance/media/upkeep.py)."""
_END_S = 10.0
_KEPT = 3000


class Others:
    """Whoever receives the camera's stream: notes when something came."""

    codec = "VP8"
    wanted = None
    simulcast = False
    waiting = 0

    def __init__(self) -> None:
        self.on_keyframe_request: Callable[[], None] | None = None
        self.on_bitrate: Callable[[int], None] | None = None
        self.frame_s = 0.0
        """When anything came, be it a slate."""
        self.pictures: deque[float] = deque(maxlen=_KEPT)
        """When pictures of a camera left."""
        self.left: Callable[[], float | None] = lambda: None

    def send(self, _frame: EncodedFrame) -> None:
        self.frame_s, left_s = time.monotonic(), self.left()
        if left_s is not None and (not self.pictures or left_s > self.pictures[-1]):
            self.pictures.append(left_s)

    def stats(self) -> OutStats:
        return OutStats()


class CameraCall:
    """Cameras in order of preference in a call. Everything of the studio's happens on a thread with a loop of its own.

    Times are monotonic seconds.
    """

    def __init__(self, room: Room, uris: tuple[str, ...]) -> None:
        self._room, self._uris = room, uris
        self._others = Others()
        self._stop, self._ready = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="call", daemon=True)
        self._there: dict[str, bool] = {}
        self.in_use = ""
        """The URI of the camera whose pictures others see; empty for none."""
        self.name = self.error = ""
        self.first_s = 0.0
        """When the camera in use gave its first picture."""
        self.failed_s = self.came_s = 0.0
        """When the camera in use failed, and when the last one was seen to come."""
        self.slate_s: float | None = None
        """When others first saw a slate since the last picture."""

    @property
    def picture_s(self) -> float:
        """When a picture of a camera was last sent."""
        return self._others.left() or 0.0

    @property
    def seen_s(self) -> float:
        """When the newest picture left of those that count for gaps; 0 for none since the mark."""
        return self._others.pictures[-1] if self._others.pictures else 0.0

    def mark(self) -> None:
        """Count gaps from here on."""
        self._others.pictures.clear()

    def longest_gap_s(self) -> float:
        """Return how long there was no picture of any camera at most; infinite while there is none."""
        at = list(self._others.pictures)
        return max((after - before for before, after in pairwise(at)), default=float("inf"))

    def is_there(self, uri: str) -> bool:
        """Whether a camera is plugged in, as the watch was last told."""
        return self._there.get(uri, False)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(_END_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_END_S)

    async def _run(self) -> None:
        with tempfile.TemporaryDirectory(prefix="salon-acceptance-") as folder:
            gate = MuteGate(Path(folder) / "gate.json")
            gate.set(mic_muted=True, camera_off=False)
            equipment = Equipment(lambda: None)
            studio = Studio(
                gate=gate,
                frames=Path(folder) / "frames.sock",
                group=None,
                news=News(device=partial(self._heard, equipment)),
            )
            try:
                await self._call(studio, equipment)
            finally:
                await asyncio.to_thread(studio.close)

    async def _call(self, studio: Studio, equipment: Equipment) -> None:
        loop = asyncio.get_running_loop()
        self._others.left = lambda: studio.left_s[1]
        equipment.equip(studio, Devices(camera=self._uris), {DeviceKind.CAMERA})
        studio.send_to(Slot.CAMERA, self._others)

        def changed(_: object) -> None:
            self._look()
            loop.call_soon_threadsafe(equipment.look_now)

        with Watch(source(self._room.devices.watch), changed):
            looking = asyncio.create_task(equipment.run(), name="equipment")
            self._ready.set()
            while not self._stop.is_set():
                await asyncio.sleep(_COVER_LOOK_S)
                await self._cover(studio)
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _cover(self, studio: Studio) -> None:
        if not studio.blank:
            self.slate_s = None
            return
        await asyncio.to_thread(studio.cover)
        await asyncio.sleep(0)
        if self.slate_s is None and self._others.frame_s > self.picture_s:
            self.slate_s = self._others.frame_s

    def _heard(self, equipment: Equipment, use: DeviceUse) -> None:
        equipment.heard(use)
        now = time.monotonic()
        if use.kind is not DeviceKind.CAMERA:
            return
        if use.open:
            self.name, self.in_use, self.first_s = use.name, use.uri, now
        elif use.error and self.in_use:
            # it goes on being tried, and failing
            self.in_use, self.failed_s = "", now
        self.error = use.error

    def _look(self) -> None:
        """Note which cameras are there, on the watch's thread."""
        for uri in self._uris:
            there = registry.present("camera", uri)
            if there and not self._there.get(uri, True):
                self.came_s = time.monotonic()
            self._there[uri] = there
