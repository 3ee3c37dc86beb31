"""HDMI-CEC: switching a TV by the wire that HDMI has for it, with cec-ctl (v4l-utils) and the kernel's /dev/cecN.

Sources: HDMI 1.4b supplement 1 (the messages), the kernel's Documentation/userspace-api/media/cec (adapters, logical
addresses), and the output of cec-ctl 1.22 and 1.30. cec-ctl ends with status 0 also when nobody heard it, so its words
are what counts.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hardware.ports import DeviceError, DeviceMissing
from hardware.tv.command import run
from hardware.tv.connector import Connector
from hardware.tv.power import Method, Power

logger = logging.getLogger(__name__)
_TV = "0"
_NO_ADDRESS = "f.f.f.f"
_ROOT = "0.0.0.0"  # noqa: S104 - a place on the HDMI tree, no network
_LONGEST_NAME = 14
"""Bytes of an OSD name."""
_INSTALL = "apt install v4l-utils"
_STATES = {
    "on": Power.ON,
    "standby": Power.OFF,
    "to-on": Power.TURNING_ON,
    "to-standby": Power.TURNING_OFF,
}
_MESSAGES = {
    Method.IMAGE_VIEW_ON: ("--image-view-on",),
    Method.TEXT_VIEW_ON: ("--text-view-on",),
    Method.ACTIVE_SOURCE: (),
    Method.POWER_ON_KEY: ("--user-control-pressed", "ui-cmd=power-on-function", "--user-control-released"),
    Method.STANDBY: ("--standby",),
    Method.POWER_OFF_KEY: ("--user-control-pressed", "ui-cmd=power-off-function", "--user-control-released"),
}
_WAKES = frozenset({Method.IMAGE_VIEW_ON, Method.TEXT_VIEW_ON, Method.ACTIVE_SOURCE, Method.POWER_ON_KEY})


class Fate(StrEnum):
    """What became of a message."""

    HEARD = "the TV heard it"
    UNHEARD = "nobody at the other end of the HDMI cable heard it"
    REFUSED = "the TV does not understand it"
    SILENT = "the TV heard it and did not answer"
    LINE = "the CEC line is disturbed"
    UNCONFIGURED = "the adapter has no address on the CEC line"
    LOST = "cec-ctl did not say what became of it"


@dataclass(frozen=True, slots=True)
class Transmission:
    """A message, and the TV's answer."""

    fate: Fate
    power: Power = Power.UNKNOWN
    """What the TV said, if it was asked for that."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """One /dev/cecN, as it says itself."""

    device: str
    driver: str = ""
    name: str = ""
    physical_address: str = _NO_ADDRESS
    """f.f.f.f while no TV is plugged in."""
    claimed: bool = False
    """It has a logical address, so the TV can talk to it."""
    osd_name: str = ""
    """What the TV shows for it."""
    connector: tuple[int, int] | None = None
    """Its graphics card and the connector's number, where the driver says so."""


_FATES = (
    (r"Adapter is unconfigured", Fate.UNCONFIGURED),
    (r"^[ \t]*Tx.*Feature Abort", Fate.REFUSED),
    (r"^[ \t]*Tx.*Not Acknowledged", Fate.UNHEARD),
    (r"^[ \t]*Tx.*(Aborted|Arbitration Lost|Low Drive|Error|Max Retries|Tx, Timeout)", Fate.LINE),
    (r"^[ \t]*Tx.*Rx, (Timeout|Aborted)", Fate.SILENT),
    (r"^[ \t]*Sequence: \d+", Fate.HEARD),
)


def parse_transmission(text: str) -> Transmission:
    """Read what cec-ctl says of a message it sent; of several, the worst fate counts."""
    fate = next((fate for pattern, fate in _FATES if re.search(pattern, text, re.MULTILINE)), Fate.LOST)
    states: list[str] = re.findall(r"^[ \t]+pwr-state: ([a-z-]+)", text, re.MULTILINE)
    answered = fate is Fate.HEARD and states
    return Transmission(fate, _STATES.get(states[-1], Power.UNKNOWN) if answered else Power.UNKNOWN)


def parse_adapter(device: str, text: str) -> Adapter:
    """Read cec-ctl's "Driver Info", or raise `DeviceError` with what it complains of."""
    if failed := re.search(r"^Failed to open [^ ]{1,80}: (.{1,80})", text, re.MULTILINE):
        raise DeviceError(_cannot_open(device, failed.group(1)))
    pairs = re.findall(r"^\t([A-Z][\w ]*):(.*)$", text, re.MULTILINE)
    fields = {key.strip(): value.strip() for key, value in pairs}
    if "Adapter Name" not in fields:
        raise DeviceError(f"{device} does not answer as a CEC adapter should; is another program using it?")
    address = fields.get("Physical Address", "")
    place = re.fullmatch(r"card (\d{1,9}), connector (\d{1,9})", fields.get("DRM Connector Info", ""))
    return Adapter(
        device,
        fields.get("Driver Name", ""),
        fields["Adapter Name"],
        address if re.fullmatch(r"([0-9a-f]\.){3}[0-9a-f]", address) else _NO_ADDRESS,
        claimed=bool(re.fullmatch(r"0x0*[1-9a-f][0-9a-f]*", fields.get("Logical Address Mask", ""))),
        osd_name=fields.get("OSD Name", "").strip("'"),
        connector=(int(place[1]), int(place[2])) if place else None,
    )


def _cannot_open(device: str, reason: str) -> str:
    if "ermission" in reason:
        return f"{device} may not be opened: the user who runs the room must be in the group video"
    return f"{device} cannot be opened ({reason.strip()[:80]})"


def choose(adapters: Sequence[Adapter], connector: Connector | None) -> Adapter | None:
    """Return the adapter on a connector's cable: by what its driver says, by the TV's address, or as the only one."""
    if connector is not None and connector.number is not None:
        for adapter in adapters:
            if adapter.connector == (connector.card, connector.number):
                return adapter
    # an adapter that names another connector is that one's, and one at the root of the tree is itself a TV's input
    loose = [adapter for adapter in adapters if adapter.connector is None and adapter.physical_address != _ROOT]
    if connector is not None and connector.edid.physical_address:
        same = [adapter for adapter in loose if adapter.physical_address == connector.edid.physical_address]
        if len(same) == 1:
            return same[0]
    return loose[0] if len(loose) == 1 else None


class Cec:
    """The CEC line to the room's TV. Every call ends within a few times `timeout_s`, whatever TV and driver do."""

    def __init__(
        self,
        device: str = "",
        *,
        name: str = "Salon",
        root: Path = Path("/"),
        program: str = "cec-ctl",
        timeout_s: float = 6.0,
    ) -> None:
        """Use `device`, such as /dev/cec0, or the one at the TV's connector."""
        self._device = device
        self._name = name.encode("ascii", "ignore")[:_LONGEST_NAME].decode().strip() or "Salon"
        self._root = root
        self._program = program
        self._timeout_s = timeout_s
        self._named: set[str] = set()

    def devices(self) -> tuple[str, ...]:
        """Return the adapters there are."""
        if self._device:
            return (self._device,)
        return tuple(sorted(f"/dev/{path.name}" for path in (self._root / "dev").glob("cec[0-9]*")))

    async def find(self, connector: Connector | None) -> Adapter | None:
        """Return the adapter of a connector, None without one; `DeviceError` when there are some and none answers."""
        adapters: list[Adapter] = []
        trouble: DeviceError | None = None
        for device in self.devices():
            try:
                adapters.append(parse_adapter(device, await self._run(device)))
            except DeviceMissing:
                raise
            except DeviceError as err:
                trouble = err
        if not adapters and trouble is not None:
            raise trouble
        return adapters[0] if self._device else choose(adapters, connector)

    async def power(self, adapter: Adapter) -> Power:
        """Ask the TV whether it is on; unknown when it does not say."""
        adapter = await self._claimed(adapter)
        sent = await self._send(adapter, "--give-device-power-status")
        if sent.fate is not Fate.HEARD:
            logger.debug("asked %s for the TV's power: %s", adapter.device, sent.fate)
        return sent.power

    async def use(self, method: Method, adapter: Adapter) -> Fate:
        """Switch the TV in one of the ways; those that wake it also ask it to show our picture."""
        adapter = await self._claimed(adapter)
        source = self._source(adapter) if method in _WAKES else ()
        messages = (*_MESSAGES[method], *source)
        if not messages:
            return Fate.UNCONFIGURED
        return (await self._send(adapter, *messages)).fate

    async def show(self, adapter: Adapter) -> Fate:
        """Ask the TV to switch to our input."""
        return await self.use(Method.ACTIVE_SOURCE, adapter)

    def _source(self, adapter: Adapter) -> tuple[str, ...]:
        if adapter.physical_address == _NO_ADDRESS:
            return ()
        return ("--active-source", f"phys-addr={adapter.physical_address}")

    async def _claimed(self, adapter: Adapter) -> Adapter:
        """Take a playback device's logical address under our name, once: claiming again would disturb the line.

        Without a physical address there is none to be had; the kernel still lets a TV be woken, from "unregistered".
        """
        adapter = parse_adapter(adapter.device, await self._run(adapter.device))
        ours = adapter.osd_name == self._name or adapter.device in self._named
        if (adapter.claimed and ours) or adapter.physical_address == _NO_ADDRESS:
            return adapter
        self._named.add(adapter.device)
        claim = await self._run(adapter.device, "--playback", "--osd-name", self._name)
        return parse_adapter(adapter.device, claim)

    async def _send(self, adapter: Adapter, *messages: str) -> Transmission:
        return parse_transmission(await self._run(adapter.device, "--skip-info", "--to", _TV, *messages))

    async def _run(self, device: str, *words: str) -> str:
        try:
            return await run(self._program, f"--device={device}", *words, timeout_s=self._timeout_s)
        except DeviceMissing as err:
            raise DeviceMissing(f"{self._program} is not installed, so the TV cannot be switched: {_INSTALL}") from err
