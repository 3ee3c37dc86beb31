"""The whole of `salon media`: takes the newest wish, makes it so, and reports what is. It outlives the daemon."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from appliance.link.meters import MeterServer
from appliance.media.attendance import Attendance, Venue, same_call
from appliance.media.checking import CALLED, MUTED, NEEDED, RESTARTED, STOPPED, SoundChecking
from appliance.media.equipment import Equipment
from appliance.media.gate import MuteGate
from appliance.media.governor import hottest_c
from appliance.media.hands import Hands
from appliance.media.lights import Capture
from appliance.media.options import MediaSettings, News
from appliance.media.upkeep import BEEN_IN, STATS_S, Upkeep
from appliance.meetings.provider import Slot
from appliance.service import notify, watchdog
from appliance.state.devices import DeviceKind
from appliance.state.layout import Layout
from appliance.state.room import Boot, Call, Controls, Phase
from appliance.state.sound import Hearing
from appliance.state.wishes import Applied, CallWish, MediaReport, MediaWish

if TYPE_CHECKING:
    from appliance.media.studio import Studio
    from appliance.meetings.provider import Provider, Session

logger = logging.getLogger(__name__)
_REPORT_S = 0.05
"""A room changes in bursts; one report tells of all."""
_CHIME_LOOK_S = 0.5
_LIGHTS_S = 5.0


class DaemonLink(Protocol):
    """The way to the daemon, which comes and goes."""

    async def run(self) -> None:
        """Stay in touch until cancelled."""

    def wishes(self) -> AsyncIterator[MediaWish]: ...

    def report(self, report: MediaReport) -> None: ...


async def run_media(
    settings: MediaSettings,
    *,
    link: DaemonLink,
    boot: Boot,
    now: Callable[[], datetime],
    follow: Callable[[Callable[[], bool]], Coroutine[None, None, None]] | None = None,
) -> None:
    """Run until cancelled; then the call is left and the devices are closed.

    `follow` raises `StartAgain` for other settings, while it is told that there is no call.
    """
    gate = await asyncio.to_thread(MuteGate, settings.gate_file)
    engine = Engine(settings, gate=gate, link=link, boot=boot, now=now)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(engine.run(), name="engine")
        tasks.create_task(watchdog(engine.well), name="watchdog")
        if follow is not None:
            tasks.create_task(follow(engine.idle), name="settings")
        notify("READY=1")


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
        self._meters = MeterServer(settings.meters_socket, boot=boot, group=settings.group)
        self._wish = MediaWish(boot, 0)
        self._applied: Applied | None = None
        self._call = Call()
        self._changed = asyncio.Event()
        self._hands = Hands(
            settings.wires,
            gate=gate,
            boot=boot,
            capture=self._capture,
            in_call=lambda: self._in_call,
            changed=self._device_changed,
        )
        self._attendance = Attendance(venue=self._venue, prepare=self._prepare, changed=self._call_changed, now=now)
        self._equipment = Equipment(self._device_changed, deaf=lambda: self._hands.mute_line)
        self._upkeep = Upkeep(
            self._meters,
            studio=lambda: self._studio,
            wish=lambda: self._wish,
            call=lambda: self._call,
            limited=self._limited,
            temperature=temperature,
        )
        self._sharing = False
        self._hearing = Hearing()
        self._checking = SoundChecking(
            studio=self._open_studio,
            uses=self._equipment.uses,
            forbidden=self._no_check,
            folder=settings.meters_socket.parent,
            now=now,
            changed=self._check_changed,
        )
        self._studio: Studio | None = None
        self._opening = asyncio.Lock()
        self._providers: Sequence[Provider] = ()
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        """Run until cancelled."""
        try:
            async with self._group as group:
                group.create_task(self._link.run(), name="daemon link")
                group.create_task(self._hands.run(), name="hands")
                group.create_task(self._meters.run(), name="meters: serve")
                group.create_task(self._equipment.run(), name="equipment")
                group.create_task(self._checking.run(), name="sound check")
                group.create_task(self._upkeep.run(), name="upkeep")
                group.create_task(self._keep_reporting(), name="report")
                group.create_task(self._attendance.run(), name="calls")
                group.create_task(self._take_wishes(), name="wishes")
        finally:
            if self._studio is not None:
                await asyncio.to_thread(self._studio.close)

    def idle(self) -> bool:
        """Whether there is no call, nor will be one."""
        return not self._in_call and self._wish.call is None

    def well(self) -> bool:
        """Whether the lights can be believed: a program whose lights hang must be ended."""
        return self._hands.age_s < _LIGHTS_S

    async def _take_wishes(self) -> None:
        self._changed.set()
        async for wish in self._link.wishes():
            await self._apply(wish)

    async def _apply(self, wish: MediaWish) -> None:
        """Make the world as wished. What shuts a gate comes first, what takes time last."""
        before, self._wish = self._wish, wish
        await self._hands.take(wish)
        self._end_check(before, wish)
        chime = wish.chime > before.chime and wish.boot == before.boot
        if wish.warm or wish.call is not None or chime:
            studio = await self._open_studio()
            studio.mixer.volume = wish.controls.volume
            studio.aiming.aim(wish.aim)
            self._show(studio, wish.layout)
            if chime:
                studio.mixer.ring()
        if not same_call(before.call, wish.call):
            # said before anybody is told that the wish was taken: an old call's end must not pass for the new one's
            self._call_changed(self._beginning(wish.call))
        self._attendance.want(wish.call)
        self._equip()
        self._look_after_devices(before, wish)
        self._applied = Applied(wish.boot, wish.rev)
        self._changed.set()

    def _look_after_devices(self, before: MediaWish, wish: MediaWish) -> None:
        """Look at what came; try all devices at the start, when one came, before a meeting, and when asked to."""
        came = {one.kind for one in wish.arrivals if one not in before.arrivals} if wish.boot == before.boot else set()
        if came:
            self._equipment.look_now()
        if wish.sound_check != before.sound_check:
            self._checking.ask(wish.sound_check)
        if self._applied is not None and wish.self_test not in {0, before.self_test}:
            self._equipment.test_now(wish.self_test)
        elif wish.device_check != before.device_check and wish.device_check > 0:
            self._equipment.probe_now(asked=True)
        elif self._applied is None or (wish.warm and not before.warm) or _draws_near(before, wish):
            self._equipment.probe_now()
        else:
            self._equipment.probe_now(came)

    def _end_check(self, before: MediaWish, wish: MediaWish) -> None:
        """End a sound check for a call, or for whoever stopped it; one of an earlier life of ours is over."""
        if self._applied is None:
            self._checking.end(wish.sound_check, RESTARTED)
        elif wish.call is not None and not same_call(before.call, wish.call):
            self._checking.end(0, CALLED)
        elif not wish.sound_check:
            self._checking.end(0, STOPPED)

    def _no_check(self) -> str:
        if self._in_call or self._wish.call is not None:
            return CALLED
        return MUTED if self._hands.mute_line else ""

    def _capture(self) -> Capture:
        """Say what leaves the room; asked by the lights' own thread."""
        sound_s, camera_s = (None, None) if self._studio is None else self._studio.left_s
        return Capture(self._gate.mic_muted, sound_s, camera_s, in_call=self._in_call)

    async def _open_studio(self) -> "Studio":
        """Load codecs and WebRTC on first need, in a thread: that takes longer than the loop may stand still."""
        async with self._opening:
            return self._studio or await self._make_studio()

    async def _make_studio(self) -> "Studio":
        providers = await asyncio.to_thread(_load_providers, self._settings)
        studio_class = await asyncio.to_thread(_load_studio)
        self._providers = providers
        studio = self._studio = studio_class(
            gate=self._gate,
            frames=self._settings.frames_socket,
            group=self._settings.group,
            news=News(self._equipment.heard, self._share, self._heard, self._hands.heard),
            options=self._settings.studio,
        )
        self._group.create_task(studio.frames.run(), name="frames: serve")
        logger.info("ready for a call")
        return studio

    async def _venue(self) -> Venue:
        return Venue(await self._open_studio(), self._providers)

    def _show(self, studio: "Studio", layout: Layout) -> None:
        studio.show(layout)
        if self._attendance.session is not None:
            self._attendance.session.set_layout(layout, self._upkeep.limits)

    def _equip(self) -> None:
        """Open the devices that are needed now, close the others."""
        ringing = self._studio is not None and self._studio.mixer.ringing
        needed = {DeviceKind.SPEAKER} if ringing else set()
        if self._checking.last.running:
            needed |= NEEDED
        if self._in_call:
            needed |= set(DeviceKind) - ({DeviceKind.CAMERA} if self._gate.camera_off else set())
        if not self._wish.devices.share:
            needed.discard(DeviceKind.SHARE)
        self._equipment.equip(self._studio, self._wish.devices, needed)
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

    def _prepare(self, session: "Session") -> None:
        session.set_layout(self._wish.layout, self._upkeep.limits)
        session.set_sharing(sharing=self._sharing)
        self._tell_muted(session)

    def _tell_muted(self, session: "Session | None" = None) -> None:
        session = session or self._attendance.session
        if session is not None:
            muted = self._gate.mic_muted or DeviceKind.MICROPHONE in self._equipment.broken()
            session.set_muted(Slot.MICROPHONE, muted=muted)
            # a camera that fails is covered by a slate
            session.set_muted(Slot.CAMERA, muted=self._gate.camera_off or not self._wish.devices.camera)

    def _heard(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._changed.set()

    def _share(self, sharing: bool) -> None:
        """A computer was plugged into the HDMI input, or pulled."""
        logger.info("a screen is %s", "shared" if sharing else "not shared any more")
        self._sharing = sharing
        if self._attendance.session is not None:
            self._attendance.session.set_sharing(sharing=sharing)
        self._changed.set()

    def _call_changed(self, call: Call) -> None:
        # a call that only reconnects keeps its limits
        if not {self._call.phase, call.phase} <= BEEN_IN:
            self._upkeep.lift_limits()
        self._call = call
        self._equip()
        self._upkeep.follow(in_call=self._in_call)
        self._changed.set()

    def _check_changed(self) -> None:
        self._equip()
        self._changed.set()

    def _device_changed(self) -> None:
        self._tell_muted()
        self._checking.device_changed()
        if self._hands.mute_line:
            self._checking.end(0, MUTED)
        self._equipment.line_changed()
        self._changed.set()

    async def _keep_reporting(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STATS_S if self._in_call else None):
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
            touch=self._hands.touch,
            mute_line=self._hands.mute_line,
            wires=self._hands.wires,
            devices=self._equipment.reported(),
            streams=self._upkeep.streams(),
            limits=self._upkeep.limits,
            sharing=self._sharing,
            hearing=self._hearing,
            sound_check=self._checking.last,
            probed=self._equipment.probed,
            self_test=self._equipment.tested,
        )

    def _limited(self) -> None:
        """Have servers send what the machine can bear."""
        if self._studio is not None:
            self._show(self._studio, self._wish.layout)
        self._changed.set()


def _draws_near(before: MediaWish, wish: MediaWish) -> bool:
    return wish.meeting_ahead not in {0, before.meeting_ahead}


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
