"""The devices, codecs and pictures of a call. Loaded when a call is near: an idle room needs none of it."""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

from appliance.link.frame_socket import FrameServer
from appliance.link.frames import RingWriter
from appliance.media.audio import Loudspeaker, MicrophoneFeed
from appliance.media.gate import MuteGate
from appliance.media.keeper import DeviceKeeper
from appliance.media.mixer import Mixer
from appliance.media.video import CameraFeed, Key, PictureWall
from appliance.meetings.provider import Bound, Received, Sent, Slot, Unbound
from appliance.state.layout import Layout, Source
from appliance.state.room import DeviceKind, DeviceUse
from appliance.state.wishes import Devices, Meters, StreamStats
from hardware import registry

_SOURCES = {Slot.CAMERA: Source.CAMERA, Slot.SCREEN: Source.SCREEN}


class Studio:
    """Opens devices while they are needed, sends what the gate lets through, shows and plays what comes."""

    def __init__(
        self, *, gate: MuteGate, frames: Path, group: int | None, changed: Callable[[DeviceUse], None]
    ) -> None:
        """`frames` is the socket on which display finds the pictures; `changed` is called in the event loop."""
        loop = asyncio.get_running_loop()
        self.mixer = Mixer()
        self.frames = FrameServer(frames, group=group)
        self._camera_feed = CameraFeed(gate=gate, loop=loop)
        self._microphone_feed = MicrophoneFeed(gate=gate, loop=loop)
        self._wall = PictureWall(loop=loop, painted=self._painted)
        self._voices: set[Received] = set()
        self._ring: RingWriter | None = None
        self._generations = itertools.count(1)

        def soon(use: DeviceUse) -> None:
            loop.call_soon_threadsafe(changed, use)

        self._camera = DeviceKeeper(
            DeviceKind.CAMERA, driver=registry.camera, work=self._camera_feed.work, changed=soon
        )
        self._microphone = DeviceKeeper(
            DeviceKind.MICROPHONE, driver=registry.microphone, work=self._microphone_feed.work, changed=soon
        )
        self._speaker = DeviceKeeper(
            DeviceKind.SPEAKER, driver=registry.speaker, work=Loudspeaker(self.mixer).work, changed=soon
        )

    def use(self, devices: Devices, *, camera: bool, microphone: bool, speaker: bool) -> None:
        """Keep open what is needed and close the rest."""
        for keeper, uris, needed in (
            (self._camera, devices.camera, camera),
            (self._microphone, devices.microphone, microphone),
            (self._speaker, devices.speaker, speaker),
        ):
            if needed:
                keeper.keep(uris)
            else:
                keeper.release()

    def show(self, layout: Layout) -> None:
        """Paint for this layout from now on; display is handed a new ring."""
        if self._ring is not None and self._ring.layout == layout:
            return
        old, ring = self._ring, RingWriter(layout, next(self._generations))
        self._ring = ring
        self._wall.show(ring)
        self.frames.publish(ring)
        if old is not None:
            old.close()

    def bind(self, bound: Bound) -> None:
        if bound.slot in _SOURCES:
            self._wall.bind((bound.person, _SOURCES[bound.slot]), bound.media)
        else:
            self._voices.add(bound.media)
            bound.media.on_frame = lambda frame: self.mixer.push(bound.media, frame)

    def unbind(self, unbound: Unbound) -> None:
        if unbound.slot in _SOURCES:
            self._wall.unbind((unbound.person, _SOURCES[unbound.slot]), unbound.media)
        else:
            self._silence(unbound.media)

    def send_to(self, slot: Slot, out: Sent | None) -> None:
        if slot is Slot.CAMERA:
            self._camera_feed.send_to(out)
        elif slot is Slot.MICROPHONE:
            self._microphone_feed.send_to(out)

    def strike(self) -> None:
        self._camera_feed.send_to(None)
        self._microphone_feed.send_to(None)
        self._wall.clear()
        for voice in list(self._voices):
            self._silence(voice)

    def meters(self) -> Meters:
        """Return the levels of now."""
        return Meters(round(self._microphone_feed.level, 4), round(self.mixer.level, 4))

    def stats(self) -> tuple[StreamStats, ...]:
        """Say how the received pictures did since the last time."""
        return self._wall.stats()

    def close(self) -> None:
        """Close the devices and end the threads; blocks for a second at most."""
        for keeper in (self._camera, self._microphone, self._speaker):
            keeper.release()
        for keeper in (self._camera, self._microphone, self._speaker):
            keeper.close()
        self._wall.close()
        if self._ring is not None:
            self._ring.close()

    def _silence(self, voice: Received) -> None:
        """Take no more sound from `voice`: the next packet would begin it anew."""
        voice.on_frame = None
        self._voices.discard(voice)
        self.mixer.remove(voice)

    def _painted(self, _key: Key) -> None:
        self.frames.notify()
