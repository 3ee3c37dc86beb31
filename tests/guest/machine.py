"""The guest as the host sees it: qemu with emulated instructions, its agent, and QMP to plug and unplug devices.

Never KVM: where the host is itself a guest, Debian's kernel may not boot with it, and the tests are to see one machine.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from image import Image

HERE = Path(__file__).parent
BOOT_S = 240.0
MARK = "\x1e"
"""Begins a line of a check that is for a program, as inside/check.py says."""
CONSOLE_LINES = 80
KERNEL = (
    "root=/dev/vda rootfstype=ext4 rw console=ttyS0 quiet net.ifnames=0 mitigations=off nokaslr "
    "audit=0 selinux=0 apparmor=0 random.trust_cpu=on systemd.unit=guest.target systemd.show_status=no "
    "systemd.journald.forward_to_console=1 systemd.journald.max_level_console=warning "
    # what udev would load for nothing, while the clock runs
    "modprobe.blacklist=kvm_amd,ata_piix,ata_generic,floppy,psmouse,pcspkr,vga16fb,i2c_piix4,powernow_k8,acpi_cpufreq,"
    "aesni_intel,ghash_clmulni_intel,sha512_ssse3,sha256_ssse3,sha1_ssse3"
)

Answer = Callable[..., Any]


class GuestError(RuntimeError):
    """The guest did not do what was awaited; the text ends with its console."""


@dataclass(slots=True)
class Outcome:
    """What a check said."""

    code: int | None = None
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)
    figures: dict[str, tuple[float, str]] = field(default_factory=dict)


class Guest:
    """A running guest."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, *, heard: Callable[[str], None]) -> None:
        self._process, self._folder, self._heard = process, folder, heard
        self._numbers = 0
        self._plugged: set[str] = set()
        self._agent = _Lines(self._connect("agent"))
        self._qmp = _Lines(self._connect("qmp"))

    def wait_ready(self) -> dict[str, Any]:
        """Wait for the agent's first word; returns what it says of itself."""
        until = time.monotonic() + BOOT_S
        ready = self._expect(self._agent, "ready", until, "the guest to boot")
        self._expect(self._qmp, "QMP", until, "qemu's greeting")
        self.qmp("qmp_capabilities")
        return ready

    def run(self, *program: str, limit_s: float, answers: Mapping[str, Answer] | None = None) -> Outcome:
        """Run a program inside until it ends; raises GuestError when it takes longer than `limit_s`."""
        self._numbers += 1
        number, started, outcome = self._numbers, time.monotonic(), Outcome()
        known = {"qmp": self.qmp} | dict(answers or {})
        self._plugged.clear()
        self._agent.send({"run": number, "program": list(program), "limit_s": limit_s})
        while outcome.code is None:
            # the agent ends what takes too long, and says where it was; it gets some time for that
            message = self._next(self._agent, started + limit_s + 30, f"the end of {' '.join(program)}")
            match message:
                case {"id": of, "line": line} if of == number:
                    self._take(outcome, number, line, known)
                case {"id": of, "ended": code} if of == number:
                    outcome.code = code
        outcome.seconds = time.monotonic() - started
        self._pull_the_rest()
        return outcome

    def qmp(self, execute: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Tell qemu something and return its answer."""
        self._qmp.send({"execute": execute, "arguments": dict(arguments or {})})
        until = time.monotonic() + 30
        while True:
            match self._next(self._qmp, until, f"qemu's answer to {execute}"):
                case {"return": answer}:
                    self._note(execute, arguments or {})
                    return answer
                case {"error": error}:
                    raise GuestError(f"{execute} {arguments}: {error['desc']}")

    def console(self) -> str:
        """Return the end of what the guest's kernel and systemd said."""
        path = self._folder / "console"
        said = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join(said[-CONSOLE_LINES:])

    def close(self) -> None:
        """Cut the power; the disk keeps nothing."""
        self._process.kill()
        self._process.wait()
        for lines in (self._agent, self._qmp):
            lines.close()

    def _note(self, execute: str, arguments: Mapping[str, Any]) -> None:
        if execute == "device_add":
            self._plugged.add(arguments["id"])
        elif execute == "device_del":
            self._plugged.discard(arguments["id"])

    def _pull_the_rest(self) -> None:
        """Leave the next check the machine as this one found it, also after a failure."""
        for device in sorted(self._plugged):
            self.qmp("device_del", {"id": device})

    def _take(self, outcome: Outcome, number: int, line: str, answers: Mapping[str, Answer]) -> None:
        if not line.startswith(MARK):
            outcome.lines += [line] if line else []
            return
        match json.loads(line[1:]):
            case {"say": words}:
                outcome.lines.append(f"- {words}")
                self._heard(words)
            case {"figure": name, "value": value, "unit": unit}:
                outcome.figures[name] = (value, unit)
                self._heard(f"{name}: {value} {unit}")
            case {"ask": what, "arguments": arguments}:
                self._agent.send({"tell": number, "line": json.dumps(_answered(answers, what, arguments))})

    def _connect(self, name: str) -> socket.socket:
        until = time.monotonic() + 10
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._folder / name))
            except OSError:
                connection.close()
                if self._process.poll() is not None or time.monotonic() > until:
                    said = (self._folder / "qemu").read_text(errors="replace")
                    raise GuestError(f"qemu did not start ({self._process.poll()}):\n{said}") from None
                time.sleep(0.05)
            else:
                return connection

    def _expect(self, lines: _Lines, key: str, until: float, what: str) -> Any:
        while True:
            message = self._next(lines, until, what)
            if key in message:
                return message[key]

    def _next(self, lines: _Lines, until: float, what: str) -> dict[str, Any]:
        try:
            return lines.next(until)
        except (TimeoutError, ConnectionError) as err:
            raise GuestError(f"waited for {what} in vain ({err}); the guest's console:\n{self.console()}") from err


