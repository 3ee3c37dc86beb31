"""Who may order this room about: opens what came down by MQTT, or says why it is not taken. Pure.

With a console's key pinned, only what that console has signed counts. Without one, an order needs no signature where
the broker is on this very machine, by the settings and in truth: whoever is in there could do worse.
"""

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address

from appliance.telemetry.protocol.codec import BadCall, BadPayload, call_of, parse
from appliance.telemetry.protocol.orders import Desired, Jobs, read_call, read_desired, read_jobs
from appliance.telemetry.protocol.payloads import Call
from appliance.telemetry.protocol.signed import NotSigned, Trust, opened
from appliance.telemetry.protocol.topics import Topics


def trusting(keys: tuple[bytes, ...], *, host: str, peer: str) -> Trust:
    """Return whose orders count, given the broker's name in the settings and the address that answered."""
    return Trust(keys, unsigned=not keys and (host == "localhost" or _loopback(host)) and _loopback(peer))


def _loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback


@dataclass(frozen=True, slots=True)
class Gate:
    """Opens orders for one room."""

    topics: Topics
    trust: Trust = Trust()

    def call(self, payload: bytes) -> Call:
        """Return a live request, or raise `BadPayload`; `BadCall` where its sender can be answered."""
        try:
            body = opened(payload, self.trust)
        except NotSigned as err:
            raise _answerable(payload, err) from err
        return read_call(body, self.topics, bound=not self.trust.unsigned)

    def desired(self, payload: bytes, now: datetime) -> Desired:
        """Return a configuration, or raise `BadPayload`."""
        return read_desired(opened(payload, self.trust), self.topics, _ms(now))

    def jobs(self, payload: bytes, now: datetime) -> Jobs:
        """Return the open jobs, or raise `BadPayload`."""
        return read_jobs(opened(payload, self.trust), self.topics, _ms(now))


class NotSignedCall(BadCall, NotSigned):
    """A request that nobody signed who may give one, by somebody who can be told so."""


def _answerable(payload: bytes, err: NotSigned) -> BadPayload:
    try:
        return NotSignedCall(f"The room does not take this: {err}.", call_of(parse(payload)).id)
    except BadPayload:
        return err


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
