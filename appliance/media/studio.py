"""The devices, codecs and pictures of a call. Loaded when a call is near: an idle room needs none of it."""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from appliance.link.frame_socket import FrameServer
from appliance.link.frames import RingWriter
from appliance.media.aiming import Aiming
from appliance.media.audio import Loudspeaker, MicrophoneFeed
from appliance.media.gate import MuteGate
from appliance.media.held import HeldPictures
from appliance.media.keeper import DeviceKeeper
from appliance.media.lipsync import LipSync
from appliance.media.mixer import Mixer
from appliance.media.options import News, StudioOptions
from appliance.media.share import ShareFeed
from appliance.media.slate import Slate
from appliance.media.statistics import SentMeter
from appliance.media.video import VideoFeed
from appliance.media.wall import Key, PictureWall
from appliance.meetings.provider import Bound, Received, Sent, Slot, Unbound
from appliance.state.devices import DeviceKind, DeviceUse, WireUse
from appliance.state.layout import Layout, PersonId, Source
from appliance.state.wishes import Devices, Meters, StreamStats
from hardware import registry

_SCREENS = {Slot.SCREEN, Slot.SCREEN_AUDIO}
_SOURCES = {Slot.CAMERA: Source.CAMERA, Slot.SCREEN: Source.SCREEN}


