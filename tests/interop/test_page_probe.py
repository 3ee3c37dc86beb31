"""The probe in the page reads the same marks as hardware.camera.mark does, and hears a tone for what it is."""

import base64

import cv2
import numpy as np
import pytest
from browser import chromium, guest_page, listen, watch

from hardware.camera.mark import Mark, burn, decode

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

PAGE = "<img><video autoplay muted></video>"
PLAY = """async (urls) => {
    const pictures = await Promise.all(urls.map(async (src) => {
        const image = Object.assign(new Image(), { src });
        await image.decode();
        return image;
    }));
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
    const context = new AudioContext();
    const out = new MediaStreamAudioDestinationNode(context);
    const tone = new OscillatorNode(context, { frequency: 440 });
    tone.connect(out);
    tone.start();
    let next = 0;
    setInterval(() => canvas.getContext("2d").drawImage(pictures[next++ % pictures.length], 0, 0), 100);
    const stream = canvas.captureStream();
    stream.addTrack(out.stream.getAudioTracks()[0]);
    document.querySelector("video").srcObject = stream;
}"""


async def test_the_page_reads_marks_and_hears_tones() -> None:
    marks = [Mark(source=0xBEEF, count=count) for count in (1, 300, 0xFFFF)]
    async with chromium() as browser:
        page = await guest_page(browser)
        await page.route("http://localhost:9/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        await page.goto("http://localhost:9/")
        await page.evaluate(PLAY, [_marked(mark) for mark in marks])
        video = page.locator("video")
        seen = await watch(video)
        heard = await listen(video, 1)
        silent = await page.evaluate("probe.mark(Object.assign(document.createElement('canvas'), { width: 320 }))")
    assert (seen.width, seen.height) == (320, 180)
    assert set(seen.marks) == {(mark.source, mark.count) for mark in marks}
    assert seen.frames >= seen.changes > 5
    assert heard.hz == pytest.approx(440, abs=12)
    assert heard.share > 0.9
    assert silent is None


def _marked(mark: Mark) -> str:
    """Return a picture with the mark, half as bright as a television's, as a data URL."""
    luma = np.tile(np.linspace(20, 220, 320, dtype=np.uint8), (180, 1))
    chroma = np.full((90, 160), 100, np.uint8), np.full((90, 160), 150, np.uint8)
    burn(luma, *chroma, mark)
    assert decode(luma) == mark
    i420 = np.concatenate([plane.reshape(-1, 320) for plane in (luma, *chroma)])
    _, png = cv2.imencode(".png", cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420))
    return "data:image/png;base64," + base64.b64encode(png).decode()
