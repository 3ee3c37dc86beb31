"""Whom the room trusts when it connects to a meeting's server: to join, and to see ahead whether it could."""

import contextlib
import ssl
from pathlib import Path

from appliance.errors import SalonError


class BadAuthority(SalonError, ValueError):
    """The certificates that the settings name cannot be used."""


def authorities(ca_file: str) -> ssl.SSLContext:
    """Return the system's authorities, and those of one more file. Takes a while: not for the event loop."""
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as err:
            said = f"the certificate {ca_file} cannot be read: correct meetings.ca_file in room.toml"
            raise BadAuthority(said) from err
    return context


def trust_hub(context: ssl.SSLContext, certificate: Path) -> bool:
    """Trust the hub on this machine, too, once it has made its own certificate."""
    # not there yet, or another user's: then it is not the hub we are to join
    with contextlib.suppress(OSError):
        context.load_verify_locations(certificate)
        return True
    return False


def trusted(ca_file: str, hub_certificate: Path) -> ssl.SSLContext:
    """Return all whom the room trusts now."""
    context = authorities(ca_file)
    trust_hub(context, hub_certificate)
    return context
