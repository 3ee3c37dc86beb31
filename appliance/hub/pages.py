"""The guest page's files, read once at the start and sent with headers that let nothing else in."""

from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

GUEST = Path(__file__).parent / "guest"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), autoplay=(self)",
}


@dataclass(frozen=True, slots=True)
class Pages:
    """The files of one folder by their path on the web; anything else does not exist."""

    files: dict[str, Path]

    @classmethod
    def of(cls, folder: Path = GUEST) -> "Pages":
        """List a folder; a hub without a guest page still serves meetings."""
        found = sorted(folder.rglob("*")) if folder.is_dir() else []
        known = [path for path in found if path.is_file() and path.suffix in _TYPES and not path.is_symlink()]
        return cls({f"/{path.relative_to(folder).as_posix()}": path for path in known})

    def get(self, request: web.Request) -> web.StreamResponse:
        """Answer with a file, or say that there is none."""
        path = "/index.html" if request.path == "/" else request.path
        file = self.files.get(path)
        if file is None:
            raise web.HTTPNotFound(text="There is nothing here. Open the link from your invitation.\n")
        # the page itself is never kept: it must fit the hub that serves it; the rest is asked for again by its tag
        kept = "no-store" if path == "/index.html" else "no-cache"
        headers = {
            **_HEADERS,
            "Content-Type": _TYPES[file.suffix],
            "Cache-Control": kept,
            "Content-Security-Policy": _policy(request.host),
        }
        return web.FileResponse(file, headers=headers)


def _policy(host: str) -> str:
    # not every browser takes 'self' for WebSockets as well
    sockets = f"ws://{host} wss://{host}" if _plain_host(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; manifest-src 'self'; "
        f"img-src 'self' data: blob:; media-src 'self' blob: mediastream:; worker-src 'self' blob:; "
        f"connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _plain_host(host: str) -> bool:
    return bool(host) and all(c.isalnum() or c in ".-:[]" for c in host)
