"""Data channels: messages beside the media, for chat and signalling."""

from collections.abc import Callable

from aiortc import InvalidStateError, RTCDataChannel

_MAX_MESSAGE = 64 * 1024
_MAX_BUFFERED = 1 << 20


class Channel:
    """One data channel, made by us or by the other side."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self.on_message: Callable[[bytes], None] | None = None
        self.on_open: Callable[[], None] | None = None
        self.dropped = 0
        channel.on("message", self._received)
        channel.on("open", self._opened)

    @property
    def label(self) -> str:
        """Its name, by which both sides know its purpose."""
        return self._channel.label

    @property
    def is_open(self) -> bool:
        """Whether `send` can work now."""
        return self._channel.readyState == "open"

    def send(self, data: bytes) -> bool:
        """Send a message; False when the channel is not open, the other side does not keep up, or it is too long."""
        if not self.is_open or len(data) > _MAX_MESSAGE or self._channel.bufferedAmount + len(data) > _MAX_BUFFERED:
            self.dropped += 1
            return False
        try:
            self._channel.send(data)
        except InvalidStateError:
            return False
        return True

    def _received(self, message: bytes | str) -> None:
        data = message.encode() if isinstance(message, str) else message
        if self.on_message is not None and len(data) <= _MAX_MESSAGE:
            self.on_message(data)

    def _opened(self) -> None:
        if self.on_open is not None:
            self.on_open()
