"""The sockets for screens, as the kernel's DRM sees them in /sys/class/drm.

Some changes bring no event (a connector forced off, a TV that wakes without pulsing its hot-plug pin), so whoever cares
asks again every `POLL_S`; asking reads five small files a connector and touches no hardware.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardware.tv.edid import LARGEST, Edid, parse

POLL_S = 2.0
_NAME = re.compile(r"card(?P<card>\d+)-(?P<output>(?P<type>[A-Za-z][A-Za-z-]*)-[0-9-]+)")
_TEXT_LIMIT = 16_384
_BUILT_IN = ("eDP", "LVDS", "DSI", "DPI", "SPI")
_PREFERRED = ("HDMI-A", "HDMI-B", "DP", "DVI-D", "DVI-I", "DVI-A", "VGA")


@dataclass(frozen=True, slots=True)
class Connector:
    """One socket, and the screen behind it."""

    name: str
    """As in sysfs: card0-HDMI-A-1."""
    connected: bool = False
    enabled: bool = False
    """The kernel sends it a picture."""
    lit: bool | None = None
    """DPMS is on; None when the kernel does not say."""
    modes: tuple[str, ...] = ()
    edid: Edid = Edid()
    number: int | None = None
    """The kernel's object id, by which a CEC adapter names its connector."""
    trouble: str = ""
    """What could not be read, or makes no sense, in words."""

    @property
    def output(self) -> str:
        """What a compositor calls it: HDMI-A-1."""
        return self._part("output")

    @property
    def card(self) -> int:
        """The number of its graphics card."""
        return int(self._part("card") or "0")

    @property
    def type(self) -> str:
        """HDMI-A, DP, DSI and so on."""
        return self._part("type")

    @property
    def built_in(self) -> bool:
        """Whether it leads to a panel of the machine itself, such as the room's touch screen."""
        return self.type in _BUILT_IN

    def _part(self, name: str) -> str:
        match = _NAME.fullmatch(self.name)
        return match[name] if match else ""


def connectors(root: Path = Path("/")) -> tuple[Connector, ...]:
    """Read all connectors, sorted by name; none where there is no graphics card. Raises nothing."""
    folder = root / "sys/class/drm"
    try:
        names = sorted(path.name for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except OSError:
        return ()
    return tuple(_connector(folder / name) for name in names if "Writeback" not in name)


def choose(found: Sequence[Connector], wanted: str = "", before: str = "") -> Connector | None:
    """Return the TV's connector: the one `wanted` (by output or whole name), else the likeliest.

    Likeliest is what is connected, is no panel of the machine, was it `before`, and has the type TVs have.
    """
    if wanted:
        return next((c for c in found if wanted in {c.name, c.output}), None)
    outside = [c for c in found if not c.built_in]
    return min(outside, key=lambda c: (not c.connected, c.name != before, _rank(c), c.name), default=None)


def _rank(connector: Connector) -> int:
    return _PREFERRED.index(connector.type) if connector.type in _PREFERRED else len(_PREFERRED)


def _connector(folder: Path) -> Connector:
    troubles: list[str] = []
    status = _text(folder / "status", troubles)
    if status not in {"connected", "disconnected", "unknown"}:
        troubles.append(f"its status reads {status[:20]!r}")
    connected = status == "connected"
    edid = parse(_read(folder / "edid", LARGEST + 1, troubles)) if connected else Edid()
    if edid.faults:
        troubles.append(f"its EDID is in part unreadable: {', '.join(edid.faults[:3])}")
    number = _text(folder / "connector_id", [])
    dpms = _text(folder / "dpms", []).lower()
    return Connector(
        name=folder.name,
        connected=connected,
        enabled=_text(folder / "enabled", troubles) == "enabled",
        lit={"on": True, "off": False, "standby": False, "suspend": False}.get(dpms),
        modes=tuple(_modes(_text(folder / "modes", troubles))),
        edid=edid,
        number=int(number) if number.isdecimal() and len(number) < 10 else None,
        trouble="; ".join(troubles),
    )


def _modes(text: str) -> Iterator[str]:
    """Yield each size once, the preferred first; the kernel has a line for each rate."""
    return (line for line in dict.fromkeys(text.split("\n")) if re.fullmatch(r"\d{1,5}x\d{1,5}[a-z]?", line))


def _text(path: Path, troubles: list[str]) -> str:
    return _read(path, _TEXT_LIMIT, troubles).decode("ascii", "replace").strip().replace("\0", "")


def _read(path: Path, limit: int, troubles: list[str]) -> bytes:
    """Read at most `limit` bytes; sysfs may be slow to answer but what is no plain file could never answer."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as err:
        troubles.append(f"{path.name} cannot be read ({err.strerror})")
        return b""
    try:
        return b"".join(_pieces(descriptor, limit))
    except OSError as err:
        troubles.append(f"{path.name} cannot be read ({err.strerror})")
        return b""
    finally:
        os.close(descriptor)


def _pieces(descriptor: int, limit: int) -> Iterator[bytes]:
    while limit > 0 and (piece := os.read(descriptor, min(limit, 65_536))):
        limit -= len(piece)
        yield piece
