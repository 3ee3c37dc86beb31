"""The board itself: what it says it is, how warm it is, what its own programs say."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 65_536


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program said; 127 when it is not there, as in a shell."""

    status: int
    text: str


def run_program(*words: str, timeout_s: float = 10.0) -> Ran:
    """Run a short program."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False)
    except (FileNotFoundError, PermissionError):
        return Ran(127, "")
    except subprocess.TimeoutExpired:
        return Ran(124, "")
    return Ran(done.returncode, done.stdout[:_LONGEST])


@dataclass(frozen=True, slots=True)
class Machine:
    """Files below `root`, and programs."""

    root: Path = Path("/")
    run: Callable[..., Ran] = run_program

    @property
    def simulated(self) -> bool:
        return self.root != Path("/")

    def text(self, path: str) -> str:
        """Return a small file of the system's, empty when it is not there."""
        try:
            return (self.root / path).read_bytes()[:_LONGEST].decode("utf-8", "replace").strip("\0 \r\n\t")
        except OSError:
            return ""

    def board(self) -> dict[str, str]:
        """Return what every result is a result of; what cannot be told is empty."""
        return {
            "board": self.text("proc/device-tree/model") or self._pc(),
            "os": self._os(),
            "kernel": self.text("proc/sys/kernel/osrelease"),
            "bootloader": self._bootloader(),
        }

    def boot_id(self) -> str:
        """Return what is another one after each boot."""
        return self.text("proc/sys/kernel/random/boot_id")

    def hottest_c(self) -> float | None:
        """Return the temperature of the hottest sensor there is."""
        zones = (self.root / "sys/class/thermal").glob("thermal_zone*/temp")
        read = [self.text(str(path.relative_to(self.root))) for path in zones]
        return max((int(text) / 1000 for text in read if text.lstrip("-").isdecimal()), default=None)

    def busy_s(self) -> tuple[float, float]:
        """Return how long all processors together worked, and how long there was, in clock ticks (proc_stat(5))."""
        ticks = [int(word) for word in self.text("proc/stat").partition("\n")[0].split()[1:9] if word.isdecimal()]
        if len(ticks) < 5:
            return 0.0, 0.0
        return float(sum(ticks) - ticks[3] - ticks[4]), float(sum(ticks))

    def _pc(self) -> str:
        words = (self.text(f"sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name"))
        return " ".join(word for word in words if word)

    def _os(self) -> str:
        lines = self.text("etc/os-release").splitlines()
        found = (line.partition("=")[2].strip('"') for line in lines if line.startswith("PRETTY_NAME="))
        return next(found, "")

    def _bootloader(self) -> str:
        """Return a Raspberry Pi's bootloader's date, or a PC's firmware's."""
        said = self.run("vcgencmd", "bootloader_version")
        if said.status == 0 and said.text.strip():
            return said.text.strip().splitlines()[0]
        return " ".join(filter(None, (self.text(f"sys/class/dmi/id/bios_{name}") for name in ("version", "date"))))
