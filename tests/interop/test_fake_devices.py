"""What tells Chromium's fake camera and microphone from everything else, tried on the real ones."""

import asyncio
from fractions import Fraction

import av
import numpy as np
import pytest
from browser import chromium, guest_page, picture
from fake_devices import has_beep, looks_like_fake_camera

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

RATE = 48_000
PAGE = "<video autoplay muted></video>"
START = """async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
    const video = document.querySelector("video");
    video.srcObject = stream;
    await video.play();
}"""
# Blocks with their time of capture, not what an AudioContext rendered: a busy machine loses blocks, and without their
# times the beeps on either side of a loss move together.
RECORD = """async (seconds) => {
    const [track] = document.querySelector("video").srcObject.getAudioTracks();
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    const sound = new Array(seconds * 48000).fill(0);
    for (let first = null, start = 0; start < sound.length; ) {
        const { value: block } = await reader.read();
        first ??= block.timestamp;
        start = Math.round((block.timestamp - first) * 0.048);
        const samples = new Float32Array(block.numberOfFrames);
        block.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
        samples.forEach((value, index) => {
            if (start + index < sound.length) sound[start + index] = Math.round(value * 32767);
        });
        block.close();
    }
    return sound;
}"""

Capture = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def captured() -> Capture:
    return asyncio.run(_capture())


async def _capture() -> Capture:
    async with chromium() as browser:
        page = await guest_page(browser)
        await page.route("http://localhost:9/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        await page.goto("http://localhost:9/")
        await page.evaluate(START)
        sound = await page.evaluate(RECORD, 4)
        return await picture(page.locator("video")), np.asarray(sound, np.float64)


def test_the_fake_camera_is_told(captured: Capture) -> None:
    rgb, _ = captured
    assert looks_like_fake_camera(rgb)


def test_the_fake_camera_is_told_small_and_with_a_name_over_it(captured: Capture) -> None:
    rgb = captured[0][::3, ::3].copy()
    rgb[-16:, :120] = 20
    assert looks_like_fake_camera(rgb)


def test_other_pictures_are_not_the_fake_camera(captured: Capture) -> None:
    rgb = captured[0]
    green = np.zeros_like(rgb)
    green[..., 1] = 135
    for other in (green, np.zeros_like(rgb), rgb[..., ::-1] // 2 + 100, rgb[..., [1, 0, 2]]):
        assert not looks_like_fake_camera(other)


def test_the_beep_is_heard(captured: Capture) -> None:
    assert has_beep(captured[1], RATE)


def test_the_beep_is_heard_softly_under_a_tone_and_after_opus(captured: Capture) -> None:
    beeps = captured[1] * 0.3
    mixed = beeps + 3000 * np.sin(2 * np.pi * 440 * np.arange(len(beeps)) / RATE)
    assert has_beep(_through_opus(mixed), RATE)


def test_other_sounds_are_not_the_beep() -> None:
    time = np.arange(4 * RATE) / RATE
    noise = np.random.default_rng(7).normal(0, 3000, len(time))
    tone = 8000 * np.sin(2 * np.pi * 440 * time)
    pulsing = tone * np.abs(np.sin(np.pi * time / 0.8))
    clicks = np.where(time % 0.5 < 0.02, noise, 0)
    for other in (np.zeros(len(time)), noise, tone, pulsing, clicks, tone[:RATE]):
        assert not has_beep(other, RATE)


def _through_opus(sound: np.ndarray) -> np.ndarray:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = RATE, "mono", "s16", 32_000
    decoder = av.CodecContext.create("opus", "r")
    decoder.sample_rate, decoder.layout = RATE, "mono"
    heard = []
    for start in range(0, len(sound) // 960 * 960, 960):
        block = sound[None, start : start + 960].clip(-32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        for packet in encoder.encode(frame):
            heard.extend(decoded.to_ndarray()[0] for decoded in decoder.decode(packet))
    return np.concatenate(heard).astype(np.float64) * 32767
