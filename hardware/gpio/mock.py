"""Simulated wires that a person at a desk, the demo and a test reach from another process. Every wire is a file.

What a file is. `DIR/NAME` holds the wire's voltage in its first byte, `1` high and `0` low; `DIR` is `?dir=` or
$XDG_RUNTIME_DIR/salon/pins. Whoever opens a line, to read or to drive it, claims it with an open-file-description
lock (fcntl(2), F_OFD_SETLK), so a second one is refused as the kernel's gpiochip refuses it. `press` and `drive` write
the voltage of an input from outside, and behind it when they did so: a reader that got no time misses no press, as the
kernel keeps a real line's edges. `look` reads any wire from outside and never disturbs it.

What "released" means. The lock goes with the process, also after kill -9: the kernel drops it at that moment. An
output whose lock nobody holds is not driven. It then is where its resistor draws it (`?pull=`, soldered, not the
chip's), and a wire without a resistor counts as inactive. So a mute light wired as `hardware.gpio.wiring.fails_lit`
demands reads as lit from the moment its owner dies.

What that leaves out. A Raspberry Pi's own kernel does *not* let go: since 2024 a line that was an output stays driven
as it was when its owner dies (module parameter persist_gpio_outputs, on there, off in mainline; `dtparam=strict_gpiod`
in config.txt turns it off). `?released=keep` models that: such an output stays as it was until somebody else claims
it. With it only a supervisor can turn the light red: systemd's ExecStopPost= runs a program that claims the line,
makes it red, and ends, which leaves it red in both models.
"""

import errno
import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hardware.gpio.wiring import Pull, Wiring, parse
from hardware.ports import BadUri, DeviceError, DeviceMissing

POLL_S = 0.01
"""How often an input's file is looked at."""
_LOCK = struct.Struct("hhqqi4x")
_JUMP = struct.Struct("=Q?")
"""When (monotonic ns, the same clock in all processes) and to what voltage."""
_KEPT = 64
_OLD_S = 60.0


class MockInput:
    """An input; a thread looks at its file."""

    simulated = True

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._file = _PinFile(wiring)
        self._high = wiring.input_pull is Pull.UP
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def name(self) -> str:
        return self._wiring.uri

    def __enter__(self) -> Self:
        self._file.claim()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._watcher is not None:
            self._watcher.join()
        self._file.close()

    def read(self) -> bool:
        high = self._file.high()
        if high is not None:
            self._high = high
        return self._wiring.active(high=self._high)

    def watch(self, changed: Callable[[float, bool], None]) -> None:
        # asked here: what changes while the thread starts is an edge
        looks = (changed, self.read())
        self._watcher = threading.Thread(target=self._look, args=looks, name=self._wiring.pin, daemon=True)
        self._watcher.start()

    def _look(self, changed: Callable[[float, bool], None], before: bool) -> None:
        while not self._stop.wait(POLL_S):
            with suppress(DeviceError):
                told = [(at_s, self._wiring.active(high=high)) for at_s, high in self._file.jumps()]
                for at_s, active in (*told, (time.monotonic(), self.read())):
                    if active != before:
                        changed(at_s, active)
                    before = active


class MockOutput:
    """An output. With `leave` its voltage outlives it, as far as the wire's model lets it."""

    simulated = True

    def __init__(self, wiring: Wiring, *, initial: bool | None = False, leave: bool = False) -> None:
        """`initial` None: as the wire is found."""
        self._wiring, self._initial, self._leave = wiring, initial, leave
        self._file = _PinFile(wiring)

    @property
    def name(self) -> str:
        return self._wiring.uri

    def __enter__(self) -> Self:
        found = look(self._wiring.uri).active
        self._file.claim()
        self.write(found if self._initial is None else self._initial)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._leave:
            # a driver that closes an output makes it an input again: nothing drives it, whatever the kernel keeps
            with suppress(DeviceError):
                self._file.put(None)
        self._file.close()

    def write(self, active: bool, /) -> None:
        self._file.put(self._wiring.high(active=active))

    def read(self) -> bool:
        high = self._file.high()
        return self._wiring.active(high=bool(high))


@dataclass(frozen=True, slots=True)
class Seen:
    """A simulated wire as it looks from outside."""

    owned: bool
    """A living process has it open."""
    active: bool


