"""Echo cancellation and noise suppression: WebRTC's, or holding back the microphone where it is not to be had.

WebRTC's comes in the `livekit` package; only its audio processing is used, no server and no event loop. Importing it
takes some 0.15 s and 23 MB, and its library keeps three idle threads.
"""

import logging
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from appliance.media.sound.apm import AudioProcessing
from appliance.media.sound.blocks import Shorts, glide

logger = logging.getLogger(__name__)

_MISSING = (
    "there is no echo cancellation ({}): the microphone is held back while others speak; install salon[media] anew"
)
_BROKEN = "WebRTC's audio processing failed ({}): the microphone is held back while others speak; restart salon media"


@dataclass(frozen=True, slots=True)
class Stages:
    """What to do to the sound."""

    echo: bool = False
    noise: bool = False
    low_cut: bool = False

    def __bool__(self) -> bool:
        return self.echo or self.noise or self.low_cut


class Canceller(Protocol):
    """Some stages for some channels, on blocks of 10 ms."""

    def process(self, captured: Shorts, played: Shorts, *, far_talks: bool) -> Shorts:
        """Return captured, (BLOCK, channels), without the echo of what was played, (BLOCK,)."""


class Untouched:
    """For devices that clean their own sound."""

    def process(self, captured: Shorts, played: Shorts, *, far_talks: bool) -> Shorts:  # noqa: ARG002 - a Canceller
        return captured


class WebRtc:
    """WebRTC's audio processing. Channels share one suppression gain, so their phases stay comparable."""

    def __init__(self, stages: Stages, channels: int) -> None:
        """Raise ImportError where the package or its library is missing, or is another than this knows."""
        self._echo = stages.echo
        try:
            self._apm = AudioProcessing(channels, echo=stages.echo, noise=stages.noise, low_cut=stages.low_cut)
        except AttributeError as err:
            raise ImportError(f"this livekit is another than was expected: {err}") from err

    def process(self, captured: Shorts, played: Shorts, *, far_talks: bool) -> Shorts:  # noqa: ARG002 - a Canceller
        if self._echo:
            self._apm.played[:] = played
            self._apm.hear()
        self._apm.captured[:] = captured
        self._apm.clean()
        return self._apm.captured


class Ducking:
    """Half duplex: while the far end talks, the microphone is 20 dB quieter. Better than an echo."""

    _HELD_BACK = 0.1
    _HOLD = 25
    """Blocks: echoes live on for about so long."""

    def __init__(self) -> None:
        self._gain, self._hold = 1.0, 0

    def process(self, captured: Shorts, played: Shorts, *, far_talks: bool) -> Shorts:  # noqa: ARG002 - a Canceller
        self._hold = self._HOLD if far_talks else max(self._hold - 1, 0)
        # down within a block, up in a tenth of a second
        gain = self._HELD_BACK if self._hold else min(1.0, self._gain + 0.1)
        held = captured.T * glide(self._gain, gain)
        self._gain = gain
        return held.T.astype(np.int16)


class Guarded:
    """WebRTC's until it fails, ducking from then on; `why` says what is missing, in words for the room's user."""

    def __init__(self, stages: Stages, channels: int) -> None:
        self.why = ""
        self._ducking = Ducking()
        self._canceller: Canceller = Untouched()
        self._stages, self._channels = stages, channels
        self.restart()

    def process(self, captured: Shorts, played: Shorts, *, far_talks: bool) -> Shorts:
        try:
            return self._canceller.process(captured, played, far_talks=far_talks)
        except RuntimeError as err:
            self._fall_back(_BROKEN.format(err))
            return self._canceller.process(captured, played, far_talks=far_talks)

    def restart(self) -> None:
        """Forget the echo's path: it is another one now. WebRTC's learns one anew sooner than it corrects one."""
        if not self._stages or self.why:
            return
        try:
            self._canceller = WebRtc(self._stages, self._channels)
        except ImportError as err:
            self._fall_back(_MISSING.format(err))

    def _fall_back(self, why: str) -> None:
        self._canceller = self._ducking if self._stages.echo else Untouched()
        if self._stages.echo:
            self.why = why
            logger.warning("%s", why)
