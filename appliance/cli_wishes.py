"""`salon join`, `mute`, `camera` and the like: what may be asked of a room that runs."""

import argparse
import asyncio
from functools import partial
from pathlib import Path

from appliance.cli_parts import Commands, add_command, settings_of
from appliance.errors import SalonError

_JOIN_S = 20
_SOUND_S = 40
_PROBE_S = 30
_WHOLE_REACH = 2
"""From one end of what a camera reaches to the other."""


def add_wishes(commands: "Commands") -> None:
    """Add what may be asked of the room's meetings."""
    join = add_command(
        commands,
        "join",
        "join a meeting now, with microphone and camera off, and say whether that worked",
        "salon join https://meet.example.org/weekly",
    )
    join.add_argument(
        "meeting", nargs="?", default="", help="a link, or a key from `salon status --json`; else the next meeting"
    )
    join.set_defaults(run=_run_join)
    leave = add_command(commands, "leave", "leave the call, or cancel the countdown", "salon leave")
    leave.set_defaults(run=_run_leave)
    mute = add_command(commands, "mute", "mute the room's microphone (only the panel can unmute)", "salon mute")
    mute.set_defaults(run=_run_mute)
    view = add_command(commands, "view", "show everybody alike, or who speaks large", "salon view speaker")
    view.add_argument("view", choices=("gallery", "speaker"))
    view.set_defaults(run=_run_view)


def _run_join(options: argparse.Namespace) -> int:
    from appliance.oneshot import command
    from appliance.state.commands import JoinMeeting, JoinUrl
    from appliance.state.outcomes import joined
    from appliance.state.room import MeetingKey

    name: str = options.meeting
    wish = JoinUrl(name) if "://" in name else JoinMeeting(MeetingKey(name) if name else None)
    return asyncio.run(command(settings_of(options), wish, joined, patience_s=_JOIN_S))


def _run_leave(options: argparse.Namespace) -> int:
    from appliance.oneshot import command
    from appliance.state.commands import Leave
    from appliance.state.outcomes import left

    return asyncio.run(command(settings_of(options), Leave(), left))


def _run_mute(options: argparse.Namespace) -> int:
    from appliance.oneshot import command
    from appliance.state.commands import SetMicMuted
    from appliance.state.outcomes import muted

    return asyncio.run(command(settings_of(options), SetMicMuted(muted=True), muted))


def _run_view(options: argparse.Namespace) -> int:
    from appliance.oneshot import command
    from appliance.state.commands import SetView
    from appliance.state.layout import View
    from appliance.state.outcomes import viewed

    view = View(options.view)
    return asyncio.run(command(settings_of(options), SetView(view), partial(viewed, view=view)))


def add_care_of_devices(commands: "Commands") -> None:
    """Add what looks after cameras, sound, lights and buttons."""
    devices = add_command(
        commands,
        "devices",
        "list cameras, microphones and all else, and how they do",
        "salon devices --check\n  salon devices --json | jq '.[] | select(.remedy != \"\")'",
    )
    devices.add_argument("--check", action="store_true", help="try all of them for a moment first")
    devices.add_argument("--json", action="store_true", help="the list as JSON")
    devices.set_defaults(run=_run_devices)
    sound = add_command(
        commands,
        "soundcheck",
        "play a sweep, and say how loudspeaker, room and microphones do (not over SSH)",
        "salon soundcheck --picture sound.svg",
    )
    sound.add_argument("--picture", type=Path, metavar="FILE.svg", help="keep the picture of it here")
    sound.set_defaults(run=_run_soundcheck)
    _add_camera(commands)
    switch = add_command(commands, "switch", "switch the room's lights or blinds", "salon switch Lights on")
    switch.add_argument("name", help="as the settings and the panel call it")
    switch.add_argument("to", choices=("on", "off"), help="what it should be")
    switch.set_defaults(run=_run_switch)
    lights = add_command(
        commands,
        "lights",
        "make the mute light red, when media is dead; for supervisors",
        "salon lights --red",
        listed=False,
    )
    lights.add_argument("--red", action="store_true", required=True, help="the only thing it does")
    lights.set_defaults(run=_run_lights)
    press = add_command(commands, "press", "press the room's simulated mute button", "salon press")
    press.set_defaults(run=_run_press)


