"""Builds the disk of the guest once: Debian 13 with its own kernel and drivers, the room's packages for Python 3.13.

`python tests/guest/image.py` is what `make test-guest` runs first; it prints the folder in the cache. The checkout is
not part of the disk, so a change of code needs no new one; a change of what is listed here does.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mirror
import wheels

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "guest"
SUITE = "trixie"
DISK_MB = 2200
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "udev",
    "dbus",
    "kmod",
    "linux-image-amd64",  # the cloud kernel has no media drivers
    "tiny-initramfs",  # enough for a virtio disk, and quick where each instruction is emulated
    "iproute2",
    "python3",
    "python3-libcamera",  # whose virtual camera needs no hardware
    "libcamera-ipa",
    "python3-prctl",  # for picamera2
    "alsa-utils",
    "v4l-utils",
    "polkitd",  # whom systemd and logind ask
    "mosquitto",
    "sway",  # owns a screen as in a room
)
UNNEEDED = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/icons/*", "/usr/share/info/*")
CODE = ("appliance", "display", "fleet", "hardware", "provisioning")
"""What of the checkout is compiled ahead, because that is slow in the guest."""
PROGRESS_S = 15.0


@dataclass(frozen=True, slots=True)
class Image:
    """What qemu boots."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.ext4"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"


def image() -> Image:
    """Return the guest's disk and kernel, building them first where the cache has none of these inputs."""
    found = Image(CACHE / _key())
    if found.disk.exists():
        return found
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.disk.exists():
            _build(found)
    return found


def _key() -> str:
    """Return a name for all that goes into the disk, except what the mirror has by now."""
    builder = (HERE / name for name in ("image.py", "mirror.py", "wheels.py"))
    said = hashlib.sha256("\n".join(wheels.wanted()).encode())
    for path in (*builder, *sorted((HERE / "disk").iterdir()), ROOT / "constraints.txt"):
        said.update(path.name.encode() + b"\0" + path.read_bytes())
    return said.hexdigest()[:16]


def _build(wanted: Image) -> None:
    if os.geteuid() != 0:
        raise SystemExit("the guest's disk is made by root, once: sudo python tests/guest/image.py")
    started = time.monotonic()
    _say("building it, 1.5 to 5 minutes on 2 cores")
    work = CACHE / "building"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    _timed("Python packages", lambda: wheels.install(work / "site", work / "pi"))
    for package in CODE:
        shutil.copytree(ROOT / package, work / "code" / package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    _timed(f"Debian {SUITE}", lambda: _debootstrap(work))
    _discard_old()
    for folder in ("site", "pi", "code"):
        shutil.rmtree(work / folder)
    work.rename(wanted.folder)
    used = wanted.disk.stat().st_blocks * 512 >> 20
    _say(f"built in {time.monotonic() - started:.0f} s: {used} MB")


def _debootstrap(work: Path) -> None:
    """Make the root, and the disk of it before mmdebstrap throws it away. The hooks run outside; `$1` is its path."""
    disk = HERE / "disk"
    hooks = {
        # before the kernel is installed, which makes the initrd
        "essential-hook": f'install -Dm644 -t "$1/etc/tiny-initramfs" {disk}/tiny-initramfs.conf',
        "customize-hook": f'{disk}/finish.sh "$1" {work} {disk} {DISK_MB}',
    }
    command = [
        "mmdebstrap",
        "--variant=minbase",
        "--format=null",
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude={path}" for path in UNNEEDED),
        *(f"--aptopt={option}" for option in mirror.options()),
        *(f"--{name}={hook}" for name, hook in hooks.items()),
        SUITE,
        "/dev/null",
        f"deb {mirror.address()} {SUITE} main",
    ]
    _run(command, work / "mmdebstrap.log")


def _run(command: list[str], log: Path) -> None:
    with log.open("w") as said:
        done = subprocess.run(["nice", *command], stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False)
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
        raise RuntimeError(f"{command[0]} failed with {done.returncode}; the end of {log}:\n{last}")


def _timed(what: str, work: Callable[[], None]) -> None:
    """Do a part of the work and say every now and then that it goes on."""
    started = time.monotonic()
    done = threading.Event()

    def keep_saying() -> None:
        while not done.wait(PROGRESS_S):
            _say(f"{what}: {time.monotonic() - started:.0f} s so far")

    voice = threading.Thread(target=keep_saying, name="progress")
    voice.start()
    try:
        work()
    finally:
        done.set()
        voice.join()
    _say(f"{what}: {time.monotonic() - started:.0f} s")


def _discard_old() -> None:
    for folder in CACHE.iterdir():
        if (folder / "disk.ext4").exists() and folder.name != "building":
            shutil.rmtree(folder)


def _say(words: str) -> None:
    sys.stderr.write(f"guest's disk: {words}\n")


if __name__ == "__main__":
    sys.stdout.write(f"{image().folder}\n")
