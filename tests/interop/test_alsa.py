"""The room's drivers on ALSA's own plug-ins: conversion, devices that cannot, devices that lie. Sound is PipeWire's."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
from sound_parts import chirp, exchanged

from benchmarks.pipewire_server import pipewire_server
from hardware import registry
from hardware.ports import BLOCK, DeviceError, DeviceMissing

pytestmark = pytest.mark.interop

CONFIG = """
</usr/share/alsa/alsa.conf>
pcm.tv {{ type plug slave.pcm "pipewire:NODE=room" }}
pcm.tape {{ type file slave.pcm "tv" file "{tape}" format "raw" }}
pcm.slow {{ type plug slave {{ pcm "pipewire:NODE=ear" rate 16000 channels 1 format S16_LE }} }}
pcm.stubborn {{ type pipewire capture_node "ear" playback_node "room" rate 16000 }}
pcm.narrow {{ type pipewire capture_node "ear" playback_node "room" channels 1 }}
pcm.lying {{ type null }}
"""


@pytest.fixture(scope="module")
def server():
    with pipewire_server() as server:
        server.sink("room")
        server.source("ear")
        server.link("room", "ear")
        yield server


@pytest.fixture
def tape(server, tmp_path, monkeypatch):
    """ALSA's configuration, and where it puts what was played on the tape."""
    for key in [key for key in os.environ if key.startswith("PIPEWIRE_")]:
        monkeypatch.delenv(key)
    tape = tmp_path / "tape.raw"
    config = tmp_path / "asound.conf"
    config.write_text(CONFIG.format(tape=tape))
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(config))
    monkeypatch.setenv("XDG_RUNTIME_DIR", server.environment["XDG_RUNTIME_DIR"])
    return tape


def test_a_microphone_of_another_rate_is_converted(tape):
    sound = chirp(high_hz=4000)
    with (
        registry.speaker("alsa:pcm:tv?buffer=120") as speaker,
        registry.microphone("alsa:pcm:slow") as microphone,
    ):
        exchanged(speaker, microphone, sound, alike=0.98)
    assert microphone.channels == 1


def test_what_alsa_was_given_is_what_was_written(tape):
    blocks = [block.tobytes() for block in np.random.default_rng(3).integers(-9000, 9000, (30, BLOCK), np.int16)]
    with registry.speaker("alsa:pcm:tape?buffer=120") as speaker:
        for block in blocks:
            speaker.write(block)
    left, right = np.frombuffer(tape.read_bytes(), "<i2").reshape(-1, 2).T
    assert (left == right).all()
    # silence may lie in between, where this machine was busy; nothing is lost, and nothing comes twice
    assert [left.tobytes().count(block) for block in blocks] == [1] * len(blocks)
    places = [left.tobytes().index(block) for block in blocks]
    assert places == sorted(places)


def test_a_device_that_cannot_do_what_is_asked_says_what(tape):
    with pytest.raises(DeviceError, match="cannot do 48 kHz"), registry.microphone("alsa:pcm:stubborn"):
        pass
    with pytest.raises(DeviceError, match="1 channels, not 6"), registry.microphone("alsa:pcm:narrow?channels=6"):
        pass


@pytest.mark.parametrize("kind", ["microphone", "speaker"])
def test_a_device_that_does_not_keep_time_fails_soon(tape, kind):
    started = time.monotonic()
    with pytest.raises(DeviceError, match="does not keep time"):
        use_until_it_fails(kind)
    assert time.monotonic() - started < 3


def use_until_it_fails(kind):
    if kind == "microphone":
        with registry.microphone("alsa:pcm:lying") as microphone:
            while True:
                microphone.read(0.25)
    with registry.speaker("alsa:pcm:lying") as speaker:
        while True:
            speaker.write(bytes(BLOCK * 2))


@pytest.mark.parametrize("uri", ["alsa:hw:27", "alsa:plughw:CARD=Nobody,DEV=3", "alsa:pcm:nobody"])
def test_a_device_that_is_not_there_is_missing(tape, uri):
    assert not registry.present("microphone", uri)
    with pytest.raises(DeviceMissing, match=r"plug it in|check its cable"), registry.microphone(uri):
        pass


def test_a_broken_configuration_is_a_device_error(tape, monkeypatch):
    broken = Path(os.environ["ALSA_CONFIG_PATH"])
    broken.write_text("pcm.tv { type plug slave.pcm ")
    with pytest.raises(DeviceError), registry.microphone("alsa:pcm:tv"):
        pass
