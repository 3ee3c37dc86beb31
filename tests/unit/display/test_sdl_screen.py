"""The SDL window, looked at from outside: under Xvfb, whose frame buffer is a file that can be read."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sdl_show import painted

from display.canvas import Canvas
from display.colour import to_image
from display.screens.registry import presenter_for
from display.screens.screen import Screen

HERE = Path(__file__).parent


@pytest.fixture
def xvfb(tmp_path):
    """An X server of our own; yields its display and its frame buffer's file (X Window Dump format)."""
    read, write = os.pipe()
    command = [
        "Xvfb",
        "-displayfd",
        str(write),
        "-screen",
        "0",
        "640x360x24",
        "-fbdir",
        str(tmp_path),
        "-nolisten",
        "tcp",
    ]
    server = subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as number:
        display = number.readline().strip()
    yield f":{display}", tmp_path / "Xvfb_screen0"
    server.terminate()
    server.wait(10)


def screenshot(dump):
    data = dump.read_bytes()
    header, _, _, _, width, height, _, _, _, _, _, bits, line, *_ = struct.unpack(">25I", data[:100])
    colours = struct.unpack(">25I", data[:100])[19]
    assert bits == 32
    pixels = np.frombuffer(data, np.uint8, line * height, header + colours * 12).reshape(height, line)
    return pixels[:, : width * 4].reshape(height, width, 4)[:, :, 2::-1]


@pytest.mark.parametrize("uri", ["sdl:", "sdl:?fullscreen=1"])
def test_the_window_shows_the_canvas_in_its_colours(xvfb, uri):
    display, dump = xvfb
    environment = {**os.environ, "DISPLAY": display, "SDL_VIDEODRIVER": "x11", "SDL_RENDER_DRIVER": "software"}
    show = [sys.executable, str(HERE / "sdl_show.py"), uri]
    with subprocess.Popen(show, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as window:
        assert window.stdout.readline() == "shown\n"
        seen = screenshot(dump).astype(int)
        window.stdin.close()
        assert window.wait(10) == 0
    wanted = np.asarray(to_image(painted(640, 360))).astype(int)
    difference = np.abs(seen - wanted)
    # chroma at the border of two colours is interpolated differently; areas and the grey ramp must agree
    assert np.mean(difference) < 2
    for x, y in ((100, 60), (500, 60), (100, 300), (500, 300)):
        assert difference[y, x].max() <= 4
    assert difference[180, ::40].max() <= 4


def test_without_a_display_server_the_screen_says_what_to_look_at(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":4242")
    screen = Screen("sdl:", presenter_for, monotonic=lambda: 1.0)
    screen.present(Canvas(64, 36))
    assert screen.showing == "null:"
    assert "is a display server running" in screen.error


def test_sdls_stand_in_for_a_screen_is_not_taken_silently(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/none")
    now = [100.0]
    screen = Screen("sdl:?fullscreen=1", presenter_for, monotonic=lambda: now[0])
    screen.present(Canvas(64, 36))
    assert not screen.lit
    assert 'display.screen = "png:/path/tv.png"' in screen.error
    # asked for by name it is, and the screen is tried again after a while
    monkeypatch.setenv("SDL_VIDEODRIVER", "offscreen")
    now[0] += 5
    screen.present(Canvas(64, 36))
    assert (screen.lit, screen.error) == (True, "")
    screen.close()
