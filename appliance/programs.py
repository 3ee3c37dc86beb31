"""From settings to running programs: `salon media`, `display`, `panel`, `hub` and `broker` are made here."""

import asyncio
import logging
import os
import secrets
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from appliance.errors import SalonError
from appliance.link.faults import FOLDER
from appliance.link.messages import new_boot
from appliance.sections import Settings
from appliance.service import notify, utc_now, watchdog
from appliance.settings import Reread

if TYPE_CHECKING:
    from appliance.hub.server import HubSettings
    from appliance.media.options import StudioOptions
    from appliance.media.wires import Wires

logger = logging.getLogger(__name__)


def room_zone(settings: Settings) -> ZoneInfo:
    """Return the room's time zone: the one set, else the machine's, else UTC."""
    name = settings.room.timezone or _machine_zone()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as err:
        raise SalonError(f"room.timezone: {name!r} is no time zone; use a name such as Europe/Berlin.") from err


def _machine_zone() -> str:
    """Read the zone's name from TZ or /etc/localtime (localtime(5))."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        target = str(Path("/etc/localtime").resolve())
        name = target.partition("/zoneinfo/")[2]
    return name or "UTC"


def runtime_dir(settings: Settings) -> Path:
    """Make sure the sockets' folder is there, and return it."""
    folder = settings.runtime_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    except OSError as err:
        raise SalonError(f"{folder} cannot be made ({err.strerror}); set [paths] in the settings.") from err
    return folder


def secret_from(path: str, what: str) -> str:
    """Read a secret from the first line of a file that only its owner may read; an empty path is an empty secret."""
    if not path:
        return ""
    file = Path(path).expanduser()
    try:
        if file.stat().st_mode & 0o077:
            raise SalonError(f"{file} may be read by others; it holds {what}. Run: chmod 600 {file}")
        return file.read_text().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as err:
        raise SalonError(f"{what} cannot be read from {file}: {err}") from err


def calendar_address(settings: Settings) -> str:
    """Return where the calendar is, from the settings or from the file they name; empty for none."""
    wanted = settings.calendar
    return wanted.source or secret_from(wanted.source_file, "the calendar's address")


def group_of(role: str) -> int | None:
    """Return the id of a role's own group (systemd/sysusers.d makes it); None outside an installed room."""
    import grp

    try:
        return grp.getgrnam(f"salon-{role}").gr_gid
    except KeyError:
        return None


def is_installed() -> bool:
    """Whether this machine is an installed room, where systemd runs the panel, rather than one on a desk."""
    return group_of("panel") is not None


async def media(settings: Settings, read: Callable[[], Settings] | None = None) -> None:
    """Run the room's senses and voice; `read` reads its settings again."""
    from appliance.link.client import MediaLink
    from appliance.media.engine import run_media
    from appliance.media.options import MediaSettings
    from appliance.meetings.livekit_link import Server
    from provisioning.identity import room_identity

    runtime, boot = runtime_dir(settings), new_boot()
    room = await asyncio.to_thread(room_identity, settings.state_dir)
    servers = {
        server.host: Server(server.url, server.key, secret_from(server.secret_file, f"the API secret of {server.host}"))
        for server in settings.meetings.livekit
    }
    told = MediaSettings(
        gate_file=settings.state_dir / "gate.json",
        frames_socket=runtime / "frames.sock",
        meters_socket=runtime / "meters.sock",
        identity=f"room-{room.id}",
        group=group_of("frames"),
        ca_file=settings.meetings.ca_file,
        hub_certificate=settings.state_dir / "hub" / "cert.pem",
        livekit=servers,
        wires=wires_of(settings),
        studio=_studio_options(settings),
    )
    link = MediaLink(runtime / "media.sock", boot)
    follow = Reread(settings, read, lambda told: (told.sound, told.camera)).follow if read else None
    await run_media(told, link=link, boot=boot, now=utc_now, follow=follow)


def _studio_options(settings: Settings) -> "StudioOptions":
    from appliance.media.options import CameraOptions, SoundSettings, StudioOptions

    sound, camera = settings.sound, settings.camera
    return StudioOptions(
        SoundSettings(
            sound.cancel_echo,
            sound.suppress_noise,
            sound.control_gain,
            cast('Literal["auto", "on", "off"]', sound.double_talk),
            sound.beam,
        ),
        CameraOptions(camera.ptz, camera.faces, camera.field_of_view_deg, camera.array_deg),
    )


def wires_of(settings: Settings) -> "Wires":
    """Return where the room's mute button, mute line and lights are."""
    from appliance.media.wires import Wires
    from hardware.ports import DeviceError

    wanted = settings.wires
    wires = Wires(wanted.mute_button, wanted.mute_line, wanted.mute_light, wanted.call_light)
    try:
        wires.check()
    except DeviceError as err:
        raise SalonError(f"[wires]: {err}") from err
    return wires


