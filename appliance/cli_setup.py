"""`salon setup`: makes this room one of a console's fleet."""

import argparse
import os
from pathlib import Path

from appliance.cli_parts import Commands, add_command, settings_of
from appliance.errors import SalonError

_EXAMPLE = "salon setup --console https://console.example.org --code K7QX2M-ABCDEF-GHJKMN-PQRST"


def add_setup(commands: Commands) -> None:
    """Add it."""
    setup = add_command(commands, "setup", "bring this room into a console's fleet, with a one-time code", _EXAMPLE)
    setup.add_argument("--console", required=True, metavar="URL", help="where the console's pages are")
    setup.add_argument("--code", required=True, help="the code its admin made for this room")
    setup.set_defaults(run=_run_setup)


def _run_setup(options: argparse.Namespace) -> int:
    from appliance.telemetry.gauges import machine
    from appliance.telemetry.protocol.enrolling import BadCode, read_code
    from provisioning.enrolment import enrol
    from provisioning.identity import room_identity

    settings = settings_of(options)
    try:
        code = read_code(options.code)
    except BadCode as err:
        raise SalonError(str(err)) from err
    _become_owner(settings.state_dir)
    room = room_identity(settings.state_dir)
    name = settings.room.name
    made = enrol(settings.state_dir, room=room.id, console=options.console, code=code, name=name, sw=machine().sw)
    lines = [
        f"This room is part of {made.org} at {made.console} now, and obeys that console alone.",
        "Start its programs anew: sudo systemctl restart salon-daemon, or end `salon up` and start it again.",
    ]
    if settings.mqtt.url:
        lines.append(
            f"It goes on reporting to {settings.mqtt.url}: take mqtt.url out of its settings for {made.broker}."
        )
    print("\n".join(lines))  # noqa: T201 - the command's answer
    return 0


def _become_owner(state_dir: Path) -> None:
    """Write as the room's own user, also when somebody runs this with sudo."""
    if os.geteuid() == 0 and state_dir.exists():
        owner = state_dir.stat()
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
