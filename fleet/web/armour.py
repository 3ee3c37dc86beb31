"""What holds for every answer: no script but our own files, no framing, no cache of pages; and no endless request."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 256 * 1024
TOO_LARGE = f"A request has at most {LARGEST_BODY // 1024} KB."
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PROTECTION = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # with no-referrer browsers would not say either from where our own forms come
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class TooLarge(HTTPException):
    """The body goes on beyond what we read."""

    def __init__(self) -> None:
        super().__init__(413)


class Armour:
    """Middleware around everything."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = {**PROTECTION}
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            await self._refuse(scope, receive, send, 400, "A request holds no NUL.")
            return
        length = Headers(scope=scope).get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            await self._refuse(scope, receive, send, 413, TOO_LARGE)
            return

        async def armoured(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._equip(scope["path"], MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, _bounded(receive), armoured)

    def _equip(self, path: str, headers: MutableHeaders) -> None:
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        # asked for anew each time, and cheap when nothing changed
        headers.setdefault("Cache-Control", "no-cache" if path.startswith("/static/") else "no-store")

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, status: int, words: str) -> None:
        answer = JSONResponse({"error": words}, status, self._headers)
        await answer(scope, receive, send)


def _bounded(receive: Receive) -> Receive:
    read = 0

    async def bounded() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > LARGEST_BODY:
            raise TooLarge
        return message

    return bounded
