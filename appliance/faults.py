"""Programs a supervisor has given up on, one small file each, so that the TV can say why with everything else dead.

`salon up` and systemd's OnFailure= write them; daemon and display read them.
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.state.wire import BadValue, from_json, to_json

logger = logging.getLogger(__name__)
FOLDER = "faults"


@dataclass(frozen=True, slots=True)
class Fault:
    """One program that keeps crashing."""

    program: str
    reason: str
    """What happened, in words, with what would help."""
    since: datetime


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


def current(runtime_dir: Path) -> tuple[Fault, ...]:
    """Read all notes; an unreadable one is passed over."""
    faults = []
    for path in sorted((runtime_dir / FOLDER).glob("[!.]*.json")):
        try:
            faults.append(from_json(Fault, json.loads(path.read_bytes())))
        except (OSError, ValueError, BadValue) as err:
            logger.debug("fault note %s cannot be read: %s", path.name, err)
    return tuple(faults)