def lights_red(settings: Settings) -> None:
    """Make the mute light red, for a supervisor whose media is dead; raise `SalonError` when that does not work."""
    from appliance.media.wires import show_red

    problems = show_red(wires_of(settings))
    if problems:
        raise SalonError(" ".join(problems))


def press_button(settings: Settings) -> None:
    """Press the simulated mute button."""
    from hardware.gpio.mock import look, press
    from hardware.ports import DeviceError

    uri = settings.wires.mute_button
    if not uri.startswith("mock:"):
        raise SalonError('There is no simulated mute button; set wires.mute_button = "mock:mute" to have one.')
    try:
        if not look(uri).owned:
            raise SalonError(f"Nobody listens at {uri}: start the room with `salon up` or systemctl start salon.target")
        press(uri)
    except DeviceError as err:
        raise SalonError(str(err)) from err


async def display(settings: Settings, read: Callable[[], Settings] | None = None) -> None:
    """Run the room's face; `read` reads its settings again."""
    from display.renderer import DisplayPlaces, PicturePage, run_display

    runtime, zone, wanted = runtime_dir(settings), room_zone(settings), settings.display
    secret = secret_from(wanted.picture_secret_file, "the secret of the TV picture's address")
    page = PicturePage(wanted.picture_address, wanted.picture_port, secret) if wanted.picture_address else None

    def ready(_url: str) -> None:
        notify("READY=1")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watchdog(), name="watchdog")
        if read is not None:
            tasks.create_task(Reread(settings, read, lambda told: told.room.timezone).follow(), name="settings")
        await run_display(
            DisplayPlaces(runtime / "display.sock", runtime / "frames.sock", runtime / FOLDER),
            screen=wanted.screen,
            boot=new_boot(),
            now=lambda: datetime.now(zone),
            size=(wanted.width, wanted.height),
            page=page,
            ready=ready,
        )


async def safe_display(settings: Settings) -> None:
    """Show what is broken while the room's face is."""
    from display.safe import run_safe_display

    runtime, zone, wanted = runtime_dir(settings), room_zone(settings), settings.display
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watchdog(), name="watchdog")
        await run_safe_display(
            runtime / FOLDER,
            screen=wanted.screen,
            boot=new_boot(),
            now=lambda: datetime.now(zone),
            size=(wanted.width, wanted.height),
            ready=lambda: notify("READY=1"),
        )


def why_far_from_room() -> str:
    """Say why this process counts as far from the room; empty for one in it."""
    from appliance.link.distance import why_far

    return why_far(os.getpid(), installed=is_installed())


def room_role() -> str:
    """Return as what this process may talk to the room: like its panel only in the room. The daemon looks as well."""
    return "control" if why_far_from_room() else "panel"


async def panel(settings: Settings, *, headless: bool, kiosk: bool, shot: Path | None) -> None:
    """Run the touch panel."""
    from display.panel.main import PanelOptions, run_panel

    far = await asyncio.to_thread(why_far_from_room)
    options = PanelOptions(headless=headless, kiosk=kiosk, shot=shot, far=far)
    runtime = settings.runtime_dir
    control = runtime / ("control.sock" if far else "panel.sock")
    await run_panel(control, runtime / "meters.sock", options=options, on_ready=lambda: notify("READY=1"))


async def hub(settings: Settings) -> None:
    """Run the embedded meeting server."""
    from appliance.hub.server import run_hub

    await run_hub(_hub_settings(settings), state_dir=settings.state_dir, on_ready=lambda _: notify("READY=1"))


def invite(settings: Settings, *, title: str, until: str) -> str:
    """Make a guest link to a new meeting on this machine's hub; valid from now on."""
    from appliance.hub.server import base_url, invites_of

    now = utc_now()
    try:
        expires = datetime.fromisoformat(until) if until else now + timedelta(days=1)
    except ValueError as err:
        raise SalonError(f"--until {until} is no time; write it like {now.isoformat(timespec='minutes')}") from err
    expires = expires if expires.tzinfo else expires.astimezone()
    room = secrets.token_hex(6)
    return f"{base_url(_hub_settings(settings))}/#{invites_of(settings.state_dir).invite(room, title, now, expires)}"


def _hub_settings(settings: Settings) -> "HubSettings":
    from appliance.hub.server import HubSettings

    return HubSettings(**{field.name: getattr(settings.hub, field.name) for field in fields(HubSettings)})


async def broker(settings: Settings) -> None:
    """Run the embedded MQTT broker."""
    from fleet.broker import BrokerSettings, run_broker

    wanted = settings.broker
    told = BrokerSettings(wanted.address, wanted.port, wanted.password_file)
    await run_broker(told, on_ready=lambda _: notify("READY=1"))
