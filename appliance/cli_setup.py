"""`salon setup`: makes this room one of a console's fleet."""

import argparse
import os
from getpass import getpass
from pathlib import Path

from appliance.cli_parts import Commands, add_command, settings_of
from appliance.errors import SalonError

_EXAMPLE = "salon setup --console https://console.example.org --code K7QX2M-ABCDEF-GHJKMN-PQRST"


def add_setup(commands: Commands) -> None:
    """Add it."""
    setup = add_command(commands, "setup", "bring this room into a console's fleet, with a one-time code", _EXAMPLE)
    setup.add_argument("--console", required=True, metavar="URL", help="where the console's pages are")
    words = "the code its admin made for this room; without this it is asked for, and stands in no list of processes"
    setup.add_argument("--code", default="", help=words)
    words = "the authority that vouches for the console, where no public one does (PEM)"
    setup.add_argument("--ca", type=Path, metavar="FILE", help=words)
    setup.set_defaults(run=_run_setup)


def _run_setup(options: argparse.Namespace) -> int:
    from appliance.telemetry.gauges import machine
    from appliance.telemetry.protocol.enrolling import BadCode, read_code
    from provisioning.enrolment import enrol
    from provisioning.identity import room_identity

    settings = settings_of(options)
    try:
        code = read_code(options.code or getpass("Code: "))
    except BadCode as err:
        raise SalonError(str(err)) from err
    except EOFError as err:
        raise SalonError("Say the code that the console's admin made: --code CODE") from err
    # while this is root: the file may be for root alone
    ca = _read(options.ca) if options.ca else ""
    _become_owner(settings.state_dir)
    room = room_identity(settings.state_dir)
    told = {"room": room.id, "console": options.console, "name": settings.room.name, "sw": machine().sw}
    made = enrol(settings.state_dir, code=code, ca=ca, **told)
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


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError) as err:
        raise SalonError(f"{path} cannot be read as a certificate (PEM): {err}.") from err


def _become_owner(state_dir: Path) -> None:
    """Write as the room's own user, also when somebody runs this with sudo."""
    if os.geteuid() == 0 and state_dir.exists():
        owner = state_dir.stat()
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
