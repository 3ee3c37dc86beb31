"""picamera2 as far as a room uses it, without a Pi. It keeps to the interface of picamera2 0.3:

`Picamera2(camera_num)` raises RuntimeError when it cannot be opened; `global_camera_info()` gives dicts with Model,
Location, Rotation, Id and Num; `create_video_configuration(main=, controls=,
buffer_count=, display=, encode=, queue=)`;
`configure(configuration)` and then `camera_config["main"]` with format, size, stride and framesize as libcamera made
them; `post_callback(request)` is called on the event loop's own thread; `request.make_buffer("main")` is one dimension
of bytes, `request.get_metadata()` a dict; `start()`, `stop()`, `close()`.
"""

import threading
import time

import numpy as np


class Request:
    def __init__(self, buffer, metadata):
        self._buffer, self._metadata = buffer, metadata

    def make_buffer(self, name):
        assert name == "main"
        return self._buffer.copy()

    def get_metadata(self):
        return dict(self._metadata)


MODULE = {"Model": "imx708_wide", "Location": 2, "Rotation": 180, "Id": "/base/soc/i2c0mux/imx708@1a", "Num": 0}


class Machine:
    """A machine with these modules; calling it opens one, so it stands for the class `Picamera2`."""

    def __init__(self, modules=(MODULE,)):
        self._modules = modules
        self.opened = []
        self.padding = 64
        self.gives = "YUV420"
        self.colours = "Rec709"
        self.error = None
        self.error_at_start = None
        self.hangs = False
        """Whether `stop` never returns."""

    def global_camera_info(self):
        return list(self._modules)

    def __call__(self, camera_num=0):
        if self.error:
            raise RuntimeError(self.error)
        self.opened.append(Camera(self, camera_num))
        return self.opened[-1]


class Camera:
    """An open one."""

    def __init__(self, library, number):
        self._library, self.number = library, number
        self.post_callback = None
        self.camera_config = None
        self.started = self.closed = False
        self.released = threading.Event()

    def create_video_configuration(self, main, controls, buffer_count, display, encode, queue):
        assert main["format"] == "YUV420"
        assert isinstance(main["size"], tuple)
        assert display is None
        assert encode is None
        return {"main": dict(main), "controls": controls, "buffer_count": buffer_count, "queue": queue}

    def configure(self, configuration):
        main = dict(configuration["main"])
        width, height = main["size"]
        main["stride"] = -(-width // self._library.padding) * self._library.padding
        main["framesize"] = main["stride"] * height * 3 // 2 + 4096
        main["format"] = self._library.gives
        self.camera_config = {**configuration, "main": main, "colour_space": self._library.colours}

    def start(self):
        assert self.camera_config is not None
        if self._library.error_at_start:
            raise RuntimeError(self._library.error_at_start)
        self.started = True

    def give(self, luma=100):
        """A picture arrives."""
        assert self.started
        main = self.camera_config["main"]
        (width, height), stride = main["size"], main["stride"]
        buffer = np.full(main["framesize"], 0xEE, np.uint8)
        buffer[: stride * height].reshape(height, stride)[:, :width] = luma
        colours = buffer[stride * height : stride * height * 3 // 2]
        if main["format"] == "YUV420":
            planes = colours.reshape(2, height // 2, stride // 2)
            planes[0, :, : width // 2], planes[1, :, : width // 2] = 90, 160
        else:
            pairs = colours.reshape(height // 2, stride // 2, 2)
            pairs[:, : width // 2, 0], pairs[:, : width // 2, 1] = 90, 160
        stamp = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 5_000_000
        loop = threading.Thread(target=self.post_callback, args=(Request(buffer, {"SensorTimestamp": stamp}),))
        loop.start()
        loop.join()

    def give_short(self):
        """A buffer arrives that holds less than a picture."""
        self.post_callback(Request(np.zeros(100, np.uint8), {}))

    def stop(self):
        if self._library.error_at_start:
            raise RuntimeError("it was not started")
        if self._library.hangs:
            self.released.wait()
        self.started = False

    def close(self):
        assert not self.closed
        self.closed = True
