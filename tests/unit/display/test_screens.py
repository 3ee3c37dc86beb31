import threading
from pathlib import Path

import pytest
from PIL import Image

from display.canvas import Canvas
from display.screens.null import NullPresenter
from display.screens.png import PngPresenter
from display.screens.port import ScreenClosed, ScreenError
from display.screens.registry import UnknownScreen, presenter_for
from display.screens.screen import Screen
from display.screens.uri import ScreenUri


class Clock:
    def __init__(self):
        self.s = 100.0

    def __call__(self):
        return self.s


class Moody:
    """A presenter that does what the test tells it to."""

    def __init__(self):
        self.trouble = None
        self.opened = 0
        self.shown = 0

    def open(self, width, height):
        self.opened += 1
        self._grumble()

    def present(self, canvas):
        self._grumble()
        self.shown += 1

    def close(self):
        pass

    def _grumble(self):
        if self.trouble:
            raise self.trouble


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def moody():
    return Moody()


@pytest.fixture
def screen(moody, clock):
    return Screen("moody:", lambda uri: moody, monotonic=clock)


@pytest.mark.parametrize(
    "uri", ["", "hdmi:", "png:", "sdl:0", "sdl:?fullscreen=yes", "png:/x?every=soon", "png:/x?every=0"]
)
def test_an_unknown_screen_is_refused_by_name(uri):
    with pytest.raises(UnknownScreen) as refusal:
        presenter_for(uri)
    assert repr(uri) in str(refusal.value)


def test_a_uri_names_its_presenter(tmp_path):
    assert isinstance(presenter_for("null:"), NullPresenter)
    assert isinstance(presenter_for(f"png:{tmp_path}/tv.png?every=0.5"), PngPresenter)


def test_a_file_may_be_named_from_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/facilities")
    assert ScreenUri.parse("png:~/tv.png").path == Path("/home/facilities/tv.png")


def test_a_working_screen_is_lit(screen, clock):
    assert not screen.lit
    screen.present(Canvas(64, 36))
    assert (screen.lit, screen.showing, screen.error) == (True, "moody:", "")
    clock.s += 2.5
    assert not screen.lit


def test_a_screen_that_fails_falls_to_nothing_and_says_why(screen, moody):
    screen.present(Canvas(64, 36))
    moody.trouble = ScreenError("the TV was unplugged")
    screen.present(Canvas(64, 36))
    assert (screen.lit, screen.showing, screen.error) == (False, "null:", "the TV was unplugged")


def test_a_failed_screen_is_tried_again_with_longer_and_longer_waits(screen, moody, clock):
    moody.trouble = ScreenError("no TV")
    tries = []
    for _ in range(400):
        before = moody.opened
        screen.present(Canvas(64, 36))
        if moody.opened > before:
            tries.append(clock.s - 100)
        clock.s += 0.5
    assert tries[:6] == [0, 1, 3, 7, 15, 31]
    assert tries[-1] - tries[-2] == 60
    moody.trouble = None
    clock.s += 60
    screen.present(Canvas(64, 36))
    assert (screen.lit, screen.error) == (True, "")


def test_a_window_somebody_closed_stays_closed(screen, moody, clock):
    screen.present(Canvas(64, 36))
    moody.trouble = ScreenClosed("the TV window was closed")
    screen.present(Canvas(64, 36))
    moody.trouble = None
    clock.s += 10_000
    screen.present(Canvas(64, 36))
    assert moody.opened == 1
    assert screen.error == "the TV window was closed"


def test_the_png_is_the_canvas(tmp_path, clock):
    path = tmp_path / "new" / "tv.png"
    png = PngPresenter(path, monotonic=clock)
    png.open(64, 36)
    canvas = Canvas(64, 36)
    canvas.fill(canvas.rect, (200, 30, 30))
    png.present(canvas)
    png.close()
    with Image.open(path) as image:
        assert image.size == (64, 36)
        assert max(abs(a - b) for a, b in zip(image.getpixel((5, 5)), (200, 30, 30), strict=True)) <= 4
    assert [file.name for file in path.parent.iterdir()] == ["tv.png"]


def test_the_png_is_written_only_as_often_as_asked_and_ends_with_the_last_picture(tmp_path, clock):
    path = tmp_path / "tv.png"
    png = PngPresenter(path, every=5.0, monotonic=clock)
    png.open(64, 36)
    canvas = Canvas(64, 36)
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250)]
    for colour in colours:
        canvas.fill(canvas.rect, colour)
        png.present(canvas)
        wait_for_writer(png)
        clock.s += 2
    with Image.open(path) as image:
        assert image.getpixel((5, 5))[0] > 200
    png.close()
    with Image.open(path) as image:
        assert image.getpixel((5, 5))[2] > 200


def test_an_unchanged_picture_is_not_written_again(tmp_path, clock):
    path = tmp_path / "tv.png"
    png = PngPresenter(path, monotonic=clock)
    png.open(64, 36)
    canvas = Canvas(64, 36)
    png.present(canvas)
    wait_for_writer(png)
    written = path.stat().st_ino
    clock.s += 60
    png.present(canvas)
    wait_for_writer(png)
    png.close()
    assert path.stat().st_ino == written


def test_a_folder_that_is_none_is_a_clear_error(tmp_path, clock):
    (tmp_path / "file").write_text("")
    screen = Screen(f"png:{tmp_path}/file/tv.png", presenter_for, monotonic=clock)
    screen.present(Canvas(64, 36))
    assert "cannot be made" in screen.error
    png = PngPresenter(tmp_path / "tv.png", monotonic=clock)
    png.open(64, 36)
    (tmp_path / "tv.png").mkdir()
    canvas = Canvas(64, 36)
    png.present(canvas)
    wait_for_writer(png)
    clock.s += 2
    canvas.fill(canvas.rect, (1, 2, 3))
    with pytest.raises(ScreenError, match="cannot be written"):
        png.present(canvas)
    png.close()


def wait_for_writer(png):
    idle = threading.Event()
    png._writer.submit(idle.set)
    assert idle.wait(10)
