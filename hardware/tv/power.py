"""Words for a TV's power, and for the ways to change it."""

from enum import StrEnum


class Power(StrEnum):
    """What a TV says of itself, or what is wanted of it."""

    ON = "on"
    OFF = "off"
    TURNING_ON = "turning on"
    TURNING_OFF = "turning off"
    UNKNOWN = "unknown"

    @property
    def moving(self) -> bool:
        """Whether it is on its way and only needs time."""
        return self in {Power.TURNING_ON, Power.TURNING_OFF}


class Method(StrEnum):
    """One way to switch a TV; which of them a TV obeys is known only by trying."""

    IMAGE_VIEW_ON = "cec image-view-on"
    TEXT_VIEW_ON = "cec text-view-on"
    ACTIVE_SOURCE = "cec active-source"
    POWER_ON_KEY = "cec power-on key"
    STANDBY = "cec standby"
    POWER_OFF_KEY = "cec power-off key"
    DPMS = "dpms"
    NONE = "none"
    """Nothing that could be tried switches it, or nothing had to be tried."""


CEC_METHODS = {
    Power.ON: (Method.IMAGE_VIEW_ON, Method.TEXT_VIEW_ON, Method.ACTIVE_SOURCE, Method.POWER_ON_KEY),
    Power.OFF: (Method.STANDBY, Method.POWER_OFF_KEY),
}
"""In the order in which HDMI 1.4b (supplement 1, CEC 13.1 and 13.3) makes them likely to be obeyed.

No method toggles: each means the same however often it is heard.
"""
