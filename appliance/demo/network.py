"""Lets the demo run on a machine with no network interface but loopback.

The room and the hub offer 127.0.0.1 there, but the guest's libwebrtc gathers no candidate without another interface. So
the demo starts itself once more in a network namespace of its own, with a pair of virtual interfaces that lead nowhere.
"""

import logging
import os
import shutil
import sys

from appliance.errors import SalonError
from appliance.media.rtc.addresses import interface_addresses

logger = logging.getLogger("demo")
_INSIDE = "SALON_DEMO_NAMESPACE"
# 192.0.2.0/24 is for documentation (RFC 5737): nobody is there
_SET_UP = """\
ip link set lo up
ip link add demo0 type veth peer name demo1
ip addr add 192.0.2.1/24 dev demo0
ip link set demo0 up
ip link set demo1 up
exec "$@"
"""


def ensure_an_interface() -> None:
    """Return at once where there is an interface; else replace this process by one that has one."""
    if interface_addresses():
        return
    if os.environ.get(_INSIDE):
        raise SalonError("the demo's own network namespace has no address; give this machine any network interface")
    if not (shutil.which("unshare") and shutil.which("ip")):
        raise SalonError(
            "this machine has no network but loopback; install iproute2 and util-linux for the demo's guest"
        )
    logger.info("no network but loopback here: the demo makes itself a virtual one")
    alone = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    command = [*alone, "sh", "-ec", _SET_UP, "sh", sys.executable, "-m", "appliance.demo.main", *sys.argv[1:]]
    os.execvpe(command[0], command, {**os.environ, _INSIDE: "1"})  # noqa: S606 - replaces us, with a fixed command
