"""The last good calendar on disk, so that a room started without a network still knows today's meetings."""

import hashlib
import logging
import os
from datetime import UTC, datetime
from pathlib import Path

from appliance.files import replace_file

logger = logging.getLogger(__name__)


class CalendarCache:
    """One file in the state directory, of one calendar source. Secret: calendars hold join links."""

    def __init__(self, state_dir: Path, uri: str) -> None:
        # named by its source: another calendar's meetings must not come back after the setting was changed
        name = hashlib.sha256(uri.encode()).hexdigest()[:16]
        self._path = state_dir / f"calendar-{name}.ics"

    def load(self) -> tuple[bytes, datetime] | None:
        """Return the calendar and when it was last known to be up to date."""
        try:
            data = self._path.read_bytes()
            return data, datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
        except OSError:
            return None

    def save(self, data: bytes, fetched_at: datetime) -> None:
        """Keep a calendar; a full disk costs only the copy."""
        try:
            replace_file(self._path, data)
        except OSError as err:
            logger.warning("the calendar's copy cannot be kept in %s: %s", self._path.parent, err.strerror)
            return
        self.confirm(fetched_at)

    def confirm(self, fetched_at: datetime) -> None:
        """Note that the kept calendar is still the newest."""
        seconds = fetched_at.timestamp()
        try:
            os.utime(self._path, (seconds, seconds))
        except OSError as err:
            logger.debug("the calendar's copy keeps its date: %s", err.strerror)
