"""Devices that repeat what they play on a channel of their own: the perfect reference, if it is they who play."""

import numpy as np

from appliance.media.sound.blocks import Floats, Shorts, dbfs, rms

_HEARD_DBFS = -60.0
_SILENT_FOR = 500
"""Blocks in which the room plays but the channel is silent: the loudspeaker is another device."""


class Loopback:
    """Decides whose reference is used."""

    def __init__(self) -> None:
        self.used = False
        self._silent = 0

    def choose(self, channel: Shorts, aligned: Floats) -> Floats:
        """Return the device's own reference while there is any sound on it, else the aligned one."""
        if dbfs(rms(channel)) > _HEARD_DBFS:
            self.used, self._silent = True, 0
        elif dbfs(rms(aligned)) > _HEARD_DBFS:
            self._silent += 1
            self.used = self.used and self._silent < _SILENT_FOR
        return channel.astype(np.float32) if self.used else aligned
