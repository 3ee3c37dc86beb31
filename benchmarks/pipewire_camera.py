"""A camera of PipeWire's that can be pulled by ending it: `python -m benchmarks.pipewire_camera NAME`.

It shows the simulated camera's picture with the mark of NAME; GStreamer's pipewiresink makes a node of it.
"""

import subprocess
import sys

from hardware import registry

WIDTH, HEIGHT, FPS = 640, 360, 30


def main(name: str) -> None:
    """Play until killed."""
    properties = f"props,media.class=Video/Source,media.role=Camera,node.name={name},node.description={name}"
    picture = f"width={WIDTH} height={HEIGHT} framerate={FPS}/1"
    pipeline = (
        f"fdsrc ! rawvideoparse format=i420 {picture} ! identity drop-allocation=true ! pipewiresink mode=provide"
    )
    words = ["gst-launch-1.0", "-q", *pipeline.split(), f"stream-properties={properties}"]
    with (
        subprocess.Popen(words, stdin=subprocess.PIPE) as node,
        registry.camera(f"sim:pattern?size={WIDTH}x{HEIGHT}&fps={FPS}&mark={name}") as camera,
    ):
        assert node.stdin is not None
        while True:
            frame = camera.read(1.0)
            if frame is not None:
                node.stdin.write(b"".join(plane.tobytes() for plane in (frame.y, frame.u, frame.v)))
                node.stdin.flush()


if __name__ == "__main__":
    main(sys.argv[1])
