"""Which of the devices that are there a URI of the settings means."""

from collections.abc import Sequence

from hardware.identify import is_definite, select
from hardware.ports import BadUri, Found
from hardware.uri import DeviceUri

_KINDS = {
    "v4l2": ("camera", "capture"),
    "alsa": ("microphone", "speaker"),
    "pipewire": ("microphone", "speaker"),
}


def matches(uri: str, found: Sequence[Found], kind: str = "") -> Found | None:
    """Return the device a URI names, or None when it is not there, or is nothing udev could know of.

    `kind` is what the room wants it for: camera, capture, microphone or speaker. Without, a camera rather than an HDMI
    input, and a microphone rather than a loudspeaker. A simulated device is there by its plug.
    """
    try:
        parsed = DeviceUri.parse(uri)
    except BadUri:
        return None
    if parsed.scheme == "sim":
        return next((one for one in found if one.node == parsed.options.get("plug")), None)
    fitting, others = _ranked(_KINDS.get(parsed.scheme, ()), found, kind)
    return select(
        parsed.path, [*fitting, *stand_ins(parsed.path, others, kind)] if parsed.scheme == "v4l2" else fitting
    )


def stand_ins(selector: str, others: Sequence[Found], kind: str) -> list[Found]:
    """Return the HDMI inputs that may be a camera, or the cameras that may be an HDMI input: only those that are named.

    For an input a part of the name is not enough: what a camera happens to be called must never share its picture.
    """
    return [one for one in others if selector and select(selector, [one], by_name=kind != "capture")]


def present(uri: str, found: Sequence[Found], kind: str = "") -> bool | None:
    """Whether the device a URI names is there, or None where udev cannot know: a file, a sound server's own device."""
    if matches(uri, found, kind):
        return True
    try:
        parsed = DeviceUri.parse(uri)
    except BadUri:
        return None
    known = parsed.scheme == "v4l2" or (parsed.scheme == "sim" and "plug" in parsed.options)
    return False if known or (parsed.scheme == "alsa" and is_definite(parsed.path)) else None


def _ranked(kinds: tuple[str, ...], found: Sequence[Found], kind: str) -> tuple[list[Found], list[Found]]:
    wanted = kind or next(iter(kinds), "")
    fitting = [one for one in found if one.kind == wanted and wanted in kinds]
    return fitting, [one for one in found if one.kind in kinds and one.kind != wanted]
