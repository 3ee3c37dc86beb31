"""A room installed in the guest as `make install` does it: users, groups, units, polkit's rules, and who asks for what.

The code is the shared checkout's. What `make install` brings is taken away again: the checks after it are on a desk.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from check import say

LOG_LINES = 60
SOURCES = Path("/srv/salon/systemd")
UNITS = Path("/usr/local/lib/systemd/system")
RULES = Path("/etc/polkit-1/rules.d")
DROP_INS = Path("/run/systemd/system")
SETTINGS = Path("/etc/salon/room.toml")
COMMAND = Path("/usr/bin/salon")
ACCOUNTS = [Path("/etc") / name for name in ("passwd", "group", "shadow", "gshadow")]
PROGRAM = """\
#!/bin/sh
PYTHONPATH=/srv/salon PYTHONPYCACHEPREFIX=/var/cache/compiled exec python3 -m appliance.cli "$@"
"""
STAND_IN = """\
[Service]
Type=exec
ExecStart=
ExecStart=/bin/sleep infinity
ExecStopPost=
WatchdogSec=0
"""


@contextmanager
def installed(settings: str) -> Iterator[None]:
    """Install the room with these settings for as long as the block runs; when that fails, its journal is told."""
    accounts = {path: path.read_bytes() for path in ACCOUNTS}
    for folder in (UNITS, RULES, SETTINGS.parent):
        folder.mkdir(parents=True, exist_ok=True)
    units = [Path(shutil.copy(path, UNITS)) for path in SOURCES.iterdir() if path.is_file()]
    rules = Path(shutil.copy(SOURCES / "polkit-1" / "50-salon.rules", RULES))
    SETTINGS.write_text(settings)
    COMMAND.write_text(PROGRAM)
    COMMAND.chmod(0o755)
    run("systemd-sysusers", str(SOURCES / "sysusers.d" / "salon.conf"))
    run("systemd-tmpfiles", "--create", str(SOURCES / "tmpfiles.d" / "salon.conf"))
    run("systemctl", "daemon-reload")
    try:
        yield
    except BaseException:
        say(run("journalctl", "--unit=salon-*", "--no-pager", "--output=short-monotonic", f"--lines={LOG_LINES}"))
        raise
    finally:
        run("systemctl", "stop", "salon*")
        for path in (*units, rules, SETTINGS, COMMAND):
            path.unlink()
        for folder in (*DROP_INS.glob("salon*.d"), Path("/var/lib/salon"), Path("/run/salon")):
            shutil.rmtree(folder)
        run("systemctl", "daemon-reload")
        for path, text in accounts.items():
            path.write_bytes(text)


def stand_in(unit: str) -> None:
    """Have a unit's program do nothing: only whether it is started counts."""
    folder = DROP_INS / f"{unit}.d"
    folder.mkdir(parents=True)
    (folder / "stand-in.conf").write_text(STAND_IN)
    run("systemctl", "daemon-reload")


def shown(unit: str, key: str) -> str:
    """Return what systemd says of a unit."""
    return run("systemctl", "show", "--value", f"--property={key}", unit).strip()


def as_salon(*command: str) -> tuple[int, str]:
    """Run something as the room's user, in no session; return how it ended and what it said."""
    become = ("setpriv", "--reuid=salon", "--regid=salon", "--init-groups", "--no-new-privs")
    done = subprocess.run(
        (*become, *command), check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/"
    )
    return done.returncode, done.stdout + done.stderr


def run(*command: str) -> str:
    """Run a tool that must succeed; returns what it said."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout
