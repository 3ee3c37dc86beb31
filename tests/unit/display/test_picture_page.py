import contextlib
import io
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest
from PIL import Image

from display import picture
from display.canvas import Canvas
from display.picture import PictureRefused, serving

SECRET = "correct-horse-battery"


def red():
    canvas = Canvas(64, 36)
    canvas.fill(canvas.rect, (200, 30, 30))
    return canvas


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.headers, answer.read()


@pytest.mark.parametrize(("name", "kind"), [("tv.png", "PNG"), ("tv.jpg", "JPEG")])
def test_the_tv_can_be_looked_at(name, kind):
    with serving(red, address="127.0.0.1") as url:
        headers, body = get(url + name + "?123")
    assert headers["Cache-Control"] == "no-store"
    with Image.open(io.BytesIO(body)) as image:
        assert image.format == kind
        assert max(abs(a - b) for a, b in zip(image.getpixel((9, 9)), (200, 30, 30), strict=True)) <= 8


def test_the_page_shows_the_picture():
    with serving(red, address="127.0.0.1") as url:
        _, body = get(url)
    assert b'src="tv.jpg"' in body


@pytest.mark.parametrize("path", ["etc/passwd", "../tv.png", "tv.gif"])
def test_nothing_else_is_served(path):
    with serving(red, address="127.0.0.1") as url, pytest.raises(urllib.error.HTTPError) as refusal:
        get(url + path)
    assert refusal.value.code == 404
    refusal.value.close()


@pytest.mark.parametrize("prefix", ["", "wrong-secret-word/", "ü/", SECRET])
def test_with_a_secret_nothing_is_seen_without_it(prefix):
    with serving(red, address="127.0.0.1", secret=SECRET) as url:
        assert get(url + "tv.png")[1]
        bare = url.removesuffix(f"{SECRET}/")
        with pytest.raises(urllib.error.HTTPError) as refusal:
            get(bare + urllib.parse.quote(prefix) + "tv.png")
    assert refusal.value.code == 404
    refusal.value.close()


@pytest.mark.parametrize("secret", ["", "short"])
def test_other_addresses_than_loopback_need_a_secret(secret):
    with pytest.raises(PictureRefused, match="secret"), serving(red, address="0.0.0.0", secret=secret):
        pytest.fail("it was served")


def test_a_name_is_not_an_address():
    with pytest.raises(PictureRefused, match="IP address"), serving(red, address="localhost"):
        pytest.fail("it was served")


def test_a_taken_port_is_told():
    with serving(red, address="127.0.0.1") as url:
        port = int(url.rsplit(":", 1)[1].strip("/"))
        with pytest.raises(PictureRefused, match=str(port)), serving(red, address="127.0.0.1", port=port):
            pytest.fail("it was served twice")


@contextlib.contextmanager
def idlers(url, count):
    """Connect, and say next to nothing."""
    port = int(url.rsplit(":", 1)[1].strip("/"))
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(count)]
        for one in idle:
            with contextlib.suppress(ConnectionError):  # it may be refused already
                one.sendall(b"G")
        yield idle


def test_who_sends_a_byte_now_and_then_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(picture, "_LONGEST_S", 1.0)
    with serving(red, address="127.0.0.1") as url, idlers(url, 1) as (idler,):
        begun = time.monotonic()
        idler.settimeout(0.2)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() - begun < 8:
                idler.sendall(b"E")
                with contextlib.suppress(TimeoutError):
                    assert idler.recv(1) == b""
                    break
        assert 0.8 < time.monotonic() - begun < 3
        assert get(url)[1]


def test_those_who_hold_it_open_cost_few_threads_and_do_not_delay_the_end(monkeypatch):
    monkeypatch.setattr(picture, "_LONGEST_S", 60)
    monkeypatch.setattr(picture._Handler, "timeout", 60)
    before = threading.active_count()
    with contextlib.ExitStack() as stack:
        with serving(red, address="127.0.0.1") as url:
            idle = stack.enter_context(idlers(url, 20))
            with contextlib.suppress(ConnectionResetError):
                assert idle[-1].recv(1) == b""
            assert threading.active_count() - before <= 17
            begun = time.monotonic()
        assert time.monotonic() - begun < 2
