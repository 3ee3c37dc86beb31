"""How the machine does, read from /proc and /sys; whatever cannot be read is None."""

import contextlib
import os
import platform
import socket
from importlib import metadata
from pathlib import Path

from appliance.clock import synchronised
from appliance.telemetry.protocol.payloads import ClockSync, Gauges
from appliance.telemetry.report import Machine

_MB = 1024 * 1024


class GaugeReader:
    """Reads the machine's gauges; one reader each, since CPU use is counted from reading to reading."""

    def __init__(self, disk: Path, *, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> None:
        self._disk = disk
        self._proc = proc
        self._sys = sys
        self._ticks: tuple[int, int] | None = None

    def read(self) -> Gauges:
        """Return all gauges now."""
        memory = self._memory()
        return Gauges(
            cpu=self._cpu(),
            load1=_number(self._proc / "loadavg"),
            mem_total_mb=memory.get("MemTotal"),
            mem_available_mb=memory.get("MemAvailable"),
            temp_c=self._temperature(),
            disk_free_mb=self._disk_free(),
            uptime_s=_whole(_number(self._proc / "uptime")),
        )

    def _cpu(self) -> float | None:
        """Return the busy share since the last reading; the first reading has nothing to compare with."""
        fields = _text(self._proc / "stat").partition("\n")[0].split()[1:9]
        if len(fields) < 5 or not all(field.isdigit() for field in fields):
            return None
        ticks = [int(field) for field in fields]
        # proc_stat(5): idle and iowait are the fourth and fifth
        newest = (sum(ticks) - ticks[3] - ticks[4], sum(ticks))
        before, self._ticks = self._ticks, newest
        if before is None or newest[1] <= before[1]:
            return None
        return round(min(1.0, max(0.0, (newest[0] - before[0]) / (newest[1] - before[1]))), 3)

    def _memory(self) -> dict[str, int]:
        lines = (line.split() for line in _text(self._proc / "meminfo").splitlines())
        return {line[0].rstrip(":"): int(line[1]) // 1024 for line in lines if len(line) > 1 and line[1].isdigit()}

    def _temperature(self) -> float | None:
        zones = (self._sys / "class/thermal").glob("thermal_zone*/temp")
        found = [value / 1000 for value in map(_number, zones) if value is not None]
        return max(found, default=None)

    def _disk_free(self) -> int | None:
        try:
            disk = os.statvfs(self._disk)
        except OSError:
            return None
        return disk.f_bavail * disk.f_frsize // _MB


def machine(sw: str | None = None, timezone: str = "") -> Machine:
    """Return what this machine is: a Raspberry Pi tells by its device tree, a PC by its firmware."""
    model = _text(Path("/proc/device-tree/model")) or _text(Path("/sys/class/dmi/id/product_name"))
    names = dict(line.split("=", 1) for line in _text(Path("/etc/os-release")).splitlines() if "=" in line)
    os_name = names.get("PRETTY_NAME", "").strip('"')
    # a PC tells its own only to root
    serial = _text(Path("/proc/device-tree/serial-number")).strip("\0 \n")[:100]
    return Machine(
        sw or _version(),
        model.strip("\0 \n")[:100] or None,
        os_name[:100] or platform.system() or None,
        serial or None,
        platform.release()[:100] or None,
        timezone,
    )


def own_address() -> str | None:
    """Return the address this machine would reach the world from, None without a network."""
    return next(iter(own_addresses()), None)


def own_addresses() -> tuple[str, ...]:
    """Return the addresses this machine would reach the world from, by IPv4 and by IPv6."""
    # connecting a datagram socket sends nothing; these are reserved for documentation (RFC 5737, RFC 3849)
    tried = (_towards(socket.AF_INET, "192.0.2.1"), _towards(socket.AF_INET6, "2001:db8::1"))
    return tuple(address for address in tried if address is not None)


def _towards(family: socket.AddressFamily, there: str) -> str | None:
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((there, 9))
        return str(probe.getsockname()[0])
    return None


def clock_sync(run: Path = Path("/run")) -> ClockSync:
    """Return whether the clock is set, as far as anybody tells."""
    return {True: ClockSync.YES, False: ClockSync.NO, None: ClockSync.UNKNOWN}[synchronised(run)]


def _version() -> str:
    try:
        return metadata.version("salon")
    except metadata.PackageNotFoundError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _number(path: Path) -> float | None:
    """Return the first number in a file."""
    with contextlib.suppress(ValueError, IndexError):
        return float(_text(path).split()[0])
    return None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def machine_boot() -> str:
    """Return what tells this start of the machine from every other (random(4)); empty where nobody can tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