class Studio:
    """Opens devices while they are needed, sends what the gate lets through, shows and plays what comes."""

    def __init__(
        self,
        *,
        gate: MuteGate,
        frames: Path,
        group: int | None,
        news: News,
        options: StudioOptions = StudioOptions(),  # noqa: B008 - a frozen value
    ) -> None:
        """`frames` is the socket on which display finds the pictures."""
        loop = self._loop = asyncio.get_running_loop()
        self.mixer = Mixer()
        self.frames = FrameServer(frames, group=group)

        def head_changed(use: WireUse) -> None:
            loop.call_soon_threadsafe(news.wire, use)

        self.aiming = Aiming(options.camera, head_changed)
        self._camera_feed = VideoFeed(shut=lambda: gate.camera_off, loop=loop, framed=self.aiming.framer.picture)
        self._slate = Slate()
        self.microphones = MicrophoneFeed(
            gate=gate, loop=loop, settings=options.sound, heard=news.hearing, turned=self.aiming.hear
        )
        self._wall = PictureWall(loop=loop, painted=self._painted)
        self._share_feed = ShareFeed(loop=loop, changed=news.sharing, show=self._wall.show_own)
        self._sent: dict[Slot, tuple[Sent, SentMeter]] = {}
        self._ring: RingWriter | None = None
        self._generations = itertools.count(1)
        self._lips: WeakValueDictionary[tuple[PersonId, bool], LipSync] = WeakValueDictionary()
        """They last as long as one of the two streams that refer to them."""
        self._pictures: dict[Received, HeldPictures] = {}
        self._sounds: dict[Received, tuple[PersonId, LipSync]] = {}

        def soon(use: DeviceUse) -> None:
            loop.call_soon_threadsafe(news.device, use)

        works: Mapping[DeviceKind, tuple[Callable[[str], Any], Callable[..., None]]] = {
            DeviceKind.CAMERA: (registry.camera, self._camera_feed.work),
            DeviceKind.MICROPHONE: (registry.microphone, self.microphones.work),
            DeviceKind.SPEAKER: (registry.speaker, Loudspeaker(self.mixer, self.microphones).work),
            DeviceKind.SHARE: (registry.capture, self._share_feed.work),
        }
        self._keepers: Mapping[DeviceKind, DeviceKeeper[Any]] = {
            kind: DeviceKeeper(kind, driver=driver, work=work, changed=soon) for kind, (driver, work) in works.items()
        }

    def use(self, devices: Devices, needed: AbstractSet[DeviceKind]) -> None:
        """Keep open what is needed and close the rest."""
        for kind, keeper in self._keepers.items():
            if kind in needed:
                keeper.keep(devices.of(kind))
            else:
                keeper.release()

    def missed(self, kind: DeviceKind) -> tuple[str, ...]:
        """Return the devices that would be used if they worked."""
        return self._keepers[kind].missed

    def forget(self, kind: DeviceKind, uri: str) -> None:
        """Take a device that has come back for one that was never tried."""
        self._keepers[kind].forget(uri)

    def try_again(self, kind: DeviceKind) -> None:
        """Begin with the first device of the list again: one that was missed has come."""
        self._keepers[kind].again()

    @property
    def left_s(self) -> tuple[float | None, float | None]:
        """When a packet of sound and a picture of the camera last left, monotonic; from any thread."""
        return self.microphones.left_s, self._camera_feed.left_s

    @property
    def blank(self) -> bool:
        """Whether others wait for the camera's picture and there is none."""
        return self._camera_feed.blank

    def cover(self) -> None:
        """Send a slate instead of the camera's picture; blocks for one encode."""
        self._camera_feed.cover(self._slate)

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
        # a person's screen and its sound are another pair than face and voice
        lips = self._lips.setdefault((bound.person, bound.slot in _SCREENS), LipSync())
        if bound.slot in _SOURCES:
            held = self._pictures[bound.media] = HeldPictures(bound.media, lips, loop=self._loop)
            self._wall.bind((bound.person, _SOURCES[bound.slot]), held)
        else:
            self._sounds[bound.media] = bound.person, lips
            bound.media.on_frame = lambda frame: self.mixer.push(bound.media, frame)

    def unbind(self, unbound: Unbound) -> None:
        held = self._pictures.pop(unbound.media, None)
        if held is not None:
            held.release()
            self._wall.unbind((unbound.person, _SOURCES[unbound.slot]), held)
        else:
            self._silence(unbound.media)

    def keep_in_step(self) -> None:
        """Compare voices with lips; to be called a few times a second."""
        for media, (_, lips) in self._sounds.items():
            voice, clock = self.mixer.voice(media), media.clock
            if voice is not None and clock is not None and voice.heard is not None:
                timestamp, left_ms = voice.heard
                voice.wait_at_least(lips.sound_left(clock.at(timestamp), voice.delay_ms, left_ms / 1000))

    def send_to(self, slot: Slot, out: Sent | None) -> None:
        if out is None:
            self._sent.pop(slot, None)
        else:
            self._sent[slot] = out, SentMeter(slot, time.monotonic())
        if slot is Slot.CAMERA:
            self._camera_feed.send_to(out)
        elif slot is Slot.MICROPHONE:
            self.microphones.send_to(out)
        elif slot is Slot.SCREEN:
            self._share_feed.send_to(out)

    def strike(self) -> None:
        self._camera_feed.send_to(None)
        self.microphones.send_to(None)
        self._share_feed.send_to(None)
        self._sent.clear()
        self._wall.clear()
        for held in self._pictures.values():
            held.release()
        for voice in list(self._sounds):
            self._silence(voice)
        self._pictures.clear()
        self._lips.clear()

    def pace(self, fps: int) -> None:
        """Paint each person at most this often."""
        self._wall.pace(fps)

    def take_lag(self) -> float:
        """Return how many seconds decoding was behind at the worst moment since the last call."""
        return self._wall.take_lag()

    def meters(self) -> Meters:
        """Return the levels of now."""
        return Meters(round(self.microphones.level, 4), round(self.mixer.level, 4))

    def stats(self) -> tuple[StreamStats, ...]:
        """Say how what is received and what is sent did since the last time."""
        now_ns = time.monotonic_ns()
        heard = [(self.mixer.voice(media), person, media) for media, (person, _) in self._sounds.items()]
        sounds = [voice.stats(person, media.stats(), now_ns) for voice, person, media in heard if voice is not None]
        sent = [meter.take(out.stats(), now_ns / 1e9) for out, meter in self._sent.values()]
        return (*self._wall.stats(), *sounds, *sent)

    def close(self) -> None:
        """Close the devices and end the threads; blocks for a second at most."""
        for keeper in self._keepers.values():
            keeper.release()
        for keeper in self._keepers.values():
            keeper.close()
        self.aiming.close()
        self._wall.close()
        if self._ring is not None:
            self._ring.close()

    def _silence(self, voice: Received) -> None:
        """Take no more sound from `voice`: the next packet would begin it anew."""
        voice.on_frame = None
        self._sounds.pop(voice, None)
        self.mixer.remove(voice)

    def _painted(self, _keys: Sequence[Key]) -> None:
        self.frames.notify()
