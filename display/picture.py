"""A small HTTP server for looking at the TV from elsewhere: /tv.png, /tv.jpg and a page that keeps itself fresh.

Pictures of a meeting are personal: it listens on loopback, or it demands a secret as the first part of the path.
"""

import contextlib
import hmac
import io
import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from appliance.errors import SalonError
from display.canvas import Canvas
from display.colour import to_image

logger = logging.getLogger(__name__)

_SHORTEST_SECRET: Final = 16
_MOST_AT_ONCE: Final = 16
_LONGEST_S: Final = 10.0
"""For the whole of an answer; a handler's own time-out is for each step of it."""
_Request = socket.socket | tuple[bytes, socket.socket]
"""What socketserver may be given; of TCP it is the socket."""
_PAGE: Final = b"""<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>The room's TV</title>
<style>body{margin:0;background:#0b0e13;display:grid;place-items:center;min-height:100vh}
img{width:100%;max-height:100vh;object-fit:contain}</style>
<img id="tv" alt="What the room's TV shows now" src="tv.jpg">
<script>
const tv = document.getElementById("tv");
const again = () => setTimeout(() => { tv.src = "tv.jpg?" + Date.now(); }, 1000);
tv.onload = again; tv.onerror = again;
</script>
"""


class PictureRefused(SalonError, ValueError):
    """The picture must not be served like this."""


@contextlib.contextmanager
def serving(picture: Callable[[], Canvas], *, address: str, port: int = 0, secret: str = "") -> Iterator[str]:
    """Serve while the context lasts; yields the page's URL."""
    _check(address, secret)
    try:
        server = _Server((address, port), picture, secret)
    except OSError as err:
        raise PictureRefused(f"the TV picture cannot be served on {address} port {port}: {err.strerror}") from err
    thread = threading.Thread(target=server.serve_forever, name="picture", daemon=True)
    thread.start()
    try:
        host = f"[{address}]" if ":" in address else address
        yield f"http://{host}:{server.server_address[1]}/" + (f"{secret}/" if secret else "")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _check(address: str, secret: str) -> None:
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError as err:
        raise PictureRefused(f"{address!r} is not an IP address to listen on, such as 127.0.0.1") from err
    if not loopback and len(secret) < _SHORTEST_SECRET:
        raise PictureRefused(
            f"the TV picture is to be seen on {address}, by others than this machine: "
            f"that needs a secret of at least {_SHORTEST_SECRET} characters"
        )


class _Server(ThreadingHTTPServer):
    # its end waits for all answers under way, which it cuts short
    daemon_threads = False

    def __init__(self, address: tuple[str, int], picture: Callable[[], Canvas], secret: str) -> None:
        self.picture = picture
        self.secret = secret
        self.encoding = threading.Lock()
        """One picture is encoded at a time, however many people look."""
        self._answering: dict[_Request, float] = {}
        """Connections, and until when each may last."""
        super().__init__(address, _Handler)

    def verify_request(self, request: _Request, client_address: object) -> bool:  # noqa: ARG002 - socketserver's own signature
        """Refuse whoever is one too many: each costs a thread."""
        if len(self._answering) >= _MOST_AT_ONCE:
            return False
        self._answering[request] = time.monotonic() + _LONGEST_S
        return True

    def service_actions(self) -> None:
        """Hang up on those who take their time, twice a second: one byte now and then would keep a thread for hours."""
        self._hang_up(time.monotonic())

    def shutdown_request(self, request: _Request) -> None:
        self._answering.pop(request, None)
        super().shutdown_request(request)

    def server_close(self) -> None:
        self._hang_up(float("inf"))
        super().server_close()

    def _hang_up(self, now: float) -> None:
        for request, until in list(self._answering.items()):
            if until <= now and isinstance(request, socket.socket):
                with contextlib.suppress(OSError):  # it is over already
                    request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 3

    def handle(self) -> None:
        """Serve one connection; who asked may be gone by now, or was sent away."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Answer a request."""
        match self._file():
            case "":
                self._answer("text/html; charset=utf-8", _PAGE)
            case "tv.png":
                self._answer("image/png", self._encode("PNG", compress_level=1))
            case "tv.jpg":
                self._answer("image/jpeg", self._encode("JPEG", quality=85))
            case _:
                self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own signature
        """Say nothing: the path may hold the secret."""

    def _file(self) -> str | None:
        path = self.path.partition("?")[0].removeprefix("/")
        if self.server.secret:
            secret, slash, path = path.partition("/")
            if not slash or not hmac.compare_digest(secret.encode(), self.server.secret.encode()):
                return None
        return path

    def _encode(self, kind: str, **options: int) -> bytes:
        with self.server.encoding:
            buffer = io.BytesIO()
            to_image(self.server.picture()).save(buffer, kind, **options)
            return buffer.getvalue()

    def _answer(self, content_type: str, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)
