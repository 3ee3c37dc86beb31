"""`v4l2:SELECTOR` as the kind `capture`: an HDMI input, whose picture is somebody's screen."""

from hardware.camera import v4l2
from hardware.uri import DeviceUri


class CaptureInput(v4l2.V4l2Camera):
    """The driver of cameras; only what an empty selector means is different."""

    kind = "capture"


def present(uri: DeviceUri, system: v4l2.System = v4l2.LINUX) -> bool:
    """Whether the input itself is plugged in; whether anything is plugged into it, `signal.SignalWatch` tells."""
    return v4l2.present(uri, system, "capture")