def look(uri: str) -> Seen:
    """Say how a wire is, from any process, also after its owner was killed. Take the very URI the owner has."""
    wiring = _simulated(uri)
    try:
        descriptor = os.open(_path(wiring), os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return Seen(owned=False, active=bool(wiring.active_when_released))
    try:
        owned, high = _locked(descriptor), _high(descriptor)
    finally:
        os.close(descriptor)
    if high is None or not (owned or wiring.keeps):
        return Seen(owned=owned, active=bool(wiring.active_when_released))
    return Seen(owned=owned, active=wiring.active(high=high))


def press(uri: str, hold_s: float = 0.1) -> None:
    """Press a simulated button and let it go; blocks while it is held."""
    drive(uri, active=True)
    try:
        time.sleep(hold_s)
    finally:
        drive(uri, active=False)


def drive(uri: str, *, active: bool) -> None:
    """Put a simulated input where somebody outside holds it: a button down, a mute switch on."""
    wiring = _simulated(uri)
    descriptor = _open(wiring)
    try:
        high = wiring.high(active=active)
        os.pwrite(descriptor, b"1" if high else b"0", 0)
        os.pwrite(descriptor, _JUMP.pack(time.monotonic_ns(), high), _records_end(descriptor))
    finally:
        os.close(descriptor)


class _PinFile:
    """The file behind a wire, claimed while open."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._descriptor: int | None = None
        self._seen = 0
        """How much of the file was read."""

    def claim(self) -> None:
        descriptor = _open(self._wiring)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        except OSError as err:
            os.close(descriptor)
            if err.errno in {errno.EAGAIN, errno.EACCES}:
                raise DeviceError(
                    f"{self._wiring.uri} is in use by another program, or named twice in the settings."
                ) from err
            raise DeviceError(f"{self._wiring.uri} cannot be claimed: {err.strerror}") from err
        self._descriptor, self._seen = descriptor, _records_end(descriptor)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def high(self) -> bool | None:
        """Return the voltage; None while the file is empty or somebody is writing it."""
        return _high(self._open())

    def jumps(self) -> list[tuple[float, bool]]:
        """Return what was done from outside since the last call; what is no record of that is left out."""
        descriptor = self._open()
        before, self._seen = self._seen, _records_end(descriptor)
        count = min((self._seen - before) // _JUMP.size, _KEPT)
        if count <= 0:
            return []
        records = _JUMP.iter_unpack(os.pread(descriptor, count * _JUMP.size, before))
        now_s = time.monotonic()
        return [(at_ns / 1e9, high) for at_ns, high in records if 0 <= now_s - at_ns / 1e9 < _OLD_S]

    def put(self, high: bool | None) -> None:
        descriptor = self._open()
        try:
            if high is None:
                os.ftruncate(descriptor, 0)
            else:
                os.pwrite(descriptor, b"1" if high else b"0", 0)
        except OSError as err:
            raise DeviceError(f"{self._wiring.uri} cannot be driven: {err.strerror}") from err

    def _open(self) -> int:
        if self._descriptor is None:
            raise DeviceError(f"{self._wiring.uri} is closed")
        if os.fstat(self._descriptor).st_nlink == 0:
            raise DeviceMissing(f"{self._wiring.uri}: its file {_path(self._wiring)} was removed")
        return self._descriptor


def _open(wiring: Wiring) -> int:
    path = _path(wiring)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as err:
        raise DeviceMissing(f"{wiring.uri}: {path} cannot be opened: {err.strerror}") from err


def _path(wiring: Wiring) -> Path:
    if wiring.folder is not None:
        return wiring.folder / wiring.pin
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if not runtime:
        raise DeviceMissing(
            f"{wiring.uri}: say where its file is to be, as in "
            f"{wiring.uri}{'&' if '?' in wiring.uri else '?'}dir=/home/room/pins; there is no $XDG_RUNTIME_DIR here."
        )
    return Path(runtime) / "salon" / "pins" / wiring.pin


def _high(descriptor: int) -> bool | None:
    """Return the voltage a file holds. Anything but 0 or 1 is somebody's editor at work: no voltage."""
    return {b"1": True, b"0": False}.get(os.pread(descriptor, 1, 0))


def _records_end(descriptor: int) -> int:
    """Return where the next record goes: behind the voltage, which may not be there yet."""
    return max(1, os.fstat(descriptor).st_size)


def _locked(descriptor: int) -> bool:
    """Whether anybody claims the file; asks without taking part, so it disturbs nobody who is about to."""
    asked = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, *_ = _LOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, asked))
    return bool(kind != fcntl.F_UNLCK)


def _simulated(uri: str) -> Wiring:
    wiring = parse(uri)
    if not wiring.simulated:
        raise BadUri(f"{uri} is no simulated pin: only mock: can be pressed and looked at from outside")
    return wiring
