"""The room's TV set as one frozen value: plugged in or not, on or off, and how it is switched."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TvPower(StrEnum):
    """What is known of the TV's power."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"
    """It does not say, or is on its way."""


@dataclass(frozen=True, slots=True)
class Television:
    """The TV at the connector the room uses."""

    connector: str = ""
    """HDMI-A-1; empty on a machine without a connector for one."""
    name: str = ""
    """What the TV calls itself."""
    connected: bool = False
    power: TvPower = TvPower.UNKNOWN
    method: str = ""
    """What switched it last, such as "cec image-view-on" or "dpms"; "none" when nothing here can; empty before."""
    trouble: str = ""
    """What is wrong and what would help."""
    since: datetime | None = None
    """Since when that is so."""
