"""What a picture of ours shows, and waiting for one."""

from __future__ import annotations

import time
from typing import Any

from check import within

COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255), "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
PICTURE_S = 20.0


def colour(frame: Any) -> str:
    """Return which plain colour a picture of limited range shows in its middle, or its numbers if it is none."""
    y, u, v = (plane[plane.shape[0] // 2, plane.shape[1] // 2] for plane in (frame.y, frame.u, frame.v))
    y, u, v = (int(y) - 16) * 255 / 219, (int(u) - 128) * 255 / 224, (int(v) - 128) * 255 / 224
    rgb = (y + 1.402 * v, y - 0.344 * u - 0.714 * v, y + 1.772 * u)
    for name, wanted in COLOURS.items():
        if all(abs(a - b) < 60 for a, b in zip(rgb, wanted, strict=True)):
            return name
    return f"rgb{tuple(round(part) for part in rgb)}"


def until_colour(camera: Any, wanted: str) -> Any:
    """Read until a picture of that colour comes."""
    shown = "nothing"

    def look() -> Any:
        nonlocal shown
        frame = camera.read(1.0)
        if frame is None:
            return None
        shown = colour(frame)
        return frame if shown == wanted else None

    try:
        return within(PICTURE_S, f"a {wanted} picture", look)
    except AssertionError as err:
        raise AssertionError(f"{err}; the newest picture was {shown}") from None


def pictures_for(camera: Any, seconds: float) -> int:
    """Return how many pictures come in some seconds."""
    until, count = time.monotonic() + seconds, 0
    while (left := until - time.monotonic()) > 0:
        count += camera.read(left) is not None
    return count


def error_of(camera: Any, limit_s: float = PICTURE_S) -> Exception:
    """Read until it fails, and return how."""
    from hardware.ports import DeviceError

    failed: list[Exception] = []

    def look() -> bool:
        try:
            camera.read(0.5)
        except DeviceError as err:
            failed.append(err)
        return bool(failed)

    within(limit_s, "the camera to fail", look)
    return failed[0]
