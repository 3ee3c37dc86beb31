"""Which of this machine's addresses a peer connection may use."""

import ipaddress
from collections.abc import Sequence

import ifaddr

LOOPBACK = "127.0.0.1"


def ice_addresses(bind: str) -> tuple[str, ...]:
    """Return the addresses for media beside a server bound to `bind`: that one, or all for a wildcard.

    A machine without any interface but `lo` still gets 127.0.0.1, so that programs on one host can meet.
    """
    if is_loopback(bind):
        return (bind if bind == "::1" else LOOPBACK,)
    try:
        address = ipaddress.ip_address(bind)
    except ValueError:
        return interface_addresses() or (LOOPBACK,)
    if address.is_unspecified:
        return interface_addresses() or (LOOPBACK,)
    return (str(address),)


def addresses_towards(host: str) -> tuple[str, ...]:
    """Return the addresses from which to reach a meeting server: loopback first for one on this machine."""
    found = interface_addresses()
    if is_loopback(host):
        return (LOOPBACK, *found)
    return found or (LOOPBACK,)


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine and nothing else."""
    if host.casefold() in {"localhost", "localhost."}:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def interface_addresses() -> tuple[str, ...]:
    """Return the addresses of all interfaces but loopback, IPv4 first; no link-local ones, they need a zone."""
    found = [ip.ip[0] if isinstance(ip.ip, tuple) else ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    usable = [a for a in map(ipaddress.ip_address, found) if not (a.is_loopback or a.is_link_local)]
    return tuple(str(a) for a in sorted(usable, key=lambda a: a.version))


def only_loopback(addresses: Sequence[str]) -> bool:
    """Whether these addresses reach this machine alone."""
    return all(is_loopback(address) for address in addresses)


def is_udp(candidate: str) -> bool:
    """Tell whether a candidate is of the one kind that media takes."""
    words = candidate.split()
    return len(words) > 2 and words[2].lower() == "udp"


def is_mdns(candidate: str) -> bool:
    """Tell whether a candidate hides its address behind a name."""
    words = candidate.split()
    return len(words) > 4 and words[4].endswith(".local")
