"""Programs a supervisor gave up on, one small file each, so that the TV can say why with everything else dead.

`salon up` and systemd's OnFailure= write them; daemon and display read them.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from appliance.state.wire import from_json, to_json

logger = logging.getLogger(__name__)

FOLDER: Final = "faults"
"""Their place in the runtime folder."""
FATAL: Final = ("daemon", "media")
"""Without these there is no room to show; the others only deserve a banner."""
_MAX_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """One program that does not run, and why."""

    program: str
    reason: str = ""
    """What happened, in words, with what would help."""
    since: datetime | None = None


def record(runtime_dir: Path, fault: Fault) -> None:
    """Write down that a program was given up."""
    folder = runtime_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f".{fault.program}.new"
    scratch.write_text(json.dumps(to_json(fault)))
    scratch.replace(folder / f"{fault.program}.json")


def clear(runtime_dir: Path, program: str) -> None:
    """Take the note away: the program runs again."""
    (runtime_dir / FOLDER / f"{program}.json").unlink(missing_ok=True)


def read_faults(directory: Path) -> tuple[Fault, ...]:
    """Return the faults that stand now, the worst first. A file that cannot be read still is a fault."""
    try:
        paths = [path for path in directory.iterdir() if path.suffix == ".json"]
    except OSError:
        return ()
    return tuple(sorted(filter(None, map(_read, paths)), key=_severity))


def _read(path: Path) -> Fault | None:
    try:
        with path.open("rb") as file:
            return from_json(Fault, json.loads(file.read(_MAX_BYTES)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as err:
        logger.debug("fault file %s: %s", path.name, err)
        return Fault(path.stem)


def _severity(fault: Fault) -> tuple[int, str]:
    return (FATAL.index(fault.program) if fault.program in FATAL else len(FATAL), fault.program)
