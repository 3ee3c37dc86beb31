"""What must outlive the daemon for MQTT's sake: the session number and the answered calls."""

import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

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
        draft = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(to_json(stored), file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except OSError as err:
            logger.warning("%s cannot be written: %s", self.path, err)
