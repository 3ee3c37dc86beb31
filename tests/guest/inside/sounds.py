"""Tones, and the kernel's loopback sound card: what is played into its first device is heard from its second."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from check import within, write
from vivid import modprobe, settle

CARD = "Array"
DRIVER = Path("/sys/bus/platform/drivers/snd_aloop")
DEVICE = "snd_aloop.0"
RATE = 48_000
CARD_S = 20.0


@contextmanager
def loopback() -> Iterator[None]:
    """Have the card for as long as the block lasts."""
    unload()
    modprobe("snd-aloop", "index=5", f"id={CARD}", "pcm_substreams=1")
    until_there()
    try:
        yield
    finally:
        unload()


def unload() -> None:
    def taken() -> bool:
        return subprocess.run(["modprobe", "-r", "snd-aloop"], check=False, capture_output=True).returncode == 0

    within(CARD_S, "the loopback card to be let go of", taken)
    settle()


def until_there() -> None:
    within(CARD_S, "the loopback card", lambda: Path(f"/proc/asound/{CARD}").exists())
    settle()


def pull() -> None:
    """Take the card from its driver; the kernel waits in this until every program has closed it."""
    write(DRIVER / "unbind", DEVICE)


def plug() -> None:
    write(DRIVER / "bind", DEVICE)
    until_there()


def tones(hertz: list[int]) -> bytes:
    """Return a second of sound, one tone a channel: whole numbers of hertz, so that it can be repeated."""
    seconds = np.arange(RATE)[:, None] / RATE
    return (8000 * np.sin(2 * np.pi * seconds * np.array(hertz))).astype("<i2").tobytes()


@contextmanager
def played(samples: bytes, channels: int, device: str = f"hw:{CARD},0") -> Iterator[subprocess.Popen[bytes]]:
    """Let alsa-utils play a second of sound again and again."""
    command = ["aplay", "-q", "-D", device, "-t", "raw", "-f", "S16_LE", "-r", str(RATE), "-c", str(channels)]
    process = subprocess.Popen([*command, "--buffer-time=500000"], stdin=subprocess.PIPE)

    def feed() -> None:
        assert process.stdin is not None
        with process.stdin:
            try:
                while True:
                    process.stdin.write(samples)
            except BrokenPipeError:
                return  # it has ended

    feeder = threading.Thread(target=feed, name="feed aplay")
    feeder.start()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        feeder.join()


def heard(microphone: Any, blocks: int = 50) -> Any:
    """Return some blocks as an array of samples by channels; blocks that do not come are left out."""
    got = [block for _ in range(blocks) if (block := microphone.read(1.0)) is not None]
    assert got, "the microphone gives nothing"
    return np.concatenate([np.frombuffer(block.samples, "<i2").reshape(-1, block.channels) for block in got])


def loudest_hz(sound: Any) -> list[int]:
    """Return each channel's strongest tone, 0 for silence; a multiple of ten."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))[:, None], axis=0))
    bins = np.where(np.abs(sound).max(axis=0) > 500, spectrum.argmax(axis=0), 0)
    return [round(number * RATE / len(sound), -1) for number in bins.tolist()]
