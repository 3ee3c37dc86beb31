"""A camera's controls: exposure, focus, power-line frequency and whatever else its driver offers.

Names are V4L2's, as `v4l2-ctl --list-ctrls` writes them: `exposure_time_absolute`, `focus_automatic_continuous`,
`pan_absolute`, `power_line_frequency`.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hardware.camera import videodev2
from hardware.camera.node import GONE, VideoNode, text
from hardware.ports import BadUri

logger = logging.getLogger(__name__)
KINDS = {
    videodev2.V4L2_CTRL_TYPE_INTEGER: "number",
    videodev2.V4L2_CTRL_TYPE_BOOLEAN: "flag",
    videodev2.V4L2_CTRL_TYPE_MENU: "menu",
    videodev2.V4L2_CTRL_TYPE_BUTTON: "button",
    videodev2.V4L2_CTRL_TYPE_BITMASK: "bits",
    videodev2.V4L2_CTRL_TYPE_INTEGER_MENU: "menu",
}
"""The other types need more than a number and are left out."""
POWER_LINE = {"off": 0, "50": 1, "60": 2, "auto": 3}
"""V4L2_CID_POWER_LINE_FREQUENCY: lamps flicker at twice the frequency of the mains, 50 Hz in most of the world."""
NAMES = frozenset(
    {
        "auto_exposure",
        "backlight_compensation",
        "brightness",
        "contrast",
        "exposure_dynamic_framerate",
        "exposure_time_absolute",
        "focus_absolute",
        "focus_automatic_continuous",
        "gain",
        "gamma",
        "horizontal_flip",
        "hue",
        "pan_absolute",
        "power_line_frequency",
        "saturation",
        "sharpness",
        "tilt_absolute",
        "vertical_flip",
        "white_balance_automatic",
        "white_balance_temperature",
        "zoom_absolute",
    }
)
"""What settings may ask for; a camera has some of them."""
_MOST = 512
_MENU = 64
_LAST = ("exposure_time_absolute", "focus_absolute", "gain", "white_balance_temperature")
"""Refused while their automatic control is on, so they are set after it."""


@dataclass(frozen=True, slots=True)
class Control:
    """A control and where it stands."""

    name: str
    id: int
    kind: str
    """number, flag, menu, button or bits."""
    lowest: int
    highest: int
    step: int
    default: int
    value: int
    settable: bool = True
    """False when it can only be read, or an automatic control has taken over."""
    menu: tuple[tuple[int, str], ...] = ()

    def nearest(self, wanted: int) -> int:
        """Return the nearest value it takes."""
        if self.kind == "menu" and self.menu:
            return min((value for value, _ in self.menu), key=lambda value: abs(value - wanted))
        if self.highest <= self.lowest:
            return self.lowest
        step = max(1, self.step)
        inside = min(max(wanted, self.lowest), self.highest)
        count = min(round((inside - self.lowest) / step), (self.highest - self.lowest) // step)
        return self.lowest + count * step


def controls(node: VideoNode) -> Mapping[str, Control]:
    """Return the controls of a device by name; those its driver tells nonsense about are left out.

    Raises `OSError` when the device is gone.
    """
    return {control.name: control for control in _read(node)}


def set_control(node: VideoNode, control: Control, wanted: int) -> int:
    """Set a control to the nearest value it takes, and return that. Raises `OSError` as the kernel does."""
    value = control.nearest(wanted)
    return int(node.ask(videodev2.VIDIOC_S_CTRL, videodev2.Control(id=control.id, value=value)).value)


def wanted_value(name: str, word: str) -> int:
    """Return the number that settings mean: `power_line_frequency` is off, 50, 60 or auto. Raises `BadUri`."""
    if name == "power_line_frequency":
        if word not in POWER_LINE:
            raise BadUri(f"power_line_frequency={word} should be {', '.join(POWER_LINE)}")
        return POWER_LINE[word]
    digits = word.removeprefix("-")
    if not digits.isdecimal() or len(digits) > 9:
        raise BadUri(f"{name}={word} should be a whole number")
    return int(word)


def apply(node: VideoNode, wanted: Mapping[str, int], camera: str) -> None:
    """Set what is wanted; what the camera does not have or refuses is logged, and it is used as it is.

    Raises `OSError` when the camera is gone. One of which nothing is wanted is not asked: some are slow to tell.
    """
    has = controls(node) if wanted else {}
    for name in sorted(wanted, key=lambda name: name in _LAST):
        if name not in has:
            logger.warning("%s has no %s: it is left as it is", camera, name)
            continue
        try:
            set_control(node, has[name], wanted[name])
        except OSError as err:
            if err.errno in GONE:
                raise
            logger.warning("%s did not take %s=%s: %s", camera, name, wanted[name], err.strerror)


def _read(node: VideoNode) -> Iterator[Control]:
    """Ask for one control after another: the kernel answers with the next one above a number."""
    following = videodev2.V4L2_CTRL_FLAG_NEXT_CTRL
    last = 0
    for _ in range(_MOST):
        query = videodev2.QueryExtCtrl(id=last | following)
        try:
            node.ask(videodev2.VIDIOC_QUERY_EXT_CTRL, query)
        except OSError as err:
            if err.errno in GONE:
                raise
            return
        if query.id <= last:
            return
        last = query.id
        if (
            query.type in KINDS
            and not query.flags & videodev2.V4L2_CTRL_FLAG_DISABLED
            and (name := _slug(text(query.name)))
        ):
            yield _control(node, query, name)


def _control(node: VideoNode, query: Any, name: str) -> Control:
    flags = videodev2.V4L2_CTRL_FLAG_READ_ONLY | videodev2.V4L2_CTRL_FLAG_GRABBED | videodev2.V4L2_CTRL_FLAG_INACTIVE
    kind = KINDS[query.type]
    value = query.default_value
    if kind != "button" and not query.flags & videodev2.V4L2_CTRL_FLAG_WRITE_ONLY:
        try:
            value = node.ask(videodev2.VIDIOC_G_CTRL, videodev2.Control(id=query.id)).value
        except OSError:
            logger.debug("%s cannot be read", name)
    return Control(
        name,
        query.id,
        kind,
        query.minimum,
        query.maximum,
        query.step,
        query.default_value,
        value,
        settable=not query.flags & flags,
        menu=tuple(_menu(node, query)) if kind == "menu" else (),
    )


def _menu(node: VideoNode, query: Any) -> Iterator[tuple[int, str]]:
    """Yield a menu's entries; there may be gaps between them."""
    for index in range(max(0, query.minimum), min(query.maximum, query.minimum + _MENU) + 1):
        try:
            entry = node.ask(videodev2.VIDIOC_QUERYMENU, videodev2.Querymenu(id=query.id, index=index))
        except OSError:
            continue
        words = str(entry.value) if query.type == videodev2.V4L2_CTRL_TYPE_INTEGER_MENU else text(entry.name)
        yield index, words


def _slug(name: str) -> str:
    """Return a name as v4l2-ctl writes it: "Exposure Time, Absolute" is exposure_time_absolute."""
    letters = "".join(char if char.isascii() and char.isalnum() else " " for char in name.lower())
    return "_".join(letters.split())
