"""Video and audio files that stand in for a camera or a microphone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.container
import av.error

from hardware.ports import BadUri, DeviceError, DeviceMissing
from hardware.uri import DeviceUri


def clip_path(uri: DeviceUri) -> Path:
    """Return the file a URI names, or say what is wrong with it."""
    if not uri.path:
        raise BadUri("file: needs a path, such as file:/home/room/clip.mp4")
    path = Path(uri.path).expanduser()
    if not path.is_file():
        raise DeviceMissing(f"there is no clip at {path}: put a video file there, or name another in room.toml")
    return path


class Clip:
    """One kind of stream of a file, decoded from the start and over again."""

    def __init__(self, path: Path, kind: str, *, loop: bool) -> None:
        self._path, self._loop = path, loop
        self._container = _open(path)
        streams = [stream for stream in self._container.streams if stream.type == kind]
        if not streams:
            self.close()
            raise DeviceError(f"{path} has no {kind} in it: name a clip that has")
        self.stream: Any = streams[0]
        self.stream.codec_context.thread_count = 1

    def frames(self) -> Iterator[Any]:
        """Yield decoded frames; ends after the clip unless it loops."""
        while True:
            count = 0
            for frame in self._decoded():
                count += 1
                yield frame
            if not count:
                raise DeviceError(f"{self._path} has nothing that can be decoded: name another clip in room.toml")
            if not self._loop:
                return
            self._container.seek(0)

    def close(self) -> None:
        self._container.close()

    def _decoded(self) -> Iterator[Any]:
        try:
            yield from self._container.decode(self.stream)
        except av.error.FFmpegError as err:
            raise DeviceError(f"{self._path} cannot be decoded ({err.strerror}): name another clip") from err


def _open(path: Path) -> av.container.InputContainer:
    try:
        return av.open(str(path))
    except (av.error.FFmpegError, OSError) as err:
        raise DeviceError(f"{path} cannot be opened ({err.strerror}): it should be a video or audio file") from err
