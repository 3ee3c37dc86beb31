"""What happens at a room's first start, and is found done at every later one."""

import logging
from collections.abc import Iterable
from pathlib import Path

from provisioning.identity import Identity, room_identity, secret
from provisioning.private import private_dir

logger = logging.getLogger(__name__)


def prepare(state_dir: Path, *, secrets: Iterable[str] = ()) -> Identity:
    """Make the state directory, the room's id and the secrets named; nothing that exists is changed."""
    private_dir(state_dir)
    first = not (state_dir / "room-id").exists()
    identity = room_identity(state_dir)
    for name in secrets:
        secret(state_dir, name)
    if first:
        logger.info("this machine is now room %s", identity.id)
    return identity
