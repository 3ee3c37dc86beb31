"""The whole of `salon media`: takes the newest wish, makes it so, and reports what is. It outlives the daemon."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from appliance.link.meters import MeterServer
from appliance.media.call import CallRunner
from appliance.media.gate import MuteGate
from appliance.media.governor import Governor, Load, Strain, hottest_c
from appliance.media.keeper import closed_device
from appliance.meetings.livekit_link import Server
from appliance.meetings.provider import Slot
from appliance.state.clean import clean_text
from appliance.state.latest import Latest
from appliance.state.layout import Layout
from appliance.state.room import Boot, Call, Controls, DeviceKind, DeviceUse, Phase
from appliance.state.wishes import Applied, CallWish, MediaReport, MediaWish, Meters, StreamStats

if TYPE_CHECKING:
    from appliance.media.studio import Studio
    from appliance.meetings.provider import Provider, Session

logger = logging.getLogger(__name__)
_METERS_S = 0.1
_REPORT_S = 0.05
"""A room changes in bursts; one report tells of all."""
_STATS_S = 2.0
_LEAVE_S = 2.0
_CHIME_LOOK_S = 0.5
_GOVERN_S = 1.0
_BEEN_IN = frozenset((Phase.LIVE, Phase.RECONNECTING))
"""Phases of a call whose pictures have come."""


class DaemonLink(Protocol):
    """The way to the daemon, which comes and goes."""

    async def run(self) -> None:
        """Stay in touch until cancelled."""

    def wishes(self) -> AsyncIterator[MediaWish]: ...

    def report(self, report: MediaReport) -> None: ...


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """What `salon media` is told at its start."""

    gate_file: Path
    """Where the mute state is kept."""
    frames_socket: Path
    """Where display fetches the pictures."""
    meters_socket: Path
    """Where anybody may watch the sound levels."""
    identity: str
    """How the room is known to meeting servers whose keys it has."""
    group: int | None = None
    """Group of the sockets."""
    ca_file: str = ""
    hub_certificate: Path | None = None
    """Where a hub on this machine keeps the certificate it makes itself."""
    livekit: Mapping[str, Server] = field(default_factory=dict)
    """LiveKit servers by the host in their links."""


async def run_media(settings: MediaSettings, *, link: DaemonLink, boot: Boot, now: Callable[[], datetime]) -> None:
    """Run until cancelled; then the call is left and the devices are closed."""
    gate = await asyncio.to_thread(MuteGate, settings.gate_file)
    await Engine(settings, gate=gate, link=link, boot=boot, now=now).run()


@dataclass(frozen=True, slots=True)
class _Desired:
    """The call to be in; a value of its own, because None is one of them."""

    call: CallWish | None


class Engine:
    """Composes the gate, the studio and the call. Everything here happens in the event loop."""

    def __init__(
        self,
        settings: MediaSettings,
        *,
        gate: MuteGate,
        link: DaemonLink,
        boot: Boot,
        now: Callable[[], datetime],
        temperature: Callable[[], float | None] = hottest_c,
    ) -> None:
        self._settings, self._gate, self._link, self._boot, self._now = settings, gate, link, boot, now
        self._temperature = temperature
        self._governor = Governor(time.monotonic())
        self._streams: tuple[StreamStats, ...] = ()
        self._counted_at = 0.0
        self._meters = MeterServer(settings.meters_socket, boot=boot, group=settings.group)
        self._wish = MediaWish(boot, 0)
        self._applied: Applied | None = None
        self._call = Call()
        self._uses = {kind: DeviceUse(kind) for kind in DeviceKind}
        self._desired: Latest[_Desired] = Latest()
        self._runner: CallRunner | None = None
        self._changed = asyncio.Event()
        self._live = asyncio.Event()
        self._studio: Studio | None = None
        self._providers: Sequence[Provider] = ()
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        """Run until cancelled."""
        try:
            async with self._group as group:
                group.create_task(self._link.run(), name="daemon link")
                group.create_task(self._meters.run(), name="meters: serve")
                group.create_task(self._measure(), name="meters: measure")
                group.create_task(self._govern(), name="governor")
                group.create_task(self._keep_reporting(), name="report")
                group.create_task(self._run_calls(), name="calls")
                group.create_task(self._take_wishes(), name="wishes")
        finally:
            if self._studio is not None:
                await asyncio.to_thread(self._studio.close)

    async def _take_wishes(self) -> None:
        self._changed.set()
        async for wish in self._link.wishes():
            await self._apply(wish)

    async def _apply(self, wish: MediaWish) -> None:
        """Make the world as wished. What shuts a gate comes first, what takes time last."""
        before, self._wish = self._wish, wish
        await self._set_gate(wish.controls)
        chime = wish.chime > before.chime and wish.boot == before.boot
        if wish.warm or wish.call is not None or chime:
            studio = await self._open_studio()
            studio.mixer.volume = wish.controls.volume
            self._show(studio, wish.layout)
            if chime:
                studio.mixer.ring()
        if not _same_call(before.call, wish.call):
            # said before anybody is told that the wish was taken: an old call's end must not pass for the new one's
            self._call_changed(self._beginning(wish.call))
            self._desired.put(_Desired(wish.call))
        self._equip()
        self._applied = Applied(wish.boot, wish.rev)
        self._changed.set()

    async def _set_gate(self, controls: Controls) -> None:
        gate = self._gate
        if (gate.mic_muted, gate.camera_off) != (controls.mic_muted, controls.camera_off):
            gate.close_at_once(mic_muted=controls.mic_muted, camera_off=controls.camera_off)
            self._tell_muted()
            await asyncio.to_thread(gate.set, mic_muted=controls.mic_muted, camera_off=controls.camera_off)
            self._tell_muted()

    async def _open_studio(self) -> "Studio":
        """Load codecs and WebRTC on first need, in a thread: that takes longer than the loop may stand still."""
        if self._studio is None:
            providers = await asyncio.to_thread(_load_providers, self._settings)
            studio_class = await asyncio.to_thread(_load_studio)
            self._providers = providers
            self._studio = studio_class(
                gate=self._gate,
                frames=self._settings.frames_socket,
                group=self._settings.group,
                changed=self._device_changed,
            )
            self._group.create_task(self._studio.frames.run(), name="frames: serve")
            logger.info("ready for a call")
        return self._studio

    def _show(self, studio: "Studio", layout: Layout) -> None:
        studio.show(layout)
        if self._runner is not None and self._runner.session is not None:
            self._runner.session.set_layout(layout, self._governor.limits)

    def _equip(self) -> None:
        """Open the devices that are needed now, close the others."""
        if self._studio is None:
            uris = self._wish.devices
            for kind, named in zip(DeviceKind, (uris.camera, uris.microphone, uris.speaker), strict=True):
                self._uses[kind] = closed_device(kind, named)
            return
        ringing = self._studio.mixer.ringing
        self._studio.use(
            self._wish.devices,
            camera=self._in_call and not self._gate.camera_off,
            microphone=self._in_call,
            speaker=self._in_call or ringing,
        )
        if ringing:
            asyncio.get_running_loop().call_later(_CHIME_LOOK_S, self._equip)

    def _beginning(self, wish: CallWish | None) -> Call:
        if wish is not None:
            return Call(Phase.JOINING, wish.key, wish.title, self._now())
        if self._in_call:
            return replace(self._call, phase=Phase.LEAVING, since=self._now(), reason="")
        return Call()

    @property
    def _in_call(self) -> bool:
        return self._call.phase in {Phase.JOINING, Phase.LOBBY, Phase.LIVE, Phase.RECONNECTING}

    async def _run_calls(self) -> None:
        """Be in the call that is desired; a new key or attempt is a new call."""
        task: asyncio.Task[None] | None = None
        async for desired in self._desired.values():
            if task is not None:
                await self._leave(task)
            if self._wish.call is None:
                self._call_changed(Call())
            task = None
            if desired.call is not None:
                task = self._group.create_task(self._be_in(desired.call), name="call")

    async def _be_in(self, wish: CallWish) -> None:
        studio = await self._open_studio()

        def changed(call: Call) -> None:
            # what a call says while it is being left is of no interest any more
            if _same_call(wish, self._wish.call):
                self._call_changed(call)

        def ends_at() -> datetime | None:
            return self._wish.call.ends_at if self._wish.call is not None else None

        runner = CallRunner(
            wish, providers=self._providers, stage=studio, changed=changed, now=self._now, ends_at=ends_at
        )
        self._runner = runner
        try:
            await runner.run(self._prepare)
        finally:
            # one that took long to leave must not take the next one's place with it
            if self._runner is runner:
                self._runner = None

    async def _leave(self, task: asyncio.Task[None]) -> None:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_LEAVE_S)
        if self._runner is not None:
            # it may be leaving still: the next call must find the stage empty, and keep what it puts there
            self._runner.dismiss()
            self._runner = None

    def _prepare(self, session: "Session") -> None:
        session.set_layout(self._wish.layout, self._governor.limits)
        self._tell_muted(session)

    def _tell_muted(self, session: "Session | None" = None) -> None:
        session = session or (self._runner.session if self._runner is not None else None)
        if session is not None:
            broken = {kind for kind, use in self._uses.items() if not use.healthy}
            muted = self._gate.mic_muted or DeviceKind.MICROPHONE in broken
            session.set_muted(Slot.MICROPHONE, muted=muted)
            session.set_muted(Slot.CAMERA, muted=self._gate.camera_off or DeviceKind.CAMERA in broken)

    def _call_changed(self, call: Call) -> None:
        # a call that only reconnects keeps its limits
        if not {self._call.phase, call.phase} <= _BEEN_IN:
            self._lift_limits()
        self._call = call
        self._equip()
        if self._in_call:
            self._live.set()
        else:
            self._live.clear()
        self._changed.set()

    def _device_changed(self, use: DeviceUse) -> None:
        self._uses[use.kind] = replace(use, name=clean_text(use.name), error=clean_text(use.error, 200))
        self._tell_muted()
        self._changed.set()

    async def _keep_reporting(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STATS_S if self._in_call else None):
                    await self._changed.wait()
            self._changed.clear()
            self._link.report(self._report())
            await asyncio.sleep(_REPORT_S)

    def _report(self) -> MediaReport:
        gate = self._gate
        return MediaReport(
            self._boot,
            self._applied,
            call=self._call,
            wanted=self._wish.call,
            controls=Controls(gate.mic_muted, gate.camera_off, self._wish.controls.volume),
            devices=tuple(self._uses.values()),
            streams=self._streams_now(),
            limits=self._governor.limits,
        )

    def _streams_now(self) -> tuple[StreamStats, ...]:
        """Return how the streams do. Reports may follow each other at once; a rate needs some time to be one."""
        if self._studio is None or not self._in_call:
            self._streams = ()
        elif not self._streams or time.monotonic() - self._counted_at >= _STATS_S:
            self._streams, self._counted_at = self._studio.stats(), time.monotonic()
        return self._streams

    async def _govern(self) -> None:
        """Hold pictures back while the machine cannot bear them."""
        while True:
            await self._live.wait()
            await asyncio.sleep(_GOVERN_S)
            temperature = await asyncio.to_thread(self._temperature)
            if self._studio is not None and self._call.phase in _BEEN_IN:
                self._look(self._studio, temperature)

    def _lift_limits(self) -> None:
        """Begin a call without limits: what the machine could bear of another is no measure for it."""
        self._governor = Governor(time.monotonic())
        if self._studio is not None:
            self._studio.pace(self._governor.limits.fps)

    def _look(self, studio: "Studio", temperature: float | None) -> None:
        before = self._governor.limits
        strain = Strain(studio.take_lag(), self._wish.display_behind, temperature)
        limits = self._governor.look(strain, Load.of(self._call, self._wish.layout), time.monotonic())
        if limits != before:
            logger.info("at most %d pictures a second, %d lines high, of %d", limits.fps, limits.height, limits.tiles)
            studio.pace(limits.fps)
            self._show(studio, self._wish.layout)
            self._changed.set()

    async def _measure(self) -> None:
        """Publish the sound levels and look after lip sync ten times a second; nothing while no device is open."""
        while True:
            await self._live.wait()
            while self._live.is_set():
                if self._studio is not None:
                    self._meters.put(self._studio.meters())
                    self._studio.keep_in_step()
                await asyncio.sleep(_METERS_S)
            self._meters.put(Meters())


def _same_call(a: CallWish | None, b: CallWish | None) -> bool:
    if a is None or b is None:
        return a is b
    return (a.key, a.attempt) == (b.key, b.attempt)


def _load_studio() -> "type[Studio]":
    from appliance.media.studio import Studio  # noqa: PLC0415 - codecs: not before a call is near

    return Studio


def _load_providers(settings: MediaSettings) -> "Sequence[Provider]":
    from appliance.meetings.livekit import LiveKit  # noqa: PLC0415 - WebRTC: not before a call is near

    livekit = LiveKit(
        identity=settings.identity,
        servers=settings.livekit,
        ca_file=settings.ca_file,
        hub_certificate=settings.hub_certificate,
    )
    livekit.prepare()
    return (livekit,)