def _run_lights(options: argparse.Namespace) -> int:
    from appliance.programs import lights_red

    lights_red(settings_of(options))
    return 0


def _run_press(options: argparse.Namespace) -> int:
    from appliance.programs import press_button

    press_button(settings_of(options))
    return 0


def _add_camera(commands: "Commands") -> None:
    camera = add_command(
        commands,
        "camera",
        "say where the camera looks, and turn it",
        "salon camera --pan 0.1\n  salon camera --recall 2",
    )
    for name, words in (
        ("pan", "turn it to the right by so much of its reach (to the left: below 0)"),
        ("tilt", "turn it up"),
        ("zoom", "zoom in"),
    ):
        camera.add_argument(f"--{name}", type=_part, default=0.0, metavar="PART", help=words)
    chosen = camera.add_mutually_exclusive_group()
    chosen.add_argument("--recall", type=int, metavar="NUMBER", help="look where this preset was kept")
    chosen.add_argument("--keep", type=int, metavar="NUMBER", help="keep where it looks as this preset")
    chosen.add_argument("--frame", choices=("on", "off"), help="let the room frame whoever speaks")
    camera.set_defaults(run=_run_camera)


def _part(text: str) -> float:
    """Read by what part of its reach a camera is to be turned."""
    try:
        part = float(text)
    except ValueError:
        part = float("nan")
    if not -_WHOLE_REACH <= part <= _WHOLE_REACH:
        raise argparse.ArgumentTypeError(f"{text!r} should be a number from -2 to 2, such as 0.1")
    return part


def _run_devices(options: argparse.Namespace) -> int:
    from appliance.oneshot import command, devices
    from appliance.state.commands import CheckDevices
    from appliance.state.outcomes import DevicesChecked

    settings = settings_of(options)
    if options.check and asyncio.run(command(settings, CheckDevices(), DevicesChecked(), patience_s=_PROBE_S)):
        return 1
    return asyncio.run(devices(settings, as_json=options.json))


def _run_soundcheck(options: argparse.Namespace) -> int:
    from appliance.oneshot import command, keep_sound_picture
    from appliance.programs import room_role
    from appliance.state.commands import CheckSound
    from appliance.state.outcomes import SoundChecked

    settings = settings_of(options)
    status = asyncio.run(command(settings, CheckSound(), SoundChecked(), patience_s=_SOUND_S, role=room_role()))
    if options.picture:
        asyncio.run(keep_sound_picture(settings, options.picture))
    return status


def _run_camera(options: argparse.Namespace) -> int:
    from appliance.oneshot import command, glance
    from appliance.state.commands import Command, FrameCamera, KeepPreset, MoveCamera, RecallPreset
    from appliance.state.outcomes import aimed

    turned = any((options.pan, options.tilt, options.zoom))
    chosen = any(one is not None for one in (options.recall, options.keep, options.frame))
    if not (turned or chosen):
        return asyncio.run(glance(settings_of(options), aimed))
    if turned and chosen:
        raise SalonError("turn the camera, or keep, recall or frame: one after the other, in two commands")
    wish: Command = MoveCamera(options.pan, options.tilt, options.zoom)
    if options.recall is not None:
        wish = RecallPreset(options.recall)
    elif options.keep is not None:
        wish = KeepPreset(options.keep)
    elif options.frame is not None:
        wish = FrameCamera(options.frame == "on")
    return asyncio.run(command(settings_of(options), wish, aimed))


def _run_switch(options: argparse.Namespace) -> int:
    from appliance.oneshot import command
    from appliance.state.commands import SwitchRelay
    from appliance.state.outcomes import switched

    on = options.to == "on"
    wish = SwitchRelay(options.name, on)
    return asyncio.run(command(settings_of(options), wish, partial(switched, name=options.name, on=on)))
