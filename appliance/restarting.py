"""Who can start the room's programs or its machine anew when a console's job asks for it."""

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Protocol

from appliance.errors import SalonError

UNITS = ("salon-media.service", "salon-display.service", "salon-panel.service", "salon-daemon.service")
"""The daemon last: it is the one who asks."""
AGAIN = signal.SIGUSR1
"""On this signal `salon up` starts all its programs anew."""
_ANSWER_S = 20


class NotPossible(SalonError):
    """Nobody here can do that; says who could."""


class Supervisor(Protocol):
    """Who keeps the room's programs running. What is asked for ends the daemon, too, soon after."""

    async def restart(self) -> None:
        """Start all programs anew, or raise `NotPossible`."""

    async def reboot(self) -> None:
        """Start the machine anew, or raise `NotPossible`."""


def supervisor(environment: Mapping[str, str], *, installed: bool) -> Supervisor:
    """Return who runs this process."""
    parent = environment.get("SALON_PARENT", "")
    if parent.isdecimal():
        return SalonUp(int(parent))
    return Systemd() if installed and environment.get("INVOCATION_ID") else Nobody()


class Systemd:
    """An installed room: what its user may ask of systemd stands in polkit-1/rules.d/50-salon.rules."""

    async def restart(self) -> None:
        # what somebody has stopped, such as a panel nobody needs, stays as it is
        await _run("systemctl", "--no-block", "try-restart", *UNITS)

    async def reboot(self) -> None:
        await _run("systemctl", "--no-block", "reboot")


class SalonUp:
    """A room in somebody's terminal."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    async def restart(self) -> None:
        os.kill(self._pid, AGAIN)

    async def reboot(self) -> None:
        raise NotPossible("This room runs by `salon up` on somebody's machine, which it may not start anew.")


class Nobody:
    """Programs that somebody started one by one."""

    async def restart(self) -> None:
        raise NotPossible("Nobody looks after this room's programs: start it by `salon up` or systemd.")

    async def reboot(self) -> None:
        await self.restart()


async def _run(*command: str) -> None:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
        async with asyncio.timeout(_ANSWER_S):
            said, _ = await process.communicate()
    except (OSError, TimeoutError) as err:
        raise NotPossible(f"{command[0]} does not answer ({type(err).__name__}).") from err
    # below zero it was ended with this very program, which is what was asked for
    if (process.returncode or 0) > 0:
        words = said.decode(errors="replace").strip().partition("\n")[0]
        raise NotPossible(f"systemd refused: {words}. Are polkitd and its rules installed (50-salon.rules)?")
