"""picamera2 as it is released, and libcamera with its virtual camera: found, named, missed, and refused in words.

picamera2 cannot open the virtual camera (it has no raw modes), so what a sensor would stream is seen one level lower:
how libcamera hands out a picture, and that the driver reads its planes right.
"""

import mmap
import selectors
import sys
from pathlib import Path

import libcamera
import numpy as np
from check import raised, say, step, within

from hardware import registry
from hardware.camera.newest import stuck
from hardware.camera.picamera import planes
from hardware.ports import DeviceError, DeviceMissing

WIDTH, HEIGHT = 640, 360
FRAMES = 10
CONFIGURATION = f"""\
"Virtual0":
  supported_formats:
  - width: {WIDTH}
    height: {HEIGHT}
    frame_rates:
    - 5
    - 30
  test_pattern: "bars"
  location: "CameraLocationFront"
  model: "Virtual Video Device"
"""
PICAMERA2 = "/usr/local/lib/picamera2"
ABSENT = "/srv/guest/inside/absent"


def read_until_it_fails(uri: str) -> None:
    with registry.camera(uri) as camera:
        for _ in range(60):
            camera.read(0.5)


def stream() -> list[tuple[np.ndarray, int]]:
    """Let libcamera fill some buffers, as picamera2's event loop does; returns each one's bytes and stride."""
    manager = libcamera.CameraManager.singleton()
    camera = manager.cameras[0]
    camera.acquire()
    wanted = camera.generate_configuration([libcamera.StreamRole.VideoRecording])
    wanted.at(0).size, wanted.at(0).buffer_count = libcamera.Size(WIDTH, HEIGHT), 4
    wanted.validate()
    camera.configure(wanted)
    to = wanted.at(0).stream
    allocator = libcamera.FrameBufferAllocator(camera)
    allocator.allocate(to)
    camera.start()
    for buffer in allocator.buffers(to):
        request = camera.create_request()
        request.add_buffer(to, buffer)
        camera.queue_request(request)
    pictures: list[np.ndarray] = []

    def look() -> bool:
        ready.select(1.0)
        for request in manager.get_ready_requests():
            pictures.append(content(request.buffers[to]))
            request.reuse()
            camera.queue_request(request)
        return len(pictures) >= FRAMES

    with selectors.DefaultSelector() as ready:
        ready.register(manager.event_fd, selectors.EVENT_READ)
        within(60, f"{FRAMES} pictures", look)
    camera.stop()
    camera.release()
    return [(picture, WIDTH) for picture in pictures]


def content(buffer: libcamera.FrameBuffer) -> np.ndarray:
    """Return a copy of a picture's bytes, which lie in one file, plane after plane."""
    size = sum(plane.length for plane in buffer.planes)
    with mmap.mmap(buffer.planes[0].fd, size, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
        return np.frombuffer(bytes(memory), np.uint8)


with step("without picamera2, the way to get it is told"):
    error = raised(DeviceMissing, registry.camera("picamera:").__enter__)
    assert "python3-picamera2" in str(error), error
sys.path[:0] = [PICAMERA2, ABSENT]

folder = Path("/usr/share/libcamera/pipeline/virtual")
folder.mkdir(parents=True, exist_ok=True)
(folder / "virtual.yaml").write_text(CONFIGURATION)

with step("picamera2 lists the camera, and the driver finds it by name and number"):
    assert all(registry.present("camera", f"picamera:{selector}") for selector in ("", "0", "virtual video"))
    error = raised(DeviceMissing, registry.camera("picamera:imx708").__enter__)
    assert "Virtual Video Device" in str(error), error
    assert "ribbon cable" in str(error), error

with step("what picamera2 refuses is an error in words, as often as it is tried"):
    for _ in range(2):
        error = raised(DeviceError, lambda: read_until_it_fails("picamera:?size=640x360&fps=5"))
        assert "Virtual Video Device cannot be used" in str(error), error
    assert stuck() == 0
    say(f"it said: {error}")

with step("libcamera's pictures are read plane by plane"):
    for picture, stride in stream():
        y, u, v = planes(picture, {"size": (WIDTH, HEIGHT), "stride": stride, "format": "NV12"})
        assert y.shape == (HEIGHT, WIDTH)
        assert u.shape == v.shape == (HEIGHT // 2, WIDTH // 2)
        # upright bars: every row is alike, and there are eight colours in it
        assert all((plane == plane[0]).all() for plane in (y, u, v))
        colours = {(int(y[0, 2 * x]), int(u[0, x]), int(v[0, x])) for x in range(4, WIDTH // 2 - 4)}
        assert len(colours) >= 8, colours
