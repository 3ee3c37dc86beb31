"""The key a console signs its orders with. Rooms have its public half pinned since they were enrolled."""

from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from appliance.errors import SalonError
from fleet.certificates import FOLDER, ORDERS

FILE = f"{FOLDER}/{ORDERS}"
"""In the console's state folder."""


class BadKey(SalonError, OSError):
    """The key cannot be used; says why and what would help."""


def load_key(path: Path) -> Ed25519PrivateKey | None:
    """Return the key; None where there is none, or raise `BadKey`."""
    try:
        mode, pem = path.stat().st_mode, path.read_bytes()
        key = load_pem_private_key(pem, None)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise BadKey(f"{path} cannot be read as a key; restore it from a back-up of the console.") from err
    if mode & 0o077:
        raise BadKey(f"Others can read {path}, which orders all rooms about: chmod 600 {path}.")
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey(f"{path} is not an Ed25519 key; restore it from a back-up of the console.")
    return key
