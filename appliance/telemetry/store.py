"""What must outlive the daemon for MQTT's sake: the session number and the answered calls."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from appliance.files import replace_file
from appliance.state.wire import BadValue, from_json, to_json
from appliance.telemetry.calls import Remembered

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stored:
    """The file's content."""

    bd: int = 0
    """The newest session's number; 0 when none is known."""
    calls: tuple[Remembered, ...] = ()


@dataclass(frozen=True, slots=True)
class TelemetryFile:
    """A small JSON file that is either the old one or the new one, never half of either."""

    path: Path

    def load(self) -> Stored:
        """Return what was stored; a missing or broken file is a fresh start."""
        try:
            return from_json(Stored, json.loads(self.path.read_bytes()))
        except FileNotFoundError:
            return Stored()
        except (OSError, ValueError, BadValue) as err:
            logger.warning("%s cannot be read and is begun anew: %s", self.path, err)
            return Stored()

    def save(self, stored: Stored) -> None:
        """Replace the file; on a full or read-only disk the room goes on, without memory across a restart."""
        try:
            replace_file(self.path, json.dumps(to_json(stored)).encode())
        except OSError as err:
            logger.warning("%s cannot be written: %s", self.path, err)