class _Lines:
    """JSON objects, one a line."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._rest = connection, b""

    def send(self, message: Mapping[str, Any]) -> None:
        self._connection.settimeout(30)
        self._connection.sendall(json.dumps(message).encode() + b"\n")

    def next(self, until: float) -> dict[str, Any]:
        while b"\n" not in self._rest:
            self._connection.settimeout(max(0.01, until - time.monotonic()))
            got = self._connection.recv(65536)
            if not got:
                raise ConnectionError("qemu has ended")
            self._rest += got
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)

    def close(self) -> None:
        self._connection.close()


def _answered(answers: Mapping[str, Answer], what: str, arguments: dict[str, Any]) -> dict[str, Any]:
    if what not in answers:
        return {"failed": f"nobody here does that; known: {', '.join(answers)}"}
    try:
        return {"answer": answers[what](**arguments)}
    except (GuestError, AssertionError, OSError) as err:
        return {"failed": str(err)}


@contextlib.contextmanager
def running(image: Image, tree: Path, *, heard: Callable[[str], None]) -> Iterator[Guest]:
    """Boot a guest that sees the checkout `tree` as it is now; `heard` is told what its checks say."""
    folder = Path(tempfile.mkdtemp(prefix="salon-guest-"))
    try:
        with (folder / "qemu").open("wb") as said:
            process = subprocess.Popen(
                _command(image, tree, folder), stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        guest = None
        try:
            guest = Guest(process, folder, heard=heard)
            yield guest
        finally:
            if guest is not None:
                guest.close()
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(folder)


def _command(image: Image, tree: Path, folder: Path) -> list[str]:
    return [
        *("nice", "setpriv", "--pdeathsig", "KILL"),  # should the tests be killed, the guest ends too
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max", "-smp", "2", "-m", "3G"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", KERNEL),
        *("-serial", f"file:{folder}/console", "-qmp", f"unix:{folder}/qmp,server=on,wait=off"),
        *("-drive", f"file={image.disk},format=raw,if=none,id=disk,snapshot=on"),
        *("-device", "virtio-blk-pci,drive=disk", "-device", "virtio-rng-pci", "-device", "virtio-serial-pci"),
        *("-chardev", f"socket,id=agent,path={folder}/agent,server=on,wait=off"),
        *("-device", "virtserialport,chardev=agent,name=salon.agent"),
        *_shared("salon", tree),
        *_shared("guest", HERE),
        *("-device", "qemu-xhci,id=usb", "-audiodev", "none,id=nowhere"),
        *("-device", "bochs-display", "-device", "virtio-gpu-pci"),
        *("-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="),
    ]


def _shared(name: str, folder: Path) -> list[str]:
    """Let the guest read a folder of the host."""
    share = f"local,id={name},path={folder},security_model=none,readonly=on,multidevs=remap"
    return ["-fsdev", share, "-device", f"virtio-9p-pci,fsdev={name},mount_tag={name}"]


def say(words: str) -> None:
    """Write a line of progress."""
    sys.stderr.write(f"guest: {words}\n")
    sys.stderr.flush()
