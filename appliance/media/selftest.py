"""Tests sound and pictures in a program of its own: what it loads goes with it, and what crashes is not media.

`python -m appliance.media.selftest` reads `Devices` as JSON and writes a `SelfTest` as JSON. What it hears and sees
stays in there: only figures come out.
"""

import asyncio
import json
import sys

from appliance.media.probe import end
from appliance.state.selftest import SelfTest
from appliance.state.wire import BadValue, from_json, to_json
from appliance.state.wishes import Devices

PROGRAM = ("-m", "appliance.media.selftest")
_LONGEST_S = 40.0
_NO_ANSWER = "the devices did not answer in time."


async def self_test(devices: Devices) -> SelfTest:
    """Test these devices; cancelled, it lets go of them at once."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, *PROGRAM, stdin=pipe, stdout=pipe)
    try:
        async with asyncio.timeout(_LONGEST_S):
            said, _ = await child.communicate(json.dumps(to_json(devices)).encode())
        return from_json(SelfTest, json.loads(said.splitlines()[-1]))
    except (TimeoutError, ValueError, IndexError, BadValue):
        return SelfTest(why=_NO_ANSWER)
    finally:
        await end(child)


def main() -> None:
    """Test what the standard input names."""
    from appliance.media.listening import tested  # noqa: PLC0415 - numpy, for this program alone

    print(json.dumps(to_json(tested(from_json(Devices, json.load(sys.stdin))))))  # noqa: T201 - to whoever asked


if __name__ == "__main__":
    main()
