"""The mute gate: what may be captured, kept across restarts. Muted and camera off unless known otherwise."""

import contextlib
import json
import logging
import os
import threading
from pathlib import Path

logger = logging.getLogger(__name__)


class MuteGate:
    """Threads read `mic_muted` and `camera_off` before each packet; only `set` changes them, and only when told."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saving = threading.Lock()
        self.mic_muted, self.camera_off = _load(path)

    def close_at_once(self, *, mic_muted: bool, camera_off: bool) -> None:
        """Shut what should be shut, now and without waiting for a disk; opens nothing."""
        self.mic_muted |= mic_muted
        self.camera_off |= camera_off

    def set(self, *, mic_muted: bool, camera_off: bool) -> None:
        """Take the new state: shut at once, open only when that is on disk. Blocks for the disk."""
        self.close_at_once(mic_muted=mic_muted, camera_off=camera_off)
        with self._saving:
            try:
                _save(self._path, mic_muted=mic_muted, camera_off=camera_off)
            except OSError as err:
                logger.warning("the mute state cannot be kept in %s: %s", self._path, err.strerror)
                # a stale file must not open anything after a restart; a disk that is read-only keeps it all the same
                with contextlib.suppress(OSError):
                    self._path.unlink(missing_ok=True)
            self.mic_muted, self.camera_off = mic_muted, camera_off


def _load(path: Path) -> tuple[bool, bool]:
    try:
        kept = json.loads(path.read_bytes())
        muted, off = kept["mic_muted"], kept["camera_off"]
    except FileNotFoundError:
        return True, True
    except (OSError, ValueError, TypeError, KeyError) as err:
        logger.warning("the mute state cannot be read (%s); muted, camera off", type(err).__name__)
        return True, True
    # only the very value false opens
    return muted is not False, off is not False


def _save(path: Path, *, mic_muted: bool, camera_off: bool) -> None:
    """Replace the file so that a power cut leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_suffix(".new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"mic_muted": mic_muted, "camera_off": camera_off}, file)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
