"""A presenter on SDL 2: a window under X11 or Wayland, or the whole screen, fed with one IYUV texture."""

import ctypes
import logging
import os
import warnings
from typing import Any

with warnings.catch_warnings():
    # it says where its library comes from, which is nobody's trouble
    warnings.simplefilter("ignore", UserWarning)
    import sdl2
    import sdl2.surface

from display.canvas import Canvas
from display.screens.port import ScreenClosed, ScreenError

logger = logging.getLogger(__name__)
_STAND_INS = frozenset({"offscreen", "dummy"})
_REDRAW = frozenset({sdl2.SDL_RENDER_TARGETS_RESET, sdl2.SDL_RENDER_DEVICE_RESET})


class SdlPresenter:
    """Owns SDL's video part; everything happens in the compose thread, which SDL requires."""

    def __init__(self, *, fullscreen: bool = False) -> None:
        self._fullscreen = fullscreen
        self._window: Any = None
        self._renderer: Any = None
        self._texture: Any = None
        self._size = (0, 0)
        self._shown = -1
        self._uncovered = False

    def open(self, width: int, height: int) -> None:
        try:
            self._start(width, height)
        except ScreenError:
            self.close()
            raise

    def present(self, canvas: Canvas) -> None:
        self._handle_events()
        if canvas.rev == self._shown and not self._uncovered:
            return
        if canvas.rev != self._shown:
            self._upload(canvas)
        _check(sdl2.SDL_RenderClear(self._renderer), "clear the screen")
        _check(sdl2.SDL_RenderCopy(self._renderer, self._texture, None, None), "draw")
        sdl2.SDL_RenderPresent(self._renderer)
        self._shown, self._uncovered = canvas.rev, False

    def close(self) -> None:
        for item, destroy in (
            (self._texture, sdl2.SDL_DestroyTexture),
            (self._renderer, sdl2.SDL_DestroyRenderer),
            (self._window, sdl2.SDL_DestroyWindow),
        ):
            if item:
                destroy(item)
        self._window = self._renderer = self._texture = None
        sdl2.SDL_QuitSubSystem(sdl2.SDL_INIT_VIDEO)

    def _start(self, width: int, height: int) -> None:
        # signals belong to the program, and the screen must not go dark in a meeting
        sdl2.SDL_SetHint(sdl2.SDL_HINT_NO_SIGNAL_HANDLERS, b"1")
        sdl2.SDL_SetHint(sdl2.SDL_HINT_VIDEO_ALLOW_SCREENSAVER, b"0")
        sdl2.SDL_SetHint(sdl2.SDL_HINT_RENDER_SCALE_QUALITY, b"linear")
        if sdl2.SDL_InitSubSystem(sdl2.SDL_INIT_VIDEO):
            raise ScreenError(f"no screen to draw on ({_error()}); is a display server running, is DISPLAY set?")
        _refuse_a_stand_in(_text(sdl2.SDL_GetCurrentVideoDriver()))
        logger.info("screen: SDL driver %s", _text(sdl2.SDL_GetCurrentVideoDriver()))
        if sdl2.SDL_GetNumVideoDisplays() < 1:
            raise ScreenError("no TV is connected, or it is switched off")
        # SDL chooses by height otherwise, and would show our BT.601 as BT.709
        sdl2.surface.SDL_SetYUVConversionMode(sdl2.surface.SDL_YUV_CONVERSION_BT601)
        flags = sdl2.SDL_WINDOW_FULLSCREEN_DESKTOP if self._fullscreen else sdl2.SDL_WINDOW_RESIZABLE
        centre = sdl2.SDL_WINDOWPOS_CENTERED
        self._window = _made(sdl2.SDL_CreateWindow(b"Salon", centre, centre, width, height, flags), "open a window")
        self._renderer = _made(sdl2.SDL_CreateRenderer(self._window, -1, 0), "draw in the window")
        # keeps the picture's shape on a screen of another one
        _check(sdl2.SDL_RenderSetLogicalSize(self._renderer, width, height), "scale")
        sdl2.SDL_ShowCursor(sdl2.SDL_DISABLE if self._fullscreen else sdl2.SDL_ENABLE)
        self._size = (width, height)
        self._make_texture()

    def _make_texture(self) -> None:
        if self._texture:
            sdl2.SDL_DestroyTexture(self._texture)
        kind, access = sdl2.SDL_PIXELFORMAT_IYUV, sdl2.SDL_TEXTUREACCESS_STREAMING
        self._texture = _made(sdl2.SDL_CreateTexture(self._renderer, kind, access, *self._size), "hold the picture")
        self._shown = -1

    def _upload(self, canvas: Canvas) -> None:
        y, (u, v) = canvas.y, canvas.uv
        planes = [part for plane in (y, u, v) for part in (_bytes_of(plane.ctypes.data), plane.strides[0])]
        _check(sdl2.SDL_UpdateYUVTexture(self._texture, None, *planes), "update the picture")

    def _handle_events(self) -> None:
        event = sdl2.SDL_Event()
        while sdl2.SDL_PollEvent(ctypes.byref(event)):
            if event.type == sdl2.SDL_QUIT:
                raise ScreenClosed("the TV window was closed")
            if event.type in _REDRAW:
                self._make_texture()
            elif event.type in (sdl2.SDL_WINDOWEVENT, sdl2.SDL_DISPLAYEVENT):
                self._uncovered = True
                if not sdl2.SDL_GetNumVideoDisplays():
                    raise ScreenError("the TV was unplugged or switched off")


def _refuse_a_stand_in(driver: str) -> None:
    """SDL draws into nothing when it finds no screen; a room does so only when it was asked for by name."""
    if driver in _STAND_INS and driver not in os.environ.get("SDL_VIDEODRIVER", "").split(","):
        raise ScreenError(
            "no TV and no desktop to draw on; connect the TV, start the desktop or set DISPLAY, "
            'or set display.screen = "png:/path/tv.png"'
        )


def _bytes_of(address: int) -> Any:
    return ctypes.cast(address, ctypes.POINTER(ctypes.c_ubyte))


def _made(item: Any, what: str) -> Any:
    if not item:
        raise ScreenError(f"the screen's driver could not {what}: {_error()}")
    return item


def _check(result: int, what: str) -> None:
    if result:
        raise ScreenError(f"the screen's driver could not {what}: {_error()}")


def _error() -> str:
    return _text(sdl2.SDL_GetError()) or "no reason given"


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")
