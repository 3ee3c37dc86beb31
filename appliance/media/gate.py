"""The mute gate: what may be captured, kept across restarts. Muted and camera off unless known otherwise."""

import contextlib
import json
import logging
import threading
import time
from pathlib import Path
from typing import NamedTuple

from appliance.files import replace_file

logger = logging.getLogger(__name__)


class MuteGate:
    """Threads read `mic_muted` and `camera_off` before each packet. Any thread may shut; only `set` opens."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saving, self._changing = threading.Lock(), threading.Lock()
        self._shuttings = _Shuttings()
        self.shut_s = float("-inf")
        """When the microphone was shut last, monotonic."""
        self.mic_muted, self.camera_off = self.kept = _load(path)
        """`kept` is what a restart would find: microphone and camera as they were last saved."""

    def close_at_once(self, *, mic_muted: bool, camera_off: bool) -> None:
        """Shut what should be shut, now and without waiting for a disk; opens nothing. From any thread."""
        self._shut(mic_muted=mic_muted, camera_off=camera_off)

    def keep_muted(self) -> None:
        """Save that the microphone is muted, if it still is. Blocks for the disk."""
        with self._saving:
            if self.mic_muted and not self.kept[0]:
                # a camera that waits to be opened is saved as off: whoever opens it saves that next
                self._keep(mic_muted=True, camera_off=self.camera_off)

    def set(self, *, mic_muted: bool, camera_off: bool) -> None:
        """Take the new state: shut at once, open only when that is on disk. Blocks for the disk."""
        before = self._shut(mic_muted=mic_muted, camera_off=camera_off)
        with self._saving:
            # whoever shut it while the disk was busy came later
            now = self._shuttings
            mic_muted, camera_off = mic_muted or now.mic > before.mic, camera_off or now.camera > before.camera
            self._keep(mic_muted=mic_muted, camera_off=camera_off)
            with self._changing:
                now = self._shuttings
                self.mic_muted = mic_muted or now.mic > before.mic
                self.camera_off = camera_off or now.camera > before.camera

    def _keep(self, *, mic_muted: bool, camera_off: bool) -> None:
        try:
            _save(self._path, mic_muted=mic_muted, camera_off=camera_off)
        except OSError as err:
            logger.warning("the mute state cannot be kept in %s: %s", self._path, err.strerror)
            # a stale file must not open anything after a restart; a disk that is read-only keeps it all the same
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
                self.kept = True, True
        else:
            self.kept = mic_muted, camera_off

    def _shut(self, *, mic_muted: bool, camera_off: bool) -> "_Shuttings":
        """Shut, and return how often that has been done."""
        with self._changing:
            if mic_muted and not self.mic_muted:
                self.shut_s = time.monotonic()
            self.mic_muted |= mic_muted
            self.camera_off |= camera_off
            self._shuttings = _Shuttings(self._shuttings.mic + mic_muted, self._shuttings.camera + camera_off)
            return self._shuttings


class _Shuttings(NamedTuple):
    """How often each was shut."""

    mic: int = 0
    camera: int = 0


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
    replace_file(path, json.dumps({"mic_muted": mic_muted, "camera_off": camera_off}).encode())
