import io
import urllib.error
import urllib.request

import pytest
from PIL import Image

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
