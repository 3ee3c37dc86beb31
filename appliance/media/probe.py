"""Tries devices for a moment, in a program of its own: what it loads goes with it, and what crashes is not media.

`python -m appliance.media.probe` reads `Devices` as JSON, and writes a line of JSON for each try.
"""

import asyncio
import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from appliance.children import send
from appliance.media.keeper import readings
from appliance.state.devices import DeviceKind, DeviceTry
from appliance.state.wire import BadValue, from_json, to_json
from appliance.state.wishes import Devices
from hardware import registry
from hardware.ports import BLOCK, SAMPLE_BYTES, DeviceError

logger = logging.getLogger(__name__)
PROGRAM = ("-m", "appliance.media.probe")
_SILENT_BLOCKS = 20
"""More than a loudspeaker takes in without playing anything."""
_LONGEST_S = 20.0
_END_S = 2.0
_CRASHED = "its driver crashed while it was tried: unplug it and plug it in again"
_HANGS = "it did not answer while it was tried: unplug it and plug it in again"
_UNFORESEEN = "It failed in a way nobody foresaw. The log of salon media says how."


def worth_probing(devices: Devices) -> bool:
    """Whether there is any device that is not a simulation: those always work."""
    return any(not registry.simulated(uri) for kind in _PROBES for uri in devices.of(kind))


async def probe(devices: Devices, tried: Callable[[DeviceKind, DeviceTry], None]) -> None:
    """Try all devices, each for a moment, unseen and unheard; cancelled, it lets go of them at once."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *PROGRAM,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    untold = [(kind, uri) for kind in _PROBES for uri in devices.of(kind)]
    why = _CRASHED
    try:
        async with asyncio.timeout(_LONGEST_S):
            child.stdin.write(json.dumps(to_json(devices)).encode())  # type: ignore[union-attr]  # a pipe, as asked
            child.stdin.close()  # type: ignore[union-attr]
            async for line in child.stdout:  # type: ignore[union-attr]
                if (told := _told(line)) is not None:
                    untold = [each for each in untold if each != (told[0], told[1].uri)]
                    tried(*told)
    except TimeoutError:
        why = _HANGS
    except ValueError:
        # asyncio's word for a line without an end
        logger.warning("a device's driver does not stop talking while it is tried")
    finally:
        await end(child)
    if untold:
        kind, uri = untold[0]
        logger.warning("%s %s: %s", kind, uri, why)
        tried(kind, DeviceTry(uri, ok=False, error=why))


async def end(child: asyncio.subprocess.Process) -> None:
    """Kill a program that has devices open; one that hangs in its driver is left to the system."""
    send(child, signal.SIGKILL)
    try:
        async with asyncio.timeout(_END_S):
            await child.wait()
    except TimeoutError:
        logger.warning("process %d cannot be killed: a device's driver hangs", child.pid)
    # a pipe that is not read to its end would else stay open until the garbage collector comes
    child._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio has no public way


def _told(line: bytes) -> tuple[DeviceKind, DeviceTry] | None:
    try:
        told = json.loads(line)
        return DeviceKind(told["kind"]), from_json(DeviceTry, told["try"])
    except (ValueError, KeyError, TypeError, BadValue):
        # a codec's own words on the standard output are none of ours
        logger.debug("the probe said %r", line[:200])
        return None


def try_each(devices: Devices) -> Iterator[tuple[DeviceKind, DeviceTry]]:
    """Open, use and close one after another."""
    for kind in _PROBES:
        for uri in devices.of(kind):
            yield kind, _try(kind, uri)


def _try(kind: DeviceKind, uri: str) -> DeviceTry:
    try:
        return DeviceTry(uri, _PROBES[kind](uri))
    except (DeviceError, OSError) as err:
        return DeviceTry(uri, ok=False, error=str(err))
    except Exception:  # a driver's surprise is this device's failure: the others are to be tried too
        logger.exception("%s: %s failed", kind, uri)
        return DeviceTry(uri, ok=False, error=_UNFORESEEN)


def _camera(uri: str) -> str:
    with registry.camera(uri) as camera:
        _read(camera)
        return camera.name


def _microphone(uri: str) -> str:
    with registry.microphone(uri) as microphone:
        _read(microphone)
        return microphone.name


def _read(device: Any) -> None:
    next(readings(device, lambda: None, threading.Event()))


def _speaker(uri: str) -> str:
    with registry.speaker(uri) as speaker:
        for _ in range(_SILENT_BLOCKS):
            speaker.write(bytes(BLOCK * SAMPLE_BYTES))
        return speaker.name


_PROBES = {DeviceKind.CAMERA: _camera, DeviceKind.MICROPHONE: _microphone, DeviceKind.SPEAKER: _speaker}


def main() -> None:
    """Probe what the standard input names."""
    for kind, tried in try_each(from_json(Devices, json.load(sys.stdin))):
        print(json.dumps({"kind": kind, "try": to_json(tried)}), flush=True)  # noqa: T201 - to whoever asked


if __name__ == "__main__":
    main()
