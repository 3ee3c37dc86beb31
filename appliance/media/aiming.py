"""Where the room's camera looks: within its picture, or with a head that turns; by hand, or after who speaks."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from appliance.media.faces import FaceFinder
from appliance.media.framer import Framer
from appliance.media.options import CameraOptions
from appliance.media.pointing import Pointing
from appliance.state.camera import CameraAim
from appliance.state.devices import WireUse
from hardware.camera.aim import Aim
from hardware.camera.heads import OwnHead, head
from hardware.ports import DeviceError
from hardware.registry import simulated

logger = logging.getLogger(__name__)
SENT = (1280, 720)
"""The largest picture of the camera that is sent; a larger one is room to zoom into."""
_BEAT_S = 0.1
_AGAIN_S = 5.0
_CLOSE_S = 1.0
_SETTLED_S = 5.0
"""How long a head that failed must do what it is told before it counts as well again."""
_UNFORESEEN = "The head failed in a way nobody foresaw. The log of salon media says how."
ROLE = "camera head"


class Aiming:
    """`framer.picture` belongs to the camera's thread, `hear` to the microphone's, all else to the event loop."""

    def __init__(self, options: CameraOptions, changed: Callable[[WireUse], None]) -> None:
        """`changed` hears how the head does, on its own thread."""
        self._turning = _Turning(options, changed) if options.ptz else None
        # where a head turns, the picture stays whole
        self.framer = Framer(
            sent=SENT,
            field_of_view_deg=options.field_of_view_deg,
            array_deg=options.array_deg,
            faces=FaceFinder() if options.faces and not options.ptz else None,
            automatic=False,
        )
        self._aim = CameraAim()

    def aim(self, aim: CameraAim) -> None:
        """Look there from now on."""
        if aim == self._aim:
            return
        self._aim = aim
        if self._turning is not None:
            self._turning.aim(aim)
        elif aim.framing:
            self.framer.follow()
        else:
            self.framer.move(Aim.within(aim.pan, aim.tilt, aim.zoom))

    def hear(self, degrees: float | None, now: float) -> None:
        """Take in where somebody speaks, None while nobody does; monotonic seconds."""
        if self._turning is None:
            self.framer.hear(degrees, now)
        else:
            self._turning.hear(degrees, now)

    def close(self) -> None:
        """Let go of the head."""
        if self._turning is not None:
            self._turning.close()


class _Turning:
    """A head with motors on a thread of its own, opened again when it fails."""

    def __init__(self, options: CameraOptions, changed: Callable[[WireUse], None]) -> None:
        self._uri, self._array_deg, self._changed = options.ptz, options.array_deg, changed
        self._lock = threading.Lock()
        self._wished = CameraAim()
        self._pointing: Pointing | None = None
        self._said: WireUse | None = None
        self._error = ""
        """What is wrong with it; stands until the head has done what it is told for a while."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=ROLE, daemon=True)
        self._thread.start()

    def aim(self, aim: CameraAim) -> None:
        with self._lock:
            self._wished = aim

    def hear(self, degrees: float | None, now: float) -> None:
        with self._lock:
            if self._pointing is not None:
                self._pointing = self._pointing.heard(degrees, now)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with head(self._uri) as turned:
                    self._serve(turned)
            except (DeviceError, OSError) as err:
                self._fail(str(err))
            except Exception:  # a driver's surprise is this head's failure: its thread must live to open it again
                if self._error != _UNFORESEEN:
                    logger.exception("%s: %s failed", ROLE, self._uri)
                self._error = _UNFORESEEN
                self._fail(_UNFORESEEN)
        self._say()

    def _serve(self, turned: OwnHead) -> None:
        with self._lock:
            self._pointing = Pointing(turned.pan_deg, self._array_deg)
        sent: Aim | None = None
        well_at = time.monotonic() + (_SETTLED_S if self._error else 0.0)
        while True:
            wanted = self._wanted()
            if wanted != sent:
                turned.move(wanted)
                sent = wanted
            turned.check()
            if time.monotonic() >= well_at:
                self._error = ""
                self._say(open_now=True)
            if self._stop.wait(_BEAT_S):
                return

    def _fail(self, error: str) -> None:
        if error != self._error:
            logger.warning("%s: %s", ROLE, error)
        self._error = error
        self._say(error=error)
        self._stop.wait(_AGAIN_S)

    def _wanted(self) -> Aim:
        with self._lock:
            wished = self._wished
            if self._pointing is not None and wished.framing:
                self._pointing = self._pointing.step(time.monotonic())
                return self._pointing.aim
        return Aim.within(wished.pan, wished.tilt, wished.zoom)

    def _say(self, *, open_now: bool = False, error: str = "") -> None:
        use = WireUse(ROLE, self._uri, open_now, simulated(self._uri), error)
        if use != self._said:
            self._said = use
            with suppress(RuntimeError):  # the loop may be closed by now
                self._changed(use)
