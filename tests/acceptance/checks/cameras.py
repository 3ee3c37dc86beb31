"""USB cameras and camera modules: mode, picture, and what a call sees of one that is pulled out."""

import time
from pathlib import Path

import cv2
import numpy as np

from acceptance.call import CameraCall
from acceptance.check import Figure, Figures, check, demand
from acceptance.person import Person
from acceptance.room import Room, with_options
from hardware.camera.signal import is_flat
from hardware.ports import Camera, VideoFrame

_LEAST_FPS, _SIZE = 27.0, (1280, 720)
_MOST_SLATE_S, _MOST_SWAP_S, _MOST_BACK_S = 1.0, 2.0, 5.0
_FIRST_S = 5.0
"""A camera may take so long until its first picture."""


@check(
    "usb-camera",
    "A USB camera gives 720p at 30 pictures a second as MJPEG",
    do="Plug in one USB camera, and switch the lights on: in the dark most cameras take fewer pictures.",
    passes=f"1280x720, at least {_LEAST_FPS:g} pictures a second over ten seconds",
    uses=("camera",),
)
def usb_camera(room: Room, _person: Person) -> Figures:
    uri = with_options(room.devices.camera, size="1280x720", fps="30", format="mjpeg")
    with room.camera(uri) as camera:
        return _rate(camera, room)


@check(
    "usb-camera-picture",
    "The USB camera's picture looks as it should",
    do="Let the camera look at something with colours.",
    passes="it is not one flat colour, and a person finds it sharp, upright and of the right colours",
    uses=("camera",),
)
def usb_picture(room: Room, person: Person) -> Figures:
    with room.camera(with_options(room.devices.camera, size="1280x720", fps="30", format="mjpeg")) as camera:
        return _looked_at(camera, room.out / "usb-camera.jpg", person)


@check(
    "camera-unplugged",
    "In a call, a camera that is pulled out is told of and covered by a slate, and comes back when it is plugged in",
    do="Leave just one USB camera plugged in.",
    passes=f"slate within {_MOST_SLATE_S:g} s of the last picture, error told, picture back within {_MOST_BACK_S:g} s "
    "of the device's return",
    uses=("camera", "watch"),
)
def unplugged(room: Room, person: Person) -> Figures:
    with CameraCall(room, (room.devices.camera,)) as call:
        room.until(lambda: call.in_use and call.seen_s, "pictures of the camera", lambda: call.error)
        person.tell("Now pull the camera's plug.")
        room.until(lambda: call.error and call.slate_s is not None, "an error and a slate")
        figures: dict[str, Figure] = {
            "error_s": round(call.failed_s - call.picture_s, 2),
            "slate_s": round((call.slate_s or 0.0) - call.picture_s, 2),
            "error": call.error,
        }
        figures["back_s"] = _back(room, call, room.devices.camera, person)
    demand(float(figures["slate_s"]) <= _MOST_SLATE_S, "the slate came too late", figures)
    demand(float(figures["back_s"]) <= _MOST_BACK_S, "the picture came back too late", figures)
    return figures


@check(
    "two-cameras",
    "In a call, the second camera stands in for the preferred one, until that is back",
    do="Plug in two USB cameras.",
    passes=f"pictures of the other within {_MOST_SWAP_S:g} s of the last one, and of the preferred one within "
    f"{_MOST_BACK_S:g} s of its return",
    uses=("camera", "second_camera", "watch"),
)
def two_cameras(room: Room, person: Person) -> Figures:
    first, second = room.cameras()
    with CameraCall(room, (first, second)) as call:
        room.until(lambda: call.in_use == first and call.seen_s, "pictures of the preferred camera", lambda: call.error)
        call.mark()
        # the gap has a picture before it, also where nobody waits for a hand
        room.until(lambda: call.seen_s, "pictures of the preferred camera", lambda: call.error)
        person.tell(f"Now pull the plug of the preferred camera: {call.name}.")
        room.until(lambda: call.in_use == second and call.seen_s > call.first_s, "pictures of the other camera")
        figures = {"swap_s": round(call.longest_gap_s(), 2)}
        figures["back_s"] = _back(room, call, first, person)
    demand(figures["swap_s"] <= _MOST_SWAP_S, "the other camera came too late", figures)
    demand(figures["back_s"] <= _MOST_BACK_S, "the preferred camera came back too late", figures)
    return figures


@check(
    "pi-camera",
    "A camera module on the ribbon cable gives pictures through picamera2",
    do="Power off, plug a camera module in, power on (ribbon cables are no hot-plug), and come back with --resume.",
    passes=f"1280x720, at least {_LEAST_FPS:g} pictures a second, and a person finds the picture right",
    uses=("pi_camera",),
)
def pi_camera(room: Room, person: Person) -> Figures:
    with room.camera(with_options(room.devices.pi_camera, size="1280x720", fps="30")) as camera:
        return {**_rate(camera, room), **_looked_at(camera, room.out / "pi-camera.jpg", person)}


def _rate(camera: Camera, room: Room) -> Figures:
    """Watch a camera for a while."""
    began = time.monotonic()
    frame = camera.read(_FIRST_S)
    demand(frame is not None, f"{camera.name} opens and gives no picture")
    first_s, count, size = time.monotonic(), 0, set[tuple[int, int]]()
    while time.monotonic() - first_s < room.spans.stream:
        frame = camera.read(1.0)
        if frame is not None:
            count += 1
            size.add((frame.width, frame.height))
    figures: dict[str, Figure] = {
        "camera": camera.name,
        "size": " ".join(f"{width}x{height}" for width, height in sorted(size)),
        "fps": round(count / (time.monotonic() - first_s), 1),
        "first_picture_s": round(first_s - began, 2),
        "dropped": camera.dropped,
    }
    demand(size == {_SIZE}, "its pictures are not 1280x720", figures)
    demand(float(figures["fps"]) >= _LEAST_FPS, "too few pictures a second: is there light enough?", figures)
    return figures


def _looked_at(camera: Camera, path: Path, person: Person) -> Figures:
    """Save a picture once exposure and focus had some time, and let the person look at it."""
    frame = None
    for _ in range(30):
        frame = camera.read(_FIRST_S) or frame
    demand(frame is not None, f"{camera.name} opens and gives no picture")
    assert frame is not None
    save(frame, path)
    figures: dict[str, Figure] = {"picture": path.name}
    demand(not is_flat(frame), "the whole picture is one colour: is its lens covered?", figures)
    seen = person.yes(f"Look at {path}. Is it sharp, upright, and are its colours right?")
    demand(seen, "a person found the picture wrong", figures)
    return figures


def save(frame: VideoFrame, path: Path) -> None:
    """Write a picture as JPEG."""
    planes = np.concatenate([np.ascontiguousarray(plane).reshape(-1) for plane in (frame.y, frame.u, frame.v)])
    i420 = planes.reshape(frame.height * 3 // 2, frame.width)
    if not cv2.imwrite(str(path), cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420)):
        raise OSError(f"{path} cannot be written")


def _back(room: Room, call: CameraCall, uri: str, person: Person) -> float:
    """Wait until a camera is plugged in again and gives pictures; return how long the second took."""
    room.until(lambda: not call.is_there(uri), "its absence in the list of devices")
    person.tell("Now plug it in again.")
    room.until(lambda: call.is_there(uri), "its return to the list of devices")
    room.until(lambda: call.in_use == uri, "its pictures", lambda: call.error)
    return round(max(call.first_s - call.came_s, 0.0), 2)
