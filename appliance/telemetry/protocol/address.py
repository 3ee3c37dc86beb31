"""Where the broker is: `mqtt://` and `mqtts://` addresses."""

from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883}


class BadBrokerUrl(ValueError):
    """A broker's address that cannot be used; says what one looks like."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's host and port."""

    host: str
    port: int
    tls: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def broker_address(url: str) -> BrokerAddress:
    """Read `mqtt://host[:port]`, or `mqtts://` for TLS."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as err:
        raise BadBrokerUrl(_advice(url)) from err
    if parts.username or parts.password:
        raise BadBrokerUrl("A broker's address must not hold a password: name a file in password_file instead.")
    if parts.scheme not in _PORTS or not host or parts.path not in {"", "/"} or port == 0:
        raise BadBrokerUrl(_advice(url))
    return BrokerAddress(host, port or _PORTS[parts.scheme], parts.scheme == "mqtts")


def _advice(url: str) -> str:
    # what follows an @ may be a secret in the wrong place
    shown = url.split("@", maxsplit=1)[-1][:60]
    return f"{shown!r} is no broker's address; write mqtt://host:1883, or mqtts://host:8883 for TLS."
